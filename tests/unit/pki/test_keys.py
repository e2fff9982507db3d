"""Keys: who may read them, and what a passphrase is asked for."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from tests.doubles.company_ca import key_pem, new_key, write_key

from modwarden.pki import KeyAlgorithm, PkiInputError, load_passphrase
from modwarden.pki.keys import check_public_key, load_key, make_key, render_key

if TYPE_CHECKING:
    from pathlib import Path

PASSPHRASE = b"correct horse"


def nobody(path: Path) -> bytes | None:
    pytest.fail(f"a passphrase was asked for: {path}")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_key_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = write_key(tmp_path / "key.pem", new_key())
    path.chmod(mode)

    with pytest.raises(PkiInputError, match="is open to others: chmod 600"):
        load_key(path, nobody)


def test_a_wrong_passphrase_is_told(tmp_path: Path) -> None:
    path = write_key(tmp_path / "key.pem", new_key(), PASSPHRASE)

    with pytest.raises(PkiInputError, match="does not open with this passphrase"):
        load_key(path, lambda _: b"wrong")


def test_a_passphrase_that_nobody_can_say_is_told(tmp_path: Path) -> None:
    path = write_key(tmp_path / "key.pem", new_key(), PASSPHRASE)

    with pytest.raises(PkiInputError, match="has a passphrase: give it with --passphrase-file"):
        load_key(path, lambda _: None)


@pytest.mark.parametrize("data", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_told(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(data)

    with pytest.raises(PkiInputError, match="is no private key"):
        load_key(path, nobody)


def test_a_key_that_no_suite_of_the_standard_uses_is_refused(tmp_path: Path) -> None:
    path = write_key(tmp_path / "key.pem", ed25519.Ed25519PrivateKey.generate())

    with pytest.raises(PkiInputError, match="neither an ECDSA nor an RSA key"):
        load_key(path, nobody)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP224R1()),
        rsa.generate_private_key(65_537, 1024),
        ed25519.Ed25519PrivateKey.generate(),
    ],
)
def test_a_weak_or_foreign_public_key_is_refused(key: ec.EllipticCurvePrivateKey) -> None:
    with pytest.raises(PkiInputError, match="peers refuse: use ECDSA from 256 bits on"):
        check_public_key(key.public_key(), "here")


@pytest.mark.parametrize("data", [b"", b"\n"])
def test_an_empty_passphrase_is_none(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "passphrase"
    path.touch(0o600)
    path.write_bytes(data)

    with pytest.raises(PkiInputError, match="holds no passphrase"):
        load_passphrase(path)


def test_a_passphrase_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(PASSPHRASE)
    path.chmod(0o644)

    with pytest.raises(PkiInputError, match="holds a passphrase and is open to others"):
        load_passphrase(path)


def test_a_passphrase_is_the_line_without_its_end(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    path.touch(0o600)
    path.write_bytes(PASSPHRASE + b"\r\n")

    assert load_passphrase(path) == PASSPHRASE


def test_a_key_under_a_passphrase_may_lie_where_permissions_are_not_kept(tmp_path: Path) -> None:
    key = new_key()
    path = write_key(tmp_path / "key.pem", key, PASSPHRASE)
    path.chmod(0o755)

    assert key.private_numbers() == load_key(path, lambda _: PASSPHRASE).private_numbers()


@pytest.mark.parametrize(
    ("algorithm", "bits"), [(KeyAlgorithm.ECDSA_P256, 256), (KeyAlgorithm.RSA_3072, 3072)]
)
def test_a_key_made_here_reads_back(tmp_path: Path, algorithm: KeyAlgorithm, bits: int) -> None:
    key = make_key(algorithm)
    path = tmp_path / "key.pem"
    for passphrase in (None, PASSPHRASE):
        path.unlink(missing_ok=True)
        path.touch(0o600)
        path.write_bytes(render_key(key, passphrase))

        assert key_pem(key) == key_pem(load_key(path, lambda _: PASSPHRASE))
    assert bits == key.key_size


@pytest.mark.needs_tool("openssl")
def test_openssl_opens_a_key_under_a_passphrase_and_counts_its_rounds(tmp_path: Path) -> None:
    key = make_key(KeyAlgorithm.ECDSA_P256)
    path = tmp_path / "key.pem"
    path.write_bytes(render_key(key, PASSPHRASE))
    opened = ["openssl", "pkey", "-in", str(path), "-passin"]
    right = subprocess.run([*opened, f"pass:{PASSPHRASE.decode()}"], capture_output=True, check=True)
    wrong = subprocess.run([*opened, "pass:wrong"], capture_output=True, check=False)
    parsed = subprocess.run(["openssl", "asn1parse", "-in", path], capture_output=True, check=True, text=True)

    assert key_pem(key) == right.stdout
    assert wrong.returncode != 0
    assert "INTEGER           :0927C0" in parsed.stdout  # 600,000
