"""What an installation runs on and how it is set: versions, and every setting without a secret."""

import platform
from importlib import metadata
from typing import NamedTuple, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from redis.exceptions import RedisError

from app.core.settings import Settings
from app.services.office import Office
from db.server import read_server_settings

PACKAGE = "acequia"
_LIBRARIES = ("starlette", "arq", "asyncpg", "redis", "pydantic", "cryptography", "jinja2", "babel")


class SettingShown(NamedTuple):
    """`value`: as it holds in this process, None for one that is not set. A secret's value is not in here: `is_set`
    says whether it has one. `is_changed`: it is not the default."""

    name: str
    value: str | None
    default: str | None
    says: str
    is_secret: bool
    is_set: bool
    is_changed: bool


def list_settings(settings: Settings) -> list[SettingShown]:
    """Every setting in the order of the documentation."""
    return [_describe(settings, name, field) for name, field in Settings.model_fields.items()]


async def list_versions(office: Office) -> list[tuple[str, str]]:
    """Name and version of the product, its servers and the libraries that carry it."""
    server = await read_server_settings(office.database, ["server_version"])
    return [
        ("Acequia", _find_version(PACKAGE)),
        ("PostgreSQL", server.get("server_version", "?")),
        (*await _find_queue_version(office),),
        ("Python", platform.python_version()),
        *((name, _find_version(name)) for name in _LIBRARIES),
    ]


def _describe(settings: Settings, name: str, field: FieldInfo) -> SettingShown:
    value, is_secret = getattr(settings, name), SecretStr in (field.annotation, *get_args(field.annotation))
    is_set = value is not None and value != "" and not (isinstance(value, SecretStr) and not value.get_secret_value())
    return SettingShown(
        name=name.upper(), value=None if is_secret or not is_set else str(value),
        default=None if field.default is None else str(field.default),
        says=field.description or name.replace("_", " "), is_secret=is_secret, is_set=is_set,
        is_changed=is_set if is_secret else value != field.default,
    )  # fmt: skip


async def _find_queue_version(office: Office) -> tuple[str, str]:
    try:
        server = await office.queue.redis.info("server")
    except (RedisError, OSError):
        return "Valkey", "?"
    if "valkey_version" in server:
        return "Valkey", str(server["valkey_version"])
    return "Redis", str(server.get("redis_version", "?"))


def _find_version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "?"
