"""Clients on a serial port of the guard's: who asks at a conduit whose insertion is serial."""

from collections.abc import Mapping

from modwarden.model import Asset, AssetName, Insertion, Line
from modwarden.site._assets import require
from modwarden.site._schema_conduits import ConduitShape
from modwarden.site.problems import Mistake


def serial_client(shape: ConduitShape, assets: Mapping[AssetName, Asset]) -> Asset | None:
    """
    Find the client of a conduit with serial insertion; None for any other.

    Raises:
        Mistake: `serial-client`, `unknown-asset`: it is missing, has no port, or is not where clients are.
    """
    if shape.insertion != Insertion.SERIAL:
        if shape.client is not None:
            raise _bad("`client` is for serial insertion", "leave it out, or write `insertion: serial`")
        return None
    if shape.client is None:
        hint = "name the asset whose `serial:` port of this guard it asks at"
        raise _bad("serial insertion without `client`", hint)
    require(shape.client, assets, "asset")
    client = assets[AssetName(shape.client)]
    _check_client(client, shape)
    return client


def _check_client(client: Asset, shape: ConduitShape) -> None:
    if client.serial is None:
        hint = "add `serial:` with the guard's port that its cable leads to, baud, parity and stop_bits"
        raise _bad(f"the client {client.name!r} has no serial port", hint)
    if client.zone not in shape.from_zones:
        hint = f"add {client.zone!r} to `from`, or correct the client's zone"
        raise _bad(f"the client {client.name!r} is in zone {client.zone!r}", hint)
    if client.name in shape.servers or client.unit_ids:
        hint = "a port is a client's or a server's: give the units a port of their own"
        raise _bad(f"the client {client.name!r} is a server as well", hint)
    if shape.tls is not None:
        raise _bad("`tls` with a serial client", "leave it out: RTU has no encryption; guard the cable")
    if client.line is not None and client.line != Line(echo=client.line.echo):
        hint = "keep only `echo`; the rest is for buses that lead to units"
        raise _bad(f"`line` of the client {client.name!r} says how a bus is shared", hint)


def _bad(what: str, hint: str) -> Mistake:
    return Mistake("serial-client", what, hint)
