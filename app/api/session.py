"""A person's session, and what a caller may know of themselves."""

from uuid import UUID

from app.api.call import Call
from app.api.operation import Operation, Result
from app.core.cookies import write_session_cookie
from app.core.errors import ForbiddenError, RateLimitedError, UnauthenticatedError
from app.services.callers import describe_caller
from app.services.invitations import accept_invitation
from app.services.sessions import OpenedSession, change_password, log_in, log_out
from schemas.access import Acceptance, Caller, Login, NewPassword
from schemas.api import Answer, Envelope

TAG = "session"


async def get_caller(call: Call) -> Result:
    return Result(Envelope(data=await describe_caller(call.office, call.caller)))


async def post_session(call: Call) -> Result:
    login = call.get_body(Login)
    opened = await log_in(call.office, login.email, login.password, address=call.address, request_id=call.request_id)
    return await _begin(call, opened)


async def _begin(call: Call, opened: OpenedSession) -> Result:
    principal = await call.authenticator.find_by_session(opened.session_id)
    if principal is None:
        raise UnauthenticatedError("The session has ended already: log in again.")
    cookie = write_session_cookie(opened.session_id, call.office.settings.session_max_s, is_secure=call.is_secure)
    return Result(Envelope(data=await describe_caller(call.office, principal)), cookie=cookie)


async def post_acceptance(call: Call) -> Result:
    opened = await accept_invitation(
        call.office, call.get_body(Acceptance), address=call.address, request_id=call.request_id
    )
    return await _begin(call, opened)


async def delete_session(call: Call) -> Result:
    if call.session_id is None:
        raise ForbiddenError("A key has no session: revoke it instead.")
    await log_out(call.office, call.session_id)
    call.authenticator.forget(call.session_id)
    return Result(Answer(), cookie=write_session_cookie("", 0, is_secure=call.is_secure))


async def put_password(call: Call) -> Result:
    if call.caller.kind != "person":
        raise ForbiddenError("A key has no password: rotate it instead.")
    wanted = call.get_body(NewPassword)
    await change_password(
        call.office, UUID(call.caller.id), wanted.current_password, wanted.new_password, address=call.address,
        request_id=call.request_id,
    )  # fmt: skip
    return Result(Answer(), cookie=write_session_cookie("", 0, is_secure=call.is_secure))


OPERATIONS = (
    Operation(
        "get_caller", "GET", "/me", "caller", "authenticated", "Who calls, and what they may do where", TAG, get_caller,
        Envelope[Caller],
    ),
    Operation(
        "log_in", "POST", "/session", "caller", "public", "Begin a session: a cookie for the dashboard", TAG,
        post_session, Envelope[Caller], 201, body=Login, problems=(UnauthenticatedError, RateLimitedError),
        shows_secret=True,
    ),
    Operation(
        "accept_invitation", "POST", "/invitations/accept", "caller", "public",
        "Accept an invitation with its code, and begin a session", TAG, post_acceptance, Envelope[Caller], 201,
        body=Acceptance, problems=(UnauthenticatedError, RateLimitedError), shows_secret=True,
        description="Somebody who has a password gives it; somebody new sets one.",
    ),
    Operation(
        "log_out", "DELETE", "/session", "caller", "authenticated", "End this session", TAG, delete_session, Answer,
    ),
    Operation(
        "change_password", "PUT", "/me/password", "caller", "authenticated",
        "Change your own password; all your sessions end", TAG, put_password, Answer, body=NewPassword,
    ),
)  # fmt: skip
