"""What `modwarden run --only guard` does in its process: start, reload, stop.

The core's threads carry the traffic. The main thread waits for signals and for
the control socket's wishes, one at a time.

Kept true here:
* a bad new site file changes nothing, and the record says that it was refused;
* a bad site file at start means the last good policy and an alarm, and no start
  where none was ever good;
* whatever is wished for, the data loop and the control socket are looked after meanwhile;
* no exception in here ends the guard, and a control socket that cannot be bound does not either.
"""

from __future__ import annotations

import json
import logging
import signal
import threading
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from modwarden.errors import ModwardenError
from modwarden.guard._child import CompileError, CompileStoppedError, compile_in_child
from modwarden.guard._clock import is_clock_synchronised
from modwarden.guard._loaded import NotLoadedError, check_loaded
from modwarden.guard._rules_watch import RulesWatch
from modwarden.guard._unguarded import Unguarded
from modwarden.guard.compiled import Compiled, StoredPolicyError, keep_last_good, load_last_good
from modwarden.guard.face import CoreError, DocumentError, GuardCore
from modwarden.guard.socket_keeper import ControlSocket

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import FrameType

    from modwarden.guard.state import StateDirectory

log = logging.getLogger(__name__)

# Longer than a compile may take, so that the waiting handler hears the compile's own time-out.
RELOAD_ANSWER_TIMEOUT_S = 118.0
# How often the main thread looks whether the data loop lives; also how late a clock's loss is seen.
LOOK_S = 1.0


class DataLoopEndedError(ModwardenError):
    """The core's data loop is gone: our bug."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a reload, in one line."""

    is_in_force: bool
    line: str


class _Wish:
    """One wish for a reload, and the wait for its answer."""

    def __init__(self) -> None:
        self._answered = threading.Event()
        self._answer = Answer(is_in_force=False, line="no answer in time")

    def fulfil(self, answer: Answer) -> None:
        self._answer = answer
        self._answered.set()

    def wait(self) -> Answer:
        self._answered.wait(RELOAD_ANSWER_TIMEOUT_S)
        return self._answer


class Wishes:
    """What signals and the control socket want of the main thread, in order."""

    def __init__(self) -> None:
        # A SimpleQueue may be put to from a signal handler; other queues may not.
        self._wishes: SimpleQueue[_Wish | None] = SimpleQueue()
        self._is_stop_wished = False

    def is_stop_wished(self) -> bool:
        """Whether a stop was wished for, also behind wishes that wait."""
        return self._is_stop_wished

    def reload(self) -> Answer:
        """Wish for a reload and wait for its answer."""
        wish = _Wish()
        self._wishes.put(wish)
        return wish.wait()

    def reload_unheard(self) -> None:
        """Wish for a reload without waiting."""
        self._wishes.put(_Wish())

    def stop(self) -> None:
        """Wish for a clean stop."""
        self._is_stop_wished = True
        self._wishes.put(None)

    def next(self, timeout_s: float) -> _Wish | None:
        """
        Wait for the next wish; None is the wish to stop.

        Raises:
            queue.Empty: nobody wished anything in time.
        """
        return self._wishes.get(timeout=timeout_s)


class GuardService:
    """One running guard: the core, its site file and its state."""

    def __init__(self, site: Path, guard: str | None, state: StateDirectory, wishes: Wishes) -> None:
        self._site = site
        self._guard = guard
        self._state = state
        self._wishes = wishes
        self._alarm: str | None = None
        self._unguarded = Unguarded(state.alive)
        self._rules = RulesWatch()
        self._core, self._in_force = self._start()
        self._core.clock_synchronised(synchronised=is_clock_synchronised())
        for line in self._core.opening:
            log.warning("%s", line)

    def status(self) -> bytes:
        """JSON: the core's status, and what only this process knows."""
        status: dict[str, Any] = json.loads(self._core.status())
        status["site_file"] = str(self._site)
        status["alarm"] = self._alarm
        status["rules_missing"] = self._rules.missing
        status["fails_open"] = list(self._unguarded.conduits)
        status["unguarded"] = [away.to_status() for away in self._unguarded.away]
        return json.dumps(status).encode()

    def sessions(self) -> bytes:
        """JSON: every open session."""
        return self._core.sessions()

    def metrics(self) -> bytes:
        """Return Prometheus text."""
        alarm = 0 if self._alarm is None else 1
        return (
            self._core.metrics()
            + (
                "# HELP modwarden_policy_alarm The site file on disk is not what is in force.\n"
                f"# TYPE modwarden_policy_alarm gauge\nmodwarden_policy_alarm {alarm}\n"
                f"{self._unguarded.metrics()}{self._rules.metrics(self._in_force.diversions)}"
            ).encode()
        )

    def reload(self) -> Answer:
        """Wish for a reload from any thread, and wait for its answer."""
        return self._wishes.reload()

    def wait_for_stop(self, look_after_socket: Callable[[], None]) -> None:
        """
        Fulfil wishes until one is to stop; then drain and stop.

        Args:
            look_after_socket: called every moment, also while a site file is compiled.

        Raises:
            DataLoopEndedError: the data loop ended by itself; only a restart mends that.
        """

        def look_after() -> None:
            self._look_after_core()
            look_after_socket()

        while True:
            look_after()
            try:
                wish = self._wishes.next(LOOK_S)
            except Empty:
                continue
            if wish is None:
                break
            wish.fulfil(self._reload_now(look_after))
        # From here on nobody is let in, so that a conduit that fails open is open.
        self._unguarded.note_alive()
        if not self._core.drain(self._in_force.drain_ms):
            log.warning("some requests did not finish in %d ms", self._in_force.drain_ms)
        self._core.stop()

    def _look_after_core(self) -> None:
        if not self._core.is_alive:
            raise DataLoopEndedError("the data loop ended by itself")
        self._core.clock_synchronised(synchronised=is_clock_synchronised())
        self._unguarded.note_alive()
        self._rules.look(self._in_force.diversions)

    def _start(self) -> tuple[GuardCore, Compiled]:
        try:
            compiled = compile_in_child(self._site, self._guard, self._wishes.is_stop_wished)
            core = self._open(compiled, compiled.document)
        except (CompileError, DocumentError) as error:
            return self._start_with_last_good(error)
        _keep(self._state.last_good, compiled)
        return core, compiled

    def _start_with_last_good(self, error: Exception) -> tuple[GuardCore, Compiled]:
        try:
            compiled = load_last_good(self._state.last_good)
        except StoredPolicyError as unreadable:
            message = f"{error}\nand the last good policy cannot be read: {unreadable}"
            raise CompileError(message) from unreadable
        if compiled is None:
            raise CompileError(str(error)) from error
        self._alarm = f"started with the last good policy: {_one_line(error)}"
        log.error("%s", self._alarm)
        core = self._open(compiled, compiled.for_a_start_without_site_file())
        core.reject(self._alarm)
        return core, compiled

    def _open(self, compiled: Compiled, document: bytes) -> GuardCore:
        """Start the core, once the kernel does what the conduits need of it."""
        loaded = check_loaded(compiled.diversions)
        away = self._unguarded.begin(loaded.open_packets)
        for one in away:
            log.warning("conduit %s %s", one.conduit, one.told)
        told = [{"conduit": one.conduit, "told": one.told} for one in away]
        options = {**json.loads(compiled.options), "away": told}
        return GuardCore(document, json.dumps(options).encode())

    def _reload_now(self, look_after: Callable[[], None]) -> Answer:
        try:
            answer = self._try_reload(look_after)
        except DataLoopEndedError as error:
            # Who wished must hear of it; the next look ends the guard.
            answer = Answer(is_in_force=False, line=str(error))
        except CompileStoppedError:
            answer = Answer(is_in_force=False, line="the guard stops; the policy before stays in force")
        except Exception as error:
            log.exception("the reload failed")
            answer = self._refuse(f"{type(error).__name__}: {error}")
        log.info("%s", answer.line)
        return answer

    def _try_reload(self, look_after: Callable[[], None]) -> Answer:
        try:
            compiled = compile_in_child(self._site, self._guard, self._wishes.is_stop_wished, look_after)
        except CompileError as error:
            return self._refuse(_one_line(error), alarm=str(error))
        try:
            loaded = check_loaded(compiled.diversions)
            digest = self._core.reload(compiled.document)
        except (DocumentError, CoreError, NotLoadedError) as error:
            return self._refuse(" ".join(str(error).split()))
        self._unguarded.adopt(loaded.open_packets)
        later = "" if compiled.options == self._in_force.options else _AT_NEXT_START
        self._in_force = compiled
        self._alarm = None
        _keep(self._state.last_good, compiled)
        return Answer(is_in_force=True, line=f"policy {digest[:12]} is in force{later}")

    def _refuse(self, why: str, *, alarm: str | None = None) -> Answer:
        self._alarm = f"reload refused, the policy before stays in force: {alarm or why}"
        try:
            self._core.reject(why)
        except Exception:
            log.exception("the refusal could not be recorded")
        return Answer(is_in_force=False, line=f"refused, the policy before stays in force: {why}")


_AT_NEXT_START = "; changed journal settings take effect at the next start"


def serve(site: Path, guard: str | None, state: StateDirectory) -> None:
    """
    Run one guard until it is told to stop.

    Raises:
        CompileError: the site file is wrong, and none was ever good.
        CoreError: a port or the disk is not to be had.
        NotLoadedError: the host's rules or routes are not those that a transparent conduit needs.
    """
    wishes = Wishes()
    # Before anything starts: a SIGHUP that finds no handler would end the process.
    for number, wish in (
        (signal.SIGHUP, wishes.reload_unheard),
        (signal.SIGTERM, wishes.stop),
        (signal.SIGINT, wishes.stop),
    ):
        signal.signal(number, _on_signal(wish))
    try:
        service = GuardService(site, guard, state, wishes)
    except CompileStoppedError:
        return
    with ControlSocket(state.socket, service) as control:
        log.info("%s", _ready(json.loads(service.status())))
        service.wait_for_stop(control.look_after)


def _ready(status: dict[str, Any]) -> str:
    """Say that clients are served, and which conduits do not refuse anything."""
    conduits = status["conduits"]
    count = sum(len(conduit["listeners"]) for conduit in conduits)
    listeners = "1 listener" if count == 1 else f"{count} listeners"
    observing = [conduit["name"] for conduit in conduits if conduit["verdicts"] == "observe"]
    told = f"; only observed: {', '.join(observing)}" if observing else ""
    return f"ready: policy {status['policy'][:12]} is in force at {listeners}{told}"


def _on_signal(wish: Callable[[], None]) -> Callable[[int, FrameType | None], None]:
    def act(number: int, frame: FrameType | None) -> None:
        del number, frame
        wish()

    return act


def _keep(path: Path, compiled: Compiled) -> None:
    try:
        keep_last_good(path, compiled)
    except OSError as error:
        # The guard must start and reload on a full disk; only a later start has less to fall back on.
        log.warning("the last good policy could not be kept in %s: %s", path, error)


def _one_line(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0] if len(lines) == 1 else f"{lines[0]} (and {len(lines) - 1} more)"
