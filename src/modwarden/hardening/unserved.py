"""
Flows, or parts of them, for which no enforcement point has a rule: what an operator wrote, and nothing opens.

Kept true here: a part is asked for as its own need, by the code that writes the rules.
"""

from collections.abc import Iterator
from dataclasses import replace

from modwarden.hardening.filter import serves
from modwarden.hardening.needs import Need, NeedKind, needs_of
from modwarden.hardening.places import Places, networks_of
from modwarden.hardening.point import Point
from modwarden.model import Flow, Network, Party, Site


def unserved_flows(site: Site) -> Iterator[str]:
    """Say of each flow what of it no rule lets pass, at any enforcement point of the site."""
    points = [Point.of(site, name) for name in site.enforcement_points()]
    if not points:
        return
    needs = {need.name: need for need in needs_of(site, Places.of(site)) if need.kind is NeedKind.FLOW}
    for flow in site.flows.values():
        need = needs[f"flow {flow.name}"]
        for what in _unserved(flow, need, points):
            yield f"flow {flow.name} at {flow.origin}: {what}: no rule at any enforcement point opens it"


def _unserved(flow: Flow, need: Need, points: list[Point]) -> Iterator[str]:
    reasons = list(_unroutable(flow))
    yield from reasons
    if not any(serves(point, need) for point in points):
        if not reasons:
            yield "nothing of it crosses a router or reaches a guard's host"
        return
    yield from (f"from {network}" for network in _idle_sources(flow, need, points))
    yield from (f"to {network}" for network in _idle_targets(flow, need, points))


def _unroutable(flow: Flow) -> Iterator[str]:
    """Name what no router passes on, whatever its rules say: it means a segment."""
    for network in flow.source.networks:
        if network.network_address.is_unspecified and network.num_addresses == 1:
            yield f"from {network.network_address}, who has no address yet (DHCP needs a relay)"
    for network in flow.destination.networks:
        if network.is_multicast or str(network) == "255.255.255.255/32":
            yield f"to {network}, which is multicast or broadcast (VRRP, OSPF, IGMP, DHCP)"


def _idle_sources(flow: Flow, need: Need, points: list[Point]) -> Iterator[Network]:
    for network in _asked_one_by_one(flow.source):
        part = replace(need, source=need.source & networks_of((network,)))
        if not any(serves(point, part) for point in points):
            yield network


def _idle_targets(flow: Flow, need: Need, points: list[Point]) -> Iterator[Network]:
    for network in _asked_one_by_one(flow.destination):
        held = networks_of((network,))
        targets = tuple(replace(one, addresses=one.addresses & held) for one in need.targets)
        if not any(serves(point, replace(need, targets=targets)) for point in points):
            yield network


def _asked_one_by_one(party: Party) -> tuple[Network, ...]:
    """Zones and assets may lie beside the other side, where nothing is crossed; an address was meant."""
    return tuple(
        one for one in party.networks if not (one.is_multicast or one.network_address.is_unspecified)
    )
