"""An integration made and changed: its connector, the declared fields, what the provider says of them, what is next."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.connectors.contract import Connector, Field
from app.connectors.registry import get_connector
from app.dashboard.connector_forms import (
    find_connector,
    make_fields,
    read_values,
    say_finding,
    say_label,
    say_text,
    tell_others,
    tell_wrong,
)
from app.dashboard.inputs import make_model
from app.dashboard.page import Go, Page, View
from app.dashboard.pages.integrations import (
    can_test,
    find_real_time,
    list_setup_steps,
    rank_connectors,
    read_integration,
)
from app.dashboard.visit import Visit
from app.services.integration_admin import create_integration
from app.services.integration_changes import change_integration
from app.services.integration_checks import validate_fields
from app.services.sync_runs import list_active_runs
from schemas.integrations import Finding, IntegrationChange, IntegrationFields, NewIntegration

BASE = "/tenants/{tenant_id:int}/integrations"


async def show_choices(visit: Visit) -> View:
    choices = [
        (
            one,
            say_label(visit, one),
            say_text(visit, f"connectors.{one.name}.says", ", ".join(stream.label for stream in one.streams)),
        )
        for one in rank_connectors()
    ]
    return View("integrations/choose.html", {"choices": choices})


async def show_new(visit: Visit) -> View:
    return _render_new(visit, find_connector(visit.text("type")), ())


async def create(visit: Visit) -> View | Go:
    """`do=try`: only asks the provider. Else the credentials are tried, and stored if they are of use."""
    connector = find_connector(visit.text("type"))
    values = read_values(visit, (*connector.config, *connector.credentials))
    if visit.form.get("do") == "try":
        body = make_model(IntegrationFields, {"config": values})
        found = await validate_fields(visit.office, connector.name, body)
        return _render_new(visit, connector, found.findings)
    wanted = {
        "tenant_id": visit.tenant_id,
        "integration_type": connector.name,
        "name": visit.form.get("name", "").strip() or None,
        "accepted_accounts": _split(visit.form.get("accepted_accounts", "")),
        "auto_sync": "auto_sync" in visit.form,
        "replace_foreign_hook": "replace_foreign_hook" in visit.form,
        "config": values,
    }
    made, _ = await create_integration(
        visit.office, visit.tenant_id, make_model(NewIntegration, wanted), actor=visit.actor
    )
    told = [one.code for one in made.findings if one.severity != "info"]
    return Go(visit.link("integrations.next", integration_id=made.id, found=told or None), "integrations.made",
              {"name": made.name})  # fmt: skip


async def show_next(visit: Visit) -> View:
    """What has happened by itself with a new integration, and what is left to do by hand."""
    shown, _ = await read_integration(visit)
    connector = get_connector(shown.type)
    runs = [run for run in await list_active_runs(visit.office, visit.tenant_id) if run.integration_id == shown.id]
    data = {
        "integration": shown,
        "by_hand": [one for one in connector.endpoints if one.authentication != "secret_header"],
        "run": runs[0] if runs else None,
        "can_test": can_test(connector),
        "warnings": _list_warnings(visit, connector),
    }
    return View("integrations/next.html", data)


async def show_change(visit: Visit) -> View:
    shown, _ = await read_integration(visit)
    connector = get_connector(shown.type)
    fixed = connector.account_field
    held = {name: str(value) for name, value in shown.config.items()}
    data = {
        "integration": shown,
        "fields": make_fields(visit, connector, [one for one in connector.config if one.name != fixed], held),
        "credentials": make_fields(visit, connector, connector.credentials, {}),
        "name": visit.form.get("name", shown.name),
        "accounts": visit.form.get("accepted_accounts", ", ".join(shown.accepted_accounts[1:])),
        "auto_sync": "auto_sync" in visit.form if visit.form else shown.auto_sync,
        "others": tell_others(visit, connector),
        "takes_calls": bool(connector.endpoints),
        **tell_wrong(visit),
    }
    return View("integrations/change.html", data)


async def change(visit: Visit) -> Go:
    """Only what stands in the form: it may be the one for credentials alone."""
    shown, number = await read_integration(visit)
    connector = get_connector(shown.type)
    is_about_credentials = visit.form.get("part") == "credentials"
    fields: Sequence[Field] = connector.credentials if is_about_credentials else connector.config
    wanted: dict[str, Any] = {"config": read_values(visit, fields)}
    if not is_about_credentials:
        wanted |= {
            "name": visit.form.get("name", "").strip() or shown.name,
            "accepted_accounts": _split(visit.form.get("accepted_accounts", "")),
            "auto_sync": "auto_sync" in visit.form,
        }
    changed, _ = await change_integration(
        visit.office, visit.tenant_id, number, make_model(IntegrationChange, wanted), actor=visit.actor, revision=None
    )
    done = "integrations.credentials_changed" if is_about_credentials else "integrations.changed"
    return Go(visit.link("integrations.show", integration_id=changed.id), done, {"name": changed.name})


def _render_new(visit: Visit, connector: Connector, findings: Sequence[Finding]) -> View:
    by_field = _place_findings(connector, findings)
    data = {
        "connector": connector,
        "label": say_label(visit, connector),
        "steps": list_setup_steps(visit, connector.name),
        "config": _make_all(visit, connector, connector.config, by_field),
        "credentials": _make_all(visit, connector, connector.credentials, by_field),
        "findings": [(one.severity, say_finding(visit, connector.name, one)) for one in by_field.get("", ())],
        "is_tried": bool(findings),
        "is_typed": bool(visit.form),
        "form": visit.form,
        "can_try": bool(connector.credentials),
        "has_hook": find_real_time(connector) == "hook",
        "others": tell_others(visit, connector),
        **tell_wrong(visit),
    }
    return View("integrations/new.html", data)


def _make_all(
    visit: Visit, connector: Connector, fields: Sequence[Field], findings: Mapping[str, Sequence[Finding]]
) -> list[object]:
    return [
        made for field in fields for made in make_fields(visit, connector, [field], {}, findings.get(field.name, ()))
    ]


def _place_findings(connector: Connector, findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Field → what was found of it; what concerns no single field under the empty name."""
    names = {field.name for field in (*connector.config, *connector.credentials)}
    placed: dict[str, list[Finding]] = {}
    for one in findings:
        placed.setdefault(one.field if one.field in names else "", []).append(one)
    return placed


def _list_warnings(visit: Visit, connector: Connector) -> list[str]:
    """What was found when it was made and stood in nobody's way: codes in the address, of which there are texts. What
    a connector says of a finding with a name in it is not known here any more."""
    codes = [code for code in dict.fromkeys(visit.request.query_params.getlist("found")[:10]) if code.isidentifier()]
    pairs = [(f"integrations.found_{code}", f"connectors.{connector.name}.finding.{code}") for code in codes]
    keys = [next((key for key in pair if visit.texts.is_plain(key)), None) for pair in pairs]
    return [visit.t(key) for key in keys if key is not None]


def _split(accounts: str) -> list[str]:
    return [one for one in accounts.replace(",", " ").split() if one]


PAGES = (
    Page("integrations.choose", f"{BASE}/new", "tenant", "integrations:write", show_choices),
    Page("integrations.new", f"{BASE}/new/{{type}}", "tenant", "integrations:write", show_new, create),
    Page("integrations.next", f"{BASE}/{{integration_id}}/next", "tenant", "integrations:read", show_next),
    Page("integrations.change", f"{BASE}/{{integration_id}}/change", "tenant", "integrations:write", show_change,
         change),
)  # fmt: skip
