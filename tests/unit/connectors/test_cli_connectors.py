import json
from pathlib import Path

from typer.testing import CliRunner

from scripts.cli.connectors import app
from tests.unit.connectors.documents import make_client_document, make_order_document


def run(*arguments: str) -> tuple[int, list[dict[str, object]]]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


def write(folder: Path, name: str, document: object) -> str:
    path = folder / name
    path.write_text(json.dumps(document))
    return str(path)


def test_it_prints_one_line_for_each_file(tmp_path: Path) -> None:
    good = write(tmp_path, "a.json", make_order_document())
    code, lines = run("map", "vtex", "orders", good, good)
    assert code == 0
    assert [line["external_id"] for line in lines] == ["1268540501456-01"] * 2
    assert {"status", "currency", "total_minor", "items", "source_created_at", "source_updated_at", "buyer"} <= set(
        lines[0]
    )


def test_a_bad_file_has_its_line_among_its_neighbours(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_bytes(b"{")
    files = [
        write(tmp_path, "good.json", make_order_document()),
        write(tmp_path, "bad.json", make_order_document(value=1.5)),
        str(broken),
        str(tmp_path / "absent.json"),
        write(tmp_path, "empty.json", {}),
    ]
    code, lines = run("map", "vtex", "orders", *files)
    assert code == 1
    assert "error" not in lines[0]
    assert [line["field"] for line in lines[1:]] == ["value", "$", None, "orderId"]
    assert all(line["error"] for line in lines[1:])


def test_customers_are_mapped_too(tmp_path: Path) -> None:
    code, lines = run("map", "vtex", "customers", write(tmp_path, "c.json", make_client_document()))
    assert code == 0
    assert lines[0]["email"]


def test_an_unknown_connector_or_stream_is_a_usage_error(tmp_path: Path) -> None:
    file = write(tmp_path, "c.json", {})
    assert run("map", "nobody", "orders", file)[0] == 2
    assert run("map", "vtex", "nothing", file)[0] == 2


def test_connectors_are_listed() -> None:
    code, lines = run("list", "--json")
    assert code == 0
    rows: list[dict[str, object]] = lines[0]  # type: ignore[assignment]
    available = [row["name"] for row in rows if row["is_available"]]
    assert available == ["brand", "vtex"]
    assert len(rows) == 5
    shown = CliRunner().invoke(app, ["list"]).stdout
    assert "streams: orders, customers" in shown
    assert shown.count("not available yet") == 3
