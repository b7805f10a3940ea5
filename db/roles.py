"""The roles and databases of an installation, made by an administrator once and again without harm.

On a managed server run `acequia db roles` as the provider's administrator (CREATEROLE and CREATEDB suffice).
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence

import asyncpg

from app.core.errors import ConfigurationError
from db.queries import load_queries

OWNER = "acequia_owner"
KEYS_OWNER = "acequia_keys_owner"
PROCESS_ROLES = ("acequia_web", "acequia_worker", "acequia_syncer", "acequia_operator")
KEYS_ROLE = "acequia_keys"
LOGIN_ROLES = (OWNER, *PROCESS_ROLES, KEYS_OWNER, KEYS_ROLE)
HOLDER_ROLES = ("acequia_security", "acequia_ledger")  # no login: they hold the token check and the ledger's partitions

# Any role with UPDATE may lock a table or hold a row for ever: the server ends what goes on for too long.
_LIMITS = {
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "30s",
    "transaction_timeout": "60s",
    "jit": "off",
}
_STATEMENT_TIMEOUTS = {
    "acequia_web": "5s",
    "acequia_worker": "15s",
    "acequia_syncer": "30s",
    "acequia_operator": "30s",
    KEYS_ROLE: "5s",
}

SQL = load_queries("roles")


async def ensure_roles(
    admin_url: str,
    passwords: Mapping[str, str],
    *,
    database: str = "acequia",
    keys_database: str = "acequia_keys",
) -> None:
    """Makes the roles and the two databases, or brings what is there to the same state.

    `passwords`: role name → password, for every name of LOGIN_ROLES. Raises ConfigurationError when one is missing.
    """
    missing = [role for role in LOGIN_ROLES if not passwords.get(role)]
    if missing:
        raise ConfigurationError(f"No password given for {', '.join(missing)}.")
    connection = await asyncpg.connect(admin_url)
    try:
        for role in (*LOGIN_ROLES, *HOLDER_ROLES):
            if await connection.fetchval(SQL["find_role"], role) is None:
                await _run_formatted(connection, "format_create_role", role)
        for role in LOGIN_ROLES:
            await _run_formatted(connection, "format_login_role", role, make_scram_verifier(passwords[role]))
        for role in HOLDER_ROLES:
            await _run_formatted(connection, "format_inherited_membership", role, OWNER)
        for role, statement_timeout in _STATEMENT_TIMEOUTS.items():
            for setting, value in {**_LIMITS, "statement_timeout": statement_timeout}.items():
                await _run_formatted(connection, "format_role_setting", role, setting, value)
        for name, owner in ((database, OWNER), (keys_database, KEYS_OWNER)):
            if await connection.fetchval(SQL["find_database"], name) is None:
                await _run_formatted(connection, "format_create_database", name, owner)
        await protect_database(connection, database, PROCESS_ROLES)
        await protect_database(connection, keys_database, (KEYS_ROLE,))
    finally:
        await connection.close()


async def protect_database(connection: asyncpg.Connection, database: str, roles: Sequence[str]) -> None:
    """Lets only the given roles connect, and nobody create temporary objects. A cloned database needs this again."""
    await _run_formatted(connection, "format_close_database", database)
    for role in roles:
        await _run_formatted(connection, "format_open_database", database, role)


def make_scram_verifier(password: str) -> str:
    """What Postgres stores for a password (RFC 5803), made here so that the server never sees the password itself.

    RFC 7677's 4,096 rounds. The password must be printable ASCII, for which SASLprep changes nothing.
    """
    if not password.isascii() or not password.isprintable():
        raise ConfigurationError("Passwords of database roles must be printable ASCII.")
    salt, rounds = os.urandom(16), 4_096
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (base64.b64encode(part).decode() for part in (salt, stored_key, server_key))
    return f"SCRAM-SHA-256${rounds}:{salt_text}${stored_text}:{server_text}"


async def _run_formatted(connection: asyncpg.Connection, name: str, *arguments: str) -> None:
    await connection.execute(await connection.fetchval(SQL[name], *arguments))
