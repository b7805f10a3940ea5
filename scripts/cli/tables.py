"""How commands show what they found: tables for people, one JSON document for programs."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from scripts.cli.session import show_json

PLAIN_WIDTH = 200


def show_rows(rows: Sequence[BaseModel], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """`columns`: names of members, in the order shown; JSON has them all. `empty`: the sentence when there is none."""
    if as_json:
        show_json([row.model_dump(mode="json") for row in rows])
        return
    show_table([row.model_dump() for row in rows], columns, empty=empty)


def show_table(rows: Sequence[Mapping[str, object]], columns: Sequence[str], *, empty: str) -> None:
    if not rows:
        typer.echo(empty)
        return
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH  # a log or a pipe has no width: nothing is cut there
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        is_number = all(isinstance(row.get(name), int) for row in rows)
        table.add_column(name.replace("_", " "), justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(describe(row.get(name)) for name in columns))
    console.print(table)


def show_fields(found: Mapping[str, object]) -> None:
    """Every member on a line of its own."""
    width = max(map(len, found)) + 2
    for name, value in found.items():
        typer.echo(f"{name:<{width}}{describe(value)}")


def describe(value: object) -> str:
    """A value as one reads it in a table."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={describe(one)}" for name, one in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(describe(one) for one in value)
    return str(value)
