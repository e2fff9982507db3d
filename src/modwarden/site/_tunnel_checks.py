"""
What can be wrong with a tunnel: in an end, between its ends, and beside other tunnels.

Kept true here: of two readings of where a packet goes, or of who it comes from, none is guessed.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import TypeAlias

from modwarden.model import (
    INTERNET,
    Asset,
    AssetName,
    Origin,
    Tunnel,
    TunnelEnd,
    TunnelKind,
    Zone,
)
from modwarden.site._schema_tunnels import TunnelEndShape
from modwarden.site._words import parse_address
from modwarden.site.problems import Mistake

Found: TypeAlias = Iterator[tuple[Origin, Mistake]]

_KEYS = {
    TunnelKind.WIREGUARD: ("port", "inside", "interface", "public_key"),
    TunnelKind.IPSEC: ("identity", "certificate", "ca", "ports"),
}
_NEEDED = {TunnelKind.WIREGUARD: ("interface",), TunnelKind.IPSEC: ("identity", "certificate", "ca")}
_WHY = {
    "interface": "name the interface as rule sets will, such as wg-pumping",
    "identity": "write a DNS name or address that its certificate carries as subjectAltName",
    "certificate": "name its certificate: IPsec ends know each other by certificates here",
    "ca": "list the authorities that this end accepts for its peer's certificate",
}
# Names of files, interfaces and connections are made of it.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
# IFNAMSIZ is 16 with the closing zero; letters that a shell, nft and `wg` take as they are.
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
_FILE = re.compile(r"[A-Za-z0-9_./-]*[A-Za-z0-9_.-]")
_IDENTITY = re.compile(r"[A-Za-z0-9_.:@-]{1,253}")
_KEY_BYTES = 32


def check_words(name: str) -> None:
    """
    Hold the name of a tunnel against what files and connections can be called.

    Raises:
        Mistake: `bad-name`.
    """
    if not _NAME.fullmatch(name):
        hint = "use letters, digits, - and _; files and connections are named after it"
        raise Mistake("bad-name", f"{name!r} is no name for a tunnel", hint)


def check_end(asset: Asset, kind: TunnelKind, shape: TunnelEndShape, origin: Origin) -> Found:
    """Find what is wrong with one end by itself."""
    for other, keys in _KEYS.items():
        for key in keys if other is not kind else ():
            if getattr(shape, key) is not None:
                what = f"`{key}` is of {other} tunnels, and this one is {kind}"
                yield origin.at(key), Mistake("wrong-kind", what, f"leave it out, or write `kind: {other}`")
    for key in _NEEDED[kind]:
        if getattr(shape, key) is None:
            what = f"the end at {asset.name!r} has no {key}"
            yield origin, Mistake("missing-key", what, _WHY[key])
    yield from _bad_words(asset, shape, origin)
    yield from _bad_places(asset, kind, shape, origin)


def _bad_places(asset: Asset, kind: TunnelKind, shape: TunnelEndShape, origin: Origin) -> Found:
    known = {str(address) for address in asset.addresses}
    if shape.address is not None and _canonical(shape.address) not in known:
        what = f"{shape.address} is no address of {asset.name!r}"
        hint = f"its addresses: {', '.join(sorted(known))}" if known else "give the asset `addresses:`"
        yield origin.at("address"), Mistake("unknown-address", what, hint)
    if kind is TunnelKind.IPSEC and not shape.networks:
        hint = "list the networks behind it; its own address as /32, if there is nothing else"
        yield origin, Mistake("missing-key", f"the end at {asset.name!r} has no networks", hint)
    if kind is TunnelKind.WIREGUARD and not shape.networks and shape.inside is None:
        what = f"the end at {asset.name!r} has neither networks nor an address inside"
        yield origin, Mistake("missing-key", what, "add `networks:` or `inside:`: nothing would pass")
    if shape.port is not None and shape.address is None:
        what = f"the end at {asset.name!r} has a port and no address"
        yield origin.at("port"), Mistake("missing-key", what, "add `address:`, or leave the port out")


def _bad_words(asset: Asset, shape: TunnelEndShape, origin: Origin) -> Found:
    if shape.interface is not None and not _INTERFACE.fullmatch(shape.interface):
        hint = "use at most 15 letters, digits, - and _"
        yield (
            origin.at("interface"),
            Mistake("bad-interface", f"{shape.interface!r} is no name for an interface", hint),
        )
    if shape.interface in {one.name for one in asset.connections.interfaces}:
        what = f"{asset.name!r} has an interface {shape.interface!r} already"
        hint = "the tunnel brings the interface: take it out of `interfaces:`"
        yield origin.at("interface"), Mistake("duplicate-interface", what, hint)
    if shape.public_key is not None and not _is_key(shape.public_key):
        hint = "write the 44 letters that `wg pubkey` prints"
        yield origin.at("public_key"), Mistake("bad-key", f"{shape.public_key!r} is no public key", hint)
    if shape.identity is not None and not _IDENTITY.fullmatch(shape.identity):
        hint = "write a DNS name or an address, as the certificate has it"
        yield origin.at("identity"), Mistake("bad-name", f"{shape.identity!r} is no identity", hint)
    for port in shape.ports or ():
        if port.first != port.last:
            # The kernel's selectors know a port and a mask: a span would be taken for a wider one.
            what = f"{port} is a span, which selectors cannot hold exactly"
            yield origin.at("ports"), Mistake("port-span", what, "write each port by itself")
    files = {"certificate": [shape.certificate or "x"], "ca": shape.ca or []}
    for key, file in ((key, file) for key, held in files.items() for file in held):
        if not _FILE.fullmatch(file):
            hint = "use letters, digits, -, _ and . in the names of such files"
            yield origin.at(key), Mistake("bad-name", f"{file!r} cannot be named in swanctl.conf", hint)


def check_pair(tunnel: Tunnel) -> Found:
    """Find what is wrong between the two ends."""
    first, second = tunnel.ends
    if first.address is None and second.address is None:
        hint = "give one of them an `address:` that the other can call"
        yield tunnel.origin.at("ends"), Mistake("nobody-answers", "both ends only call", hint)
    versions = {end.address.version for end in tunnel.ends if end.address is not None}
    if len(versions) > 1:
        what = f"{first.address} and {second.address} are of two IP versions"
        mistake = Mistake("mixed-versions", what, "give both ends addresses of one")
        yield second.origin.at("address"), mistake
    if (first.inside is None) != (second.inside is None):
        bare = first if first.inside is None else second
        what = f"only one end of {tunnel.name!r} has an address inside"
        yield bare.origin, Mistake("missing-key", what, "give both ends `inside:`, or neither")
    if first.inside is not None and first.inside == second.inside:
        what = f"both ends have {first.inside} inside"
        yield second.origin.at("inside"), Mistake("duplicate-address", what, "choose another for this one")
    yield from _overlaps(first, second)
    for end, peer in ((first, second), (second, first)):
        if end.address is not None and any(end.address in network for network in end.networks):
            what = f"the networks of {end.asset!r} hold its outer address {end.address}"
            hint = f"name them without it: {peer.asset} would send the tunnel's own packets into the tunnel"
            yield end.origin.at("networks"), Mistake("tunnel-in-itself", what, hint)


def _overlaps(first: TunnelEnd, second: TunnelEnd) -> Found:
    for one in first.allowed_ips:
        for other in second.allowed_ips:
            # Two addresses inside that are one have been told.
            if one.overlaps(other) and (one in first.networks or other in second.networks):
                what = f"{other} of {second.asset!r} and {one} of {first.asset!r} overlap"
                hint = "an address is behind one end: take it out of the other's `networks`"
                yield second.origin.at("networks"), Mistake("overlapping-networks", what, hint)


def check_zones(tunnel: Tunnel, zones: Iterable[Zone]) -> Found:
    """Find addresses inside a tunnel that a zone has: they would be in two places."""
    held = [zone for zone in zones if zone.level != INTERNET]
    for end in tunnel.ends:
        zone = next((zone for zone in held if end.inside is not None and zone.holds(end.inside)), None)
        if zone is not None:
            what = f"{end.inside} is an address of the zone {zone.name!r}"
            hint = "choose one that no zone has: its two ends are the tunnel's whole network"
            yield end.origin.at("inside"), Mistake("inside-in-zone", what, hint)


def check_together(tunnels: Iterable[Tunnel], assets: Mapping[AssetName, Asset]) -> Found:
    """Find what two tunnels of one asset contradict each other in, and addresses that are used twice."""
    held = list(tunnels)
    for one, other in combinations(held, 2):
        for end in other.ends:
            mine = one.end_of(end.asset)
            if mine is not None:
                yield from _beside((one, mine), (other, end))
    taken: dict[str, str] = {
        str(address): f"the asset {asset.name!r}" for asset in assets.values() for address in asset.addresses
    }
    for tunnel in held:
        for end in tunnel.ends:
            if end.inside is not None:
                owner = taken.setdefault(str(end.inside), f"the tunnel {tunnel.name!r}")
                if owner != f"the tunnel {tunnel.name!r}":
                    what = f"{end.inside} is an address of {owner}"
                    mistake = Mistake("duplicate-address", what, "choose one that nobody has")
                    yield end.origin.at("inside"), mistake


def _beside(first: tuple[Tunnel, TunnelEnd], second: tuple[Tunnel, TunnelEnd]) -> Found:
    (one, mine), (other, end) = first, second
    if end.port is not None and end.port == mine.port:
        what = f"{end.asset!r} listens on UDP port {end.port} for {one.name!r} already"
        yield end.origin.at("port"), Mistake("duplicate-port", what, "give each tunnel a port of its own")
    if end.interface is not None and end.interface == mine.interface:
        what = f"{end.interface!r} is the interface of {one.name!r} already"
        yield (
            end.origin.at("interface"),
            Mistake("duplicate-interface", what, "give each tunnel an interface of its own"),
        )
    for theirs in other.peer_of(end).networks:
        for ours in one.peer_of(mine).networks:
            if ours.overlaps(theirs):
                peer = other.peer_of(end)
                what = f"{theirs} would lead {end.asset!r} into {one.name!r} as well, by its {ours}"
                hint = "a network is behind one tunnel: narrow one of them"
                yield peer.origin.at("networks"), Mistake("overlapping-tunnels", what, hint)


def _canonical(text: str) -> str:
    try:
        return str(parse_address(text))
    except Mistake:
        return text


def _is_key(text: str) -> bool:
    try:
        return len(b64decode(text, validate=True)) == _KEY_BYTES
    except binascii.Error:
        return False
