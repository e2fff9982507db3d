"""OpenSSL's OCSP responder over what a site's own PKI has issued."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from cryptography import x509

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from tests.doubles.trust import Holder

    from modwarden.pki import Store

# Where a test is ended from outside nobody would end the responder.
_LONGEST_S = "120"


@dataclass
class OcspResponder:
    """It signs with the issuing CA's own key, and answers for a day."""

    folder: Path
    store: Store
    index: Mapping[Holder, bool]
    """Of whom it knows at first, and who of them is revoked."""
    process: subprocess.Popen[str] | None = None
    port: int = field(default=0, init=False)

    def __enter__(self) -> Self:
        self.folder.mkdir()
        issuing = self.store.path / "issuing" / "1"
        signer = ("-CA", issuing / "certificate.pem", "-rsigner", issuing / "certificate.pem")
        key = ("-rkey", issuing / "key.pem")
        command = ("timeout", _LONGEST_S, "openssl", "ocsp", "-port", "0", "-ndays", "1", "-ignore_err")
        self.knows(self.index)
        self.process = subprocess.Popen(
            [str(part) for part in (*command, "-index", self._index, *signer, *key)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        # ACCEPT [::]:36657 PID=1349
        said = next(line for line in self.process.stdout if line.startswith("ACCEPT "))
        self.port = int(said.split()[1].rpartition(":")[2])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process is not None
        with self.process as process:
            process.terminate()

    @property
    def _index(self) -> Path:
        return self.folder / "index.txt"

    def knows(self, index: Mapping[Holder, bool]) -> None:
        """Say of whom it knows from the question after the next one."""
        fresh = self.folder / "index.new"
        fresh.write_text("".join(_line(*entry) for entry in index.items()))
        fresh.replace(self._index)


def _line(holder: Holder, is_revoked: bool) -> str:  # noqa: FBT001  (an entry of the index)
    serial = f"{x509.load_pem_x509_certificate(holder.chain.read_bytes()).serial_number:X}"
    serial = serial.zfill(len(serial) + len(serial) % 2)
    state = "R\t301231235959Z\t260101000000Z" if is_revoked else "V\t301231235959Z\t"
    return f"{state}\t{serial}\tunknown\t/CN={serial}\n"
