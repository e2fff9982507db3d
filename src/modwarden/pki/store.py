"""Where a PKI keeps what: the folder is the inventory, there is no database beside it.

```text
root.pem               the root's certificate: what peers trust
root/key.pem           its key: this folder is taken away and kept offline
issuing/1/             certificate.pem, chain.pem, key.pem; 2 after a renewal; `current` names the newest
servers/NAME/1/        the same, for each server
clients/NAME/1/        the same, for each client
cas/NAME/1/            chain.pem of a company CA
requests/servers/NAME/ request.pem and key.pem of a signing request that is out
crls/                  root.pem, issuing-1.pem … and those of company CAs; also as .crl, for a web server
crl.pem                all of them in one file, for peers
```

Kept true here, and tested:
* a generation appears with all its files in one step, and is never altered or replaced;
* what is derived from others (`current`, `crl.pem`) is put right by the next command that changes anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from modwarden.pki._files import KEY, make_folder, point_to, publish_folder, remove_staged
from modwarden.pki._pem import load_certificates
from modwarden.pki.errors import PkiInputError, PkiStoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from cryptography import x509

CERTIFICATE = "certificate.pem"
CHAIN = "chain.pem"
CURRENT = "current"
REQUEST = "request.pem"
__all__ = [
    "CERTIFICATE",
    "CHAIN",
    "CURRENT",
    "KEY",
    "REQUEST",
    "Kind",
    "Lineage",
    "Store",
    "kept_certificates",
]

_GENERATION = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


class Kind(StrEnum):
    """What a certificate is for."""

    ROOT = "root"
    ISSUING = "issuing"
    CA = "ca"  # a company's
    SERVER = "server"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Lineage:
    """All generations of one name, in a folder of their own: 1, 2, 3 and `current`."""

    kind: Kind
    name: str
    path: Path

    def generations(self) -> list[int]:
        """List what is published, oldest first."""
        if not self.path.is_dir():
            return []
        return sorted(int(path.name) for path in self.path.iterdir() if _GENERATION.fullmatch(path.name))

    def folder(self, generation: int) -> Path:
        return self.path / str(generation)

    def publish(self, files: Mapping[str, bytes]) -> int:
        """Add a generation, and make it the current one."""
        make_folder(self.path.parent)
        make_folder(self.path)
        generation = max(self.generations(), default=0) + 1
        publish_folder(self.folder(generation), files)
        self.settle()
        return generation

    def settle(self) -> None:
        """Put right what a killed command left."""
        if not self.path.is_dir():
            return
        remove_staged(self.path)
        if generations := self.generations():
            point_to(self.path / CURRENT, str(generations[-1]))


@dataclass(frozen=True, slots=True)
class Store:
    """The folder of a PKI."""

    path: Path

    @property
    def root_file(self) -> Path:
        return self.path / "root.pem"

    @property
    def root_folder(self) -> Path:
        return self.path / "root"

    @property
    def crls(self) -> Path:
        return self.path / "crls"

    def root(self) -> x509.Certificate:
        """
        Read the root's certificate.

        Raises:
            PkiInputError: there is no PKI here.
        """
        if not self.root_file.is_file():
            hint = f"make one with `modwarden pki init {self.path}`, or say with --pki where it is"
            raise PkiInputError(self.path, "no PKI is there", hint)
        return kept_certificates(self.root_file)[0]

    def issuing(self) -> Lineage:
        return Lineage(Kind.ISSUING, Kind.ISSUING, self.path / "issuing")

    def lineage(self, kind: Kind, name: str) -> Lineage:
        """Give the place of a name, whether anything is there or not."""
        return self.issuing() if kind is Kind.ISSUING else Lineage(kind, name, self.path / f"{kind}s" / name)

    def request_folder(self, kind: Kind, name: str) -> Path:
        return self.path / "requests" / f"{kind}s" / name

    def lineages(self) -> Iterator[Lineage]:
        """List every place of names, the issuing CA's first."""
        yield self.issuing()
        for kind in (Kind.CA, Kind.SERVER, Kind.CLIENT):
            folder = self.path / f"{kind}s"
            if folder.is_dir():
                yield from (Lineage(kind, path.name, path) for path in sorted(folder.iterdir()))


def kept_certificates(path: Path) -> list[x509.Certificate]:
    """
    Read a file of the PKI's own.

    Raises:
        PkiStoreError: it is damaged.
    """
    try:
        return load_certificates(path)
    except PkiInputError as error:
        raise PkiStoreError(path, error.what, "it was written whole: restore it from a backup") from error
