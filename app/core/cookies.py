"""The cookie that carries a person's session, the same for the API and the dashboard."""

SESSION_COOKIE = "acequia_session"


def name_session_cookie(*, is_secure: bool) -> str:
    """Browsers take a `__Host-` cookie only over https, from exactly this host."""
    return f"__Host-{SESSION_COOKIE}" if is_secure else SESSION_COOKIE


def write_session_cookie(session_id: str, max_age_s: int, *, is_secure: bool) -> str:
    """`Set-Cookie`: for our own pages only, and never for a script. An empty id and age 0 end it."""
    secure = "; Secure" if is_secure else ""
    name = name_session_cookie(is_secure=is_secure)
    return f"{name}={session_id}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}"
