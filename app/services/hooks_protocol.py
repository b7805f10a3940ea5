"""What the lifecycle of a tenant needs of whoever knows how a provider is told to call us, or not to."""

from typing import Protocol


class Hooks(Protocol):
    """Both write what became of it into `hook_status`; asked again they change nothing. They raise what a provider's
    client raises: the caller's decision stands all the same, and is carried out later (`keep_hooks`)."""

    async def remove_hooks(self, tenant_id: int) -> None:
        """No provider calls for this tenant any more; `hook_status` registered becomes removed."""

    async def register_hooks(self, tenant_id: int) -> None:
        """The providers call again; `hook_status` removed becomes registered (or foreign, or off)."""
