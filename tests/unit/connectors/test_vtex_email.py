import pytest

from app.connectors.vtex.email import find_real_email, is_masked


@pytest.mark.parametrize(
    "alias",
    [
        "ff2e6348a53a4d449af92be2a1011328@ct.vtex.com.br",
        "FF2E6348A53A4D449AF92BE2A1011328@CT.VTEX.COM.BR",
        "ff2e6348a53a4d449af92be2a1011328@ct.vtex.com",
        " ff2e6348a53a4d449af92be2a1011328@ct.vtex.com.br. ",
        "conversationtracker+ff2e6348a53a4d449af92be2a1011328@ct.vtex.com.br",
        "whoever@ct.vtex.com.br",
        "64d8bd8dbe5c4e7b93b8b3c237e50be1@ct.name.com.br",
        "a******.m****@m*******.c**",
        "not an address",
        "x" * 250 + "@example.com",
        "",
        None,
    ],
)
def test_an_alias_is_no_address(alias: str | None) -> None:
    assert find_real_email(alias) is None


@pytest.mark.parametrize(
    ("soft", "real"),
    [
        ("johndoe@vtex.com.br-207700027841b.ct.vtex.com.br", "johndoe@vtex.com.br"),
        ("johndoe@vtex.com.br-207700027841b.ct.vtex.com", "johndoe@vtex.com.br"),
        ("johndoe@vtex.com.br-207700027841.ct.vtex.com.br", "johndoe@vtex.com.br"),
        ("JohnDoe@Example.com-207700027841B.CT.VTEX.com.br", "JohnDoe@Example.com"),
        ("noreply@example.com-9814872b.ct.store.com.br", "noreply@example.com"),
        ("a@example.com-123456b.ct.vtex.com.br-7890123b.ct.vtex.com.br", "a@example.com"),
    ],
)
def test_a_soft_alias_gives_the_real_address(soft: str, real: str) -> None:
    assert find_real_email(soft) == real


def test_a_soft_alias_of_an_alias_is_still_one() -> None:
    inner = "ff2e6348a53a4d449af92be2a1011328@ct.vtex.com.br"
    assert find_real_email(f"{inner}-207700027841b.ct.vtex.com.br") is None


@pytest.mark.parametrize("address", ["ana.gomez+tag@example.com", "ana@act.vtex.company", "ana@ct.example.com"])
def test_a_real_address_is_kept(address: str) -> None:
    assert find_real_email(f" {address} ") == address


@pytest.mark.parametrize("value", ["J***", "U**", "***", "M*", "a**b"])
def test_masks_are_known(value: str) -> None:
    assert is_masked(value)


@pytest.mark.parametrize("value", ["Juan", "4*4 Motors", "*"[:0]])
def test_a_star_alone_is_no_mask(value: str) -> None:
    assert not is_masked(value)
