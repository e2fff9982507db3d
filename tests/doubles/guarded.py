"""One server behind a real guard, on loopback: where most system tests begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.doubles.guard import BODY, GuardChild, free_port
from tests.doubles.plc import PlcDouble

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

HMI, GUARD, UNIT = "127.10.0.5", "127.10.0.2", "127.11.0.1"
_SITE = """\
modwarden: 1
site: Guarded
zones:
  field:   {{networks: [127.11.0.0/16]}}
  control: {{networks: [127.10.0.0/24]}}
assets:
  gate-1: {{zone: control, addresses: [127.10.0.2]}}
  hmi-1:  {{zone: control, addresses: [127.10.0.5]}}
  plc-1:  {{zone: field, addresses: [127.11.0.1], port: {server_port}, unit_ids: [1]}}
conduits:
  plant:
    from: [control]
    to: field
    guard: gate-1
{options}    servers: {{plc-1: {{listen: "127.10.0.2:{guard_port}"}}}}
    rules:
{rules}journal: {{{journal}}}
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the site file of a test says beyond the one server and the one client."""

    rules: tuple[str, ...]
    conduit: tuple[str, ...] = ()
    journal: tuple[str, ...] = ()
    body: str = BODY
    """What the guard's process runs."""


@dataclass
class Guarded:
    """A guard that has not been started yet, the server behind it, and where it will listen."""

    guard: GuardChild
    plc: PlcDouble
    address: tuple[str, int]


def guard_one_plc(folder: Path, wanted: Wanted, ending: ExitStack) -> Guarded:
    """Start the server and write the site file; when `ending` unwinds, whatever still runs is ended."""
    plc = ending.enter_context(PlcDouble(UNIT))
    port = free_port(GUARD)
    guard = GuardChild(folder, body=wanted.body)
    guard.site.write_text(
        _SITE.format(
            server_port=plc.port,
            guard_port=port,
            options="".join(f"    {line}\n" for line in wanted.conduit),
            rules="".join(f"      - {{{rule}}}\n" for rule in wanted.rules),
            journal=", ".join(("directory: journal", *wanted.journal)),
        )
    )
    ending.callback(guard.end)
    return Guarded(guard, plc, (GUARD, port))
