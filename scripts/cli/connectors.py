"""`acequia connectors`: what connectors there are, and what their mappers make of a document."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, TypeAlias

import orjson
import typer

from app.connectors.contract import Connector, Report
from app.connectors.money import MICRO_DIGITS
from app.connectors.reading import parse_json
from app.connectors.registry import get_connector, list_connectors
from app.connectors.verdict import read_answer
from app.core.errors import MappingError
from schemas.records import AdSpendRecord, Record

Line: TypeAlias = dict[str, object]

app = typer.Typer(no_args_is_help=True, help="Connectors: what there is, and what a mapper makes of a document.")


@app.command("list")
def list_command(as_json: Annotated[bool, typer.Option("--json", help="One JSON line.")] = False) -> None:
    """Lists connectors with their streams and endpoints."""
    rows = [
        {
            "name": connector.name,
            "label": connector.label,
            "mapper_version": connector.mapper_version,
            "streams": [stream.name for stream in connector.streams],
            "mapped": list(_list_mappers(connector)),
            "endpoints": [endpoint.kind for endpoint in connector.endpoints],
            "config": [field.name for field in connector.config],
            "credentials": [field.name for field in connector.credentials],
        }
        for connector in list_connectors().values()
    ]
    if as_json:
        typer.echo(orjson.dumps(rows).decode())
        return
    for connector in list_connectors().values():
        streams = ", ".join(stream.name for stream in connector.streams)
        typer.echo(f"{connector.name:<14} {connector.label:<20} streams: {streams}")


@app.command("map")
def map_command(
    connector_name: Annotated[str, typer.Argument(metavar="CONNECTOR", help="For example vtex.")],
    stream: Annotated[str, typer.Argument(help="orders, customers or ad_spend.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="JSON documents, one per file.")],
) -> None:
    """Prints one JSON line per FILE, of ad_spend one per row: the record, or {"error": …, "field": …}. Exits 1 if any
    could not be mapped."""
    connector = _get_connector(connector_name)
    mappers = _list_mappers(connector)
    chosen = mappers.get(stream)
    if chosen is None:
        known = f"it has: {', '.join(mappers)}" if mappers else "nothing of it is mapped yet"
        typer.echo(f"{connector.name} has no stream {stream!r}; {known}", err=True)
        raise typer.Exit(2)
    is_broken = False
    for path in files:
        for line in _map_file(chosen, path):
            is_broken = is_broken or "error" in line
            typer.echo(orjson.dumps(line).decode())
    if is_broken:
        raise typer.Exit(1)


@app.command("classify")
def classify_command(
    connector_name: Annotated[str, typer.Argument(metavar="CONNECTOR", help="For example google_ads.")],
    file: Annotated[
        Path,
        typer.Argument(help='An error answer: its body, or {"status", "headers", "body"}, or what curl -i prints.'),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line that says more.")] = False,
) -> None:
    """Says what an error answer means: retryable, permanent, reconnect or throttled. Exits 1 if it is no error."""
    connector = _get_connector(connector_name)
    if connector.classify is None:
        typer.echo(f"{connector.name} is never called, so it answers nothing", err=True)
        raise typer.Exit(2)
    try:
        content = file.read_bytes()
    except OSError as error:
        typer.echo(f"{file}: {error.strerror}", err=True)
        raise typer.Exit(2) from None
    verdict = connector.classify(read_answer(content))
    if verdict is None:
        typer.echo(f"{file}: is no error answer of {connector.label}", err=True)
        raise typer.Exit(1)
    typer.echo(orjson.dumps(verdict._asdict()).decode() if as_json else verdict.kind)


def _get_connector(name: str) -> Connector:
    try:
        return get_connector(name)
    except LookupError as error:
        typer.echo(error.args[0], err=True)
        raise typer.Exit(2) from None


def _list_mappers(connector: Connector) -> Mapping[str, Callable[[object], Iterator[Line]]]:
    """What makes lines of a document, by the name of its stream or report."""
    return {str(name): partial(_show_record, mapper) for name, mapper in connector.mappers.items()} | {
        str(report.name): partial(_show_rows, report) for report in connector.reports
    }


def _map_file(show: Callable[[object], Iterator[Line]], path: Path) -> Iterator[Line]:
    try:
        yield from show(parse_json(path.read_bytes()))
    except MappingError as error:
        yield _show_error(error)
    except OSError as error:
        yield {"error": f"{path}: {error.strerror}", "field": None}


def _show_record(mapper: Callable[[object], Record], document: object) -> Iterator[Line]:
    yield mapper(document).model_dump(mode="json")


def _show_rows(report: Report, document: object) -> Iterator[Line]:
    for row in report.map_rows(document):
        yield _show_error(row) if isinstance(row, MappingError) else _show_spend(row)


def _show_spend(row: AdSpendRecord) -> Line:
    """As the platforms show it: parts of a conversion as a decimal."""
    whole, part = divmod(row.conversions_micros, 10**MICRO_DIGITS)
    return {
        "date": row.day.isoformat(),
        "account_id": row.account_id,
        "campaign_id": row.campaign_id,
        "cost_minor": row.cost_minor,
        "currency": row.currency,
        "impressions": row.impressions,
        "clicks": row.clicks,
        "conversions": row.conversions_micros / 10**MICRO_DIGITS if part else whole,
        "value_minor": row.value_minor,
    }


def _show_error(error: MappingError) -> Line:
    return {"error": error.problem, "field": error.field}
