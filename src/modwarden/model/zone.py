"""A zone: assets that share security requirements, and the networks they sit in."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from modwarden.model.names import ZoneName
from modwarden.model.network import Address, Network
from modwarden.model.origin import Origin
from modwarden.model.security_level import SecurityLevel

# The levels of the reference model that rules speak of; 4 and 5 lie outside the plant.
FIELD, CONTROL, DMZ, ENTERPRISE, INTERNET = 0, 1, 2, 3, 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where a zone is, and what keeps people from it."""

    location: str | None = None
    buildings: tuple[str, ...] = ()
    locked: bool | None = None
    wireless: bool = False


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone in the sense of IEC 62443-3-2."""

    name: ZoneName
    level: int | None = None
    sl_t: SecurityLevel | None = None
    networks: tuple[Network, ...] = ()
    origin: Origin = field(default=Origin("", 0), compare=False)
    vlans: Mapping[Network, int] = field(default_factory=dict)
    place: Place = field(default_factory=Place)

    def holds(self, address: Address) -> bool:
        """Say whether an address lies in one of the zone's networks."""
        return any(address in network for network in self.networks)

    @property
    def is_dmz(self) -> bool:
        """Say whether it is the DMZ."""
        return self.level == DMZ

    @property
    def is_ot(self) -> bool:
        """Say whether it is field or control."""
        return self.level is not None and self.level <= CONTROL

    @property
    def is_it(self) -> bool:
        """Say whether it lies beyond the DMZ; one without a level may be anywhere, so it does."""
        return self.level is None or self.level >= ENTERPRISE
