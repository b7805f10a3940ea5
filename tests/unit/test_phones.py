"""Phones written plainly are read as the general parser of `phonenumbers` reads them, for every country."""

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.identity import normalise_phone
from app.core.identity_placeholders import is_placeholder_digits
from app.core.phones import find_plain_phone

REGIONS = sorted({name for names in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.values() for name in names})
OURS = ("AR", "BR", "CL", "CO", "MX", "PE", "UY", "ES")
KINDS = range(11)  # PhoneNumberType: fixed line to voicemail


def read_by_parser(text: str, country: str) -> str | None:
    """What `normalise_phone` was before there was a shorter way: the meaning of every index that is stored."""
    try:
        number = phonenumbers.parse(text.strip(), country)
    except phonenumbers.NumberParseException:
        return None
    national = str(number.national_number)
    typed = national.removeprefix("9") if number.country_code == 54 else national
    if not phonenumbers.is_valid_number(number) or is_placeholder_digits(typed):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def list_spellings(code: str, national: str, prefix: str) -> list[str]:
    """As people dial it: abroad, at home, with the prefix, with Argentina's 15, with too much or too little."""
    return [
        f"+{code}{national}", national, f"{prefix}{national}", f"0{national}", f"{code}{national}",
        f"00{code}{national}", f"+{code}{prefix}{national}", f"+{code}9{national}", f"9{national}",
        *(f"{start}{national[:end]}15{national[end:]}" for start in ("", "0", f"+{code}") for end in (2, 3, 4)),
    ]  # fmt: skip


@st.composite
def draw_phones(draw: st.DrawFn) -> tuple[str, str]:
    """A number near a real one of some country, and the country where it is dialled."""
    country = draw(st.sampled_from(OURS) | st.sampled_from(REGIONS))
    example = phonenumbers.example_number_for_type(country, draw(st.sampled_from(KINDS)))
    if example is None:
        return draw(st.from_regex(r"\+?[0-9]{5,16}", fullmatch=True)), country
    digits = list(phonenumbers.national_significant_number(example))
    for _ in range(draw(st.integers(0, 6))):
        digits[draw(st.integers(0, len(digits) - 1))] = str(draw(st.integers(0, 9)))
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(country)
    prefix = (metadata and metadata.national_prefix) or ""
    text = draw(st.sampled_from(list_spellings(str(example.country_code), "".join(digits), prefix)))
    if draw(st.booleans()):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from((" ", "-", "(", ") ", " 15 ", "x", "#1", ".", ";ext=1"))) + text[at:]
    return text, draw(st.sampled_from((country, country, *OURS)))


@settings(max_examples=2_000)
@given(draw_phones())
def test_every_phone_has_the_form_that_the_parser_gives_it(phone: tuple[str, str]) -> None:
    assert normalise_phone(*phone) == read_by_parser(*phone)


@pytest.mark.parametrize(
    ("text", "country", "found"),
    [
        ("+5491155555555", "AR", ("54", "91155555555", True)),
        ("(011) 15-5555-5555", "AR", ("54", "91155555555", True)),
        ("0221 15-4123456", "AR", ("54", "92214123456", True)),
        ("11 4321 9876", "UY", None),  # too long there
        ("+551198765432", "AR", ("55", "1198765432", False)),
        ("11 98765-4321", "BR", ("55", "11987654321", True)),
        ("+12125550123", "AR", None),  # many countries share +1
        ("5491155555555", "AR", None),
        ("0054 9 11 5555 5555", "BR", None),
        ("+54 9 11 5555 5555 x1", "AR", None),
    ],
)
def test_numbers_out_of_the_ordinary_are_left_to_the_parser(text: str, country: str, found: object) -> None:
    assert find_plain_phone(text, country) == found


@pytest.mark.parametrize("text", ["+5491155555555", "011 15 5555-5555", "1143219876", "+541143219876", "+551198765432"])
def test_a_shops_numbers_do_not_need_the_parser(text: str) -> None:
    assert find_plain_phone(text, "AR") is not None
