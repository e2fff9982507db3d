"""A zone: assets that share security requirements, and the networks they sit in."""

from dataclasses import dataclass, field

from modwarden.model.names import ZoneName
from modwarden.model.network import Address, Network
from modwarden.model.origin import Origin


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone in the sense of IEC 62443-3-2."""

    name: ZoneName
    level: int | None = None
    sl_t: int | None = None
    networks: tuple[Network, ...] = ()
    origin: Origin = field(default=Origin("", 0), compare=False)

    def holds(self, address: Address) -> bool:
        """Say whether an address lies in one of the zone's networks."""
        return any(address in network for network in self.networks)
