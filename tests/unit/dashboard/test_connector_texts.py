"""Whatever a connector that can be chosen asks for is said in every language; English is what its declaration says."""

from importlib import import_module
from typing import get_args

import pytest
from babel import Locale

from app.connectors.contract import Connector
from app.connectors.registry import list_connectors
from app.connectors.vtex.findings import FindingCode
from app.dashboard.texts import list_parts, load_texts

TEXTS = load_texts()
SAID = list(list_connectors().values())
ENGLISH = Locale("en")


@pytest.mark.parametrize("connector", SAID, ids=lambda one: one.name)
def test_every_field_is_said_in_every_language_and_in_english_as_declared(connector: Connector) -> None:
    for field in (*connector.config, *connector.credentials):
        for part, declared in (("label", field.label), ("help", field.help)):
            key = f"connectors.{connector.name}.{field.name}.{part}"
            assert TEXTS.has(key), key
            assert TEXTS.get(ENGLISH, key) == declared.replace("{{", "{").replace("}}", "}"), key


@pytest.mark.parametrize("connector", SAID, ids=lambda one: one.name)
def test_every_connector_says_how_it_is_set_up_and_what_to_do_with_its_addresses(connector: Connector) -> None:
    name = f"connectors.{connector.name}.name"
    assert not TEXTS.has(name) or TEXTS.get(ENGLISH, name) == connector.label
    wanted = ["says", "setup_1", "setup_2", "setup_3"]
    wanted += [f"endpoint.{one.kind}" for one in connector.endpoints]
    wanted += [f"step_{one.kind}_1" for one in connector.endpoints]
    assert [name for name in wanted if not TEXTS.has(f"connectors.{connector.name}.{name}")] == []


def test_every_finding_of_a_check_is_said_with_the_permission_that_is_missing() -> None:
    for code in get_args(FindingCode):
        form = TEXTS.by_key[f"connectors.vtex.finding.{code}"]["es"]
        assert list_parts(form) == ({"permission"} if code == "missing_permission" else set())


@pytest.mark.parametrize("connector", [one for one in SAID if one.check], ids=lambda one: one.name)
def test_findings_and_their_texts_are_the_same_and_stand_beside_declared_fields(connector: Connector) -> None:
    module = import_module(f"app.connectors.{connector.name}.findings")
    prefix = f"connectors.{connector.name}.finding."
    codes = set(get_args(module.FindingCode))
    assert {key.removeprefix(prefix) for key in TEXTS.by_key if key.startswith(prefix)} == codes
    assert set(module.FIELDS) <= codes
    assert set(module.FIELDS.values()) <= {field.name for field in (*connector.config, *connector.credentials)}


def test_findings_have_no_part_that_no_check_gives() -> None:
    of_findings = [key for key in TEXTS.by_key if ".finding." in key]
    assert {part for key in of_findings for part in list_parts(TEXTS.by_key[key]["es"])} == {"permission", "about"}


def test_no_text_is_of_a_connector_or_a_field_that_there_is_not() -> None:
    fields = {
        f"connectors.{one.name}.{field.name}"
        for one in list_connectors().values()
        for field in (*one.config, *one.credentials)
    }
    of_fields = {key.rpartition(".")[0] for key in TEXTS.by_key if key.endswith((".label", ".help"))}
    assert {key for key in of_fields if key.startswith("connectors.")} <= fields
