"""The control socket: HTTP with JSON over a Unix socket.

Kept true here:
* the socket file's permissions (0660) are the access control;
* an exception in a handler answers 500 and ends nothing;
* nothing here waits for the data plane longer than a request may take.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import socketserver
import stat
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Protocol, Self

from modwarden.guard._unix_path import short_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_S = 10.0
PROBE_TIMEOUT_S = 2.0
NO_DESCRIPTOR_PAUSE_S = 0.1
JSON_TYPE = "application/json"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MODE = 0o660


class SocketInUseError(OSError):
    """The control socket's place is taken: another guard answers there, or a file lies there."""


class Controlled(Protocol):
    """What the socket can ask of the guard."""

    def status(self) -> bytes:
        """JSON."""

    def sessions(self) -> bytes:
        """JSON."""

    def metrics(self) -> bytes:
        """Prometheus text."""

    def reload(self) -> ReloadAnswer:
        """Read the site file anew."""


class ReloadAnswer(Protocol):
    """What came of a reload."""

    @property
    def is_in_force(self) -> bool:
        """Whether the new policy decides now."""

    @property
    def line(self) -> str:
        """One line for a person."""


class ControlServer:
    """Serves the control socket from threads of its own until closed."""

    def __init__(self, path: Path, guard: Controlled) -> None:
        _remove_stale(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._server = _bind(path, guard)
        self._thread = threading.Thread(target=self._server.serve_forever, name="control-socket", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def is_alive(self) -> bool:
        """Whether its thread still takes connections."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop answering and remove the socket file."""
        self._server.shutdown()
        self._server.server_close()
        self._path.unlink(missing_ok=True)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    guard: Controlled

    def get_request(self) -> tuple[socket.socket, Any]:
        try:
            return super().get_request()
        except OSError:
            # The connection still waits, so the loop would come back at once and take a core for itself.
            time.sleep(NO_DESCRIPTOR_PAUSE_S)
            raise

    def handle_error(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        del request, client_address
        # A client that hangs up while it is answered is no news.
        log.debug("control socket: a client went away: %s", sys.exc_info()[1])


class _Handler(BaseHTTPRequestHandler):
    timeout = REQUEST_TIMEOUT_S
    server: _Server

    def do_GET(self) -> None:
        guard = self.server.guard
        routes: dict[str, tuple[str, Callable[[], bytes]]] = {
            "/status": (JSON_TYPE, guard.status),
            "/sessions": (JSON_TYPE, guard.sessions),
            "/metrics": (METRICS_TYPE, guard.metrics),
        }
        if self.path not in routes:
            self._refuse(HTTPStatus.NOT_FOUND, f"nothing at {self.path}")
            return
        content_type, ask = routes[self.path]
        self._answer_with(content_type, ask)

    def do_POST(self) -> None:
        if self.path != "/reload":
            self._refuse(HTTPStatus.NOT_FOUND, f"nothing at {self.path}")
            return
        self._drop_body()
        self._answer_with(JSON_TYPE, self._reload)

    def _reload(self) -> bytes:
        answer = self.server.guard.reload()
        return json.dumps({"is_in_force": answer.is_in_force, "line": answer.line}).encode()

    def _answer_with(self, content_type: str, ask: Callable[[], bytes]) -> None:
        try:
            body = ask()
        except Exception as error:
            log.exception("control socket: %s failed", self.path)
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, f"{type(error).__name__}: {error}")
            return
        self._send(HTTPStatus.OK, content_type, body)

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._send(status, JSON_TYPE, json.dumps({"error": why}).encode())

    def _send(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _drop_body(self) -> None:
        length = self.headers.get("Content-Length", "0")
        # A reload takes no argument; a body is read only so that the client can finish sending.
        self.rfile.read(min(int(length), 65536) if length.isdigit() else 0)

    def address_string(self) -> str:
        return "control-socket"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base's name)
        log.debug(format, *args)


def _bind(path: Path, guard: Controlled) -> _Server:
    # The umask closes the moment between bind and chmod in which anyone could connect.
    # It holds for the journal's threads too: a folder they make meanwhile keeps its owner's `x`.
    before = os.umask(0o077)
    try:
        with short_name(path) as name:
            server = _Server(name, _Handler)
    finally:
        os.umask(before)
    server.guard = guard
    try:
        path.chmod(MODE)
    except OSError:
        server.server_close()
        raise
    return server


def _remove_stale(path: Path) -> None:
    """Remove the socket file a killed guard left; refuse where one still answers."""
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        message = f"{path}: not a socket; it is left alone"
        raise SocketInUseError(message)
    with socket.socket(socket.AF_UNIX) as probe, short_name(path) as name:
        # A guard that hangs with a full backlog would hold up this start for ever.
        probe.settimeout(PROBE_TIMEOUT_S)
        try:
            probe.connect(name)
        except (TimeoutError, BlockingIOError):
            pass
        except ConnectionRefusedError:
            path.unlink()
            return
    message = f"{path}: another guard answers here"
    raise SocketInUseError(message)
