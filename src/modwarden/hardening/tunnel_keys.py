"""
Keys of WireGuard tunnels: made once, beside the files that name them, never within.

Kept true here:
* a private key is written once, readable by its owner only, and never over another;
* what is there already is used: a public key alone means that its private key is held elsewhere.
"""

import os
import secrets
from base64 import b64decode, b64encode
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from modwarden.errors import ModwardenError
from modwarden.hardening.file import DIRECTORY
from modwarden.model import AssetName, Site, Tunnel, TunnelEnd, TunnelKind

KEYS = "keys"
PRESHARED = "preshared.key"
_PRIVATE, _PUBLIC, _FOLDER = 0o600, 0o644, 0o700
_KEY_BYTES = 32


class TunnelKeyError(ModwardenError):
    """A key file holds no key, or keys do not belong together."""

    exit_code = 2


def make_keys(site: Site, asset: AssetName, directory: Path) -> Site:
    """
    Make what keys are missing for the tunnels of an asset, and give the site with the public ones filled in.

    Each tunnel has a folder below `directory/keys`, with a pair for each end and the key that both share.

    Raises:
        TunnelKeyError: a file is there and cannot be used.
        OSError: a file cannot be read or written.
    """
    tunnels = dict(site.tunnels)
    for tunnel, _ in site.tunnel_ends(asset):
        if tunnel.kind is TunnelKind.WIREGUARD:
            tunnels[tunnel.name] = _with_keys(tunnel, directory / KEYS / tunnel.name)
    return replace(site, tunnels=tunnels)


def key_places(site: Site, asset: AssetName, directory: Path) -> tuple[str, ...]:
    """Say which keys an asset's host needs, and where; the preshared one goes to both ends."""
    names = [
        f"{KEYS}/{tunnel.name}/{name}"
        for tunnel, end in site.tunnel_ends(asset)
        if tunnel.kind is TunnelKind.WIREGUARD
        for name in (f"{end.asset}.key", PRESHARED)
    ]
    return tuple(f"{directory / name} -> {DIRECTORY}/{name} (secret: 0600, root)" for name in names)


def _with_keys(tunnel: Tunnel, folder: Path) -> Tunnel:
    folder.parent.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
    folder.mkdir(mode=_FOLDER, exist_ok=True)
    preshared = folder / PRESHARED
    if not preshared.exists():
        _publish(preshared, secrets.token_bytes(_KEY_BYTES), _PRIVATE)
    _read(preshared)
    first, second = (
        end if end.public_key is not None else replace(end, public_key=_public_key(end, folder))
        for end in tunnel.ends
    )
    if first.public_key == second.public_key:
        hint = f"each end has a pair of its own: remove one of them from {folder}"
        raise TunnelKeyError(f"{folder}: both ends of {tunnel.name!r} have one key: {hint}")
    return replace(tunnel, ends=(first, second))


def _public_key(end: TunnelEnd, folder: Path) -> str:
    private, public = folder / f"{end.asset}.key", folder / f"{end.asset}.pub"
    if not private.exists() and public.exists():
        return _text(_read(public))
    if not private.exists():
        _publish(private, X25519PrivateKey.generate().private_bytes_raw(), _PRIVATE)
    own = X25519PrivateKey.from_private_bytes(_read(private)).public_key().public_bytes_raw()
    if not public.exists():
        _publish(public, own, _PUBLIC)
    if _read(public) != own:
        hint = "remove the one that is wrong; the public key is made again from the private one"
        raise TunnelKeyError(f"{public}: not the public key of {private.name}: {hint}")
    return _text(own)


def _read(path: Path) -> bytes:
    try:
        key = b64decode(path.read_text().strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        hint = "it is as `wg genkey` writes it; remove the file to have another made"
        raise TunnelKeyError(f"{path}: no key of {_KEY_BYTES} bytes: {hint}")
    return key


def _publish(path: Path, key: bytes, mode: int) -> None:
    """Write a key whole or not at all, and over nothing."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(_text(key) + "\n")
        file.flush()
        os.fsync(file.fileno())
    # A link does not replace what is there.
    os.link(fresh, path)
    fresh.unlink()


def _text(key: bytes) -> str:
    return b64encode(key).decode()
