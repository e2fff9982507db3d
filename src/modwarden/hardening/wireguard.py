"""
WireGuard tunnels of a host: what `wg setconf` reads, and the program that makes interface and routes.

Kept true here:
* no private key stands in the text; the program hands `wg` the files that hold them;
* before the network is up, and while the tunnel is down, what belongs into it is refused: it never leaves by
  another route;
* an end that is no router forwards nothing out of the tunnel, and a router nothing without its rules.
"""

from collections.abc import Iterable, Iterator

from modwarden.hardening.file import DIRECTORY, UNITS, HostFile, one_line, written_from
from modwarden.hardening.forwarding import tables_needed
from modwarden.hardening.point import Point
from modwarden.hardening.systemd import RULES_UNIT
from modwarden.hardening.tunnel_keys import KEYS, PRESHARED
from modwarden.model import AssetName, Network, Origin, Site, Socket, Tunnel, TunnelEnd, TunnelKind

_SERVES = ("SR 3.1 RE 1", "SR 4.1 RE 1")
_WEAK = (
    "# SR 1.8 and SR 1.9 it fits weakly: keys without certificates, roles, an end of their validity or",
    "# revocation. Where those are asked for, use `kind: ipsec`.",
)
# Any of the machine's own routes to the same network comes first.
_LAST_METRIC = 4_278_198_272
# 1500 less 80 bytes of IPv6, UDP and WireGuard, as `wg-quick` reckons.
_MTU = 1420
_UNIT = """\
[Unit]
Description=Modwarden: WireGuard tunnel {name}
DefaultDependencies=no
Wants=network-pre.target{after}
Before=network-pre.target modwarden-guard.service shutdown.target
Conflicts=shutdown.target
After=local-fs.target systemd-modules-load.service systemd-sysctl.service{after}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={program}
ExecReload={program}
ExecStop={program} stop

[Install]
WantedBy=sysinit.target
"""


def render_wireguard(site: Site, asset: AssetName) -> Iterable[HostFile]:
    """
    Write three files for each WireGuard tunnel of an asset.

    There are none while the peer's public key is not known: `make_keys` gives the site that has it.
    """
    for tunnel, end in site.tunnel_ends(asset):
        if tunnel.kind is TunnelKind.WIREGUARD and tunnel.peer_of(end).public_key is not None:
            yield from _files(site, tunnel, end)


def _files(site: Site, tunnel: Tunnel, end: TunnelEnd) -> Iterator[HostFile]:
    name = f"wireguard-{tunnel.name}"
    head = [*written_from(site, end.asset, _origins(tunnel), _SERVES), *_WEAK]
    program = f"{DIRECTORY}/{name}.sh"
    lines = ["#!/bin/sh", *head, *_program(site, tunnel, end)]
    # Wanted, not required: without the program nothing would refuse what belongs into the tunnel.
    after = f" {RULES_UNIT}" if end.asset in site.enforcement_points() else ""
    unit = "\n".join(head) + "\n\n" + _UNIT.format(name=tunnel.name, program=program, after=after)
    yield HostFile(f"{name}.conf", f"{DIRECTORY}/{name}.conf", _text([*head, "", *_setconf(tunnel, end)]))
    yield HostFile(f"{name}.sh", program, _text(lines), is_program=True)
    yield HostFile(f"modwarden-{name}.service", f"{UNITS}/modwarden-{name}.service", unit)


def _setconf(tunnel: Tunnel, end: TunnelEnd) -> Iterator[str]:
    peer = tunnel.peer_of(end)
    yield "[Interface]"
    if end.port is not None:
        yield f"ListenPort = {end.port}"
    yield ""
    yield f"# {one_line(str(peer.origin))}: {peer.asset}"
    yield "[Peer]"
    yield f"PublicKey = {peer.public_key}"
    yield f"AllowedIPs = {', '.join(str(network) for network in peer.allowed_ips)}"
    if peer.address is not None and peer.port is not None:
        yield f"Endpoint = {Socket(peer.address, peer.port)}"
    if tunnel.keepalive_s is not None:
        yield f"PersistentKeepalive = {tunnel.keepalive_s}"


def _program(site: Site, tunnel: Tunnel, end: TunnelEnd) -> Iterator[str]:
    peer, interface = tunnel.peer_of(end), end.interface
    keys = f"{DIRECTORY}/{KEYS}/{tunnel.name}"
    yield f"# Keys, from {KEYS}/{tunnel.name}: {keys}/{end.asset}.key and {keys}/{PRESHARED}, both 0600 root."
    yield "set -eu"
    yield ""
    yield "# What is left while the tunnel is not there: its traffic is refused, never sent in the clear."
    yield from (
        f"{_ip(network)} route replace unreachable {network} metric {_LAST_METRIC}"
        for network in peer.allowed_ips
    )
    yield ""
    yield 'if [ "${1:-start}" = stop ]; then'
    yield f"    ip link delete dev {interface}"
    yield "    exit 0"
    yield "fi"
    yield ""
    yield f"if ! ip link show dev {interface} >/dev/null 2>&1; then"
    yield f"    ip link add dev {interface} type wireguard 2>/dev/null ||"
    yield f"        wireguard-go {interface}  # where the kernel has none"
    yield "fi"
    yield f"wg setconf {interface} {DIRECTORY}/wireguard-{tunnel.name}.conf"
    yield f"wg set {interface} peer {peer.public_key} preshared-key {keys}/{PRESHARED}"
    yield f"wg set {interface} private-key {keys}/{end.asset}.key"
    yield from _link(site, end)
    yield from (f"{_ip(network)} route replace {network} dev {interface}" for network in peer.allowed_ips)


def _link(site: Site, end: TunnelEnd) -> Iterator[str]:
    if end.inside is not None:
        yield f"ip -{end.inside.version} address replace {end.inside} dev {end.interface}"
    tables = tables_needed(Point.of(site, end.asset))
    # Slashes, for a dot in an interface's name would read as a step of the path.
    switch = f"sysctl -qw net/ipv4/conf/{end.interface}/forwarding"
    if tables:
        loaded = " && ".join(f"nft list table inet {table} >/dev/null 2>&1" for table in tables)
        yield "# Without the rules nothing is forwarded."
        yield f"if {loaded}; then {switch}=1; else {switch}=0; fi"
    else:
        yield f"{switch}=0"
    yield f"ip link set dev {end.interface} mtu {_MTU} up"


def _origins(tunnel: Tunnel) -> Iterator[Origin]:
    yield tunnel.origin
    yield from (end.origin for end in tunnel.ends)


def _ip(network: Network) -> str:
    return f"ip -{network.version}"


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
