"""
From the site file to what a guard's host loads: rules, routes, units, as text. Nothing here touches a host.

A generator is a plain function from site and guard to files; `GENERATORS` lists them.
"""

from modwarden.hardening.file import HostFile
from modwarden.hardening.generators import GENERATORS, render_host

__all__ = ["GENERATORS", "HostFile", "render_host"]
