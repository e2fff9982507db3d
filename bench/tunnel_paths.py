"""Two sites and the way between: the cable alone, WireGuard or IPsec, by the files of `modwarden harden`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.namespaces import cable, namespace, run_within, within
from bench.processes import BenchError

from modwarden.cli import main as modwarden
from modwarden.hardening import make_keys, render_host
from modwarden.model import AssetName
from modwarden.site import load_site

if TYPE_CHECKING:
    from collections.abc import Iterator

GATES = ("gate-a", "gate-b")
SERVER = "10.77.2.17"
CHARON = Path("/usr/sbin/charon-systemd")
# ESP by the daemon itself, on a TUN device: for kernels without it.
LIBIPSEC = Path("/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so")
_CHILD = "crossing"
_SITE = """\
modwarden: 1
site: Measured
zones:
  wan:     {{level: internet, networks: [198.51.100.0/24]}}
  control: {{level: control, networks: [10.77.1.0/24]}}
  field:   {{level: field, networks: [10.77.2.0/24]}}
assets:
  gate-a: {{zone: control, interfaces: {{wan: [198.51.100.1], lan: [10.77.1.1]}}, forwards: true}}
  gate-b: {{zone: field, interfaces: {{wan: [198.51.100.2], lan: [10.77.2.1]}}, forwards: true}}
tunnels:
  crossing:
    kind: {kind}
    ends:
      gate-a: {{address: 198.51.100.1, networks: [10.77.1.0/24], {a}}}
      gate-b: {{address: 198.51.100.2, networks: [10.77.2.0/24], {b}}}
"""
_CHARON = """\
charon-systemd {{
  load = random nonce openssl pem pkcs1 pkcs8 x509 revocation constraints pubkey kdf {backends} vici
  plugins {{
    vici {{
      socket = unix://{folder}/vici
    }}
  }}
}}
"""
_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Sites:
    """The namespaces of both."""

    client: str
    gates: tuple[str, str]
    server: str


@contextmanager
def two_sites(name: str) -> Iterator[Sites]:
    """Cable client, gate, gate and server; routes lead from site to site in the clear."""
    with (
        namespace(f"{name}-c") as client,
        namespace(f"{name}-a") as a,
        namespace(f"{name}-b") as b,
        namespace(f"{name}-s") as server,
    ):
        cable((a, "lan", "10.77.1.1/24"), (client, "eth0", "10.77.1.5/24"))
        cable((a, "wan", "198.51.100.1/24"), (b, "wan", "198.51.100.2/24"))
        cable((b, "lan", "10.77.2.1/24"), (server, "eth0", f"{SERVER}/24"))
        for host, via in (
            (client, "10.77.1.1"),
            (server, "10.77.2.1"),
            (a, "198.51.100.2"),
            (b, "198.51.100.1"),
        ):
            run_within(host, "ip", "route", "add", "default", "via", via)
        for gate in (a, b):
            run_within(gate, "sysctl", "-qw", "net.ipv4.ip_forward=1")
            # A tunnel of `harden` forwards only where there are rules; these are none.
            run_within(gate, "nft", "add table inet modwarden_filter")
        yield Sites(client, (a, b), server)


@contextmanager
def plain(sites: Sites, folder: Path) -> Iterator[None]:
    """Leave it at the cable."""
    del sites, folder
    yield


@contextmanager
def wireguard(sites: Sites, folder: Path) -> Iterator[None]:
    """Start WireGuard at both gates, by its program."""
    names = [f"wgb{os.getpid()}{letter}" for letter in "ab"]
    _harden(folder, "wireguard", [f"interface: {name}" for name in names])
    programs = [str(folder / gate / "wireguard-crossing.sh") for gate in GATES]
    for host, program in zip(sites.gates, programs, strict=True):
        run_within(host, program)
    try:
        yield
    finally:
        for host, program in zip(sites.gates, programs, strict=True):
            run_within(host, program, "stop")


@contextmanager
def ipsec(sites: Sites, folder: Path) -> Iterator[None]:
    """Start charon at both gates, with certificates of `modwarden pki`, and begin the connection."""
    ends = [f"identity: {g}.plant.example, certificate: {g}.pem, ca: [plant-ca.pem]" for g in GATES]
    _harden(folder, "ipsec", ends)
    pki = folder / "pki"
    with redirect_stdout(sys.stderr):
        modwarden(["pki", "init", str(pki), "--name", "Plant"])
        for gate in GATES:
            words = ["--address", f"{gate}.plant.example", "--pki", str(pki)]
            modwarden(["pki", "issue", "server", gate, *words])
    daemons = []
    try:
        for host, gate in zip(sites.gates, GATES, strict=True):
            daemons.append(_start_charon(host, folder / gate, pki, gate))
        for host, gate in zip(sites.gates, GATES, strict=True):
            _swanctl(host, folder / gate, "--load-all")
        # At once, for not every backend begins it at the first packet.
        _swanctl(sites.gates[0], folder / GATES[0], "--initiate", "--child", _CHILD)
        yield
    finally:
        for daemon in daemons:
            daemon.terminate()
            daemon.wait(_PATIENCE_S)


def _harden(folder: Path, kind: str, ends: list[str]) -> None:
    folder.mkdir()
    path = folder / "site.yaml"
    path.write_text(_SITE.format(kind=kind, a=ends[0], b=ends[1]))
    for gate in GATES:
        site = make_keys(load_site(path), AssetName(gate), folder)
        (folder / gate).mkdir()
        (folder / gate / "keys").symlink_to("../keys")
        for file in render_host(site, AssetName(gate)):
            place = folder / gate / file.name
            place.write_text(file.text.replace("/etc/modwarden", str(folder / gate)))
            place.chmod(0o755)


def _start_charon(host: str, folder: Path, pki: Path, gate: str) -> subprocess.Popen[bytes]:
    for name in ("x509", "x509ca", "x509crl", "private"):
        (folder / name).mkdir()
    own = pki / "servers" / gate / "current"
    shutil.copy(own / "certificate.pem", folder / "x509" / f"{gate}.pem")
    shutil.copy(own / "key.pem", folder / "private")
    shutil.copy(pki / "root.pem", folder / "x509ca" / "plant-ca.pem")
    shutil.copy(pki / "issuing" / "current" / "certificate.pem", folder / "x509ca" / "issuing.pem")
    for file in (pki / "crls").glob("*.crl"):
        shutil.copy(file, folder / "x509crl")
    (folder / "swanctl.conf").write_text("include swanctl-*.conf\n")
    backends = f"{'kernel-libipsec ' if LIBIPSEC.exists() else ''}kernel-netlink socket-default"
    (folder / "strongswan.conf").write_text(_CHARON.format(folder=folder, backends=backends))
    with (folder / "said").open("wb") as said:
        daemon = subprocess.Popen(within(host, str(CHARON)), stdout=said, stderr=said, env=_places(folder))
    deadline = time.monotonic() + _PATIENCE_S
    while not (folder / "vici").exists():
        if time.monotonic() > deadline:
            raise BenchError(f"charon did not start: {(folder / 'said').read_text()}")
        time.sleep(0.05)
    return daemon


def _swanctl(host: str, folder: Path, *words: str) -> None:
    command = within(host, "swanctl", *words, "--uri", f"unix://{folder}/vici")
    subprocess.run(command, check=True, capture_output=True, env=_places(folder))


def _places(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "SWANCTL_DIR": str(folder),
        "STRONGSWAN_CONF": str(folder / "strongswan.conf"),
    }
