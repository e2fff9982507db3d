"""strongSwan in a namespace: a charon of its own, with ESP in userspace, loaded by `swanctl`."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.doubles.guard import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.doubles.netns import Host

CHARON = "/usr/sbin/charon-systemd"
# ESP by the daemon itself, on a TUN device: for kernels without CONFIG_INET_ESP.
LIBIPSEC = "/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so"
_PLUGINS = (
    "random nonce openssl pem pkcs1 pkcs8 x509 revocation constraints pubkey kdf"
    " kernel-libipsec kernel-netlink socket-default vici"
)
_CONFIGURATION = """\
charon-systemd {{
  load = {plugins}
  filelog {{
    log {{
      path = {folder}/log
      default = 1
      flush_line = yes
    }}
  }}
  plugins {{
    vici {{
      socket = unix://{folder}/vici
    }}
  }}
}}
"""


@dataclass(frozen=True)
class Charon:
    """A running daemon, and its folder in place of /etc/swanctl."""

    host: Host
    folder: Path

    def swanctl(self, *words: str, check: bool = True) -> str:
        environment = {**os.environ, "SWANCTL_DIR": str(self.folder), "STRONGSWAN_CONF": self._configuration}
        command = ("swanctl", *words, "--uri", f"unix://{self.folder}/vici")
        done = self.host.run(*command, check=check, env=environment)
        return done.stdout + done.stderr

    @property
    def _configuration(self) -> str:
        return str(self.folder / "strongswan.conf")

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


@contextmanager
def charon(host: Host, folder: Path) -> Iterator[Charon]:
    """Start one; `folder` is laid out as /etc/swanctl is."""
    for name in ("x509", "x509ca", "x509crl", "private", "conf.d"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "swanctl.conf").write_text("include conf.d/*.conf\n")
    (folder / "strongswan.conf").write_text(_CONFIGURATION.format(plugins=_PLUGINS, folder=folder))
    environment = {**os.environ, "STRONGSWAN_CONF": str(folder / "strongswan.conf")}
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(host.command(CHARON), stdout=said, stderr=said, env=environment)
    try:
        wait_until((folder / "vici").exists, f"charon of {host.name}")
        yield Charon(host, folder)
    finally:
        process.terminate()
        process.wait(30)


def lay_out(folder: Path, pki: Path, gate: str) -> None:
    """Put there what `modwarden pki` made, as the guide says."""
    for name in ("x509", "x509ca", "x509crl", "private"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    own = pki / "servers" / gate / "current"
    shutil.copy(own / "certificate.pem", folder / "x509" / f"{gate}.pem")
    shutil.copy(own / "key.pem", folder / "private" / f"{gate}.pem")
    shutil.copy(pki / "root.pem", folder / "x509ca" / "plant-ca.pem")
    shutil.copy(pki / "issuing" / "current" / "certificate.pem", folder / "x509ca" / "plant-issuing.pem")
    for file in (pki / "crls").glob("*.crl"):
        shutil.copy(file, folder / "x509crl" / file.name)
