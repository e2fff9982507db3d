"""All generators of a guard's host, and what they write for one guard."""

from collections.abc import Callable, Iterable

from modwarden.hardening.file import HostFile
from modwarden.hardening.forwarding import render_forwarding
from modwarden.hardening.ipsec import render_ipsec
from modwarden.hardening.nftables import render_rules
from modwarden.hardening.routes import render_routes
from modwarden.hardening.systemd import render_units
from modwarden.hardening.wireguard import render_wireguard
from modwarden.model import AssetName, Site

Generator = Callable[[Site, AssetName], Iterable[HostFile]]

# In the order in which a host loads them.
GENERATORS: tuple[Generator, ...] = (
    render_rules,
    render_routes,
    render_forwarding,
    render_units,
    render_wireguard,
    render_ipsec,
)


def render_host(site: Site, guard: AssetName) -> tuple[HostFile, ...]:
    """Give every file for the host of one guard; none, where nothing there needs one."""
    return tuple(file for generator in GENERATORS for file in generator(site, guard))
