"""Forms of connectors, made from their declarations: which fields, what was typed, and what is wrong with each."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.connectors.contract import Connector, Field
from app.connectors.registry import list_connectors
from app.core.errors import FieldProblem, InvalidInputError, NotFoundError
from app.dashboard.visit import Visit
from schemas.integrations import Finding

CRON, CRON_FIELD = "cron", "sync_cron"


class FormField(NamedTuple):
    """`value`: what it shows, never a secret. `wrong`: sentences in the viewer's language."""

    name: str
    label: str
    help: str
    is_secret: bool
    is_required: bool
    is_frequency: bool
    choices: Sequence[str]
    chars_max: int
    value: str
    wrong: Sequence[str]

    @property
    def choice_pairs(self) -> list[tuple[str, str]]:
        """A provider's own words are not translated."""
        return [(one, one) for one in self.choices]


def find_connector(name: str) -> Connector:
    """Raises NotFoundError."""
    connector = list_connectors().get(name)
    if connector is None:
        raise NotFoundError("There is no such type of integration.")
    return connector


def make_fields(
    visit: Visit,
    connector: Connector,
    fields: Sequence[Field],
    held: Mapping[str, str],
    findings: Sequence[Finding] = (),
) -> list[FormField]:
    """`held`: the values there are; what was typed stands before them. `findings`: of a check at the provider."""
    return [_make_field(visit, connector, field, held, findings) for field in fields]


def read_values(visit: Visit, fields: Sequence[Field]) -> dict[str, str | None]:
    """What was typed, by the fields' own names; None for what was left empty."""
    values: dict[str, str | None] = {}
    for field in fields:
        if field.name not in visit.form:
            continue
        typed = visit.form[field.name].strip()
        if field.form == "frequency" and typed == CRON:
            typed = " ".join(visit.form.get(CRON_FIELD, "").split())
        values[field.name] = typed or None
    return values


def tell_wrong(visit: Visit) -> dict[str, object]:
    """For a form that says beside each field what is wrong: not once more above all of them."""
    is_wrong = isinstance(visit.problem, InvalidInputError)
    return {"is_wrong": is_wrong, "told": None} if is_wrong else {"is_wrong": False}


def tell_others(visit: Visit, connector: Connector) -> list[str]:
    """What is wrong and beside no field: the provider refuses something that none of them is about."""
    if not isinstance(visit.problem, InvalidInputError):
        return []
    fields = (*connector.config, *connector.credentials)
    names = {name for field in fields for name in (field.name, *field.aliases)}
    return [
        said
        for one in visit.problem.problems
        if one.code is not None and one.pointer.rpartition("/")[2] not in names
        for said in [_say(visit, connector.name, one.code, one.about) or one.detail]
    ]


def say_finding(visit: Visit, connector: str, finding: Finding) -> str:
    """A finding in the viewer's language; as the check says it where nobody has translated it."""
    return _say(visit, connector, finding.code, finding.permission or finding.about) or finding.message


def say_text(visit: Visit, key: str, declared: str) -> str:
    """A connector's own text, English as it is declared where it has none."""
    return visit.t(key) if visit.texts.has(key) else declared


def say_label(visit: Visit, connector: Connector) -> str:
    """A connector's name: of most the same in every language."""
    return say_text(visit, f"connectors.{connector.name}.name", connector.label)


def _make_field(
    visit: Visit, connector: Connector, field: Field, held: Mapping[str, str], findings: Sequence[Finding]
) -> FormField:
    is_typed = field.name in visit.form
    value = visit.form.get(field.name, "") if is_typed else held.get(field.name, field.default or "")
    if field.form == "frequency" and value == CRON:
        value = visit.form.get(CRON_FIELD, "")
    prefix = f"connectors.{connector.name}.{field.name}"
    return FormField(
        field.name,
        say_text(visit, f"{prefix}.label", field.label),
        say_text(visit, f"{prefix}.help", field.help),
        field.is_secret,
        field.is_required and field.default is None,
        field.form == "frequency",
        field.choices,
        field.chars_max,
        "" if field.is_secret else value,
        [*_list_problems(visit, connector, field), *(say_finding(visit, connector.name, one) for one in findings)],
    )


def _list_problems(visit: Visit, connector: Connector, field: Field) -> list[str]:
    if not isinstance(visit.problem, InvalidInputError):
        return []
    names = {field.name, *field.aliases}
    found = [one for one in visit.problem.problems if one.pointer.rpartition("/")[2] in names]
    return [_say_problem(visit, connector, field, one) for one in found]


def _say_problem(visit: Visit, connector: Connector, field: Field, problem: FieldProblem) -> str:
    if problem.code is not None:
        said = _say(visit, connector.name, problem.code, problem.about)
        if said is not None:
            return said
    if not visit.form.get(field.name, "").strip():
        return visit.t("integrations.field_missing")
    return visit.t("integrations.field_wrong")


def _say(visit: Visit, connector: str, code: str, about: str | None) -> str | None:
    key = f"connectors.{connector}.finding.{code}"
    if not visit.texts.has(key):
        return None
    return visit.t(key, permission=about or "", about=about or "")
