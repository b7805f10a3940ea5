import pytest

from app.connectors.fields import check_fields, find_missing, name_account, read_form
from app.connectors.registry import get_connector, list_connectors
from app.connectors.vtex.account import build_base_url
from app.core.errors import MappingError

TEMPLATE = "https://{account}.{environment}.com.br"


def test_the_connectors_are_found_by_their_folders() -> None:
    assert list(list_connectors()) == ["brand", "facebook_ads", "google_ads", "mercadolibre", "vtex"]
    with pytest.raises(LookupError, match="there are: brand, facebook_ads, google_ads, mercadolibre, vtex"):
        get_connector("nobody")


@pytest.mark.parametrize("account", ["chelseaio", "a", "7sport", "acme-ar", "a" * 63])
def test_a_proper_account_makes_its_host(account: str) -> None:
    assert build_base_url(TEMPLATE, account, "vtexcommercestable") == f"https://{account}.vtexcommercestable.com.br"
    assert (
        build_base_url("http://127.0.0.1:9/{account}", account, "vtexcommercebeta") == f"http://127.0.0.1:9/{account}"
    )


def test_defaults_are_filled_in() -> None:
    values = check_fields(get_connector("vtex").config, {"account": "acme"})
    assert values == {"account": "acme", "environment": "vtexcommercestable", "sync_frequency": "hourly"}


def test_a_wrong_secret_is_not_repeated() -> None:
    with pytest.raises(MappingError) as caught:
        check_fields(get_connector("vtex").credentials, {"app_key": "k", "app_token": "canary secret"})
    assert caught.value.field == "app_token"
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("values", [{}, {"account": None}, {"account": 5}, {"account": "acme", "extra": "x"}])
def test_missing_wrong_and_unknown_fields_are_named(values: dict[str, object]) -> None:
    with pytest.raises(MappingError):
        check_fields(get_connector("vtex").config, values)


# As the client's document prints them: names and values.
PRINTED = {
    "vtex": {
        "account_name": "chelseaio",
        "environment": "vtexcommercestable",
        "app_key": "vtexappkey-chelseaio-XXXXX",
        "app_token": "encrypted_token",
        "sync_frequency": "hourly",
    },
    "mercadolibre": {
        "client_id": "ml_client_id",
        "client_secret": "encrypted_secret",
        "refresh_token": "encrypted_token",
        "site_id": "MLA",
    },
    "google_ads": {
        "customer_id": "1234567890",
        "developer_token": "encrypted_token",
        "client_id": "oauth_client_id",
        "client_secret": "encrypted_secret",
    },
    "facebook_ads": {
        "access_token": "encrypted_token",
        "ad_account_id": "act_1234567890",
        "app_id": "facebook_app_id",
    },
}
ACCOUNTS = {
    "vtex": "chelseaio",
    "mercadolibre": "MLA/ml_client_id",
    "google_ads": "1234567890",
    "facebook_ads": "act_1234567890",
}


@pytest.mark.parametrize("name", PRINTED)
def test_the_documents_examples_are_accepted_as_printed(name: str) -> None:
    connector = get_connector(name)
    form = read_form(connector, PRINTED[name])
    kept = {**form.config, **form.credentials}
    assert set(PRINTED[name].values()) <= set(kept.values())
    assert form.config["sync_frequency"] == "hourly"
    assert "account_name" not in kept
    assert set(form.credentials) <= {field.name for field in connector.credentials}
    assert name_account(connector, form.config) == ACCOUNTS[name]


def test_two_names_of_one_field_must_say_the_same() -> None:
    config = get_connector("vtex").config
    assert check_fields(config, {"account": "acme", "account_name": "acme"})["account"] == "acme"
    assert check_fields(config, {"account": "", "account_name": "acme"})["account"] == "acme"
    with pytest.raises(MappingError, match="account") as caught:
        check_fields(config, {"account": "acme", "account_name": "globex"})
    assert caught.value.field == "account_name"
    assert "globex" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "field", "given", "kept"),
    [
        ("google_ads", "customer_id", "123-456-7890", "1234567890"),
        ("google_ads", "login_customer_id", "123-456-7890", "1234567890"),
        ("facebook_ads", "ad_account_id", "1234567890", "act_1234567890"),
        ("facebook_ads", "ad_account_id", "act_1234567890", "act_1234567890"),
    ],
)
def test_spellings_of_one_account_are_kept_as_one(name: str, field: str, given: str, kept: str) -> None:
    assert read_form(get_connector(name), {**PRINTED[name], field: given}).config[field] == kept


def test_the_seller_takes_the_place_of_what_stood_for_it() -> None:
    connector = get_connector("mercadolibre")
    config = read_form(connector, {**PRINTED["mercadolibre"], "user_id": "1234567"}).config
    assert name_account(connector, config) == "1234567"


def test_what_is_missing_before_anything_can_be_read_is_told() -> None:
    connector = get_connector("google_ads")
    credentials = read_form(connector, PRINTED["google_ads"]).credentials
    assert [field.name for field in find_missing(connector.credentials, credentials)] == ["refresh_token"]
    assert not find_missing(connector.credentials, {**credentials, "refresh_token": "1//x"})


@pytest.mark.parametrize("frequency", ["monthly", "* * * *", "0 0 30 2 *", "hourly\n", 5])
def test_a_wrong_frequency_names_its_field(frequency: object) -> None:
    with pytest.raises(MappingError) as caught:
        check_fields(get_connector("vtex").config, {"account": "acme", "sync_frequency": frequency})
    assert caught.value.field == "sync_frequency"


@pytest.mark.parametrize("secret", ["a b", "a\nb", "tóken", "a\x00", "\x7f", "\ttoken"])
def test_a_secret_cannot_end_a_header(secret: str) -> None:
    for connector in list_connectors().values():
        for field in connector.credentials:
            with pytest.raises(MappingError) as caught:
                check_fields((field,), {field.name: secret})
            assert secret not in str(caught.value)
