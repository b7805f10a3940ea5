"""`python -m scripts.lints`: every rule of ours over the checkout. Exit code 1 when one is broken."""

import sys
from pathlib import Path

from scripts.lints.places import check_places
from scripts.lints.python_source import check_python
from scripts.lints.sql_source import check_queries, check_session_settings
from scripts.lints.templates import check_templates

ROOT = Path(__file__).resolve().parents[2]
RULES = (check_python, check_queries, check_session_settings, check_places, check_templates)


def main() -> int:
    findings = sorted(finding for rule in RULES for finding in rule(ROOT))
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
