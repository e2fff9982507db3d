"""A guard's status in lines: what it enforces, what it only observes, what it has counted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

# The last of the guard's own thresholds, which its journal tells of as well.
_LOUD_DAYS = 7
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
    if status.get("rules_missing"):
        yield Text(f"ALARM {status['rules_missing']}", style="bold red")
    journal = status["journal"]
    if journal.get("up") is False:
        yield Text(f"ALARM the journal is down: {journal['last_failure']}", style="bold red")
    policy = str(status.get("policy", ""))[:12]
    yield Text(
        f"{status.get('site')}: guard {status.get('guard')}, policy {policy}, "
        f"up {_duration(status.get('uptime_s', 0))}, {status.get('sessions', 0)} sessions, "
        f"clock {status.get('clock')}"
    )
    yield Text(f"journal: {journal_text(journal)}")
    yield from unguarded_lines(status)
    yield from certificate_lines(status)
    yield from responder_lines(status)
    yield from limit_lines(status)


def has_alarm(status: Mapping[str, Any]) -> bool:
    """Say whether something is wrong that a person must mend."""
    return any(line.plain.startswith("ALARM") for line in head_lines(status))


def journal_text(journal: Mapping[str, Any]) -> str:
    """Say the journal's state in one line."""
    if "up" not in journal:
        return f"{journal['state']}: nothing is recorded"
    parts = [
        f"{'up' if journal['up'] else 'DOWN'}, durable up to row {journal['durable_sequence']:,}",
        f"last commit {journal['last_commit_us'] / 1000:.1f} ms",
        f"{journal['queued_rows']:,} rows wait",
    ]
    if journal["free_bytes"] is not None:
        parts.append(f"{journal['free_bytes'] / 2**30:.1f} GiB free")
    if journal["failures"]:
        parts.append(f"failures {journal['failures']}, the last: {journal['last_failure']}")
    if journal["last_alarm"]:
        parts.append(f"alarm: {journal['last_alarm']}")
    return ", ".join(parts)


def limit_lines(status: Mapping[str, Any]) -> Iterator[Text]:
    """Name each budget and limit that was met, and how often."""
    for name, count in status["limits"].items():
        yield Text(f"limit met: {name}, {count:,} times", style="bold yellow")


def unguarded_lines(status: Mapping[str, Any]) -> Iterator[Text]:
    """Name the conduits that pass everything while the guard is away, and how long that last was."""
    away = {one["conduit"]: one for one in status.get("unguarded", [])}
    for conduit in status.get("fails_open", []):
        known = away.get(conduit)
        told = (
            ""
            if known is None
            else f"; before this start for {known['seconds']:,.1f} s, {known['packets']:,} packets"
        )
        yield Text(f"conduit {conduit} fails open{told}", style="bold yellow")


def certificate_lines(status: Mapping[str, Any]) -> Iterator[Text]:
    """Name what of TLS ends soon or has ended: certificates, roots, revocation lists."""
    for item in status.get("certificates", []):
        days, name = item["days"], f"{item['what'].replace('_', ' ')} {item['name']} of {_whose(item)}"
        if days < 0:
            yield Text(f"ALARM {name} has ended: {item['file']}", style="bold red")
        elif days < _LOUD_DAYS:
            yield Text(f"{name} ends in {days} days: {item['file']}", style="bold yellow")


def responder_lines(status: Mapping[str, Any]) -> Iterator[Text]:
    """Say of how many peers' certificates no responder says anything, and name those that are revoked."""
    ocsp = status.get("ocsp")
    if not ocsp:
        return
    silent = ocsp["certificates"]["unanswered"]
    if silent:
        why = sorted({item["why"] for item in ocsp["not_good"] if item["why"]})
        told = f": {', '.join(why)}" if why else ""
        yield Text(f"{silent:,} certificates without a responder's answer{told}", style="bold yellow")
    for item in ocsp["not_good"]:
        if item["standing"] == "revoked":
            yield Text(f"revoked, says its responder: {item['whom']}", style="bold yellow")


def _whose(item: Mapping[str, Any]) -> str:
    server = item.get("server")
    return f"conduit {item['conduit']}" if server is None else f"server {server}"


def conduit_table(status: Mapping[str, Any]) -> Table:
    """List the conduits: verdicts, counters, and every exception the operator wrote."""
    has_tls = any(conduit.get("tls") for conduit in status.get("conduits", []))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in (
        "conduit",
        "verdicts",
        *(("tls",) if has_tls else ()),
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
            *(("yes" if conduit["tls"] else "no",) if has_tls else ()),
            str(len(listeners)),
            str(sum(listener["sessions"] for listener in listeners)),
            *(f"{counters.get(name, 0):,}" for name in _COUNTED),
            ", ".join(conduit.get("essential_rules", [])),
            _on_journal_failure(conduit),
        )
    return table


def line_table(status: Mapping[str, Any]) -> Table | None:
    """List the lines that clients share: load, who waits, and what is amiss; None where there are none."""
    lines = status.get("lines") or []
    if not lines:
        return None
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("line")
    table.add_column("at")
    for name in ("load", "sessions", "waiting", "given up", "requests", "shared", "CRC errors", "strays"):
        table.add_column(name, justify="right")
    table.add_column("time-outs by unit")
    for line in lines:
        counts = (line["given_up"], line["requests"], line["shared"], line["crc_errors"], line["strays"])
        table.add_row(
            line["name"],
            Text(line["at"], style="" if line["up"] else "bold red"),
            f"{line['load_percent']} %" if line["up"] else Text("DOWN", style="bold red"),
            f"{line['sessions']:,}",
            f"{line['waiting']:,}",
            *(f"{count:,}" for count in counts),
            ", ".join(f"{unit}: {count:,}" for unit, count in line["time_outs"].items()),
        )
    return table


def client_port_table(status: Mapping[str, Any]) -> Table | None:
    """List the serial ports at which clients ask; None where there are none."""
    ports = status.get("client_ports") or []
    if not ports:
        return None
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("client port")
    table.add_column("at")
    for name in ("load", "requests", "replies", "given up", "CRC errors", "strays", "echoes"):
        table.add_column(name, justify="right")
    table.add_column("given up by unit")
    for port in ports:
        counts = [
            port[name] for name in ("requests", "replies", "given_up", "crc_errors", "strays", "echoes")
        ]
        table.add_row(
            port["name"],
            Text(port["at"], style="" if port["up"] else "bold red"),
            f"{port['load_percent']} %" if port["up"] else Text("DOWN", style="bold red"),
            *(f"{count:,}" for count in counts),
            ", ".join(f"{unit}: {count:,}" for unit, count in port["given_up_by_unit"].items()),
        )
    return table


def denial_table(status: Mapping[str, Any]) -> Table:
    """List why requests were refused, or would be where a conduit only observes."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("refused, or would be, because")
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
