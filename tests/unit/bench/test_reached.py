"""A disturbance that did not take place has not been stood, however steady the polls were."""

from __future__ import annotations

from typing import Any

import pytest
from bench import reached

_BAD = dict.fromkeys(("lost", "exceptions", "strays", "broken"), 0)


def _found(phase: str, *facts: dict[str, Any], p999_us: float = 150.0) -> dict[str, Any]:
    rounds = [{"p999_us": p999_us, "quiet_p999_us": 200.0, "disturbance": each} for each in facts]
    report = {"p999_us": p999_us, "quiet_p999_us": 200.0, **_BAD, "rounds": rounds}
    return {"direct": {"quiet": {"p999_us": 100.0}}, "modwarden": {phase: report}}


def _line(found: dict[str, Any]) -> reached.Line:
    (line,) = reached.lines({"determinism": found})
    return line


@pytest.mark.parametrize(
    ("phase", "done", "too_little"),
    [
        ("reload", {"times": 3}, {"times": 0}),
        ("audit query", {"times": 1}, {}),
        ("churn", {"per_second": 4990.0}, {"per_second": 3200.0}),
        ("stalled sync", {"failures": 2, "times": 2}, {"failures": 0, "times": 2}),
        ("rotation", {"sealed_rows": 5000}, {"sealed_rows": 0}),
        ("retention", {"sealed_rows": 9, "retired_rows": 9}, {"sealed_rows": 9, "retired_rows": 0}),
    ],
)
def test_a_phase_is_reached_only_where_each_round_was_disturbed(
    phase: str, done: dict[str, Any], too_little: dict[str, Any]
) -> None:
    whole, short = _line(_found(phase, done, done)), _line(_found(phase, done, too_little))

    assert whole.is_reached is True
    assert short.is_reached is None
    assert "void" in short.measured
    assert "void" not in whole.measured


def test_a_phase_that_was_too_late_is_not_reached_however_little_disturbed_it() -> None:
    assert _line(_found("churn", {"per_second": 10.0}, p999_us=900.0)).is_reached is False


def test_a_multiple_of_a_quiet_value_that_is_not_above_the_floor_says_nothing() -> None:
    found = _found("reload", {"times": 3})
    found["direct"]["quiet"]["p999_us"] = 200.0
    line = _line(found)

    assert line.is_reached is None
    assert "void: the quiet value" in line.measured


def test_the_figure_told_is_that_of_the_round_that_did_least() -> None:
    line = _line(_found("reload", {"times": 5}, {"times": 2}))

    assert line.measured.endswith("2 reloads in force")


def test_fewer_rules_than_the_goal_names_prove_nothing() -> None:
    windows = {"rules-10": [{"cpu_us": 10.0}], "rules-1000": [{"cpu_us": 10.0}]}
    (line,) = reached.lines({"rules": [{"windows": windows}]})

    assert (line.what, line.is_reached) == ("CPU time per request, 10 → 1,000 rules", None)


def test_cpu_time_of_a_window_that_sealed_nothing_proves_nothing() -> None:
    def cpu_line(*seals: int) -> reached.Line:
        window = {"cpu_us": 10.0, "throughput": 1000.0, "load_busy": 0.5}
        ours = [window | {"seals": count} for count in seals]
        windows = {"modwarden": ours, "haproxy": [window] * len(ours)}
        case = {"connections": 64, "writes_percent": 0, "windows": windows}
        return next(line for line in reached.lines({"reads": [case]}) if line.what.startswith("CPU"))

    assert cpu_line(2, 1).is_reached is True
    assert cpu_line(2, 0).is_reached is None


@pytest.mark.parametrize(
    ("rate", "busy", "verdict"), [(96.0, 0.5, "yes"), (94.0, 0.5, "no"), (94.0, 0.95, "void")]
)
def test_transparent_insertion_is_held_against_the_proxy_s(rate: float, busy: float, verdict: str) -> None:
    windows = {
        name: [{"throughput": each, "cpu_us": 10.0, "load_busy": busy, **_BAD}]
        for name, each in (("proxy", 100.0), ("transparent", rate))
    }
    case = {"connections": 16, "writes_percent": 0, "windows": windows}
    throughput, cpu = reached.lines({"transparent": {"missing": None, "cases": [case]}})

    assert throughput.is_reached is {"yes": True, "no": False, "void": None}[verdict]
    assert cpu.is_reached is True
