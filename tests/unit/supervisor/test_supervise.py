"""Parts are kept running, told to stop, and their exit codes passed on."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from modwarden.supervisor import Backoff, Part, Supervisor

QUICK = Backoff(first_s=0.01, longest_s=0.02, healthy_after_s=60)


def _python(code: str, *arguments: str) -> Part:
    return Part("part", (sys.executable, "-c", textwrap.dedent(code), *arguments))


@pytest.fixture(autouse=True)
def _handlers() -> object:
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    return None


def test_a_part_whose_input_is_wrong_is_not_started_again(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    part = _python("import sys; open(sys.argv[1], 'a').write('x'); sys.exit(2)", str(starts))

    assert Supervisor([part], QUICK).run() == 2
    assert starts.read_text() == "x"


def test_a_first_start_for_which_the_world_is_not_ready_is_tried_for_a_while_and_then_over(
    tmp_path: Path,
) -> None:
    starts = tmp_path / "starts"
    part = _python("import sys; open(sys.argv[1], 'a').write('x'); sys.exit(3)", str(starts))
    backoff = Backoff(first_s=0.01, longest_s=0.02, first_start_s=0.5)

    assert Supervisor([part], backoff).run() == 3
    assert len(starts.read_text()) > 1


def test_a_part_that_has_run_is_started_again_however_long_the_world_is_not_ready(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    code = """
        import os, pathlib, signal, sys
        starts = pathlib.Path(sys.argv[1])
        starts.open('a').write('x')
        count = len(starts.read_text())
        if count == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        sys.exit(3 if count < 4 else 0)
    """
    backoff = Backoff(first_s=0.01, longest_s=0.02, first_start_s=0.0)

    assert Supervisor([_python(code, str(starts))], backoff).run() == 0
    assert starts.read_text() == "xxxx"


def test_a_part_that_crashes_starts_again_until_it_is_done(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    code = """
        import os, pathlib, signal, sys
        starts = pathlib.Path(sys.argv[1])
        starts.open('a').write('x')
        if len(starts.read_text()) < 3:
            os.kill(os.getpid(), signal.SIGKILL)
    """

    assert Supervisor([_python(code, str(starts))], QUICK).run() == 0
    assert starts.read_text() == "xxx"


def test_a_part_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    program = tmp_path / "part"
    program.write_text("#!/bin/sh\nexit 2\n")
    mend = threading.Timer(0.3, program.chmod, [0o700])
    mend.start()

    code = Supervisor([Part("part", (str(program),))], QUICK).run()
    mend.join()

    assert code == 2


def test_a_stop_while_a_part_is_being_started_still_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    popen = subprocess.Popen

    def stop_meanwhile(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        process: subprocess.Popen[bytes] = popen(*arguments, **options)
        os.kill(os.getpid(), signal.SIGTERM)
        return process

    monkeypatch.setattr(subprocess, "Popen", stop_meanwhile)
    begun = time.monotonic()

    code = Supervisor([_python("import time; time.sleep(20)")], QUICK).run()

    assert (code, time.monotonic() - begun < 10) == (128 + signal.SIGTERM, True)


def test_waits_grow_up_to_a_limit() -> None:
    backoff = Backoff(first_s=0.2, longest_s=1.0)

    assert [backoff.after(failures) for failures in (1, 2, 3, 4, 50)] == [0.2, 0.4, 0.8, 1.0, 1.0]


PART = """
import signal, sys, time
out = open(sys.argv[1], "a", buffering=1)
signal.signal(signal.SIGHUP, lambda *_: out.write("hup "))
signal.signal(signal.SIGTERM, lambda *_: (out.write("term "), sys.exit(5)))
out.write("up ")
out.flush()
while True:
    time.sleep(0.05)
    out.flush()
"""
SUPERVISOR = """
import sys
from modwarden.supervisor import Part, Supervisor
sys.exit(Supervisor([Part("part", (sys.executable, "-c", *sys.argv[1:]))]).run())
"""


def _wait_for(file: Path, word: str) -> None:
    deadline = time.monotonic() + 20
    while word not in (file.read_text() if file.exists() else ""):
        assert time.monotonic() < deadline, f"{word!r} never came"
        time.sleep(0.02)


def test_signals_reach_the_part_and_its_exit_code_comes_back(tmp_path: Path) -> None:
    said = tmp_path / "said"
    command = [sys.executable, "-c", SUPERVISOR, PART, str(said)]
    supervisor = subprocess.Popen(command, env=os.environ)
    try:
        _wait_for(said, "up")
        supervisor.send_signal(signal.SIGHUP)
        _wait_for(said, "hup")
        supervisor.send_signal(signal.SIGTERM)
        code = supervisor.wait(20)
    finally:
        supervisor.kill()
        supervisor.wait()

    assert (code, said.read_text()) == (5, "up hup term ")
