"""The table of roles in docs/api.md, from app/services/permissions.py: `python -m scripts.describe_roles`."""

from app.services.permissions import DESCRIPTIONS, ROLE_PERMISSIONS


def describe_roles() -> str:
    """Markdown: a permission a line, with the roles that hold it."""
    roles = list(ROLE_PERMISSIONS)
    lines = [
        f"| permission | {' | '.join(role.replace('_', ' ') for role in roles)} | which is to |",
        f"|---|{':-:|' * len(roles)}---|",
    ]
    for permission, text in DESCRIPTIONS.items():
        marks = ["✓" if permission in ROLE_PERMISSIONS[role] else "" for role in roles]
        lines.append(f"| `{permission}` | {' | '.join(marks)} | {text} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(describe_roles())
