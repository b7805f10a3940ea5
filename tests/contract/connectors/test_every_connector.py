"""One suite over every connector's fixtures: a folder `fixtures/{connector}/{stream}` of `{document, expected}` files.

`expected` holds the fields of the record that the fixture is about, or `{"error": path}`. A connector without fixtures
for each of its streams fails. One that is not available yet has fields and nothing else.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.connectors.contract import Connector
from app.connectors.fields import check_fields
from app.connectors.registry import list_connectors
from app.core.errors import MappingError

FIXTURES = Path(__file__).parent / "fixtures"
CONNECTORS = list(list_connectors().values())


def list_cases() -> Iterator[Any]:
    for connector in CONNECTORS:
        for stream in connector.mappers:
            for path in sorted((FIXTURES / connector.name / stream).glob("*.json")):
                yield pytest.param(connector, stream, path, id=f"{connector.name}-{stream}-{path.stem}")


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


@pytest.mark.parametrize("connector", CONNECTORS, ids=lambda connector: connector.name)
def test_every_stream_has_a_mapper_and_both_kinds_of_fixture(connector: Connector) -> None:
    assert {stream.name for stream in connector.streams} == set(connector.mappers)
    assert bool(connector.mappers) is connector.is_available
    for stream in connector.mappers:
        cases = [orjson.loads(path.read_bytes()) for path in (FIXTURES / connector.name / stream).glob("*.json")]
        assert any("error" in case["expected"] for case in cases)
        assert any("error" not in case["expected"] for case in cases)


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
