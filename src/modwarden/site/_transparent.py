"""A conduit's part about transparent insertion, and what the rest of the conduit must not say then."""

import re
from collections.abc import Mapping

from modwarden.model import (
    AlsoPass,
    Asset,
    AssetName,
    Insertion,
    Origin,
    PassProtocol,
    Transparent,
)
from modwarden.site._schema_conduits import ConduitShape, TransparentShape
from modwarden.site.problems import Mistake, Problems

# Linux: at most 15 characters, no slash or space; a wildcard would mean more than one interface in nft.
_INTERFACE = re.compile(r"[A-Za-z0-9_.@:-]{1,15}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,47}")
_PASSED = re.compile(r"(tcp|udp) (\d{1,5})|icmp")
_MODBUS_PORTS = frozenset({502, 802})


def build_transparent(
    name: str, shape: ConduitShape, origin: Origin, problems: Problems
) -> Transparent | None:
    """Build it where insertion is transparent; `origin` is the conduit's."""
    if shape.insertion != Insertion.TRANSPARENT:
        if shape.transparent is not None:
            what = f"`transparent:` has no meaning where insertion is {shape.insertion}"
            hint = "add `insertion: transparent`, or remove this"
            problems.add(origin.at("transparent"), Mistake("transparent-not-chosen", what, hint))
        return None
    if shape.transparent is None:
        what = "transparent insertion needs to know between which interfaces the guard stands"
        hint = (
            "add `transparent: {clients_on: [eth0], servers_on: eth1}`; `ip link` lists a host's interfaces"
        )
        problems.add(origin.at("insertion"), Mistake("no-interfaces", what, hint))
        return None
    own = origin.at("transparent")
    with problems.at(origin):
        _check_names(name, shape.guard)
    with problems.at(own):
        _check_interfaces(shape.transparent)
    passed = [_passed(text, shape.transparent, own, problems) for text in shape.transparent.also_pass]
    return Transparent(
        clients_on=tuple(dict.fromkeys(shape.transparent.clients_on)),
        servers_on=shape.transparent.servers_on,
        layout=shape.transparent.layout,
        client_address=shape.transparent.client_address,
        port=shape.transparent.port,
        also_pass=tuple(sorted({one for one in passed if one is not None}, key=str)),
        origin=own,
    )


def check_destination(name: AssetName, assets: Mapping[AssetName, Asset]) -> None:
    """
    Say why a connection to this server could not be diverted.

    Raises:
        Mistake: it has no address of its own on the network.
    """
    asset = assets[name]
    if asset.serial is not None:
        what = f"{name!r} is behind a serial port, so no connection leads to it that could be diverted"
        raise Mistake("serial-not-diverted", what, "give its conduit `insertion: proxy`")


def _check_names(conduit: str, guard: str | None) -> None:
    for name in [conduit, *([] if guard is None else [guard])]:
        if not _NAME.fullmatch(name):
            what = f"{name!r} stands in rules and units of the guard's host, which cannot hold such a name"
            raise Mistake(
                "bad-host-name", what, "use letters, digits, dots, dashes and underscores, at most 48"
            )


def _check_interfaces(shape: TransparentShape) -> None:
    for name in [*shape.clients_on, shape.servers_on]:
        if not _INTERFACE.fullmatch(name):
            hint = "use a name as `ip link` shows it, such as eth0 or enp3s0"
            raise Mistake("bad-interface", f"{name!r} is no name of an interface", hint)
    if shape.servers_on in shape.clients_on:
        what = f"{shape.servers_on!r} leads to clients and to servers: they would not need the guard"
        raise Mistake("one-interface", what, "give the servers an interface of their own")


def _passed(text: str, shape: TransparentShape, origin: Origin, problems: Problems) -> AlsoPass | None:
    with problems.at(origin):
        match = _PASSED.fullmatch(text)
        port = int(match[2]) if match and match[2] else None
        if match is None or (port is not None and not 0 < port <= 65_535):
            raise Mistake("bad-pass", f"{text!r} cannot be passed", "write icmp, tcp PORT or udp PORT")
        if port in _MODBUS_PORTS | {shape.port}:
            what = f"{text!r} would let Modbus pass the guard"
            raise Mistake("modbus-passed", what, "`rules` of the conduit say what of Modbus may pass")
        return AlsoPass(PassProtocol(text.split(maxsplit=1)[0]), port)
    return None
