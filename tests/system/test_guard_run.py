"""`modwarden run` on loopback: what is permitted passes, all else is refused, recorded and explained."""

from __future__ import annotations

import os
import re
import signal
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pymodbus.exceptions import ModbusException

if TYPE_CHECKING:
    from typing import Any

SETPOINT = 100
WARMER = list(struct.unpack(">HH", struct.pack(">f", 21.5)))
TOO_HOT = list(struct.unpack(">HH", struct.pack(">f", 30.0)))
FAN_RULE = "      - {name: hmi-fan, clients: [hmi-1], permit: [write], points: [fan_enable]}\njournal:"

pytestmark = pytest.mark.timeout(120)


def _children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_refused_write_is_answered_01_recorded_explained_and_never_reaches_the_server(bench: Any) -> None:
    bench.start_guard()
    direct = bench.client(bench.server_port, "127.11.0.1")
    before = direct.read_holding_registers(SETPOINT, count=2).registers
    answer = bench.client().write_registers(SETPOINT, TOO_HOT)
    row = bench.records_once(1, "--verdict", "deny")[0]
    why = bench.ask("policy", "explain", str(bench.site), "--sequence", str(row["sequence"]))

    assert (answer.isError(), answer.exception_code) == (True, 1)
    assert direct.read_holding_registers(SETPOINT, count=2).registers == before
    assert (row["kind"], row["client"], row["server"]) == ("request.denied", "hmi-1", "ahu-001")
    assert row["written"] == {"temperature_setpoint": "30 degC"}
    assert why.returncode == 0, why.stderr
    assert why.stdout.startswith("DENY")
    assert "hmi-climate" in why.stdout


def test_a_permitted_read_passes_and_is_one_record(bench: Any) -> None:
    bench.start_guard()
    direct = bench.client(bench.server_port, "127.11.0.1").read_holding_registers(SETPOINT, count=2)
    through = bench.client().read_holding_registers(SETPOINT, count=2)
    rows = bench.records_once(1, "--function", "read")

    assert through.registers == direct.registers
    assert [(row["verdict"], row["rule"]) for row in rows] == [("permit", "hmi-reads")]


def test_a_permitted_write_is_recorded_before_and_after(bench: Any) -> None:
    bench.start_guard()
    answer = bench.client().write_registers(SETPOINT, WARMER)
    request, outcome = bench.records_once(2, "--function", "16")

    assert not answer.isError()
    assert (request["kind"], request["rule"]) == ("request.permitted", "hmi-climate")
    assert (outcome["kind"], outcome["request_sequence"]) == ("request.outcome", request["sequence"])
    assert request["written"] == {"temperature_setpoint": "21.5 degC"}


def test_a_bad_new_site_file_is_refused_and_the_policy_before_stays(bench: Any) -> None:
    bench.start_guard()
    before = bench.status()["policy"]
    client = bench.client()
    bench.edit_site("level: 0", "levle: 0")
    refused = bench.ask("reload", str(bench.site))

    assert refused.returncode == 2
    assert "site.yaml:5" in refused.stderr
    assert client.read_holding_registers(SETPOINT, count=2).registers
    assert bench.status()["policy"] == before
    assert "site.yaml:5" in bench.status()["alarm"]
    assert bench.ask("status", str(bench.site)).returncode == 1
    assert bench.records_once(1, "--kind", "policy.rejected")


@pytest.mark.parametrize("by_signal", [True, False])
def test_a_reload_takes_a_new_rule_into_force_on_the_open_session(bench: Any, *, by_signal: bool) -> None:
    guard = bench.start_guard()
    before = bench.status()["policy"]
    client = bench.client()
    assert client.write_coil(0, True).exception_code == 1
    bench.edit_site("journal:", FAN_RULE)
    if by_signal:
        guard.send_signal(signal.SIGHUP)
    else:
        assert bench.ask("reload", str(bench.site)).returncode == 0
    deadline = time.monotonic() + 20
    while bench.status()["policy"] == before:
        assert time.monotonic() < deadline
        time.sleep(0.1)

    assert not client.write_coil(0, True).isError()
    assert bench.status()["alarm"] is None
    assert bench.ask("status", str(bench.site)).returncode == 0


def test_a_guard_says_that_it_is_ready_and_what_it_only_observes(bench: Any) -> None:
    bench.edit_site("to: field", "to: field\n    verdicts: observe")
    bench.start_guard()

    told = r"ready: policy [0-9a-f]{12} is in force at 1 listener; only observed: hvac\n"
    assert re.search(told, bench.log), bench.log


def test_the_sites_own_tests_pass_against_the_compiled_core(bench: Any) -> None:
    done = bench.ask("policy", "test", str(bench.site))

    assert (done.returncode, "2 of 2 tests pass" in done.stdout) == (0, True), done.stdout + done.stderr


def test_a_killed_guard_is_started_again_and_its_journal_verifies(bench: Any) -> None:
    supervisor = bench.start_guard()
    bench.client().write_registers(SETPOINT, WARMER)
    # The write's own row is durable by now; its outcome's follows within the commit interval.
    bench.records_once(2, "--function", "16")
    (killed,) = _children_of(supervisor.pid)
    os.kill(killed, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while _children_of(supervisor.pid) in ([], [killed]):
        assert time.monotonic() < deadline, bench.log
        time.sleep(0.05)
    bench.wait_for_guard(supervisor)
    after = bench.client().read_holding_registers(SETPOINT, count=2)
    supervisor.send_signal(signal.SIGTERM)
    code = supervisor.wait(30)
    verified = bench.ask("audit", "verify", str(bench.journal))

    assert after.registers == WARMER
    assert code == 0
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert len(bench.records("--function", "16")) == 2


def test_a_killed_supervisor_takes_its_guard_with_it(bench: Any) -> None:
    supervisor = bench.start_guard()
    (guard,) = _children_of(supervisor.pid)
    supervisor.kill()
    supervisor.wait()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{guard}").exists() and "Z" not in Path(f"/proc/{guard}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline, bench.log
        time.sleep(0.05)

    assert bench.ask("status", str(bench.site)).returncode == 3


def test_where_no_policy_was_ever_good_the_guard_does_not_start(bench: Any) -> None:
    bench.edit_site("level: 0", "levle: 0")
    guard = bench.run("run", str(bench.site))

    assert guard.wait(30) == 2
    assert "site.yaml:5" in bench.log


@pytest.mark.parametrize("verdicts", ["enforce", "observe"])
@pytest.mark.parametrize(("on_policy_failure", "is_served"), [("deny", False), ("last_good", True)])
def test_a_bad_site_file_at_start_means_what_the_operator_chose_and_an_alarm(
    bench: Any, on_policy_failure: str, verdicts: str, *, is_served: bool
) -> None:
    bench.write_site(on_policy_failure=on_policy_failure)
    bench.edit_site("guard: gate-1", f"guard: gate-1\n    verdicts: {verdicts}")
    first = bench.start_guard()
    first.send_signal(signal.SIGTERM)
    assert first.wait(30) == 0, bench.log
    bench.edit_site("level: 0", "levle: 0")
    bench.start_guard()
    status = bench.status()

    assert "started with the last good policy" in status["alarm"]
    assert _reads(bench) is is_served
    assert bench.records_once(1, "--kind", "policy.rejected")


def test_one_altered_byte_is_found(bench: Any) -> None:
    guard = bench.start_guard()
    bench.client().write_registers(SETPOINT, WARMER)
    guard.send_signal(signal.SIGTERM)
    assert guard.wait(30) == 0, bench.log
    victim = max(
        (path for path in bench.journal.iterdir() if path.suffix in (".parquet", ".arrows")),
        key=lambda path: path.stat().st_size,
    )
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)

    assert bench.ask("audit", "verify", str(bench.journal)).returncode == 1


def test_top_and_metrics_show_what_was_counted(bench: Any) -> None:
    bench.start_guard()
    bench.client().read_holding_registers(SETPOINT, count=2)
    seen = bench.ask("top", str(bench.site), "--once", "--every", "0.2")

    assert seen.returncode == 0, seen.stderr
    assert "requests/s" in seen.stdout
    assert "hvac" in seen.stdout


def _reads(bench: Any) -> bool:
    # A client that no rule names is reset, or answered with an exception: either way it reads nothing.
    try:
        return not bench.client().read_holding_registers(SETPOINT, count=2).isError()
    except (ModbusException, OSError):
        return False
