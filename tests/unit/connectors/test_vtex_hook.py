import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connectors.vtex.hook import HookConfiguration, HookVerdict, describe_foreign, judge_hook, make_hook, read_hook
from app.connectors.vtex.statuses import HOOK_STATUSES, classify_status

BASE = "https://hooks.example.com"
OURS = f"{BASE}/webhooks/vtex/tok-EN_1"


def find(url: str, filter_type: str | None = None, statuses: frozenset[str] | None = None) -> HookConfiguration:
    return HookConfiguration(url, (), filter_type, statuses)


def judge(url: str, base: str = BASE) -> HookVerdict:
    return judge_hook(find(url), base, [OURS])


def test_what_we_make_is_read_back_as_ours() -> None:
    made = make_hook(OURS, {"X-Acequia-Secret": "s3cret"})
    found = read_hook(made)
    assert found == HookConfiguration(OURS, ("X-Acequia-Secret",), "FromWorkflow", frozenset(HOOK_STATUSES))
    assert "s3cret" not in repr(found)
    assert judge_hook(found, BASE, [OURS]) == "ours"


def test_our_filter_names_every_status_once() -> None:
    assert len(set(HOOK_STATUSES)) == len(HOOK_STATUSES) == 38
    assert "cancelled" not in HOOK_STATUSES, "VTEX writes one l"
    unknown = {status for status in HOOK_STATUSES if classify_status(status) == "unknown"}
    assert unknown == {"order-create-error", "order-creation-error"}


@pytest.mark.parametrize("document", [None, {}, [], "", {"hook": None}, {"hook": {}}, {"filter": {"type": "x"}}, 5])
def test_no_hook_is_none(document: object) -> None:
    assert read_hook(document) is None
    assert judge_hook(read_hook(document), BASE, [OURS]) == "none"


@pytest.mark.parametrize(
    "document",
    [
        {"hook": {"url": OURS}},
        {"Hook": {"Url": OURS}},
        {"url": OURS, "headers": {}},
        [{"hook": {"url": OURS, "headers": []}, "filter": None}],
        {"hook": [{"url": f" {OURS} "}], "filter": {"status": [], "type": ""}},
    ],
)
def test_shapes_that_nobody_promised_are_read(document: object) -> None:
    found = read_hook(document)
    assert found == find(OURS)
    assert judge_hook(found, BASE, [OURS]) == "ours"


def test_a_hook_of_an_unknown_shape_is_somebody_s() -> None:
    for document in ({"hook": {"address": "https://other.example"}}, {"hook": {"url": {"a": 1}}}):
        assert judge_hook(read_hook(document), BASE, [OURS]) == "foreign"


@pytest.mark.parametrize(
    "found",
    [
        find(OURS, "FromOrders"),
        find(OURS, None, frozenset({"invoiced"})),
        find(OURS, "FromWorkflow", frozenset(HOOK_STATUSES[1:])),
    ],
)
def test_our_address_with_a_narrower_filter_is_outdated(found: HookConfiguration) -> None:
    assert judge_hook(found, BASE, [OURS]) == "ours_outdated"


def test_more_statuses_than_ours_are_fine() -> None:
    found = find(OURS, "fromworkflow", frozenset({*HOOK_STATUSES, "newer"}))
    assert judge_hook(found, BASE, [OURS]) == "ours"


SAME = [
    OURS, "HTTPS://hooks.example.com/webhooks/vtex/tok-EN_1", "https://HOOKS.Example.COM/webhooks/vtex/tok-EN_1",
    "https://hooks.example.com:443/webhooks/vtex/tok-EN_1", "https://hooks.example.com./webhooks/vtex/tok-EN_1",
    "https://hooks.example.com.:443/webhooks/vtex/tok-EN_1",
]  # fmt: skip
OLDER = [
    f"{BASE}/webhooks/vtex/other", f"{BASE}/webhooks/vtex/tok-en_1", f"{OURS}?a=1", f"{OURS}#b", f"{OURS}0",
    "https://hooks.example.com:443/webhooks/vtex/old",
]  # fmt: skip
TAIL = "/webhooks/vtex/tok-EN_1"
FOREIGN = [
    "", "nothing", "https://", f"https://other.example{TAIL}",
    f"https://hooks.example.com.evil.net{TAIL}", f"https://hooks.example.community{TAIL}",
    f"https://evil-hooks.example.com{TAIL}", f"https://example.com{TAIL}", f"https://hooks.example.com@evil.net{TAIL}",
    f"https://evil@hooks.example.com{TAIL}", f"https://hooks.example.com:443@evil.net{TAIL}",
    f"https://hooks.example.com\\@evil.net{TAIL}", f"https://evil.net\\.hooks.example.com{TAIL}",
    f"https://evil.net#hooks.example.com{TAIL}", f"https://evil.net/https://hooks.example.com{TAIL}",
    f"https://evil.net?https://hooks.example.com{TAIL}", f"http://hooks.example.com{TAIL}",
    f"ftp://hooks.example.com{TAIL}", f"//hooks.example.com{TAIL}", f"https:/hooks.example.com{TAIL}",
    f"https://hooks.example.com:8443{TAIL}", f"https://hooks.example.com:80{TAIL}", f"https://hooks.example.com:0{TAIL}",
    f"https://hooks.example.com:99999{TAIL}", f"https://hooks.example.com:4x{TAIL}", f"https://hooks.example.com..{TAIL}",
    f"{BASE}/webhooks/vtex", f"{BASE}/webhooks/vtex/", f"{BASE}/webhooks/vtexx/a", f"{BASE}/webhooks/master-data/a",
    f"{BASE}/Webhooks/vtex/tok-EN_1", f"{BASE}/webhooks/vtex/../../other", f"{BASE}/a/..{TAIL}", f"{BASE}/{TAIL}",
    f"{BASE}/webhooks/vtex/%2e%2e/other", f"{BASE}/webhooks/vtex/a/b", f"{OURS}/", f"{BASE}/webhooks/vtex/tok\n",
    f"https://hoo\u212as.example.com{TAIL}", f"https://hooks.ex\u0430mple.com{TAIL}", f"https://hooks.example\u3002com{TAIL}",
    f"https://hooks.example.com\x00.evil.net{TAIL}", f"https://hooks%2eexample.com{TAIL}", f"https://[::1]{TAIL}",
    "https://[bad/", f"https://hooks.example.com {TAIL}",
]  # fmt: skip


@pytest.mark.parametrize("url", SAME)
def test_other_spellings_of_our_address_are_ours(url: str) -> None:
    assert judge(url) == "ours"


@pytest.mark.parametrize("url", OLDER)
def test_another_token_of_ours_is_outdated(url: str) -> None:
    assert judge(url) == "ours_outdated"


@pytest.mark.parametrize("url", FOREIGN, ids=ascii)
def test_what_only_looks_like_ours_is_foreign(url: str) -> None:
    assert judge(url) == "foreign"


@pytest.mark.parametrize(
    ("base", "url", "verdict"),
    [
        ("https://example.com/acequia", "https://example.com/acequia/webhooks/vtex/a", "ours_outdated"),
        ("https://example.com/acequia/", "https://example.com/acequia/webhooks/vtex/a", "ours_outdated"),
        ("https://example.com/acequia", "https://example.com/webhooks/vtex/a", "foreign"),
        ("https://example.com/acequia", "https://example.com/acequia2/webhooks/vtex/a", "foreign"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/webhooks/vtex/a", "ours_outdated"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8001/webhooks/vtex/a", "foreign"),
        ("http://[::1]:8000", "http://[::1]:8000/webhooks/vtex/a", "ours_outdated"),
        ("http://127.0.0.1", "http://127.0.0.1:80/webhooks/vtex/a", "ours_outdated"),
        ("", OURS, "foreign"),
        ("not an address", OURS, "foreign"),
    ],
)
def test_our_own_address_may_have_a_port_and_a_path(base: str, url: str, verdict: str) -> None:
    assert judge(url, base) == verdict


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://api.other.example/hooks/s3cret?key=s3cret", "api.other.example"),
        ("https://API.Other.example:8443/s3cret", "api.other.example"),
        ("https://other.example/%73/@s3cret/../x?q=a%20b#s3cret", "other.example"),
        ("https://s3cret:s3cret@other.example/x", "an address that cannot be shown"),
        ("https://other.example\\@evil.net/s3cret", "an address that cannot be shown"),
        ("https://ot\u0435r.example/s3cret", "an address that cannot be shown"),
        ("s3cret", "an address that cannot be shown"),
        ("", "an address that cannot be shown"),
    ],
)
def test_a_foreign_address_is_shown_by_its_host_alone(url: str, shown: str) -> None:
    assert describe_foreign(url) == shown


@given(
    st.text(max_size=80) | st.from_regex(r"https?://[a-z.@:%#?/\\-]{0,20}/webhooks/vtex/[a-z/.]{0,9}", fullmatch=True)
)
def test_no_text_is_taken_for_ours_without_our_host(url: str) -> None:
    assert "/" not in describe_foreign(url)
    if judge(url) != "foreign":
        hosts = ("hooks.example.com", "hooks.example.com:443", "hooks.example.com.", "hooks.example.com.:443")
        assert url.lower().startswith(tuple(f"https://{host}/" for host in hosts))
