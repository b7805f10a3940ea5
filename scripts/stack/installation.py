"""One installation: where its servers are, its secrets, and what each process is told of them.

Every kind of process gets its own role's URL and only the secrets that are its own, so that the demo and the tests
run under production's walls.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.core.keystore import FileKeystore
from app.core.settings import Settings, read_settings
from db.migrate import ensure_roles, install_token_key, migrate, migrate_keys
from scripts.stack.passwords import load_passwords
from scripts.stack.postgres import SUPERUSER

DATABASE = "acequia"
KEYS_DATABASE = "acequia_keys"
OWNER, KEYS_OWNER, KEYS_ROLE = "acequia_owner", "acequia_keys_owner", "acequia_keys"
PROCESS_ROLES = ("acequia_web", "acequia_worker", "acequia_syncer", "acequia_operator")
LOGIN_ROLES = (OWNER, *PROCESS_ROLES, KEYS_OWNER, KEYS_ROLE)
KEYS_ROLES = (KEYS_OWNER, KEYS_ROLE)
TOKEN_KEY_ID = "k1"  # noqa: S105 - a name, not a key

# What a process inherits of the environment it is started in: what the machine needs, no setting of ours.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TERM", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True)
class Installation:
    """`database_urls`: role → URL; embedded servers list every role, given ones those that were given."""

    folder: Path
    secrets: Mapping[str, str]
    database_urls: Mapping[str, str]
    redis_url: str
    given_keystore_url: str | None = None

    @property
    def keystore_url(self) -> str:
        return self.given_keystore_url or f"file:{self.folder / 'keystore.json'}"

    @property
    def tenant_token_key(self) -> tuple[str, bytes]:
        """The key's id and the key; a given one names its own id."""
        key_id, _, digits = self.secrets["tenant_token_key"].rpartition(":")
        return key_id or TOKEN_KEY_ID, bytes.fromhex(digits)

    def environment(self, kind: str, **settings: object) -> dict[str, str]:
        """The whole environment of a process of this kind: a name of the Procfile, or `operator` for the CLI.

        `settings`: further ones, by their names in lower case.
        """
        values = find_inherited()
        values["REDIS_URL"] = self.redis_url
        values["ENDPOINT_TOKEN_KEY"] = self.secrets["endpoint_token_key"]
        if kind != "receiver":
            values["DATABASE_URL"] = self.database_urls[f"acequia_{kind}"]
            values["KEYS_DATABASE_URL"] = self.database_urls[KEYS_ROLE]
            values["KEYSTORE_URL"] = self.keystore_url
            key_id, key = self.tenant_token_key
            values["TENANT_TOKEN_KEY"] = f"{key_id}:{key.hex()}"
        if kind == "receiver":
            values["RECEIVER_STATE_DIR"] = str(self.folder / "receiver")
        return values | {name.upper(): str(value) for name, value in settings.items()}


def read_settings_of(environment: Mapping[str, str]) -> Settings:
    """What a process with this environment would read. Raises ConfigurationError."""
    known = {name: environment[name.upper()] for name in Settings.model_fields if name.upper() in environment}
    return read_settings(**known)


def forget_settings() -> None:
    """Takes our settings out of this process's own environment: only what `environment` says is to count."""
    for name in Settings.model_fields:
        os.environ.pop(name.upper(), None)
        os.environ.pop(f"{name.upper()}_FILE", None)


def find_inherited() -> dict[str, str]:
    """What every process of ours inherits."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ}


def load_secrets(folder: Path) -> dict[str, str]:
    """The passwords of all roles and the keys our processes share, made at the first call."""
    return load_passwords(folder / "passwords.json", (*LOGIN_ROLES, "tenant_token_key", "endpoint_token_key"))


def make_database_urls(server_url: str, secrets: Mapping[str, str], suffix: str = "") -> dict[str, str]:
    """Role → URL on the server of `server_url` (the superuser's). `suffix`: of both databases' names."""
    head, _, place = server_url.rpartition("@")
    scheme = head.partition("://")[0]
    address = place.partition("/")[0]
    urls = {SUPERUSER: f"{head}@{address}/{DATABASE}{suffix}"}
    for role in LOGIN_ROLES:
        database = KEYS_DATABASE if role in KEYS_ROLES else DATABASE
        urls[role] = f"{scheme}://{role}:{secrets[role]}@{address}/{database}{suffix}"
    return urls


async def prepare_databases(installation: Installation, admin_url: str | None) -> list[str]:
    """Roles (with `admin_url`, a superuser's), migrations, the key of tenant tokens, the keystore.

    Answers the migrations that were applied.
    """
    urls = installation.database_urls
    if admin_url is not None:
        await ensure_roles(admin_url, {role: installation.secrets[role] for role in LOGIN_ROLES})
    done = await migrate(urls[OWNER])
    if KEYS_OWNER in urls:
        done += await migrate_keys(urls[KEYS_OWNER])
    await install_token_key(urls[OWNER], *installation.tenant_token_key)
    if installation.given_keystore_url is None and not (installation.folder / "keystore.json").exists():
        FileKeystore.create(installation.keystore_url)
    return done
