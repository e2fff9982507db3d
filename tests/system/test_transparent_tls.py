"""TLS with a diverted client: the guard's certificate stands for the server's address, and a role decides."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.doubles.diverted import ROUTED, diverted
from tests.doubles.netns import missing_in_kernel
from tests.doubles.talk import read

from modwarden.model import RoleName
from modwarden.pki import Kind, Order, Plan, Terms, create_pki, issue, parse_addresses

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_tool("nft"), pytest.mark.needs_tool("ip")]
OWN = "pki/servers/gate-1/current"
TLS = f"tls: {{certificate: {OWN}/chain.pem, key: {OWN}/key.pem, trust: [pki/root.pem]}}"


def test_a_diverted_client_proves_its_role_to_the_guard_and_its_server_hears_it_in_the_clear(
    tmp_path: Path,
) -> None:
    if missing := missing_in_kernel():
        pytest.skip(missing)
    tls = _pki(tmp_path)
    with diverted(tmp_path, options=TLS) as scene:
        scene.start()
        with scene.client.entered():
            plain = socket.create_connection((scene.plan.server, 502), 10)
        with tls.wrap_socket(plain, server_hostname=scene.plan.server) as talk:
            pdu = read()
            talk.sendall(b"\0\1\0\0" + (1 + len(pdu)).to_bytes(2) + b"\1" + pdu)
            answer = talk.recv(64)
        scene.guard.stop()
        opened = scene.guard.records("--kind", "session.opened")

    assert answer.hex(" ") == "00 01 00 00 00 05 01 03 02 00 00"
    assert scene.plc.peers == [scene.plan.client]
    assert [(row["identity"], row["role"]) for row in opened] == [("certificate", "Operator")]


def _pki(folder: Path) -> ssl.SSLContext:
    """A site's PKI, and what a client makes of it; its guard's certificate names the server's address."""
    now = datetime.now(UTC).replace(microsecond=0)
    store = create_pki(folder / "pki", Plan("Northside"), now)
    issue(store, Terms(Kind.SERVER, "gate-1", parse_addresses([ROUTED.server])), Order(), now)
    client = issue(store, Terms(Kind.CLIENT, "hmi-1", role=RoleName("Operator")), Order(), now).path.parent
    tls = ssl.create_default_context(cafile=store.root_file)
    tls.load_cert_chain(client / "chain.pem", client / "key.pem")
    return tls
