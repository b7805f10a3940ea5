"""`python -m app.receiver`: the process that providers call."""

import gc
import sys

import uvloop

from app.core.errors import ConfigurationError
from app.core.logging import configure_logging
from app.core.settings import get_settings
from app.receiver.server import run


def main() -> None:
    try:
        settings = get_settings()
        configure_logging("receiver", settings.log_level)
        # What the imports made lives as long as the process: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        uvloop.run(run(settings))
    except ConfigurationError as error:
        sys.exit(f"receiver cannot start: {error}")


if __name__ == "__main__":
    main()
