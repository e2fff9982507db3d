"""A private key under a passphrase, as PKCS#8 (RFC 8018 PBES2) that every tool reads.

The library's own writer derives the key with 2,048 rounds, which a graphics card undoes at millions of
guesses a second. Only the rounds differ here; reading is left to the library.
"""

from __future__ import annotations

import base64
import os
import textwrap

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7

from modwarden.pki._der import INTEGER, OCTET_STRING, SEQUENCE, render_element

# OWASP's figure for PBKDF2 with HMAC-SHA-256 (2023), weighed against a second of one core.
ROUNDS = 600_000

_SALT_BYTES = 16
_KEY_BYTES = 32
_BLOCK_BYTES = 16
_BLOCK_BITS = 128

# Object identifiers, as DER.
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
_HMAC_SHA256 = bytes.fromhex("06082a864886f70d0209")
_AES_256_CBC = bytes.fromhex("060960864801650304012a")
_NULL = bytes.fromhex("0500")


def seal_key(plain: bytes, passphrase: bytes) -> bytes:
    """Encrypt a PKCS#8 key in DER, and give it as PEM."""
    salt, start = os.urandom(_SALT_BYTES), os.urandom(_BLOCK_BYTES)
    sealed = render_element(SEQUENCE, _algorithm(salt, start), _encrypted(plain, passphrase, salt, start))
    lines = textwrap.wrap(base64.b64encode(sealed).decode(), 64)
    return "\n".join(
        ["-----BEGIN ENCRYPTED PRIVATE KEY-----", *lines, "-----END ENCRYPTED PRIVATE KEY-----", ""]
    ).encode()


def _algorithm(salt: bytes, start: bytes) -> bytes:
    """RFC 8018 §A.4: PBES2 of PBKDF2 and AES-256-CBC."""
    rounds = ROUNDS.to_bytes((ROUNDS.bit_length() + 8) // 8, "big")
    parameters = (
        render_element(OCTET_STRING, salt),
        render_element(INTEGER, rounds),
        render_element(SEQUENCE, _HMAC_SHA256, _NULL),
    )
    derivation = render_element(SEQUENCE, _PBKDF2, render_element(SEQUENCE, *parameters))
    cipher = render_element(SEQUENCE, _AES_256_CBC, render_element(OCTET_STRING, start))
    return render_element(SEQUENCE, _PBES2, render_element(SEQUENCE, derivation, cipher))


def _encrypted(plain: bytes, passphrase: bytes, salt: bytes, start: bytes) -> bytes:
    key = PBKDF2HMAC(hashes.SHA256(), _KEY_BYTES, salt, ROUNDS).derive(passphrase)
    padder = PKCS7(_BLOCK_BITS).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(start)).encryptor()
    padded = padder.update(plain) + padder.finalize()
    return render_element(OCTET_STRING, encryptor.update(padded) + encryptor.finalize())
