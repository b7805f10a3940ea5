"""What has a name in the code has words in the pages that show it."""

from typing import get_args

from app.dashboard.texts import load_texts
from app.services.permissions import PERMISSIONS, ROLE_PERMISSIONS
from app.services.tenant_limits import LIMIT_NAMES
from schemas.bulk import BulkAction, BulkState
from schemas.ledger import LetterStatus

TEXTS = load_texts()


def test_every_permission_and_role_is_said() -> None:
    names = {f"keys.may.{one.replace(':', '_')}" for one in PERMISSIONS}
    names |= {f"people.role_{role}" for role in ROLE_PERMISSIONS}
    names |= {f"people.may_{role}" for role in ROLE_PERMISSIONS if role != "platform_admin"}
    assert sorted(name for name in names if not TEXTS.has(name)) == []


def test_every_state_of_a_dead_letter_and_of_an_operation_is_said() -> None:
    names = {f"dead.status_{word}" for word in get_args(LetterStatus)}
    names |= {f"dead.state_{word}" for word in get_args(BulkState)}
    for action in get_args(BulkAction):
        names |= {f"dead.{part}{action}" for part in ("action_", "done_", "operation_title_", "ended_says_")}
        names |= {f"dead.{action}_{part}" for part in ("effect", "many", "title_many")}
    assert sorted(name for name in names if not TEXTS.has(name)) == []


def test_every_reason_that_has_words_says_what_to_do_too() -> None:
    reasons = {key.rpartition(".")[2] for key in TEXTS.by_key if key.startswith("dead.reason.")}
    todos = {key.rpartition(".")[2] for key in TEXTS.by_key if key.startswith("dead.todo.")}
    assert reasons == todos
    assert {f"settings.{name}" for name in LIMIT_NAMES} <= set(TEXTS.by_key)
