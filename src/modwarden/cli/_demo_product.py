"""The product as the demo uses it: only commands that a reader can type as well."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modwarden import lab
from modwarden.cli._demo_children import Child, ChildError

if TYPE_CHECKING:
    from pathlib import Path

    from modwarden.cli._demo_children import Answer, Children
    from modwarden.cli._demo_folder import Folder

START_TIMEOUT_S = 20.0
_FINDINGS = 1  # exit code of a verification that found something


@dataclass
class Product:
    """A guard under a site file, and the commands about it."""

    folder: Folder
    children: Children
    _guard: Child | None = None
    _starts: int = 0

    def check(self) -> None:
        """See that the site file is right and its tests hold."""
        self.children.demand("check", "check", str(self.folder.site))
        self.children.demand("policy-test", "policy", "test", str(self.folder.site))

    def start(self) -> None:
        """Start the guard and wait until it answers."""
        self._starts += 1
        self._guard = self.children.start(f"guard-{self._starts}", "run", str(self.folder.site))
        deadline = time.monotonic() + START_TIMEOUT_S
        while self.children.ask("status", "status", str(self.folder.site), "--json").exit_code != 0:
            self._guard.check()
            if time.monotonic() > deadline:
                raise ChildError(f"the guard did not answer in time: {self._guard.last_words()}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop the guard as an operator does; it drains and seals its journal."""
        if self._guard is None:
            return
        answer = self.children.stop(self._guard)
        if answer.exit_code != 0:
            raise ChildError(f"the guard did not stop cleanly: {self._guard.last_words()}")
        self._guard = None

    def change(self, old: str, new: str) -> Answer:
        """Edit the site file and have the running guard take it over."""
        self.edit(old, new)
        return self.children.demand("reload", "reload", str(self.folder.site))

    def edit(self, old: str, new: str) -> None:
        """Change some words of the site file."""
        text = self.folder.site.read_text(encoding="utf-8")
        if old not in text:
            raise ChildError(f"{self.folder.site} does not hold {old!r}")
        self.folder.site.write_text(text.replace(old, new), encoding="utf-8")

    def records(self, *filters: str) -> list[dict[str, Any]]:
        """Query the journal."""
        answer = self.children.demand(
            "audit-query", "audit", "query", str(self.folder.journal), *filters, "--json"
        )
        return answer.json_lines()

    def explain(self, sequence: int) -> str:
        """Ask why a record was decided as it was."""
        answer = self.children.ask(
            "explain", "policy", "explain", str(self.folder.site), "--sequence", str(sequence)
        )
        if not answer.text.strip():
            raise ChildError(f"`policy explain` of record {sequence} said nothing")
        return answer.text

    def verify(self, journal: Path) -> Answer:
        """Check the journal's chain; the answer's exit code tells."""
        return self.children.ask(f"verify-{journal.name}", "audit", "verify", str(journal))


def refusals_of(records: list[dict[str, Any]]) -> Counter[str]:
    """Count refused requests by the first word of the reason; summary rows count as often as they say."""
    counted: Counter[str] = Counter()
    for record in records:
        if record["kind"] == "request.outcome":  # the second row of a request that is counted already
            continue
        is_refusal = record.get("verdict") == "deny" or record["kind"] in (
            "request.summary",
            "modbus.flooded",
        )
        if is_refusal:
            word = str(record.get("reason") or record["kind"]).split(":")[0]
            counted[word] += int(record.get("count") or 1)
    return counted


def alter_one_byte(folder: Folder) -> tuple[Path, int]:
    """Copy the journal and change one byte in the middle of its largest file."""
    shutil.copytree(folder.journal, folder.altered)
    files = [path for path in folder.altered.iterdir() if path.suffix in (".arrows", ".parquet")]
    victim = max(files, key=lambda path: path.stat().st_size)
    content = bytearray(victim.read_bytes())
    place = len(content) // 2
    content[place] ^= 0x01
    victim.write_bytes(content)
    return victim, place


def write_as_the_hmi(degc: float, endpoint: lab.Endpoint) -> lab.Tally:
    """Let the HMI itself ask for a setpoint."""
    lab.quiet_pymodbus()
    return asyncio.run(lab.write_setpoint_once(endpoint, degc))


def found_something(answer: Answer) -> bool:
    return answer.exit_code == _FINDINGS
