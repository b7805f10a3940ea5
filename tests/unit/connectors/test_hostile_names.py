"""No input chooses the host we call: every field of every connector that becomes part of an address, against names
that have moved a host elsewhere."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connectors.contract import Field
from app.connectors.fields import check_fields
from app.connectors.registry import get_connector, list_connectors
from app.connectors.vtex.account import build_base_url
from app.core.errors import MappingError

TEMPLATE = "https://{account}.{environment}.com.br"
# The eight that were shown to choose the host of a formatted address.
CHOOSING_THE_HOST = [
    "evil.com/#", "evil.com/?", "evil.com#", "evil.com?a=", "user@evil.com/", "127.0.0.1/", "[::1]/",
    "169.254.169.254/latest/?",
]  # fmt: skip
HOSTILE_NAMES = [
    *CHOOSING_THE_HOST,
    "acc\r\nX-Inject: 1", "acc\n", "acc\r", "\nacc", "acc\u2028", "acc\x00", "\x00acc",  # ends of lines
    "evil\u3002com", "evil\uff0ecom", "evil\uff61com", "\u2488com", "acme\uff0f", "\u2100",  # read as . / and a/c
    "\u0430cme", "acm\u0435", "\uff41cme", "\u212ame", "ácme", "acme\u200b", "acme\u00ad", "acme\u202e",
    "\u0661\u0662\u0663",
    "xn--acme", "xn--80ak6aa92e",
    "ACME", "Acme", "-acme", "acme-", "a" * 64, "a" * 256, "9" * 256, "..", ".", "a.b", "a b", " acme", "acme ",
    "\tacme",
    "evil%2ecom", "acme%2f", "%00", "%0d%0a", "a\\b", "evil.com\\", "user@evil", "user:pass@evil", "acme:8080", ":443",
    "{account}", "{}", "{0}", "{account.__class__}", "%s", "${x}", "../acme", "acme/..", "a/b", "a;b", "a,b",
    "a'b", 'a"b',
    "a|b", "<a>", "a&b=c", "a=b", "*", "+", "localhost.",
]  # fmt: skip
ADDRESS_FIELDS = [
    pytest.param(field, id=f"{connector.name}-{field.name}")
    for connector in list_connectors().values()
    for field in connector.config
    if field.is_in_address
]


def test_the_table_is_of_every_connector_that_is_called() -> None:
    names = {str(param.id) for param in ADDRESS_FIELDS}
    assert {"vtex-account", "vtex-environment", "google_ads-customer_id", "facebook_ads-ad_account_id"} <= names
    assert {"mercadolibre-site_id", "mercadolibre-user_id", "mercadolibre-client_id", "facebook_ads-app_id"} <= names


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
@pytest.mark.parametrize("field", ADDRESS_FIELDS)
def test_a_hostile_name_is_refused(field: Field, name: str) -> None:
    for spelling in (field.name, *field.aliases):
        with pytest.raises(MappingError) as caught:
            check_fields((field,), {spelling: name})
        assert caught.value.field == spelling


@pytest.mark.parametrize("field", ADDRESS_FIELDS)
def test_an_empty_name_is_no_name(field: Field) -> None:
    if field.is_required:
        with pytest.raises(MappingError, match="missing"):
            check_fields((field,), {field.name: ""})
    else:
        assert check_fields((field,), {field.name: ""}) == (
            {} if field.default is None else {field.name: field.default}
        )


@pytest.mark.parametrize("name", [*HOSTILE_NAMES, ""], ids=ascii)
def test_no_address_is_built_from_a_hostile_name(name: str) -> None:
    for account, environment in ((name, "vtexcommercestable"), ("acme", name)):
        with pytest.raises(MappingError):
            build_base_url(TEMPLATE, account, environment)


@given(st.text(max_size=70) | st.from_regex(r"[a-z0-9.:/@#?%\\{}-]{1,20}", fullmatch=True))
def test_any_name_makes_its_own_host_or_none(name: str) -> None:
    try:
        url = build_base_url(TEMPLATE, name, "vtexcommercestable")
    except MappingError:
        return
    assert url == f"https://{name}.vtexcommercestable.com.br"
    parts = urlsplit(url)
    assert parts.hostname == f"{name}.vtexcommercestable.com.br"
    assert (parts.path, parts.query, parts.fragment, parts.username, parts.port) == ("", "", "", None, None)
    assert check_fields(get_connector("vtex").config, {"account": name})["account"] == name


@given(st.text(max_size=40) | st.from_regex(r"(act_)?[0-9_-]{1,24}", fullmatch=True))
def test_what_is_kept_is_one_safe_part_of_a_path(name: str) -> None:
    for connector in list_connectors().values():
        for field in connector.config:
            if not field.is_in_address:
                continue
            try:
                kept = check_fields((field,), {field.name: name})
            except MappingError:
                continue
            value = kept.get(field.name, "")
            assert value.isascii()
            assert not set(value) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
