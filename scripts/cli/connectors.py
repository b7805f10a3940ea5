"""`acequia connectors`: what connectors there are, and what their mappers make of a document."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import orjson
import typer

from app.connectors.reading import parse_json
from app.connectors.registry import get_connector, list_connectors
from app.core.errors import MappingError
from schemas.records import Record

app = typer.Typer(no_args_is_help=True, help="Connectors: what there is, and what a mapper makes of a document.")


@app.command("list")
def list_command(as_json: Annotated[bool, typer.Option("--json", help="One JSON line.")] = False) -> None:
    """Lists connectors with their streams and endpoints."""
    rows = [
        {
            "name": connector.name,
            "label": connector.label,
            "is_available": connector.is_available,
            "mapper_version": connector.mapper_version,
            "streams": [stream.name for stream in connector.streams],
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
        typer.echo(
            f"{connector.name:<14} {connector.label:<20} "
            + (f"streams: {streams}" if connector.is_available else "not available yet")
        )


@app.command("map")
def map_command(
    connector_name: Annotated[str, typer.Argument(metavar="CONNECTOR", help="For example vtex.")],
    stream: Annotated[str, typer.Argument(help="orders or customers.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="JSON documents, one per file.")],
) -> None:
    """Prints one JSON line per FILE: the record, or {"error": …, "field": …}. Exits 1 if any could not be mapped."""
    try:
        connector = get_connector(connector_name)
    except LookupError as error:
        typer.echo(error.args[0], err=True)
        raise typer.Exit(2) from None
    mappers: dict[str, Callable[[object], Record]] = {str(name): mapper for name, mapper in connector.mappers.items()}
    chosen = mappers.get(stream)
    if chosen is None:
        typer.echo(f"{connector.name} has no stream {stream!r}; it has: {', '.join(mappers)}", err=True)
        raise typer.Exit(2)
    lines = [_map_file(chosen, path) for path in files]
    for line in lines:
        typer.echo(orjson.dumps(line).decode())
    if any("error" in line for line in lines):
        raise typer.Exit(1)


def _map_file(mapper: Callable[[object], Record], path: Path) -> dict[str, object]:
    try:
        return mapper(parse_json(path.read_bytes())).model_dump(mode="json")
    except MappingError as error:
        return {"error": error.problem, "field": error.field}
    except OSError as error:
        return {"error": f"{path}: {error.strerror}", "field": None}
