"""A serial bus in the building: its segments, and the transceivers that drive them."""

from dataclasses import dataclass, field

from modwarden.model.names import AssetName
from modwarden.model.origin import Origin


@dataclass(frozen=True, slots=True)
class Voltage:
    """A rated isolation voltage; direct and effective values are not compared with each other."""

    volts: float
    kind: str

    def __str__(self) -> str:
        return f"{self.volts:g} {self.kind}"


@dataclass(frozen=True, slots=True)
class Electrical:
    """What a transceiver withstands and does, or what a bus needs of one."""

    isolation: Voltage | None = None
    # The figure, and whether it is "above" it; tuples compare as the words do.
    cmti_kv_per_us: tuple[float, bool] | None = None
    data_rate_bit_s: float | None = None
    temperature_c: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Transceiver:
    """A part, with the figures of its data sheet; without `isolation` it isolates nothing."""

    name: str
    data: Electrical
    origin: Origin = field(default=Origin("", 0), compare=False)


@dataclass(frozen=True, slots=True)
class BusSegment:
    """The piece of a bus in one building, and the part that drives it."""

    building: str
    units: tuple[AssetName, ...] = ()
    transceiver: str | None = None
    origin: Origin = field(default=Origin("", 0), compare=False)


@dataclass(frozen=True, slots=True)
class Bus:
    """A serial line with everything on it."""

    name: str
    gateway: AssetName
    segments: tuple[BusSegment, ...]
    need: Electrical = field(default_factory=Electrical)
    origin: Origin = field(default=Origin("", 0), compare=False)

    @property
    def buildings(self) -> tuple[str, ...]:
        """List its buildings, in the order of the file."""
        return tuple(dict.fromkeys(segment.building for segment in self.segments))
