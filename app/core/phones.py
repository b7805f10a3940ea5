"""E.164 of phones that are written plainly, by the metadata of `phonenumbers` and without its general parser.

The parser takes 25 µs a number, most of a profile's way to a sealed row. It must cope with words, extensions and
vanity letters; nearly all numbers of a shop are digits, blanks, brackets and hyphens. Those take the same steps here:
country code, national prefix, length, patterns. Whatever is out of the ordinary is left to the parser. A test compares
both over numbers of all countries.
"""

import re
from functools import cache
from typing import NamedTuple

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumberDesc

_PLAIN = re.compile(r"(\+?)([0-9(][0-9 ()-]{5,22}[0-9])")
_NOT_DIGITS = str.maketrans("", "", " ()-")
_COUNTRY_CODE_DIGITS_MAX = 3


class PlainPhone(NamedTuple):
    """A number of the right length, of which `national` begins with no 0. `is_valid`: somebody can have it."""

    country_code: str
    national: str
    is_valid: bool


class _Form(NamedTuple):
    """Which national numbers match a description: their lengths in digits, empty for any, and their pattern."""

    lengths: frozenset[int]
    pattern: re.Pattern[str]

    def matches(self, national: str) -> bool:
        return (not self.lengths or len(national) in self.lengths) and self.pattern.fullmatch(national) is not None


class _Region(NamedTuple):
    """The only region of a country code. `prefix`, `rule`: what is dialled before a national number, and what takes its
    place. `kinds`: at least one of them must match a valid number, mobile ones first."""

    country_code: str
    abroad: re.Pattern[str]
    prefix: re.Pattern[str] | None
    rule: str | None
    general: _Form
    kinds: tuple[_Form, ...]


def find_plain_phone(text: str, country: str) -> PlainPhone | None:
    """The number that `text`, dialled in `country` (ISO alpha-2, upper case), is; None when the parser must say.

    `text` has no blanks around.
    """
    match = _PLAIN.fullmatch(text)
    if match is None:
        return None
    plus, digits = match.groups()
    if not digits.isdigit():
        digits = digits.translate(_NOT_DIGITS)
    if plus:
        region = _find_region_of(digits[:_COUNTRY_CODE_DIGITS_MAX])
        national = digits[len(region.country_code) :] if region else ""
    else:
        region, national = _find_region(country), digits
        # Numbers dialled as abroad, and ones with the country's code but no plus sign.
        if region is None or digits.startswith(region.country_code) or region.abroad.match(digits):
            return None
    if region is None:
        return None
    national = _drop_prefix(region, national)
    if national.startswith("0") or not region.general.matches(national):
        return None
    for kind in region.kinds:
        if kind.matches(national):
            return PlainPhone(region.country_code, national, True)
    return PlainPhone(region.country_code, national, False)


def _drop_prefix(region: _Region, national: str) -> str:
    """Without the national prefix; Argentina's 15 behind an area code becomes a 9 before it."""
    match = region.prefix.match(national) if region.prefix else None
    if match is None:
        return national
    rest = national[match.end() :]
    return match.expand(region.rule) + rest if region.rule and match.groups()[-1] is not None else rest


@cache
def _find_region_of(digits: str) -> _Region | None:
    """By the first digits. No country code begins with another, so the first that fits is the one."""
    for end in range(1, len(digits) + 1):
        names = _NAMES_BY_CODE.get(digits[:end])
        if names is not None:
            return _find_region(names[0]) if len(names) == 1 else None
    return None


def _find_region(name: str) -> _Region | None:
    """None for what is no region, and for one that shares its country code: there the parser must choose."""
    return _load_region(name) if name in _CODES_BY_NAME else None


@cache
def _load_region(name: str) -> _Region | None:
    metadata = PhoneMetadata.metadata_for_region(name)
    if metadata is None or metadata.general_desc is None or metadata.international_prefix is None:
        return None
    general = _read_form(metadata.general_desc)
    kinds = (
        metadata.mobile, metadata.fixed_line, metadata.toll_free, metadata.premium_rate, metadata.shared_cost,
        metadata.voip, metadata.personal_number, metadata.pager, metadata.uan, metadata.voicemail,
    )  # fmt: skip
    prefix = metadata.national_prefix_for_parsing
    return general and _Region(
        _CODES_BY_NAME[name],
        re.compile(metadata.international_prefix),
        re.compile(prefix) if prefix else None,
        metadata.national_prefix_transform_rule,
        general,
        tuple(form for kind in kinds if kind and (form := _read_form(kind))),
    )


def _read_form(description: PhoneNumberDesc) -> _Form | None:
    pattern = description.national_number_pattern
    return _Form(frozenset(description.possible_length), re.compile(pattern)) if pattern else None


_NAMES_BY_CODE = {str(code): names for code, names in COUNTRY_CODE_TO_REGION_CODE.items()}
_CODES_BY_NAME = {names[0]: code for code, names in _NAMES_BY_CODE.items() if len(names) == 1}
