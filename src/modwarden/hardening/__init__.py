"""
From the site file to what routers and guards' hosts load: rules, routes, units, as text. Nothing here touches
a host.

A generator is a plain function from site and enforcement point to files; `GENERATORS` lists them.
"""

from modwarden.hardening.file import HostFile
from modwarden.hardening.generators import GENERATORS, render_host
from modwarden.hardening.point import UnnamedInterfacesError
from modwarden.hardening.tunnel_keys import TunnelKeyError, key_places, make_keys
from modwarden.hardening.unserved import unserved_flows
from modwarden.hardening.written import check_written

__all__ = [
    "GENERATORS",
    "HostFile",
    "TunnelKeyError",
    "UnnamedInterfacesError",
    "check_written",
    "key_places",
    "make_keys",
    "render_host",
    "unserved_flows",
]
