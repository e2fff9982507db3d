"""A handshake with the issued certificates: both sides authenticate, and whoever is revoked stays out."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from modwarden.model import RoleName
from modwarden.pki import (
    Entry,
    KeyAlgorithm,
    Kind,
    Order,
    Plan,
    Reason,
    Store,
    Terms,
    create_pki,
    entries_to_revoke,
    issue,
    parse_addresses,
    read_role,
    revoke,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime.now(UTC).replace(microsecond=0)
_PATIENCE_S = 10.0


@pytest.fixture
def algorithm() -> KeyAlgorithm:
    return KeyAlgorithm.ECDSA_P256


@pytest.fixture
def made(tmp_path: Path, algorithm: KeyAlgorithm) -> Store:
    return create_pki(tmp_path / "pki", Plan("Northside", algorithm), NOW)


@pytest.fixture
def server(made: Store) -> Entry:
    return issue(made, Terms(Kind.SERVER, "gate-1", parse_addresses(["127.0.0.1"])), Order(), NOW)


@pytest.fixture
def client(made: Store) -> Entry:
    return issue(made, Terms(Kind.CLIENT, "hmi-1", role=RoleName("Operator")), Order(), NOW)


def context(store: Store, side: int, entry: Entry | None) -> ssl.SSLContext:
    """Load what a peer gets from us: the root, the CRLs, its chain and its key."""
    made = ssl.SSLContext(side)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.verify_mode = ssl.CERT_REQUIRED
    made.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN | ssl.VERIFY_X509_STRICT
    made.load_verify_locations(store.root_file)
    made.load_verify_locations(store.path / "crl.pem")
    if entry is not None:
        current = entry.path.parent.parent / "current"
        made.load_cert_chain(current / "chain.pem", current / "key.pem")
    return made


class Listening:
    """A server for one handshake: what it saw of the client, or why it refused."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.role: str | None = None
        self.refusal: str | None = None
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(_PATIENCE_S)
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def end(self) -> None:
        self._thread.join(_PATIENCE_S)
        self._socket.close()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        connection.settimeout(_PATIENCE_S)
        with connection:
            try:
                with self._tls.wrap_socket(connection, server_side=True) as tls:
                    der = tls.getpeercert(binary_form=True)
                    assert der is not None
                    self.role = read_role(x509.load_der_x509_certificate(der)).role
                    tls.sendall(b"welcome")
            except ssl.SSLError as error:
                self.refusal = str(error)


def talk(tls: ssl.SSLContext, port: int, name: str = "127.0.0.1") -> bytes:
    """Connect and read; under TLS 1.3 a client learns only then that it was refused."""
    with (
        socket.create_connection(("127.0.0.1", port), _PATIENCE_S) as connection,
        tls.wrap_socket(connection, server_hostname=name) as session,
    ):
        return session.recv(16)


@pytest.fixture
def listening(made: Store, server: Entry) -> Iterator[Listening]:
    """Start a server once the test has issued and revoked: the fixture is asked for by name, last."""
    found = Listening(context(made, ssl.PROTOCOL_TLS_SERVER, server))
    yield found
    found.end()


@pytest.fixture
def revoked(made: Store, client: Entry) -> Entry:
    revoke(made, entries_to_revoke(made, Kind.CLIENT, "hmi-1", NOW), Reason.KEY_COMPROMISE, NOW)
    return client


def test_a_client_without_a_certificate_is_refused(made: Store, listening: Listening) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        talk(context(made, ssl.PROTOCOL_TLS_CLIENT, None), listening.port)
    listening.end()

    assert "PEER_DID_NOT_RETURN_A_CERTIFICATE" in str(listening.refusal)


def test_a_revoked_client_is_refused(made: Store, revoked: Entry, listening: Listening) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        talk(context(made, ssl.PROTOCOL_TLS_CLIENT, revoked), listening.port)
    listening.end()

    assert "certificate revoked" in str(listening.refusal)


def test_a_client_of_another_pki_is_refused(made: Store, listening: Listening, tmp_path: Path) -> None:
    other = create_pki(tmp_path / "other", Plan("Northside"), NOW)
    intruder = issue(other, Terms(Kind.CLIENT, "hmi-1", role=RoleName("Operator")), Order(), NOW)
    tls = context(made, ssl.PROTOCOL_TLS_CLIENT, None)
    current = intruder.path.parent
    tls.load_cert_chain(current / "chain.pem", current / "key.pem")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        talk(tls, listening.port)
    listening.end()

    assert "CERTIFICATE_VERIFY_FAILED" in str(listening.refusal)


def test_a_client_refuses_a_server_of_another_name(made: Store, client: Entry, listening: Listening) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="gate-2"):
        talk(context(made, ssl.PROTOCOL_TLS_CLIENT, client), listening.port, "gate-2")
    listening.end()

    assert listening.role is None


@pytest.mark.parametrize(
    ("algorithm", "version"),
    [
        (KeyAlgorithm.ECDSA_P256, ssl.TLSVersion.TLSv1_2),
        (KeyAlgorithm.ECDSA_P256, ssl.TLSVersion.TLSv1_3),
        (KeyAlgorithm.RSA_3072, ssl.TLSVersion.TLSv1_2),
    ],
)
def test_both_sides_authenticate_and_the_server_reads_the_role(
    made: Store, client: Entry, listening: Listening, algorithm: KeyAlgorithm, version: ssl.TLSVersion
) -> None:
    tls = context(made, ssl.PROTOCOL_TLS_CLIENT, client)
    tls.maximum_version = version
    answer = talk(tls, listening.port)
    listening.end()

    assert client.has_key, algorithm
    assert (answer, listening.role, listening.refusal) == (b"welcome", "Operator", None)
