"""Integrations as the API takes and shows them. What a connector asks for is declared by the connector: its fields come
either beside the other members or under `config`, and are checked against its declaration."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from schemas.api import TENANT_ID_MAX, Body, Moment, Query, ShortText, Shown

FIELDS_MAX = 40
ACCOUNTS_MAX = 100
TypeName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
FieldValue = Annotated[str, StringConstraints(max_length=2_000)] | None
AccountName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Switch = Annotated[bool, Field(strict=True)]


class IntegrationsQuery(Query):
    tenant_id: int = Field(ge=1, le=TENANT_ID_MAX, description="whose integrations")


class FieldsBody(Body):
    """A body that holds a connector's fields, flat or under `config`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, FieldValue] = Field(init=False)

    config: Annotated[dict[str, FieldValue], Field(max_length=FIELDS_MAX)] | None = Field(
        None, description="the connector's fields; they may stand beside `config` as well"
    )

    @property
    def flat_fields(self) -> Mapping[str, str | None]:
        """Those beside `config`."""
        return self.__pydantic_extra__ or {}


class NewIntegration(FieldsBody):
    """Either form: the connector's fields flat, or under `config`; `integration_type` may be called `type`."""

    tenant_id: Annotated[int, Field(strict=True, ge=1, le=TENANT_ID_MAX)]
    integration_type: TypeName | None = None
    type: TypeName | None = None
    name: ShortText | None = None
    accepted_accounts: list[AccountName] = Field(
        [], max_length=ACCOUNTS_MAX, description="further accounts whose calls it takes, such as franchises"
    )
    auto_sync: Switch = True
    replace_foreign_hook: Switch = Field(False, description="take the place of somebody else's hook")
    credentials_expire_at: Moment | None = Field(
        None, description="until when the credentials are valid, if that is known: an alert tells before"
    )


class IntegrationChange(FieldsBody):
    """A partial change: what is not named stays. Credentials are replaced, never shown. The account never changes."""

    name: ShortText | None = None
    accepted_accounts: list[AccountName] | None = Field(None, max_length=ACCOUNTS_MAX)
    auto_sync: Switch | None = None
    replace_foreign_hook: Switch = False
    credentials_expire_at: Moment | None = Field(
        None, description="null forgets it, and so do new credentials that come without it"
    )


class IntegrationFields(FieldsBody):
    """What is to be validated; nothing of it is stored."""


class HookChoice(Body):
    """`replace_foreign_hook`: VTEX keeps one hook per app key; true takes the place of somebody else's."""

    replace_foreign_hook: Switch = False


class Finding(Shown):
    """`field`: which of the connector's fields must be changed. `permission`: what is missing at the provider, as it is
    called there. `about`: what was found: the accounts below a manager, the site where a seller sells, when a token
    ends."""

    code: str
    severity: Literal["error", "warning", "info"]
    message: str
    field: str | None = None
    permission: str | None = None
    about: str | None = None


class Validation(Shown):
    """`streams`: what these credentials can read as they are now."""

    type: str
    valid: bool
    findings: list[Finding]
    streams: list[str]


class SecretField(Shown):
    is_set: bool


class Stream(Shown):
    """`permission`: what it needs at the provider."""

    name: str
    label: str
    permission: str


class Hook(Shown):
    """Whether the provider calls us. none: it has no hook to set; off: no PUBLIC_URL; foreign: somebody else's stands
    there; failed: it could not be set; removed: it is not there now.

    `path_good_at`: when a test call last came all the way from our public address into the ledger; `path_problem`: what
    keeps it from that. `silent_since`: it stands there and tells nothing, although orders change.
    """

    status: Literal["none", "off", "registered", "foreign", "failed", "removed"]
    note: str | None
    checked_at: datetime | None
    path_good_at: datetime | None = None
    path_problem: str | None = None
    silent_since: datetime | None = None


class SecretState(Shown):
    """The secret of one kind of address. `has_previous`: an older one is valid beside the newest; `rotated_at`: since
    when its caller has the newest, null while it was not told; `previous_used_at`: when the older one was last used."""

    kind: str
    has_previous: bool
    rotated_at: datetime | None
    previous_used_at: datetime | None


class ProviderAddress(Shown):
    """An address that the provider calls: all of it is a secret. None without PUBLIC_URL.

    `secret`: what signed documents are signed with. `steps`: what somebody must do by hand for it to be called.
    """

    kind: str
    label: str
    url: str | None
    header_name: str | None
    secret: str | None
    accounts: list[str]
    steps: list[str]


class Integration(Shown):
    """`config`: the declared fields that are no credentials. `last_sync`: the last moment at which it was current."""

    id: str
    tenant_id: int
    type: str
    name: str
    account: str
    environment: str
    accepted_accounts: list[str]
    status: Literal["active", "paused", "credentials_refused", "deleted"]
    status_reason: str | None
    auto_sync: bool
    sync_frequency: str
    config: dict[str, Any]
    credentials: dict[str, SecretField]
    credentials_expire_at: datetime | None
    streams: list[Stream]
    hook: Hook
    last_sync: datetime | None
    created_at: datetime
    updated_at: datetime


class ChangedIntegration(Integration):
    """`findings`: what the provider said of the credentials. `notes`: what was not done, and what to do about it."""

    findings: list[Finding] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)


class IssuedIntegration(ChangedIntegration):
    """`addresses`: shown here and under `addresses`, kept nowhere in the clear."""

    addresses: list[ProviderAddress] = Field(default_factory=list)
