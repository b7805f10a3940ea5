import pytest

from app.connectors.contract import check_fields
from app.connectors.registry import get_connector, list_connectors
from app.connectors.vtex.client import build_base_url
from app.core.errors import MappingError

TEMPLATE = "https://{account}.{environment}.com.br"
HOSTILE_ACCOUNTS = [
    "evil.com/#", "evil.com/?", "evil.com#", "evil.com?a=", "user@evil.com/", "127.0.0.1/", "[::1]/",
    "169.254.169.254/latest/?", "acc\r\nX-Inject: 1", "acc\n", "-acme", "acme-", "a" * 64, "xn--acme", "", "Acme",
    "a.b", "a b", "á", "a\\b", "{account}", "..",
]  # fmt: skip


def test_the_connectors_are_found_by_their_folders() -> None:
    assert list(list_connectors()) == ["brand", "vtex"]
    with pytest.raises(LookupError, match="there are: brand, vtex"):
        get_connector("nobody")


@pytest.mark.parametrize("account", HOSTILE_ACCOUNTS)
def test_an_account_never_changes_the_host(account: str) -> None:
    with pytest.raises(MappingError):
        build_base_url(TEMPLATE, account, "vtexcommercestable")
    with pytest.raises(MappingError):
        check_fields(get_connector("vtex").config, {"account": account})


@pytest.mark.parametrize("environment", ["evil.com/#", "vtexcommercestable\n", "", "VTEXCOMMERCESTABLE"])
def test_an_environment_is_one_of_two(environment: str) -> None:
    with pytest.raises(MappingError):
        build_base_url(TEMPLATE, "acme", environment)


@pytest.mark.parametrize("account", ["chelseaio", "a", "7sport", "acme-ar", "a" * 63])
def test_a_proper_account_makes_its_host(account: str) -> None:
    assert build_base_url(TEMPLATE, account, "vtexcommercestable") == f"https://{account}.vtexcommercestable.com.br"
    assert (
        build_base_url("http://127.0.0.1:9/{account}", account, "vtexcommercebeta") == f"http://127.0.0.1:9/{account}"
    )


def test_defaults_are_filled_in() -> None:
    values = check_fields(get_connector("vtex").config, {"account": "acme"})
    assert values == {"account": "acme", "environment": "vtexcommercestable"}


def test_a_wrong_secret_is_not_repeated() -> None:
    with pytest.raises(MappingError) as caught:
        check_fields(get_connector("vtex").credentials, {"app_key": "k", "app_token": "canary secret"})
    assert caught.value.field == "app_token"
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("values", [{}, {"account": None}, {"account": 5}, {"account": "acme", "extra": "x"}])
def test_missing_wrong_and_unknown_fields_are_named(values: dict[str, object]) -> None:
    with pytest.raises(MappingError):
        check_fields(get_connector("vtex").config, values)
