"""The pure parts of the stack: the Procfile, passwords, given servers, what each process is told."""

import json
from pathlib import Path

import pytest

from scripts.stack.given import find_given_servers
from scripts.stack.installation import Installation, load_secrets, make_database_urls
from scripts.stack.passwords import load_passwords
from scripts.stack.procfile import read_procfile


def make_installation(tmp_path: Path) -> Installation:
    secrets = load_secrets(tmp_path)
    urls = make_database_urls("postgresql://postgres:top@127.0.0.1:1/postgres", secrets)
    return Installation(tmp_path, secrets, urls, "redis://:queue@127.0.0.1:2/0")


def test_the_procfile_names_what_has_work() -> None:
    assert {"receiver", "web", "worker", "syncer"} <= set(read_procfile())


@pytest.mark.parametrize("line", ["receiver", "receiver:", ": python -m app", "two words: python"])
def test_a_wrong_line_of_the_procfile_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "Procfile"
    path.write_text(f"# fine\nweb: python -m app.main\n{line}\n")
    with pytest.raises(ValueError, match="line 3"):
        read_procfile(path)


def test_passwords_are_made_once(tmp_path: Path) -> None:
    path = tmp_path / "passwords.json"
    first = load_passwords(path, ["one"])
    second = load_passwords(path, ["one", "two"])
    assert second["one"] == first["one"] != second["two"]
    assert json.loads(path.read_text()) == second


def test_passwords_that_others_may_read_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "passwords.json"
    load_passwords(path, ["one"])
    path.chmod(0o644)
    with pytest.raises(PermissionError, match="chmod 600"):
        load_passwords(path, ["one"])


def test_each_process_logs_in_as_its_own_role(tmp_path: Path) -> None:
    installation = make_installation(tmp_path)
    for kind in ("web", "worker", "syncer", "operator"):
        assert f"//acequia_{kind}:" in installation.environment(kind)["DATABASE_URL"]
        assert "//acequia_keys:" in installation.environment(kind)["KEYS_DATABASE_URL"]


def test_the_receiver_gets_no_database_and_no_key_that_opens(tmp_path: Path) -> None:
    environment = make_installation(tmp_path).environment("receiver")
    assert not any("DATABASE" in name or "KEYSTORE" in name or "TENANT_TOKEN" in name for name in environment)
    assert not any("postgresql:" in value for value in environment.values())


def test_no_process_gets_the_owners_or_the_superusers_address(tmp_path: Path) -> None:
    installation = make_installation(tmp_path)
    forbidden = [installation.secrets["acequia_owner"], installation.secrets["acequia_keys_owner"], ":top@"]
    for kind in ("receiver", "web", "worker", "syncer", "operator"):
        values = " ".join(installation.environment(kind).values())
        assert not any(secret in values for secret in forbidden)


def test_a_setting_of_the_shell_reaches_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("MIGRATION_DATABASE_URL", "postgresql://elsewhere")
    environment = make_installation(tmp_path).environment("web")
    assert "ENVIRONMENT" not in environment
    assert "MIGRATION_DATABASE_URL" not in environment


def test_nothing_given_means_embedded() -> None:
    assert find_given_servers({"PATH": "/bin"}) == (None, None, {}, None)


def test_given_urls_replace_the_embedded_server() -> None:
    given = find_given_servers(
        {
            "DATABASE_URL": "postgresql://w@db/acequia",
            "WEB_DATABASE_URL": "postgresql://web@db/acequia",
            "MIGRATION_DATABASE_URL": "postgresql://owner@db/acequia",
            "KEYS_DATABASE_URL": "postgresql://keys@db/acequia_keys",
        }
    )
    assert given.redis_url is None
    assert given.database_urls == {
        "acequia_owner": "postgresql://owner@db/acequia",
        "acequia_keys": "postgresql://keys@db/acequia_keys",
        "acequia_web": "postgresql://web@db/acequia",
        "acequia_worker": "postgresql://w@db/acequia",
        "acequia_syncer": "postgresql://w@db/acequia",
        "acequia_operator": "postgresql://w@db/acequia",
    }


def test_half_a_database_is_told_what_it_lacks() -> None:
    with pytest.raises(ValueError, match="needs MIGRATION_DATABASE_URL, KEYS_DATABASE_URL as well"):
        find_given_servers({"DATABASE_URL": "postgresql://w@db/acequia"})


def test_a_url_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text("redis://queue\n")
    assert find_given_servers({"REDIS_URL_FILE": str(path)}).redis_url == "redis://queue"
