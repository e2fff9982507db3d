"""A site's PKI, a guard that speaks TLS with it, and clients, with certificates from `modwarden pki`."""

from __future__ import annotations

import socket
import ssl
import struct
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from tests.doubles.guard import wait_until
from tests.doubles.guarded import GUARD, HMI, Guarded, Wanted, guard_one_plc

from modwarden.model import RoleName
from modwarden.pki import (
    KeyAlgorithm,
    Kind,
    Order,
    Plan,
    Reason,
    Terms,
    create_pki,
    entries_to_revoke,
    issue,
    parse_addresses,
    renew,
    revoke,
)

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path
    from types import TracebackType

    from modwarden.pki import Store

PATIENCE_S = 15.0
_HEADER = struct.Struct(">HHHB")
_TLS = "certificate: {own}/chain.pem, key: {own}/key.pem, trust: [pki/root.pem], crls: [pki/crl.pem]"
# A test connects more often in a second than a client has rows for.
_BUDGETS = "budgets: {denial_rows_per_second: 1000}"
RULES = (
    "name: reads, roles: [Operator, Engineer], permit: [read]",
    "name: writes, clients: [hmi-1], roles: [Engineer], permit: [write]",
)


@dataclass(frozen=True, slots=True)
class Holder:
    """Files of one client."""

    chain: Path
    key: Path


@dataclass
class Secured:
    """A guard that has not been started, behind TLS, and the PKI that it believes."""

    guarded: Guarded
    store: Store

    @property
    def address(self) -> tuple[str, int]:
        return self.guarded.address

    def client(self, name: str, role: str | None = "Operator") -> Holder:
        terms = Terms(Kind.CLIENT, name, role=None if role is None else RoleName(role))
        folder = issue(self.store, terms, Order(), _now()).path.parent
        return Holder(folder / "chain.pem", folder / "key.pem")

    def revoke(self, name: str) -> None:
        entries = entries_to_revoke(self.store, Kind.CLIENT, name, _now())
        revoke(self.store, entries, Reason.KEY_COMPROMISE, _now())

    def renew_own(self) -> None:
        renew(self.store, Kind.SERVER, "gate-1", Order(), _now())

    def context(
        self, holder: Holder | None, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ) -> ssl.SSLContext:
        tls = ssl.create_default_context(cafile=self.store.root_file)
        tls.minimum_version = ssl.TLSVersion.TLSv1_2
        tls.maximum_version = version
        if holder is not None:
            tls.load_cert_chain(holder.chain, holder.key)
        return tls

    def s_client(self, holder: Holder | None, *options: str, typed: str = "Q\n") -> str:
        """Say what `openssl s_client` prints when it is typed to."""
        done = subprocess.run(
            self._command(holder, *options),
            input=typed,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return done.stdout + done.stderr

    def keep_session(self, holder: Holder, file: Path) -> None:
        """Have `openssl s_client` stay until it has been given a session that can be resumed."""
        command = self._command(holder, "-tls1_3", "-sess_out", str(file))
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as client:
            wait_until(lambda: file.is_file() and file.stat().st_size, "a session is there")
            client.communicate(b"Q\n", PATIENCE_S)

    def _command(self, holder: Holder | None, *options: str) -> list[str]:
        own = (
            () if holder is None else ("-cert", holder.chain, "-cert_chain", holder.chain, "-key", holder.key)
        )
        command = ["openssl", "s_client", "-connect", ":".join(map(str, self.address)), "-bind", f"{HMI}:0"]
        return [*command, "-CAfile", str(self.store.root_file), *map(str, own), *options]

    def reasons(self, kind: str) -> list[str]:
        """List why, of all rows of a kind, once the guard has ended."""
        return [row["reason"] for row in self.guarded.guard.records("--kind", kind)]

    def refusals(self) -> list[str]:
        """List the words of all refusals, in order; ends the guard."""
        assert self.guarded.guard.stop() == 0, self.guarded.guard.log
        return [reason.split(":")[0] for reason in self.reasons("tls.refused")]


class TlsTalk:
    """One client's connection under TLS, on Python's own."""

    def __init__(
        self, address: tuple[str, int], tls: ssl.SSLContext, session: ssl.SSLSession | None = None
    ) -> None:
        plain = socket.create_connection(address, PATIENCE_S, source_address=(HMI, 0))
        try:
            self._socket = tls.wrap_socket(plain, server_hostname=GUARD, session=session)
        except OSError:
            plain.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    @property
    def session(self) -> ssl.SSLSession | None:
        return self._socket.session

    @property
    def is_resumed(self) -> bool:
        return bool(self._socket.session_reused)

    def ask(self, pdu: bytes) -> bytes:
        """Send one request to unit 1, and give the PDU of its answer; empty where the connection ended."""
        self._socket.sendall(_HEADER.pack(1, 0, 1 + len(pdu), 1) + pdu)
        received = b""
        while len(received) < _HEADER.size or len(received) < 6 + _HEADER.unpack_from(received)[2]:
            fresh = self._socket.recv(4096)
            if not fresh:
                return b""
            received += fresh
        return received[_HEADER.size :]

    def is_ended(self) -> bool:
        try:
            return self._socket.recv(1) == b""
        except OSError:
            return True


def secure(
    folder: Path, ending: ExitStack, *more: str, key: KeyAlgorithm = KeyAlgorithm.ECDSA_P256
) -> Secured:
    """Make a PKI and a guard's certificate, and write the site file; `more` stands in its `tls`."""
    store = create_pki(folder / "pki", Plan("Northside", key), _now())
    issue(store, Terms(Kind.SERVER, "gate-1", parse_addresses([GUARD])), Order(), _now())
    tls = ", ".join((_TLS.format(own="pki/servers/gate-1/current"), *more))
    guarded = guard_one_plc(folder, Wanted(RULES, (f"tls: {{{tls}}}", _BUDGETS)), ending)
    return Secured(guarded, store)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
