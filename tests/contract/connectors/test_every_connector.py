"""One suite over every connector's fixtures: a folder `fixtures/{connector}/{stream}` of `{document, expected}` files.

`expected` holds the fields of the record that the fixture is about, or `{"error": path}`; of a report a list of these,
one for each row, or `{"error": path}` for a document that has no rows. `fixtures/{connector}/errors` holds answers with
the verdict on each. A connector without fixtures for what it maps fails. One that is not available shows no streams.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest

from app.connectors.contract import Connector, Report
from app.connectors.fields import check_fields
from app.connectors.registry import list_connectors
from app.connectors.verdict import ErrorAnswer, Verdict, VerdictKind, read_answer
from app.core.errors import MappingError

FIXTURES = Path(__file__).parent / "fixtures"
CONNECTORS = list(list_connectors().values())
CALLED = [connector for connector in CONNECTORS if connector.classify is not None]
REPORTS = [(connector, report) for connector in CONNECTORS for report in connector.reports]


def read_cases(connector: Connector, folder: str) -> list[tuple[Path, Any]]:
    paths = sorted((FIXTURES / connector.name / folder).glob("*.json"))
    return [(path, orjson.loads(path.read_bytes())) for path in paths]


def list_cases() -> Iterator[Any]:
    for connector in CONNECTORS:
        for stream in connector.mappers:
            for path, _ in read_cases(connector, stream):
                yield pytest.param(connector, stream, path, id=f"{connector.name}-{stream}-{path.stem}")


def list_report_cases() -> Iterator[Any]:
    for connector, report in REPORTS:
        for path, case in read_cases(connector, report.name):
            yield pytest.param(report, case, id=f"{connector.name}-{report.name}-{path.stem}")


def list_errors() -> Iterator[Any]:
    for connector in CALLED:
        for path, case in read_cases(connector, "errors"):
            yield pytest.param(connector, case, id=f"{connector.name}-{path.stem}")


def assert_part(expected: Any, found: Any, path: str) -> None:
    if isinstance(expected, dict):
        for name, value in expected.items():
            assert_part(value, found[name], f"{path}.{name}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), path
        for index, value in enumerate(expected):
            assert_part(value, found[index], f"{path}[{index}]")
    else:
        assert found == expected, path


@pytest.mark.parametrize(("connector", "stream", "path"), list(list_cases()))
def test_a_fixture_becomes_what_it_says(connector: Connector, stream: Any, path: Path) -> None:
    case = orjson.loads(path.read_bytes())
    mapper = connector.mappers[stream]
    if "error" in case["expected"]:
        with pytest.raises(MappingError) as caught:
            mapper(case["document"])
        assert caught.value.field == case["expected"]["error"]
        return
    record = mapper(case["document"])
    assert_part(case["expected"], record.model_dump(mode="json"), "")
    assert mapper(case["document"]) == record, "the same document is the same record"


@pytest.mark.parametrize(("report", "case"), list(list_report_cases()))
def test_a_report_becomes_the_rows_that_it_says(report: Report, case: Any) -> None:
    if isinstance(case["expected"], dict):
        with pytest.raises(MappingError) as caught:
            report.map_rows(case["document"])
        assert caught.value.field == case["expected"]["error"]
        return
    rows = report.map_rows(case["document"])
    shown = [{"error": row.field} if isinstance(row, MappingError) else row.model_dump(mode="json") for row in rows]
    assert_part(case["expected"], shown, "")
    assert "canary" not in str(rows)


@pytest.mark.parametrize(("connector", "case"), list(list_errors()))
def test_an_error_means_what_the_fixture_says(connector: Connector, case: Any) -> None:
    verdict = classify(connector, ErrorAnswer(**case["answer"] | {"headers": lower(case["answer"]["headers"])}))
    assert verdict is not None
    assert_part(case["expected"], verdict._asdict(), "")
    assert (verdict.retry_after_s is None) or verdict.kind in ("throttled", "retryable")
    assert verdict.kind != "throttled" or verdict.retry_after_s, "throttled says for how long"
    assert re.fullmatch(r"[A-Za-z0-9_./ -]{1,160}", verdict.code), "a word, never a message"
    # The same out of a file, in the envelope's form.
    assert connector.classify is not None
    assert connector.classify(read_answer(orjson.dumps(case["answer"]))) == verdict


def classify(connector: Connector, answer: ErrorAnswer) -> Verdict | None:
    assert connector.classify is not None
    return connector.classify(answer)


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@pytest.mark.parametrize("connector", CALLED, ids=lambda connector: connector.name)
def test_every_verdict_has_a_fixture(connector: Connector) -> None:
    kinds = {case["expected"]["kind"] for _, case in read_cases(connector, "errors")}
    assert kinds == set(get_args(VerdictKind))


@pytest.mark.parametrize("connector", CALLED, ids=lambda connector: connector.name)
def test_no_fixture_of_a_document_is_taken_for_an_error(connector: Connector) -> None:
    folders = [*connector.mappers, *(report.name for report in connector.reports)]
    documents = [
        case["document"]
        for folder in folders
        for _, case in read_cases(connector, folder)
        if "error" not in case["expected"]
    ]
    assert documents
    assert [one for one in documents if classify(connector, ErrorAnswer(200, {}, one)) is not None] == []


@pytest.mark.parametrize("connector", CALLED, ids=lambda connector: connector.name)
@pytest.mark.parametrize("body", [None, {}, [], "", 0, True, [{}], {"error": []}, {"error": {}}, "<html>"], ids=repr)
@pytest.mark.parametrize("status", [0, 200, 206, 302, 400, 401, 403, 404, 409, 418, 429, 500, 599])
def test_any_answer_has_a_verdict_or_is_no_error(connector: Connector, body: object, status: int) -> None:
    verdict = classify(connector, ErrorAnswer(status, {"retry-after": "x", "x-ad-account-usage": "["}, body))
    assert verdict is not None or status < 300
    if status == 429:
        assert verdict is not None
        assert verdict.kind == "throttled"


@pytest.mark.parametrize("connector", CONNECTORS, ids=lambda connector: connector.name)
def test_everything_mapped_has_both_kinds_of_fixture(connector: Connector) -> None:
    streams = {stream.name for stream in connector.streams}
    mapped = {*connector.mappers, *(report.name for report in connector.reports)}
    assert streams == mapped
    assert mapped
    for folder in (*connector.mappers, *(report.name for report in connector.reports)):
        cases = [case["expected"] for _, case in read_cases(connector, folder)]
        assert any("error" in expected for expected in cases)
        assert any("error" not in expected for expected in cases)


@pytest.mark.parametrize(("connector", "report"), REPORTS, ids=lambda value: value.name)
@pytest.mark.parametrize("document", [None, "", 0, 1.5, True, [None], [[]], "rows"], ids=repr)
def test_junk_is_no_report(connector: Connector, report: Report, document: object) -> None:
    with pytest.raises(MappingError) as caught:
        report.map_rows(document)
    assert caught.value.field


@pytest.mark.parametrize("connector", CONNECTORS, ids=lambda connector: connector.name)
@pytest.mark.parametrize("document", [None, {}, [], "", 0, True, [{}]], ids=repr)
def test_junk_is_refused_with_a_field(connector: Connector, document: object) -> None:
    for mapper in connector.mappers.values():
        with pytest.raises(MappingError) as caught:
            mapper(document)
        assert caught.value.field


@pytest.mark.parametrize("connector", CONNECTORS, ids=lambda connector: connector.name)
def test_a_declaration_can_be_shown_as_a_form(connector: Connector) -> None:
    assert connector.mapper_version >= 1
    fields = [*connector.config, *connector.credentials]
    names = [name for field in fields for name in (field.name, *field.aliases)]
    assert len(set(names)) == len(names)
    assert all(field.label and field.help for field in fields)
    assert not any(field.is_secret for field in connector.config), "secrets are credentials"
    assert all(field.pattern or field.choices or field.form != "text" for field in fields), "nothing is free text"
    assert not any(field.is_needed_to_sync and field.is_required for field in fields)
    assert all(field.default is None or check_fields((field,), {field.name: field.default}) for field in fields)
    streams = {stream.name for stream in connector.streams}
    assert all(endpoint.stream is None or endpoint.stream in streams for endpoint in connector.endpoints)
    json.dumps([field._asdict() for field in fields])


@pytest.mark.parametrize("connector", CONNECTORS, ids=lambda connector: connector.name)
def test_the_account_is_named_by_a_field_that_is_always_given(connector: Connector) -> None:
    fields = {field.name: field for field in connector.config}
    assert connector.account_field in fields
    naming = connector.account_stand_in or (connector.account_field,)
    assert all(fields[name].is_required for name in naming)
    assert connector.account_field not in connector.account_stand_in


@pytest.mark.parametrize("connector", CONNECTORS, ids=lambda connector: connector.name)
def test_a_pattern_means_the_same_in_every_alphabet(connector: Connector) -> None:
    # \d and \w match letters and digits of all scripts; $ lets a newline through; a dot matches anything.
    for field in (*connector.config, *connector.credentials):
        assert not re.search(r"\\[dwsDWS]|[$^]|(?<!\\)\.(?![^\[]*\])", field.pattern or ""), field.name


@pytest.mark.parametrize("connector", CONNECTORS, ids=lambda connector: connector.name)
def test_an_empty_form_is_refused(connector: Connector) -> None:
    with pytest.raises(MappingError):
        check_fields(connector.config, {})
