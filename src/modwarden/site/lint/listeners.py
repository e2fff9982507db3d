"""Listeners: sockets that clash, units that cannot be told apart."""

from collections.abc import Callable, Iterator, Sequence

from modwarden.model import Asset, Conduit, Finding, SerialPort, ServerBinding, Site, Socket, UnitId
from modwarden.site.lint._finding import error, warning


def listener_clash(site: Site) -> Iterator[Finding]:
    """Two conduits of one guard listen on one socket; within a conduit, one socket is routed by unit id."""
    taken: dict[tuple[str, Socket | SerialPort], tuple[Conduit, ServerBinding]] = {}
    for conduit in site.conduits.values():
        for binding in conduit.servers:
            for place in _places(site, conduit, binding):
                other, held = taken.setdefault((conduit.guard, place), (conduit, binding))
                if other is not conduit:
                    what = f"{place} is also the listener of conduit {other.name!r} ({held.origin})"
                    hint = "give each conduit listeners of its own"
                    yield error("listener-clash", binding.origin, what, hint)
                elif held is not binding and conduit.transparent is not None:
                    what = f"{place} is also the address of {held.asset!r} ({held.origin})"
                    yield error("listener-clash", binding.origin, what, "one address leads to one server")


def _places(site: Site, conduit: Conduit, binding: ServerBinding) -> Sequence[Socket | SerialPort]:
    return site.sockets(conduit, binding) if isinstance(binding.listen, Socket) else (binding.listen,)


def wildcard_clash(site: Site) -> Iterator[Finding]:
    """A listener on all addresses takes the port from one on a single address."""
    for guard in site.guards():
        own = [c for c in site.conduits.values() if c.guard == guard and c.transparent is None]
        sockets = [(b, b.listen) for c in own for b in c.servers if isinstance(b.listen, Socket)]
        wide = {listen.port: b for b, listen in sockets if listen.address.is_unspecified}
        for binding, listen in sockets:
            held = wide.get(listen.port)
            if held is not None and listen != held.listen:
                what = f"{listen} is within the listener {held.listen} ({held.origin})"
                yield error("listener-clash", binding.origin, what, "name one address for each")


def listener_not_on_guard(site: Site) -> Iterator[Finding]:
    """The guard's host does not have the address that is listened on."""
    for conduit in site.conduits.values():
        guard = site.assets.get(conduit.guard)
        for binding in conduit.servers:
            if not isinstance(binding.listen, Socket):
                continue
            address = binding.listen.address
            if (
                conduit.transparent is None
                and guard is not None
                and guard.addresses
                and not address.is_unspecified
                and address not in guard.addresses
            ):
                what = f"{address} is no address of the guard {guard.name!r} ({guard.origin})"
                hint = "add it to the guard's addresses, or correct it here"
                yield warning("listener-not-on-guard", binding.origin, what, hint)


def unit_id_clash(site: Site) -> Iterator[Finding]:
    """Two units behind one listener have one unit id, so no request could be routed."""
    for conduit in site.conduits.values():
        routed: dict[Socket | SerialPort, dict[UnitId, Asset]] = {}
        for binding in conduit.servers:
            held = routed.setdefault(binding.listen, {})
            for unit in _units(site, binding):
                yield from _clashes(binding, unit, held)


def _units(site: Site, binding: ServerBinding) -> list[Asset]:
    return [site.assets[binding.asset], *site.units_via(binding.asset)]


def _clashes(binding: ServerBinding, unit: Asset, held: dict[UnitId, Asset]) -> Iterator[Finding]:
    for unit_id in unit.unit_ids:
        other = held.setdefault(unit_id, unit)
        if other is not unit:
            what = f"{unit.name!r} and {other.name!r} both have unit id {unit_id} behind {binding.listen}"
            hint = "give one another unit id, or a listener of its own"
            yield error("unit-id-clash", unit.origin if unit.via else binding.origin, what, hint)


LINTS: tuple[Callable[[Site], Iterator[Finding]], ...] = (
    listener_clash,
    wildcard_clash,
    listener_not_on_guard,
    unit_id_clash,
)
