"""Talks to a running guard through its control socket."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any

from modwarden.errors import ModwardenError
from modwarden.guard._unix_path import short_name

if TYPE_CHECKING:
    from pathlib import Path

ANSWER_TIMEOUT_S = 5.0
# A reload parses, compiles and checks the whole site file before it answers.
RELOAD_TIMEOUT_S = 120.0


class ControlError(ModwardenError):
    """The guard cannot be reached, or could not answer."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What came of a reload."""

    is_in_force: bool
    line: str


class ControlClient:
    """One guard, asked once per call."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def status(self) -> dict[str, Any]:
        """Return listeners, conduits, counters, journal state and alarms."""
        status: dict[str, Any] = self._json("GET", "/status")
        return status

    def sessions(self) -> Any:
        """Return every open session."""
        return self._json("GET", "/sessions")

    def metrics(self) -> str:
        """Return the Prometheus text."""
        return self._ask("GET", "/metrics", ANSWER_TIMEOUT_S).decode()

    def reload(self) -> Reloaded:
        """Have the site file read anew."""
        answer = self._json("POST", "/reload", RELOAD_TIMEOUT_S)
        return Reloaded(bool(answer["is_in_force"]), str(answer["line"]))

    def _json(self, method: str, route: str, timeout_s: float = ANSWER_TIMEOUT_S) -> Any:
        return json.loads(self._ask(method, route, timeout_s))

    def _ask(self, method: str, route: str, timeout_s: float) -> bytes:
        connection = _UnixConnection(self._path, timeout_s)
        try:
            connection.request(method, route)
            response = connection.getresponse()
            body = response.read()
        except (OSError, HTTPException) as error:
            message = f"{self._path}: no guard answers here: {error}"
            raise ControlError(message) from error
        finally:
            connection.close()
        if response.status != HTTPStatus.OK:
            message = f"{self._path}: {route}: {_error_text(body)}"
            raise ControlError(message)
        return body


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("guard", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        with short_name(self._path) as name:
            self.sock.connect(name)


def _error_text(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")
