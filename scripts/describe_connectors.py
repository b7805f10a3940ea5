"""Writes docs/connectors.md from the declarations: `python -m scripts.describe_connectors > docs/connectors.md`."""

from app.connectors.contract import Connector, Field
from app.connectors.registry import list_connectors
from app.connectors.verdict import MEANINGS as VERDICTS
from app.connectors.vtex.findings import MEANINGS

HEADER = """# Connectors

What each connector asks for. Values are checked whole against these forms, secrets are sealed on the way in and never
shown again, and nothing entered here can choose the host that is called. Beside each stream stand the permissions that
it needs at the provider.
This page is written by `python -m scripts.describe_connectors`; a test compares the two.
"""
FINDINGS = """
## What a check of VTEX credentials can find

VTEX is really called: a login, the order list, one order, the hook's configuration, one customer. Nothing is written
there and nothing stored here. Each finding has a `code`, a `severity` and a `message` that says what to do; several can
stand together.

| code | meaning |
|---|---|
"""
ERRORS = """
## What an error answer means

`acequia connectors classify CONNECTOR FILE` says it in one word, with `--json` also the provider's own code and for how
long to wait. Facebook's errors are told by code and subcode, never by the HTTP status; Google's also out of arrays and
answers of 200; VTEX's by status. FILE holds the body alone, or a JSON object of `status`, `headers` and `body`, or what
`curl -i` prints.

| word | meaning |
|---|---|
"""
_TABLE = """
| field | label | needed | secret | what it is for |
|---|---|---|---|---|
"""


def describe_connectors() -> str:
    """The page's text."""
    connectors = "".join(_describe(connector) for connector in list_connectors().values())
    findings = "".join(f"| `{code}` | {meaning} |\n" for code, meaning in MEANINGS.items())
    verdicts = "".join(f"| `{word}` | {meaning} |\n" for word, meaning in VERDICTS.items())
    return HEADER + connectors + FINDINGS + findings + ERRORS + verdicts


def _describe(connector: Connector) -> str:
    fields = (*connector.config, *connector.credentials)
    return (
        f"\n## {connector.label} (`{connector.name}`)\n"
        + _describe_streams(connector)
        + _TABLE
        + "".join(_describe_field(field) for field in fields)
    )


def _describe_streams(connector: Connector) -> str:
    streams = (f"* {stream.label} (`{stream.name}`): {stream.permission}\n" for stream in connector.streams)
    return "\n" + "".join(streams)


def _describe_field(field: Field) -> str:
    names = ", or ".join(f"`{name}`" for name in (field.name, *field.aliases))
    needed = "yes" if field.is_required else "to sync" if field.is_needed_to_sync else "no"
    if field.default is not None:
        needed = f"no: `{field.default}`"
    choices = f" ({', '.join(field.choices)})" if field.choices else ""
    text = f"{field.help}{choices}".replace("|", "\\|")
    return f"| {names} | {field.label} | {needed} | {'yes' if field.is_secret else 'no'} | {text} |\n"


if __name__ == "__main__":
    print(describe_connectors(), end="")
