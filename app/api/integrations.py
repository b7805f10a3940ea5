"""Integrations: listed, made, changed, paused, validated. Ids are `int_{tenant}_{number}`."""

from app.api.call import Call
from app.api.etags import read_if_match, write_etag
from app.api.integration_schema import IntegrationChangeBody, IntegrationFieldsBody, NewIntegrationBody
from app.api.operation import Operation, Result
from app.core.errors import ConflictError, NotAvailableError
from app.services import integration_admin, integration_reads, integration_states
from app.services.ids import read_integration_id
from app.services.integration_addresses import reveal_addresses
from app.services.integration_changes import change_integration
from app.services.integration_checks import validate_fields, validate_integration
from app.services.secret_states import retire_integration_secret
from schemas.api import Envelope, Page
from schemas.integrations import (
    ChangedIntegration,
    HookChoice,
    Integration,
    IntegrationChange,
    IntegrationFields,
    IntegrationsQuery,
    IssuedIntegration,
    NewIntegration,
    ProviderAddress,
    SecretState,
    Validation,
)

TAG = "integrations"
PATH = "/tenant-integrations"
ONE = f"{PATH}/{{integration_id}}"


async def get_integrations(call: Call) -> Result:
    return Result(Page(data=await integration_reads.list_integrations(call.office, call.tenant_id)))


async def post_integration(call: Call) -> Result:
    made, revision = await integration_admin.create_integration(
        call.office, call.tenant_id, call.get_body(NewIntegration), actor=call.actor
    )
    return Result(Envelope(data=made), write_etag(revision), location=f"{PATH}/{made.id}", object_id=made.id)


async def get_one(call: Call) -> Result:
    shown, revision = await integration_reads.get_integration(call.office, *find_ids(call))
    return Result(Envelope(data=shown), write_etag(revision))


async def put_one(call: Call) -> Result:
    shown, revision = await change_integration(
        call.office, *find_ids(call), call.get_body(IntegrationChange), actor=call.actor, revision=read_if_match(call)
    )
    return Result(Envelope(data=shown), write_etag(revision))


async def delete_one(call: Call) -> Result:
    return Result(
        Envelope(data=await integration_admin.delete_integration(call.office, *find_ids(call), actor=call.actor))
    )


async def post_pause(call: Call) -> Result:
    return Result(
        Envelope(data=await integration_states.pause_integration(call.office, *find_ids(call), actor=call.actor))
    )


async def post_resume(call: Call) -> Result:
    shown = await integration_states.resume_integration(
        call.office, *find_ids(call), call.get_body(HookChoice), actor=call.actor
    )
    return Result(Envelope(data=shown))


async def post_rotation(call: Call) -> Result:
    shown = await integration_states.rotate_integration_secret(call.office, *find_ids(call), actor=call.actor)
    return Result(Envelope(data=shown), object_id=shown.id)


async def post_retirement(call: Call) -> Result:
    return Result(Page(data=await retire_integration_secret(call.office, *find_ids(call), actor=call.actor)))


async def post_own_validation(call: Call) -> Result:
    return Result(Envelope(data=await validate_integration(call.office, *find_ids(call), actor=call.actor)))


async def get_addresses(call: Call) -> Result:
    row = await integration_reads.get_row(call.office, *find_ids(call))
    return Result(Page(data=await reveal_addresses(call.office, row, actor=call.actor)))


async def post_validation(call: Call) -> Result:
    found = await validate_fields(call.office, call.get_text("type"), call.get_body(IntegrationFields))
    return Result(Envelope(data=found))


def find_ids(call: Call) -> tuple[int, int]:
    """The tenant's and the integration's number of the address; the guard has looked at the first."""
    return read_integration_id(call.get_text("integration_id"))


OPERATIONS = (
    # Before the addresses with an id in the same place.
    Operation(
        "validate_integration", "POST", f"{PATH}/validate/{{type}}", "anywhere", "integrations:operate",
        "Put credentials to the test: the provider is really called, and nothing is stored", TAG, post_validation,
        Envelope[Validation], body=IntegrationFieldsBody, problems=(NotAvailableError,),
        description="The connector's fields, flat or under `config`. Each finding says what to mend, and in which "
        "field. A single-use token is used up by it: what came of it is kept for the integration that is made of the "
        "same credentials.",
    ),
    Operation(
        "list_integrations", "GET", PATH, "tenant", "integrations:read",
        "A tenant's integrations, without secrets", TAG, get_integrations, Page[Integration], tenant_in="query",
        query=IntegrationsQuery,
    ),
    Operation(
        "create_integration", "POST", PATH, "tenant", "integrations:write",
        "Connect an account: credentials are put to the test, and the provider is told to call us", TAG,
        post_integration, Envelope[IssuedIntegration], 201, tenant_in="body", body=NewIntegrationBody,
        problems=(ConflictError,), shows_secret=True,
        description="The connector's fields stand beside the other members or under `config`. VTEX keeps one hook per "
        "app key: somebody else's is left alone unless `replace_foreign_hook` is true. Wrong credentials are stored "
        "nowhere; a provider that is down stops nothing, and the answer says what is to be done. Only MercadoLibre "
        "must be there when `user_id` is left out: it tells whose account it is.",
    ),
    Operation(
        "get_integration", "GET", ONE, "tenant", "integrations:read", "One integration, without secrets", TAG, get_one,
        Envelope[Integration], tenant_in="integration", has_etag=True,
    ),
    Operation(
        "change_integration", "PUT", ONE, "tenant", "integrations:write",
        "Change an integration in part, or replace its credentials", TAG, put_one, Envelope[ChangedIntegration],
        tenant_in="integration", body=IntegrationChangeBody, has_etag=True, problems=(ConflictError,),
        description="What is not named stays. New credentials are put to the test first, and resume an integration "
        "that waited for them. The account never changes. The connector's fields stand under `config`, or beside the "
        "other members as when it was made.",
    ),
    Operation(
        "delete_integration", "DELETE", ONE, "tenant", "integrations:write",
        "Remove the hook at the provider, end the addresses and forget the credentials", TAG, delete_one,
        Envelope[ChangedIntegration], tenant_in="integration",
    ),
    Operation(
        "pause_integration", "POST", f"{ONE}/pause", "tenant", "integrations:operate",
        "Let its events wait; they go on arriving", TAG, post_pause, Envelope[Integration], tenant_in="integration",
    ),
    Operation(
        "resume_integration", "POST", f"{ONE}/resume", "tenant", "integrations:operate",
        "Work off what waited, and set the hook again if it is not there", TAG, post_resume,
        Envelope[ChangedIntegration], tenant_in="integration", body=HookChoice, is_body_required=False,
    ),
    Operation(
        "rotate_integration_secret", "POST", f"{ONE}/rotate-secret", "tenant", "integrations:write",
        "Another secret for its calls; the one before stays valid until it was unused for a day", TAG, post_rotation,
        Envelope[IssuedIntegration], tenant_in="integration", shows_secret=True,
    ),
    Operation(
        "retire_integration_secret", "POST", f"{ONE}/retire-secret", "tenant", "integrations:write",
        "End the secret before the newest at once: who still uses it is refused", TAG, post_retirement,
        Page[SecretState], tenant_in="integration", problems=(ConflictError,),
    ),
    Operation(
        "validate_held_credentials", "POST", f"{ONE}/validate", "tenant", "integrations:operate",
        "Put the credentials that are held to the test now", TAG, post_own_validation, Envelope[Validation],
        tenant_in="integration", problems=(ConflictError,), is_harmless_twice=True,
        description="An integration whose credentials were refused goes on when the provider takes them again.",
    ),
    Operation(
        "get_integration_addresses", "GET", f"{ONE}/addresses", "tenant", "integrations:write",
        "The addresses that the provider calls, with what must be done by hand; each time is audited", TAG,
        get_addresses, Page[ProviderAddress], tenant_in="integration",
    ),
)  # fmt: skip
