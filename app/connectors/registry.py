"""The connectors that there are: every folder here with a `declaration.py`. Adding one touches nothing else."""

from functools import cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

from app.connectors.contract import Connector


@cache
def list_connectors() -> MappingProxyType[str, Connector]:
    """Connector by name, in alphabetical order."""
    folders = sorted(path.parent.name for path in Path(__file__).parent.glob("*/declaration.py"))
    declarations = (import_module(f"app.connectors.{folder}.declaration").CONNECTOR for folder in folders)
    return MappingProxyType({connector.name: connector for connector in declarations})


def get_connector(name: str) -> Connector:
    """The connector of that name. Raises LookupError naming those that there are."""
    connectors = list_connectors()
    if name not in connectors:
        raise LookupError(f"no connector {name!r}; there are: {', '.join(connectors)}")
    return connectors[name]
