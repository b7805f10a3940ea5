"""What people type when a form insists: values that stand for nobody, or for thousands. Never indexed."""

_NOBODY_LOCAL_PARTS = frozenset(
    {
        "noreply", "donotreply", "noresponder", "naoresponda", "naoresponder", "mailerdaemon", "postmaster", "nomail",
        "noemail", "sinmail", "sinemail", "sincorreo", "notiene", "notengo", "notienemail", "notieneemail", "semmail",
        "sememail", "naotem", "naotememail", "consumidorfinal", "anonimo", "anonymous", "guest", "invitado",
    }
)  # fmt: skip
# Nobody's address when both sides are such a word: test@test.com, a@a.com. One side alone may be somebody's.
_NOBODY_WORDS = frozenset(
    {
        "test", "teste", "prueba", "asd", "asdf", "asdasd", "qwe", "qwerty", "a", "aa", "aaa", "x", "xx", "xxx", "abc",
        "123", "1234", "email", "mail", "correo", "example", "ejemplo", "exemplo", "no", "na", "none", "null",
    }
)  # fmt: skip
_SEQUENCES = "01234567890123456789|12345678901234567890|98765432109876543210"
_SEQUENCE_CHARACTERS_MIN = 6
_SEPARATORS = str.maketrans("", "", ".-_")


def is_placeholder_email(local: str, domain: str) -> bool:
    """Whether a lower-cased address is one that people type to have typed something."""
    name = local.partition("+")[0].translate(_SEPARATORS)
    return name in _NOBODY_LOCAL_PARTS or (name in _NOBODY_WORDS and domain.partition(".")[0] in _NOBODY_WORDS)


def is_placeholder_digits(value: str) -> bool:
    """Whether a document or phone, letters and digits, is one character repeated (00000000) or a run (12345678)."""
    if not value.strip(value[:1]):
        return True
    return len(value) >= _SEQUENCE_CHARACTERS_MIN and value in _SEQUENCES
