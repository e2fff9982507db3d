"""
From the site file to what a guard's host loads: rules, routes, units, as text. Nothing here touches a host.

A generator is a plain function from site and guard to files; `GENERATORS` lists them.
"""

from modwarden.hardening.file import HostFile
from modwarden.hardening.generators import GENERATORS, render_host
from modwarden.hardening.tunnel_keys import TunnelKeyError, key_places, make_keys

__all__ = ["GENERATORS", "HostFile", "TunnelKeyError", "key_places", "make_keys", "render_host"]
