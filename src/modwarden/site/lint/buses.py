"""Serial buses in their buildings: isolation between them, and parts that do not bear what is needed."""

from collections.abc import Callable, Iterator

from modwarden.model import Bus, BusSegment, Electrical, Finding, Site, Voltage
from modwarden.site.lint._finding import listed, warning


def bus_across_buildings(site: Site) -> Iterator[Finding]:
    """A bus joins the earths of two buildings: a fault in one drives current through the other."""
    parts = {part.name: part for part in site.transceivers}
    for bus in site.buses:
        bare = [
            segment
            for segment in bus.segments
            if segment.transceiver is None or parts[segment.transceiver].data.isolation is None
        ]
        if len(bus.buildings) > 1 and bare:
            where = listed([segment.building for segment in bare])
            what = f"the bus {bus.name!r} joins {listed(list(bus.buildings))}, without isolation in {where}"
            hint = "drive each segment through an isolated transceiver, and name it and its data here"
            yield warning("bus-across-buildings", bus.origin, what, hint)


def transceiver_below_need(site: Site) -> Iterator[Finding]:
    """A part does not bear what its bus needs."""
    parts = {part.name: part for part in site.transceivers}
    for bus in site.buses:
        for segment in bus.segments:
            if segment.transceiver is not None:
                lacks = list(_lacks(parts[segment.transceiver].data, bus.need))
                if lacks:
                    yield _below(bus, segment, lacks)


def _below(bus: Bus, segment: BusSegment, lacks: list[str]) -> Finding:
    what = f"{segment.transceiver!r} in {segment.building} is below what the bus {bus.name!r} needs: "
    hint = "choose a part whose data sheet meets `need`, or correct the figures"
    return warning("transceiver-below-need", segment.origin.at("transceiver"), what + "; ".join(lacks), hint)


def _lacks(has: Electrical, need: Electrical) -> Iterator[str]:
    if need.isolation is not None and not _withstands(has.isolation, need.isolation):
        yield f"isolation {has.isolation or 'none'}, needed {need.isolation}"
    if need.cmti_kv_per_us is not None and (has.cmti_kv_per_us or (0.0, False)) < need.cmti_kv_per_us:
        yield f"CMTI {_cmti(has.cmti_kv_per_us)}, needed {_cmti(need.cmti_kv_per_us)}"
    if need.data_rate_bit_s is not None and (has.data_rate_bit_s or 0) < need.data_rate_bit_s:
        yield f"data rate {_rate(has.data_rate_bit_s)}, needed {_rate(need.data_rate_bit_s)}"
    if need.temperature_c is not None and not _spans(has.temperature_c, need.temperature_c):
        yield f"temperature {_span(has.temperature_c)}, needed {_span(need.temperature_c)}"


def _withstands(has: Voltage | None, need: Voltage) -> bool:
    # A direct and an effective rating are of different tests: neither stands in for the other.
    return has is not None and has.kind == need.kind and has.volts >= need.volts


def _spans(has: tuple[float, float] | None, need: tuple[float, float]) -> bool:
    return has is not None and has[0] <= need[0] and need[1] <= has[1]


def _cmti(figure: tuple[float, bool] | None) -> str:
    return "not given" if figure is None else f"{'above ' if figure[1] else ''}{figure[0]:g} kV/µs"


def _rate(figure: float | None) -> str:
    return "not given" if figure is None else f"{figure / 1e6:g} Mbit/s"


def _span(figure: tuple[float, float] | None) -> str:
    return "not given" if figure is None else f"{figure[0]:g} to {figure[1]:g} °C"


LINTS: tuple[Callable[[Site], Iterator[Finding]], ...] = (bus_across_buildings, transceiver_below_need)
