"""What must hold when the day is over."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.soak.day import QUIET
from bench.soak.trend import second_half

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.soak.day import Day
    from bench.soak.plant import Outage
    from bench.soak.recorded import RecordedWrites, WrittenKey
    from bench.soak.samples import Sample

# Over the second half, by the fitted line.
MOST_GROWTH_BYTES = 4_000_000
MOST_GROWTH_COUNT = 1.0
# With fewer cycles the second half is not made of whole ones.
CYCLES_FOR_A_TREND = 4
# Between a unit that listens again and a guard that reaches it. Only how late a poll began is forgiven, never
# how long it waited: one that began later than this after the outage, and was lost, is the guard's.
_SETTLING_S = 2.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold; `is_held` is None where the run was too short to say."""

    what: str
    bound: str
    measured: str
    is_held: bool | None


def judge(day: Day, recorded: RecordedWrites, cycles: int) -> list[Check]:
    """Hold the day against what must be."""
    return [
        *(judge_polls(client, day.reports, day.outages) for client in ("hmi", "engineers")),
        _writes(day, recorded),
        _nothing("audit readings that failed", recorded.failed),
        _nothing("what else was not as it must be", day.problems),
        _verified(day),
        *_flat(day.sampler.samples, cycles),
    ]


def judge_polls(client: str, reports: Sequence[dict[str, Any]], outages: Sequence[Outage]) -> Check:
    """Hold against the guard each lost poll that met no outage of its server."""
    wanted = [report for report in reports if report["client"].startswith(client)]
    keys = ("lost_from_unix_s", "lost_at_unix_s", "lost_units", "lost_why")
    lost = [loss for report in wanted for loss in zip(*(report[key] for key in keys), strict=True)]
    unmet = [loss for loss in lost if not any(_met(loss, outage) for outage in outages)]
    polls = sum(report["polls"] for report in wanted)
    measured = f"{len(unmet)} of {polls:,}; {len(lost) - len(unmet):,} that met one"
    what = f"polls lost that met no server outage: {client}"
    named = Counter(
        f"{unit} {why} after {at - began:.1f} s, asked {_since_the_last(outages, began)}"
        for began, at, unit, why in unmet
    )
    return Check(what, "0", f"{measured} {_some(named)}".strip(), not unmet and polls > 0)


def _since_the_last(outages: Sequence[Outage], at: float) -> str:
    ends = [outage.ended for outage in outages if outage.ended <= at]
    return f"{at - max(ends):.0f} s after an outage" if ends else "before any outage had ended"


def _met(loss: tuple[float, float, str, str], outage: Outage) -> bool:
    """Whether the server was gone at any moment from the poll's beginning to where it was given up."""
    began, at, unit, _ = loss
    is_gone = outage.first_unit <= int(unit.rpartition("-")[2]) <= outage.last_unit
    return is_gone and at >= outage.began and began <= outage.ended + _SETTLING_S


def _writes(day: Day, recorded: RecordedWrites) -> Check:
    received = Counter(_received(day))
    rows = Counter(recorded.rows.values())
    missing = received - rows
    measured = f"{missing.total()} of {received.total():,}; {recorded.readings} readings of the record"
    what = "writes that a server got and the record lacks"
    return Check(what, "0", f"{measured} {_some(missing)}".strip(), not missing and received.total() > 0)


def _received(day: Day) -> Iterator[WrittenKey]:
    for group in day.plant.groups:
        for line in group.writes.read_text().splitlines():
            write = json.loads(line)
            server = f"ahu-{int(write['host'].rpartition('.')[2]):03}"
            yield (server, write["function_code"], write["address"], tuple(write["values"]))


def _verified(day: Day) -> Check:
    done = day.plant.ask("audit", "verify", str(day.plant.journal), "--json")
    found: dict[str, Any] = json.loads(done.stdout or "{}")
    findings, rows = len(found.get("findings", ())), found.get("rows", 0)
    measured = f"exit {done.returncode}, {findings} findings, {rows:,} rows kept"
    return Check("the record verifies", "no finding", measured, (done.returncode, findings) == (0, 0))


def _nothing(what: str, found: Sequence[str]) -> Check:
    return Check(what, "none", "; ".join(found[:3]) or "none", not found)


def _flat(samples: Sequence[Sample], cycles: int) -> Iterator[Check]:
    times = [sample.at for sample in samples]
    is_long = cycles >= CYCLES_FOR_A_TREND
    for name, key, most, scale in (
        ("memory, all of it, MB", "resident_bytes", MOST_GROWTH_BYTES, 1e6),
        ("memory of its own, MB", "own_bytes", MOST_GROWTH_BYTES, 1e6),
        ("descriptors", "descriptors", MOST_GROWTH_COUNT, 1.0),
        ("threads", "threads", MOST_GROWTH_COUNT, 1.0),
    ):
        trend = second_half(times, [getattr(sample, key) for sample in samples])
        first, last = (quiet / scale for quiet in _at_the_ends(samples, key))
        measured = f"{trend.growth / scale:+.2f} in {trend.seconds:,.0f} s; quiet: {first:.1f} → {last:.1f}"
        is_held = trend.growth <= most if is_long else None
        yield Check(f"growth, second half: {name}", f"≤ {most / scale:g}", measured, is_held)


def _at_the_ends(samples: Sequence[Sample], key: str) -> tuple[float, float]:
    """Medians of the first and of the last quiet stretch."""
    quiet = [sample for sample in samples if sample.phase == QUIET]
    few = max(1, len(quiet) // 10)
    ends = quiet[:few], quiet[-few:]
    first, last = (statistics.median(getattr(sample, key) for sample in end) for end in ends)
    return first, last


def _some(found: Counter[Any]) -> str:
    return f"({', '.join(map(str, list(found)[:3]))} …)" if found else ""
