"""
strongSwan's part of a host: one file for `swanctl --load-all` for each IPsec tunnel.

Kept true here:
* both ends know each other by certificate and identity, and a revoked or unknown one is refused;
* traffic that a selector names waits for the tunnel, and is never sent without it.
"""

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from modwarden.hardening.file import HostFile, written_from
from modwarden.model import AssetName, Site, Tunnel, TunnelEnd, TunnelKind

_SWANCTL = "/etc/swanctl"
_SERVES = ("SR 1.8", "SR 1.9", "SR 3.1 RE 1", "SR 4.1 RE 1")
# Both with forward secrecy and of one strength; no negotiation down, for there is nothing below.
_IKE, _ESP = "aes256gcm16-prfsha384-ecp384", "aes256gcm16-ecp384"
_DPD_S = 30


def render_ipsec(site: Site, asset: AssetName) -> Iterable[HostFile]:
    """Write a file for each IPsec tunnel of an asset."""
    for tunnel, end in site.tunnel_ends(asset):
        if tunnel.kind is TunnelKind.IPSEC:
            lines = [
                *_head(site, tunnel, end),
                *_block("connections", _block(tunnel.name, _body(tunnel, end))),
            ]
            name = f"{tunnel.name}.conf"
            yield HostFile(f"swanctl-{name}", f"{_SWANCTL}/conf.d/{name}", "\n".join(lines) + "\n")


def _head(site: Site, tunnel: Tunnel, end: TunnelEnd) -> Iterator[str]:
    own = end.credentials
    assert own is not None
    origins = [tunnel.origin, *(one.origin for one in tunnel.ends)]
    yield from written_from(site, end.asset, origins, _SERVES)
    yield f"# It needs, in {_SWANCTL}: {own.certificate} in x509/, its private key in private/ (0600 root),"
    yield f"# {', '.join(own.authorities)} in x509ca/, and fresh revocation lists in x509crl/:"
    yield "# without that of the peer's authority nobody is let in. Then: swanctl --load-all"
    yield ""


def _body(tunnel: Tunnel, end: TunnelEnd) -> Iterator[str]:
    peer = tunnel.peer_of(end)
    yield "version = 2"
    # Who has no address is found wherever it calls from.
    if end.address is not None:
        yield f"local_addrs = {end.address}"
    if peer.address is not None:
        yield f"remote_addrs = {peer.address}"
    yield f"proposals = {_IKE}"
    yield f"dpd_delay = {tunnel.keepalive_s or _DPD_S}s"
    is_fixed = end.address is not None and peer.address is not None
    yield f"mobike = {'no' if is_fixed else 'yes'}"
    yield from _block("local", _known_as(end, is_local=True))
    yield from _block("remote", [*_known_as(peer, is_local=False), *_trusts(end)])
    yield from _block("children", _children(tunnel, end))


def _known_as(end: TunnelEnd, *, is_local: bool) -> Iterator[str]:
    known = end.credentials
    assert known is not None
    yield "auth = pubkey"
    if is_local:
        yield f"certs = {PurePosixPath(known.certificate).name}"
    yield f"id = {known.identity}"


def _trusts(end: TunnelEnd) -> Iterator[str]:
    assert end.credentials is not None
    yield f"cacerts = {', '.join(PurePosixPath(file).name for file in end.credentials.authorities)}"
    yield "revocation = strict"


def _children(tunnel: Tunnel, end: TunnelEnd) -> Iterator[str]:
    peer = tunnel.peer_of(end)
    if not end.ports and not peer.ports:
        yield from _child(str(tunnel.name), (_selectors(end), _selectors(peer)), peer)
    for port in end.ports:
        name = f"to-{end.asset}-{port.protocol}-{port.first}"
        yield from _child(name, (_selectors(end, str(port)), _selectors(peer, port.protocol)), peer)
    for port in peer.ports:
        name = f"to-{peer.asset}-{port.protocol}-{port.first}"
        yield from _child(name, (_selectors(end, port.protocol), _selectors(peer, str(port))), peer)


def _child(name: str, selectors: tuple[str, str], peer: TunnelEnd) -> list[str]:
    calls = peer.address is not None
    return _block(
        name,
        [
            f"local_ts = {selectors[0]}",
            f"remote_ts = {selectors[1]}",
            f"esp_proposals = {_ESP}",
            # One that only answers cannot set a trap for a peer whose address it does not know.
            f"start_action = {'trap' if calls else 'none'}",
            f"dpd_action = {'trap' if calls else 'clear'}",
            "rekey_time = 1h",
        ],
    )


def _selectors(end: TunnelEnd, service: str = "") -> str:
    return ", ".join(f"{network}[{service}]" if service else str(network) for network in end.networks)


def _block(name: str, body: Iterable[str]) -> list[str]:
    return [f"{name} {{", *(f"  {line}" for line in body), "}"]
