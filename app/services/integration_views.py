"""Integrations as they are shown: never with a secret, nor with an address of ours."""

from datetime import datetime

from app.connectors.contract import Connector
from app.connectors.registry import get_connector
from app.services.ids import IntegrationId
from app.services.vtex_hooks import HookState
from db.hook_watches import Watch
from db.integrations import Integration as Row
from schemas.integrations import Hook, Integration, SecretField, Stream


def show_integration(row: Row, last_sync: datetime | None, watch: Watch | None) -> Integration:
    """`watch`: what the watchdog knows of its hook, if it has one."""
    connector = get_connector(row.connector)
    return Integration(
        id=str(IntegrationId(row.tenant_id, row.integration_id)),
        tenant_id=row.tenant_id,
        type=row.connector,
        name=name_integration(row),
        account=row.account,
        environment=row.environment,
        accepted_accounts=list(row.accounts),
        status=row.status,
        status_reason=row.status_reason,
        auto_sync=row.auto_sync,
        sync_frequency=row.sync_frequency,
        config=_show_config(connector, row),
        credentials={field.name: SecretField(is_set=row.has_credentials) for field in connector.credentials},
        credentials_expire_at=row.credentials_expire_at,
        streams=[
            Stream(name=stream.name, label=stream.label, permission=stream.permission) for stream in connector.streams
        ],
        hook=show_hook(row, watch or Watch()),
        last_sync=last_sync,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def show_hook(row: Row, watch: Watch) -> Hook:
    """What was found of a hook while it stood there says nothing of one that does not."""
    known = watch if row.hook_status == "registered" else Watch(watch.path_good_at)
    return Hook(
        status=row.hook_status, note=row.hook_note, checked_at=row.hook_checked_at, path_good_at=known.path_good_at,
        path_problem=known.path_problem, silent_since=known.silent_since,
    )  # fmt: skip


def name_integration(row: Row) -> str:
    """As people call it, or else as its connector and account are called."""
    return row.name or f"{get_connector(row.connector).label} {row.account}"


def list_notes(state: HookState) -> list[str]:
    """What somebody must know of the hook, when not all is well."""
    return [] if state.status in {"registered", "none"} or state.note is None else [state.note]


def _show_config(connector: Connector, row: Row) -> dict[str, str]:
    columns = {
        connector.account_field: row.account, "environment": row.environment, "sync_frequency": row.sync_frequency,
    }  # fmt: skip
    values = {**columns, **row.config}
    return {field.name: str(values[field.name]) for field in connector.config if values.get(field.name)}
