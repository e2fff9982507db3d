"""The site file of a measured guard: so many rules, so many servers, and the clients that the load plays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# One register range for each rule: 10,000 rules of 6 registers fill most of the table.
REGISTERS = 6
CLIENTS = tuple(f"127.10.0.{10 + number}" for number in range(10))
SERVERS = tuple(f"127.11.0.{1 + number}" for number in range(200))

_SITE = """\
modwarden: 1
site: Measured
zones:
  field:   {{networks: [127.11.0.0/16]}}
  control: {{networks: [127.10.0.0/16]}}
assets:
  gate-1: {{zone: control, addresses: [{guard}]}}
  "hmi-[10-19]": {{zone: control, addresses: ["127.10.0.[10-19]"]}}
  "plc-[001-{servers:03}]":
    {{zone: field, addresses: ["127.11.0.[1-{servers}]"], port: {server_port}, unit_ids: [1]}}
conduits:
  plant:
    from: [control]
    to: field
    idle_timeout: 1h
    budgets: {{sessions: 20000, sessions_per_client: 20000}}
{conduit}    servers: {{"plc-[001-{servers:03}]": {{listen: "{guard}:[{port}-{last_port}]"}}}}
    rules:
{rules}
journal: {{{journal}}}
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a guard is measured with."""

    guard: str
    port: int
    server_port: int
    servers: int = 1
    rules: int = 1000
    journal: tuple[str, ...] = ()
    conduit: tuple[str, ...] = ()
    """More that is said of the conduit."""
    role: str | None = None
    """What each rule asks a certificate for."""


def write_site_file(folder: Path, plan: Plan) -> Path:
    """Write the site file of a plan into a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "site.yaml"
    path.write_text(
        _SITE.format(
            guard=plan.guard,
            servers=plan.servers,
            server_port=plan.server_port,
            port=plan.port,
            last_port=plan.port + plan.servers - 1,
            rules=write_rules(plan.rules, plan.role),
            conduit="".join(f"    {line}\n" for line in plan.conduit),
            journal=", ".join(("directory: journal", *plan.journal)),
        )
    )
    return path


def addresses(rules: int) -> dict[str, int]:
    """Where the load reads and writes, so that each source meets all its rules in turn."""
    clients = len(CLIENTS)
    return {"per_source": REGISTERS, "step": REGISTERS * clients, "count": max(rules // clients, 1)}


def sources(connections: int, clients: Sequence[str] = CLIENTS) -> Sequence[str]:
    """Give the addresses that so many connections come from."""
    return clients[: max(1, min(connections, len(clients)))]


def write_rules(count: int, role: str | None = None) -> str:
    """Give so many rules, each a register range of one client, who has the role where one is named."""
    return "\n".join(_rule(number, role) for number in range(count))


def _rule(number: int, role: str | None) -> str:
    first = number * REGISTERS
    roles = "" if role is None else f"roles: [{role}], "
    client = f"hmi-{10 + number % len(CLIENTS)}"
    return (
        f"      - {{name: rule-{number:05}, clients: [{client}], {roles}permit: [read, write], "
        f"ranges: [holding_register {first}-{first + REGISTERS - 1}]}}"
    )
