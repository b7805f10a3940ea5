"""Why a message was not taken, in the viewer's language. It is kept in English words, as the API tells it."""

import re

from app.dashboard.visit import Visit

# What stands in it beside the words: a status, a number of seconds, an error's name.
_WHAT = r"(?P<what>.+?)"
_SENTENCES = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (rf"no answer within {_WHAT} s", "no_answer"),
        (r"its name is not known", "no_name"),
        (r"its certificate is not valid", "no_certificate"),
        (rf"no connection \({_WHAT}\)", "no_connection"),
        (r"It leads into a private network\.", "private"),
        (rf"answered {_WHAT}", "answered"),
        (r"the mail server does not answer", "mail_silent"),
        (rf"no recipient was accepted \({_WHAT}\)", "mail_recipients"),
        (r"the mail server refuses our user and password", "mail_password"),
        (r"the mail server offers no TLS or login: see SMTP_STARTTLS", "mail_tls"),
        (rf"the mail server answered {_WHAT}", "mail_answered"),
        (rf"the mail server does not take it \({_WHAT}\)", "mail_failed"),
        (rf"{_WHAT} recipients were not accepted", "mail_some"),
        (r"This installation sends no e-mails: .*", "mail_none"),
        (r"the service did not take it", "apprise"),
        (rf"Apprise failed \({_WHAT}\)", "apprise_failed"),
        (rf"its address cannot be opened \({_WHAT}\)", "unopened"),
    )
)


def tell_failure(visit: Visit, sentence: str | None) -> str:
    """One that is not known is told as it is."""
    for pattern, name in _SENTENCES:
        match = pattern.fullmatch(sentence or "")
        if match is not None:
            return visit.t(f"alerts.failed_{name}", what=match.groupdict().get("what", ""))
    return sentence or "–"
