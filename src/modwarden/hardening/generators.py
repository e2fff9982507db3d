"""All generators, and what they write for one enforcement point."""

from collections.abc import Callable, Iterable

from modwarden.hardening.file import HostFile
from modwarden.hardening.forwarding import render_forwarding
from modwarden.hardening.ipsec import render_ipsec
from modwarden.hardening.island import render_island
from modwarden.hardening.nftables import render_rules
from modwarden.hardening.routes import render_routes
from modwarden.hardening.systemd import render_units
from modwarden.hardening.wireguard import render_wireguard
from modwarden.model import AssetName, Site

Generator = Callable[[Site, AssetName], Iterable[HostFile]]

# In the order in which a host loads them.
GENERATORS: tuple[Generator, ...] = (
    render_rules,
    render_island,
    render_routes,
    render_forwarding,
    render_units,
)
# What an end of a tunnel loads, whatever else it is.
TUNNEL_GENERATORS: tuple[Generator, ...] = (render_wireguard, render_ipsec)


def render_host(site: Site, asset: AssetName) -> tuple[HostFile, ...]:
    """
    Give every file for one host: an enforcement point, or where a tunnel ends.

    Raises:
        UnnamedInterfacesError: it is a router with addresses at no interface.
    """
    is_enforcing = asset in site.enforcement_points()
    generators = (*(GENERATORS if is_enforcing else ()), *TUNNEL_GENERATORS)
    return tuple(file for generator in generators for file in generator(site, asset))
