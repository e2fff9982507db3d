"""A guard's status in lines: what it enforces, what it only observes, what it has counted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

_COUNTED = ("permitted", "denied", "observed", "malformed")


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests and denials a second between two looks; None before the second look."""

    requests: float
    denials: float


def head_lines(status: Mapping[str, Any]) -> Iterator[Text]:
    """Say what runs, and first what is wrong."""
    if status.get("alarm"):
        yield Text(f"ALARM {status['alarm']}", style="bold red")
    journal = status.get("journal")
    if isinstance(journal, dict) and journal.get("up") is False:
        yield Text(f"ALARM the journal is down: {journal.get('last_failure')}", style="bold red")
    policy = str(status.get("policy", ""))[:12]
    yield Text(
        f"{status.get('site')}: guard {status.get('guard')}, policy {policy}, "
        f"up {_duration(status.get('uptime_s', 0))}, {status.get('sessions', 0)} sessions, "
        f"clock {status.get('clock')}"
    )
    yield Text(f"journal: {journal_text(status.get('journal'))}")


def journal_text(journal: Any) -> str:
    """Say the journal's state in one line, whatever fields this core has."""
    if not isinstance(journal, dict):
        return str(journal)
    return ", ".join(
        f"{name} {value}" for name, value in journal.items() if not isinstance(value, dict | list)
    )


def conduit_table(status: Mapping[str, Any]) -> Table:
    """List the conduits: verdicts, counters, and every exception the operator wrote."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in (
        "conduit",
        "verdicts",
        "listeners",
        "sessions",
        *_COUNTED,
        "essential rules",
        "journal fails",
    ):
        table.add_column(name, justify="right" if name in (*_COUNTED, "sessions", "listeners") else "left")
    for conduit in status.get("conduits", []):
        counters = conduit.get("requests") or {}
        observes = conduit["verdicts"] == "observe"
        listeners = conduit["listeners"]
        table.add_row(
            conduit["name"],
            Text(conduit["verdicts"], style="bold yellow" if observes else "green"),
            str(len(listeners)),
            str(sum(listener["sessions"] for listener in listeners)),
            *(f"{counters.get(name, 0):,}" for name in _COUNTED),
            ", ".join(conduit.get("essential_rules", [])),
            _on_journal_failure(conduit),
        )
    return table


def denial_table(status: Mapping[str, Any]) -> Table:
    """List why requests were refused, or would be where a conduit only observes."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("refused because")
    table.add_column("times", justify="right")
    reasons: dict[str, int] = {}
    for conduit in status.get("conduits", []):
        for reason, count in ((conduit.get("requests") or {}).get("reasons") or {}).items():
            reasons[reason] = reasons.get(reason, 0) + count
    for reason, count in sorted(reasons.items(), key=lambda item: -item[1])[:10]:
        table.add_row(reason, f"{count:,}")
    return table


def rates(before: Mapping[str, Any], now: Mapping[str, Any], seconds: float) -> Rates:
    """Say how fast the counters grew."""
    return Rates(
        (_total(now, _COUNTED) - _total(before, _COUNTED)) / seconds,
        (_total(now, ("denied", "would_deny")) - _total(before, ("denied", "would_deny"))) / seconds,
    )


def _on_journal_failure(conduit: Mapping[str, Any]) -> Text:
    choice = str(conduit.get("on_journal_failure", ""))
    return Text(choice, style="bold yellow" if choice == "permit" else "")


def _total(status: Mapping[str, Any], names: tuple[str, ...]) -> int:
    counters = [conduit.get("requests") or {} for conduit in status.get("conduits", [])]
    return sum(int(counter.get(name, 0)) for counter in counters for name in names)


def _duration(seconds: int) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    shown = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{number} {unit}" for number, unit in shown if number) or "0 s"
