"""OpenSSL as the judge: what we issue it verifies, what we revoke it refuses, and it reads the same words."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.doubles.company_ca import DAY

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
    load_root,
    make_request,
    parse_addresses,
    read_inventory,
    renew_issuing,
    revoke,
    revoke_issuing,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.needs_tool("openssl")

# OpenSSL takes the host's time.
NOW = datetime.now(UTC).replace(microsecond=0)
OPERATOR = Terms(Kind.CLIENT, "hmi-1", parse_addresses(["10.10.0.5"]), RoleName("Operator"))
GATE = Terms(
    Kind.SERVER, "gate-1", parse_addresses(["10.10.0.2", "gate-1.plant.example"]), crl_url="http://a"
)


@pytest.fixture
def made(tmp_path: Path) -> Store:
    return create_pki(tmp_path / "pki", Plan("Northside"), NOW)


def openssl(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)


def verify(store: Store, entry: Entry, purpose: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Verify with the root trusted and everything else from the files that a peer would send or load."""
    return openssl(
        "verify",
        "-x509_strict",
        "-crl_check_all",
        *("-CAfile", store.root_file),
        *("-CRLfile", store.path / "crl.pem"),
        *("-untrusted", entry.path.parent / "chain.pem"),
        *("-purpose", purpose),
        *more,
        entry.path,
    )


def text_of(entry: Entry) -> str:
    return openssl("x509", "-noout", "-text", "-in", entry.path).stdout


def test_a_revoked_certificate_is_refused(made: Store) -> None:
    entry = issue(made, OPERATOR, Order(), NOW)
    revoke(made, entries_to_revoke(made, Kind.CLIENT, "hmi-1", NOW), Reason.KEY_COMPROMISE, NOW)

    assert "certificate revoked" in verify(made, entry, "sslclient").stderr


def test_what_a_revoked_issuing_ca_signed_is_refused(made: Store) -> None:
    entry = issue(made, OPERATOR, Order(), NOW)
    root = load_root(made, None, lambda _: None, NOW)
    revoke_issuing(
        made, entries_to_revoke(made, Kind.ISSUING, "issuing", NOW), Reason.CA_COMPROMISE, root, NOW
    )

    assert "certificate revoked" in verify(made, entry, "sslclient").stderr


def test_a_client_is_no_server_and_a_server_no_client(made: Store) -> None:
    client, server = issue(made, OPERATOR, Order(), NOW), issue(made, GATE, Order(), NOW)

    assert "unsuitable certificate purpose" in verify(made, client, "sslserver").stderr
    assert "unsuitable certificate purpose" in verify(made, server, "sslclient").stderr


def test_an_address_that_is_not_in_the_certificate_is_refused(made: Store) -> None:
    server = issue(made, GATE, Order(), NOW)

    assert verify(made, server, "sslserver", "-verify_ip", "10.10.0.3").returncode != 0
    assert verify(made, server, "sslserver", "-verify_hostname", "gate-2.plant.example").returncode != 0


@pytest.mark.parametrize("algorithm", list(KeyAlgorithm))
def test_what_is_issued_verifies_strictly_with_every_crl(tmp_path: Path, algorithm: KeyAlgorithm) -> None:
    made = create_pki(tmp_path / "pki", Plan("Northside", algorithm), NOW)
    client, server = issue(made, OPERATOR, Order(), NOW), issue(made, GATE, Order(), NOW)
    renew_issuing(made, load_root(made, None, lambda _: None, NOW), Order(), NOW)
    later = issue(made, Terms(Kind.CLIENT, "hmi-2", role=RoleName("Viewer")), Order(), NOW)

    for entry, purpose in ((client, "sslclient"), (server, "sslserver"), (later, "sslclient")):
        found = verify(made, entry, purpose)
        assert (0, f"{entry.path}: OK\n") == (found.returncode, found.stdout), found.stderr
    assert verify(made, server, "sslserver", "-verify_ip", "10.10.0.2").returncode == 0
    assert verify(made, server, "sslserver", "-verify_hostname", "gate-1.plant.example").returncode == 0


def test_openssl_reads_what_was_issued(made: Store) -> None:
    client = text_of(issue(made, OPERATOR, Order(), NOW))
    server = text_of(issue(made, GATE, Order(), NOW))

    assert "1.3.6.1.4.1.50316.802.1: \n                ..Operator" in client
    assert "TLS Web Client Authentication" in client
    assert "IP Address:10.10.0.2, DNS:gate-1.plant.example" in server
    assert "URI:http://a/issuing-1.crl" in server
    for text in (client, server):
        assert "Version: 3 (0x2)" in text
        assert "CA:FALSE" in text
        assert "X509v3 Key Usage: critical" in text
        assert "X509v3 Subject Key Identifier" in text
        assert "X509v3 Authority Key Identifier" in text


def test_openssl_reads_the_crl(made: Store) -> None:
    entry = issue(made, OPERATOR, Order(), NOW)
    revoke(made, entries_to_revoke(made, Kind.CLIENT, "hmi-1", NOW), Reason.PRIVILEGE_WITHDRAWN, NOW)
    issuing = made.issuing().folder(1) / "certificate.pem"
    found = openssl(
        "crl", "-noout", "-text", "-in", made.crls / "issuing-1.pem", "-CAfile", issuing, "-verify"
    )

    assert "verify OK" in found.stdout + found.stderr
    assert f"Serial Number: {entry.certificate.serial_number:040X}" in found.stdout
    assert "Privilege Withdrawn" in found.stdout
    assert "X509v3 CRL Number" in found.stdout


def test_openssl_takes_our_signing_request(made: Store) -> None:
    request = make_request(made, OPERATOR, KeyAlgorithm.ECDSA_P256)
    found = openssl("req", "-noout", "-text", "-verify", "-in", request)

    assert found.returncode == 0
    assert "1.3.6.1.4.1.50316.802.1" in found.stdout
    assert "IP Address:10.10.0.5" in found.stdout


def test_what_expired_is_refused_and_we_say_the_same(made: Store) -> None:
    entry = issue(made, OPERATOR, Order(days=1), NOW)
    for moment in (NOW, NOW + DAY):
        at = ["-attime", str(int(moment.timestamp()))]
        is_valid = read_inventory(made).entries[-1].is_valid(moment)

        assert is_valid == (verify(made, entry, "sslclient", *at).returncode == 0)
