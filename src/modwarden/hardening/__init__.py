"""
From the site file to what routers and guards' hosts load: rules, routes, units, as text. Nothing here touches
a host.

A generator is a plain function from site and enforcement point to files; `GENERATORS` lists them.
"""

from modwarden.hardening.file import HostFile
from modwarden.hardening.generators import GENERATORS, render_host
from modwarden.hardening.point import UnnamedInterfacesError

__all__ = ["GENERATORS", "HostFile", "UnnamedInterfacesError", "render_host"]
