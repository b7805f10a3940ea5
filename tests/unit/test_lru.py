"""What is remembered of accounts: bounded, and what is in use stays."""

from app.core.lru import Lru


def test_what_was_not_used_for_longest_is_forgotten() -> None:
    kept: Lru[str, int] = Lru(2)
    kept.put("a", 1)
    kept.put("b", 2)
    assert kept.get("a") == 1
    kept.put("c", 3)
    assert (kept.get("a"), kept.get("b"), kept.get("c"), len(kept)) == (1, None, 3, 2)


def test_a_value_that_is_put_again_takes_no_second_place() -> None:
    kept: Lru[str, int] = Lru(2)
    kept.put("a", 1)
    kept.put("b", 2)
    assert kept.put("a", 3) == 3
    kept.put("c", 4)
    assert (kept.get("a"), kept.get("b")) == (3, None)
