"""Merging what is known of an object: order and repetition do not matter, and nothing newer is lost."""

from datetime import UTC, datetime, timedelta
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from app.services.merge import Known, is_changed, list_fields, merge, observe
from db.versions import Version
from schemas.records import CustomerRecord

T0 = datetime(2026, 11, 1, tzinfo=UTC)
NAMES = ("first_name", "last_name", "locale")


def make_version(seconds: int, tie: int = 0) -> Version:
    return Version(T0 + timedelta(seconds=seconds), 1, T0, bytes([tie]))


def tell(seconds: int, *, missing: tuple[str, ...] = (), is_deleted: bool = False, **fields: str) -> Known:
    record = CustomerRecord(
        external_id="c", source_updated_at=T0 + timedelta(seconds=seconds), missing=missing, is_deleted=is_deleted,
        **fields,
    )  # fmt: skip
    return observe(record, make_version(seconds))


@st.composite
def make_known(draw: st.DrawFn) -> Known:
    seconds, tie = draw(st.integers(0, 5)), draw(st.integers(0, 1))
    record = CustomerRecord(
        external_id="c",
        source_updated_at=T0 + timedelta(seconds=seconds),
        is_deleted=draw(st.integers(0, 5)) == 0,
        missing=tuple(draw(st.lists(st.sampled_from(NAMES), unique=True))),
        # The version's hash stands for the content: one version is one content.
        **{name: f"{name} at {seconds}.{tie}" for name in NAMES},
    )
    content = bytes([tie, record.is_deleted, *(name in record.missing for name in NAMES)])
    return observe(record, Version(T0 + timedelta(seconds=seconds), 1, T0, content))


def read(known: Known) -> tuple[object, ...]:
    """Its values that somebody told, their versions, and what is missing."""
    versions = [known.older.get(name, known.version) for name in list_fields(CustomerRecord)]
    told = [getattr(known.record, name) for name in NAMES if name not in known.record.missing]
    return told, versions, set(known.record.missing), known.version, known.record.is_deleted


@given(st.lists(make_known(), min_size=1, max_size=6).flatmap(lambda k: st.tuples(st.just(k), st.permutations(k + k))))
def test_any_order_and_repetition_merges_to_the_same(pair: tuple[list[Known], list[Known]]) -> None:
    straight, shuffled = pair
    assert read(reduce(merge, straight)) == read(reduce(merge, shuffled))


@given(make_known(), make_known(), make_known())
def test_grouping_does_not_matter(one: Known, two: Known, three: Known) -> None:
    assert read(merge(merge(one, two), three)) == read(merge(one, merge(two, three)))


def test_a_newer_full_document_replaces_everything() -> None:
    merged = merge(tell(1, first_name="Ana", last_name="Paz"), tell(2, first_name="Eva"))
    assert (merged.record.model_dump(include={"first_name", "last_name"}), merged.is_partial) == (
        {"first_name": "Eva", "last_name": None},
        False,
    )


def test_a_partial_document_keeps_the_rest_with_its_own_version() -> None:
    merged = merge(tell(1, first_name="Ana", last_name="Paz"), tell(2, first_name="Eva", missing=("last_name",)))
    assert isinstance(merged.record, CustomerRecord)
    assert (merged.record.first_name, merged.record.last_name) == ("Eva", "Paz")
    assert merged.older == {"last_name": make_version(1)}
    assert merged.record.missing == ()


def test_what_nobody_told_stays_missing() -> None:
    merged = merge(tell(1, missing=("locale", "last_name")), tell(2, missing=("locale",)))
    assert merged.record.missing == ("locale",)
    assert merged.older == {"locale": None}


def test_a_deletion_tells_every_field() -> None:
    gone = tell(2, is_deleted=True, missing=("last_name",), first_name="Ana")
    assert gone.record == CustomerRecord(external_id="c", source_updated_at=T0 + timedelta(seconds=2), is_deleted=True)
    back = merge(gone, tell(3, first_name="Eva", missing=("last_name",)))
    late = merge(back, tell(1, last_name="Paz"))
    assert isinstance(late.record, CustomerRecord)
    assert (late.record.is_deleted, late.record.first_name, late.record.last_name) == (False, "Eva", None)


def test_seeing_the_same_again_changes_nothing() -> None:
    before = tell(1, first_name="Ana")
    later = Known(before.record, before.version._replace(observed_at=T0 + timedelta(seconds=9)), {})
    assert not is_changed(before, merge(before, later))
    assert is_changed(before, merge(before, tell(2, first_name="Ana")))
    other = tell(1, first_name="Eva")
    assert is_changed(before, merge(before, other._replace(version=make_version(1, tie=1))))
