import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scripts.cli.connectors import app
from tests.unit.connectors.documents import make_client_document, make_order_document, read_fixture


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
    assert [row["name"] for row in rows] == ["brand", "facebook_ads", "google_ads", "mercadolibre", "vtex"]
    shown = CliRunner().invoke(app, ["list"]).stdout
    assert "streams: orders, customers" in shown
    assert shown.count("streams: ad_spend") == 2


def test_orders_of_mercadolibre_have_the_fields_of_any_other(tmp_path: Path) -> None:
    code, [line] = run(
        "map", "mercadolibre", "orders", write(tmp_path, "o.json", read_fixture("mercadolibre/orders/whole"))
    )
    assert code == 0
    assert (line["external_id"], line["total_minor"], line["currency"]) == ("2000011223344556", 2_500_050, "ARS")
    [vtex] = run("map", "vtex", "orders", write(tmp_path, "v.json", make_order_document()))[1]
    assert list(line) == list(vtex)


SPEND_FIELDS = [
    "date", "account_id", "campaign_id", "cost_minor", "currency", "impressions", "clicks", "conversions",
    "value_minor",
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "fixture", "shown"),
    [
        ("google_ads", "search_page", ["2026-11-01", "4445556667", "70010", 123_457, "ARS", 1_204, 37, 2.5, 1_500_075]),
        ("facebook_ads", "page", ["2026-11-01", "10203040", "23850000000000001", 14_357, "BRL", 5_400, 81, 5, 100_025]),
    ],
)
def test_ad_spend_is_a_line_for_each_row(tmp_path: Path, name: str, fixture: str, shown: list[object]) -> None:
    file = write(tmp_path, "page.json", read_fixture(f"{name}/ad_spend/{fixture}"))
    code, lines = run("map", name, "ad_spend", file, file)
    assert code == 0
    assert len(lines) == 4
    assert [list(line) for line in lines] == [SPEND_FIELDS] * 4
    assert list(lines[0].values()) == shown
    assert lines[1]["conversions"] == 0
    assert lines[:2] == lines[2:]


def test_a_row_that_cannot_be_used_has_its_line_among_its_neighbours(tmp_path: Path) -> None:
    file = write(tmp_path, "rows.json", read_fixture("facebook_ads/ad_spend/rows_that_cannot_be_used"))
    error = write(tmp_path, "error.json", read_fixture("facebook_ads/ad_spend/error"))
    code, lines = run("map", "facebook_ads", "ad_spend", file, error)
    assert code == 1
    assert ["error" in line for line in lines] == [True, True, True, True, True, False, True]
    assert lines[0] == {"error": "is not a decimal number", "field": "data[0].spend"}


def test_an_answer_with_a_token_in_it_shows_none_of_it(tmp_path: Path) -> None:
    document = read_fixture("facebook_ads/ad_spend/page")
    assert "canary-token" in document["paging"]["next"]
    file = write(tmp_path, "page.json", {**document, "data": [{**row, "spend": "canary"} for row in document["data"]]})
    result = CliRunner().invoke(app, ["map", "facebook_ads", "ad_spend", file])
    assert result.exit_code == 1
    assert "canary" not in result.output


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("facebook_ads", b'{"error": {"code": 190, "error_subcode": 463}}', "reconnect"),
        ("facebook_ads", b'{"status": 400, "headers": {}, "body": {"error": {"code": 17}}}', "throttled"),
        ("google_ads", b'[{"error": {"code": 503, "status": "UNAVAILABLE"}}]', "retryable"),
        ("mercadolibre", b'{"status": 403, "error": "Invalid scopes", "code": "FORBIDDEN"}', "permanent"),
        ("mercadolibre", b'{"status_code": 429, "body": "local_rate_limited"}', "throttled"),
        ("vtex", b'{"status": 401, "body": ""}', "reconnect"),
        (
            "vtex",
            b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Type: text/plain\r\n\r\nslow",
            "throttled",
        ),
        ("vtex", b'HTTP/2 403 \ncontent-type: application/json\n\n{"Message": "Unauthorized"}', "permanent"),
        ("google_ads", b"<html>502 Bad Gateway</html>", "retryable"),
    ],
)
def test_an_error_answer_is_said_in_one_word(tmp_path: Path, name: str, content: bytes, word: str) -> None:
    file = tmp_path / "answer"
    file.write_bytes(content)
    result = CliRunner().invoke(app, ["classify", name, str(file)])
    assert (result.exit_code, result.stdout) == (0, f"{word}\n")
    code, [line] = run("classify", name, str(file), "--json")
    assert code == 0
    assert (line["kind"], list(line)) == (word, ["kind", "code", "retry_after_s", "then"])


def test_the_wait_stands_in_what_curl_prints(tmp_path: Path) -> None:
    file = tmp_path / "answer"
    file.write_bytes(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n\r\n")
    [line] = run("classify", "vtex", str(file), "--json")[1]
    assert line["retry_after_s"] == 7


def test_what_is_no_error_or_nobodys_is_said(tmp_path: Path) -> None:
    page = write(tmp_path, "page.json", read_fixture("facebook_ads/ad_spend/page"))
    assert CliRunner().invoke(app, ["classify", "facebook_ads", page]).exit_code == 1
    assert CliRunner().invoke(app, ["classify", "brand", page]).exit_code == 2
    assert CliRunner().invoke(app, ["classify", "nobody", page]).exit_code == 2
    assert CliRunner().invoke(app, ["classify", "vtex", str(tmp_path / "absent")]).exit_code == 2
