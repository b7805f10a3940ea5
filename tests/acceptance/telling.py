"""What a run did, for whoever reads a failed test: pytest shows it then, and only then."""

import sys


def tell(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
