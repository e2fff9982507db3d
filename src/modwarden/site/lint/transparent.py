"""Transparent insertion: choices that weaken a promise, and neighbours that would not find each other."""

from collections.abc import Callable, Iterator

from modwarden.model import (
    Address,
    ClientAddress,
    Conduit,
    Finding,
    Layout,
    OnGuardFailure,
    Site,
    Transparent,
)
from modwarden.site.lint._finding import listed, note, warning


def fails_open(site: Site) -> Iterator[Finding]:
    """Without its guard everything passes a conduit."""
    for conduit in site.conduits.values():
        if conduit.on_failure.guard == OnGuardFailure.OPEN:
            what = (
                f"while the guard is away, Modbus passes the conduit {conduit.name!r} unseen and unrecorded"
            )
            hint = "leave `guard: closed` where the process can stand without its clients"
            yield note("fails-open", conduit.origin.at("on_failure"), what, hint)


def passes_beside(site: Site) -> Iterator[Finding]:
    """Something else passes the guard's host unseen."""
    for conduit, transparent in _transparent(site):
        if transparent.also_pass:
            passed = listed([str(one) for one in transparent.also_pass])
            what = f"{passed} passes the guard's host unseen, towards every server of {conduit.name!r}"
            yield note(
                "passes-beside", transparent.origin, what, "remove what is not needed from `also_pass`"
            )


def passes_nothing(site: Site) -> Iterator[Finding]:
    """A port is to be passed at which a server speaks Modbus; the rules refuse it before."""
    for conduit, transparent in _transparent(site):
        ports = {site.assets[binding.asset].port for binding in conduit.servers}
        for passed in transparent.also_pass:
            if passed.port in ports:
                what = (
                    f"{str(passed)!r} passes nothing: a server of {conduit.name!r} speaks Modbus at that port"
                )
                yield warning("passes-nothing", transparent.origin, what, "remove it from `also_pass`")


def address_not_kept(site: Site) -> Iterator[Finding]:
    """A connection that all clients share cannot carry the address of each."""
    for conduit, transparent in _transparent(site):
        if transparent.client_address == ClientAddress.GUARD:
            continue
        for binding in conduit.servers:
            if site.assets[binding.asset].line is not None:
                what = f"clients share the connections of {binding.asset!r}, so it sees the guard's address"
                hint = (
                    "if it must see its clients' own addresses, remove `connections`; else nothing is amiss"
                )
                yield note("address-not-kept", binding.origin, what, hint)


def unknown_neighbour(site: Site) -> Iterator[Finding]:
    """In one subnet a server finds only clients that are assets: the guard's host answers for no others."""
    for conduit, transparent in _transparent(site):
        if transparent.layout != Layout.SAME_SUBNET or transparent.client_address == ClientAddress.GUARD:
            continue
        known = {address for asset in site.assets.values() for address in asset.addresses}
        for rule in conduit.rules:
            single = [network.network_address for network in rule.clients or () if network.num_addresses == 1]
            unknown: list[Address] = [address for address in single if address not in known]
            wide = [network for network in rule.clients or () if network.num_addresses > 1]
            if wide or unknown:
                what = f"rule {rule.name!r} names {listed([str(one) for one in [*wide, *unknown]])}"
                hint = "make its clients assets: the guard's host answers ARP towards servers for assets only"
                yield warning("unknown-neighbour", rule.origin.at("clients"), what, hint)


def _transparent(site: Site) -> Iterator[tuple[Conduit, Transparent]]:
    for conduit in site.conduits.values():
        if conduit.transparent is not None:
            yield conduit, conduit.transparent


LINTS: tuple[Callable[[Site], Iterator[Finding]], ...] = (
    fails_open,
    passes_beside,
    passes_nothing,
    address_not_kept,
    unknown_neighbour,
)
