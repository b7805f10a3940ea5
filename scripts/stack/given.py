"""Servers that the user gives by the design's URL settings; what is not given is embedded."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from scripts.stack.installation import KEYS_OWNER, KEYS_ROLE, OWNER

NEEDED = {"MIGRATION_DATABASE_URL": OWNER, "KEYS_DATABASE_URL": KEYS_ROLE}
PROCESSES = ("web", "worker", "syncer", "operator")


class GivenServers(NamedTuple):
    """`database_urls`: role → URL, None for the embedded server. `secrets`: keys that stand in the environment."""

    redis_url: str | None
    database_urls: dict[str, str] | None
    secrets: dict[str, str]
    keystore_url: str | None


NOTHING_GIVEN = GivenServers(None, None, {}, None)


def find_given_servers(environment: Mapping[str, str]) -> GivenServers:
    """Reads the URL settings. Raises ValueError naming what is missing when only some of a database's are there."""

    def read(name: str) -> str:
        path = environment.get(f"{name}_FILE")
        return environment.get(name) or (Path(path).read_text(encoding="utf-8").strip() if path else "")

    urls = {role: read(name) for name, role in NEEDED.items()}
    shared = read("DATABASE_URL")
    urls |= {f"acequia_{kind}": read(f"{kind.upper()}_DATABASE_URL") or shared for kind in PROCESSES}
    if any(urls.values()):
        missing = [name for name, role in NEEDED.items() if not urls[role]]
        missing += ["DATABASE_URL"] if not all(urls[f"acequia_{kind}"] for kind in PROCESSES) else []
        if missing:
            raise ValueError(
                f"Your own Postgres needs {', '.join(missing)} as well (see README, Run it for real)."
                " Unset all of them to use the embedded one."
            )
        if keys_owner := read("KEYS_MIGRATION_DATABASE_URL"):
            urls[KEYS_OWNER] = keys_owner
    secrets = {"endpoint_token_key": read("ENDPOINT_TOKEN_KEY"), "tenant_token_key": read("TENANT_TOKEN_KEY")}
    return GivenServers(
        redis_url=read("REDIS_URL") or None,
        database_urls=urls if any(urls.values()) else None,
        secrets={name: value for name, value in secrets.items() if value},
        keystore_url=read("KEYSTORE_URL") or None,
    )
