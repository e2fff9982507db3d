"""TLS towards servers at a real guard: an old client reaches new servers of four makes, and no others."""

from __future__ import annotations

import ssl
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.doubles.guard import GuardChild, free_port, wait_until
from tests.doubles.guarded import GUARD, HMI, UNIT
from tests.doubles.plant_server import PlantServer
from tests.doubles.plc import PlcDouble
from tests.doubles.talk import EndedError, Talk, read, write

from modwarden.model import RoleName
from modwarden.pki import (
    Kind,
    Order,
    Plan,
    Reason,
    Terms,
    create_pki,
    entries_to_revoke,
    issue,
    parse_addresses,
    renew,
    revoke,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modwarden.pki import Store

READ, WRITE = read(0, 1), write(7, 21)
GO_SERVER = Path(__file__).parents[1] / "doubles" / "go_server" / "main.go"
ZERO = b"\x03\x02\x00\x00"
PATIENCE_S = 15.0
OWN = "pki/clients/gate-1/current"
WORDS = f"certificate: {OWN}/chain.pem, key: {OWN}/key.pem, trust: [pki/root.pem], crls: [pki/crl.pem]"
SITE = """\
modwarden: 1
site: Guarded
zones:
  field:   {{networks: [127.11.0.0/16]}}
  control: {{networks: [127.10.0.0/24]}}
assets:
  gate-1: {{zone: control, addresses: [127.10.0.2]}}
  hmi-1:  {{zone: control, addresses: [127.10.0.5]}}
  plc-1:  {{zone: field, addresses: [127.11.0.1], port: {server_port}, unit_ids: [1]{asset}}}
conduits:
  plant:
    from: [control]
    to: field
    guard: gate-1
    servers:
      plc-1:
        listen: "127.10.0.2:{guard_port}"
        tls: {{{words}}}
    rules:
      - {{name: all, clients: [hmi-1], permit: [read, write]}}
journal: {{directory: journal}}
"""

pytestmark = [pytest.mark.timeout(120)]


@dataclass
class Outpost:
    """A PKI, a guard that has not been started, and where it will listen."""

    store: Store
    guard: GuardChild
    port: int

    def server(self, name: str = "plc-1", address: str = UNIT) -> Path:
        terms = Terms(Kind.SERVER, name, parse_addresses([address]))
        return issue(self.store, terms, Order(), _now()).path.parent

    def context(self, holder: Path, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(holder / "chain.pem", holder / "key.pem")
        tls.load_verify_locations(self.store.root_file)
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.maximum_version = version
        return tls

    def start(self, server_port: int, more: str = "", asset: str = "") -> None:
        words = ", ".join(filter(None, (WORDS, more)))
        text = SITE.format(server_port=server_port, guard_port=self.port, words=words, asset=asset)
        self.guard.site.write_text(text)
        self.guard.start()

    def talk(self) -> Talk:
        return Talk((GUARD, self.port), HMI)

    def reasons(self, kind: str) -> list[str]:
        """List why, of all rows of a kind; ends the guard."""
        assert self.guard.stop() == 0, self.guard.log
        return [row["reason"] for row in self.guard.records("--kind", kind)]


@pytest.fixture
def ending() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def outpost(tmp_path: Path, ending: ExitStack) -> Outpost:
    store = create_pki(tmp_path / "pki", Plan("Northside"), _now())
    issue(store, Terms(Kind.CLIENT, "gate-1", role=RoleName("Gateway")), Order(), _now())
    guard = GuardChild(tmp_path)
    ending.callback(guard.end)
    return Outpost(store, guard, free_port(GUARD))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("asset", ["", ", connections: {shared: true}"])
def test_an_old_client_writes_to_a_server_on_pythons_own_tls(
    outpost: Outpost, ending: ExitStack, version: ssl.TLSVersion, asset: str
) -> None:
    plc = ending.enter_context(PlcDouble(UNIT, tls=outpost.context(outpost.server(), version)))
    outpost.start(plc.port, asset=asset)
    with outpost.talk() as talk:
        assert (talk.ask(READ), talk.ask(WRITE)) == (ZERO, WRITE)

    assert [write.values for write in plc.writes] == [(21,)]
    assert [reason.split(", serial")[0] for reason in outpost.reasons("tls.server_known")] == [
        "subject O=Northside,CN=plc-1"
    ]


@pytest.mark.parametrize(
    ("version", "options"),
    [(ssl.TLSVersion.TLSv1_2, ssl.OP_NO_TICKET), (ssl.TLSVersion.TLSv1_3, ssl.OP_ALL)],
)
def test_sessions_with_a_server_are_resumed(
    outpost: Outpost, ending: ExitStack, version: ssl.TLSVersion, options: ssl.Options
) -> None:
    context = outpost.context(outpost.server(), version)
    context.options |= options
    plc = ending.enter_context(PlcDouble(UNIT, tls=context))
    outpost.start(plc.port)
    for _ in range(5):
        with outpost.talk() as talk:
            assert talk.ask(READ) == ZERO
        wait_until(lambda: outpost.guard.status()["sessions"] == 0, "the session has ended")

    assert context.session_stats()["hits"] == 4


def test_an_old_client_reads_from_pymodbus(outpost: Outpost, ending: ExitStack) -> None:
    plant = ending.enter_context(PlantServer(UNIT, tls=outpost.context(outpost.server())))
    outpost.start(plant.port)
    with outpost.talk() as talk:
        assert talk.ask(read(7, 1)) == b"\x03\x02\x00\x07"


@pytest.fixture(scope="module")
def go_server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("go") / "server"
    # Go builds its own library at the first time.
    subprocess.run(["go", "build", "-o", program, str(GO_SERVER)], check=True, timeout=20 * PATIENCE_S)
    return program


@pytest.mark.needs_tool("go")
@pytest.mark.parametrize(("version", "number"), [("1.2", "0303"), ("1.3", "0304")])
def test_an_old_client_writes_to_a_server_on_gos_own_tls_and_its_sessions_are_resumed(
    outpost: Outpost, go_server: Path, tmp_path: Path, ending: ExitStack, version: str, number: str
) -> None:
    holder, port, log = outpost.server(), free_port(UNIT), tmp_path / "go_server"
    files = [outpost.store.root_file, holder / "chain.pem", holder / "key.pem"]
    command = [str(word) for word in (go_server, f"{UNIT}:{port}", *files, version)]
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    ending.callback(server.wait)
    ending.callback(server.kill)
    wait_until(lambda: "listening" in log.read_text(), "Go's server listens")
    outpost.start(port)
    for _ in range(2):
        with outpost.talk() as talk:
            assert (talk.ask(READ), talk.ask(WRITE)) == (ZERO, WRITE)
        wait_until(lambda: outpost.guard.status()["sessions"] == 0, "the session has ended")

    told = f"client CN=gate-1,O=Northside, version {number}, resumed "
    assert log.read_text().splitlines()[1:] == [f"{told}false", f"{told}true"]


@pytest.mark.needs_tool("openssl")
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_s_server_sees_certificate_fragment_length_and_secure_renegotiation(
    outpost: Outpost, tmp_path: Path, version: str
) -> None:
    holder, port, log = outpost.server(), free_port(UNIT), tmp_path / "s_server"
    own = [
        "-cert",
        holder / "certificate.pem",
        "-cert_chain",
        holder / "chain.pem",
        "-key",
        holder / "key.pem",
    ]
    asks = [
        "-CAfile",
        outpost.store.root_file,
        "-Verify",
        "4",
        "-verify_return_error",
        version,
        "-tlsextdebug",
    ]
    command = ["openssl", "s_server", "-accept", f"{UNIT}:{port}", *own, *asks]
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT
        ) as server,
    ):
        wait_until(lambda: "ACCEPT" in log.read_text(), "s_server listens")
        outpost.start(port, "max_fragment: 512")
        with outpost.talk():
            wait_until(lambda: "CIPHER is" in log.read_text(errors="replace"), "a handshake is done")
        server.kill()

    said = log.read_text(errors="replace")
    assert 'TLS client extension "max fragment length"' in said
    assert "O = Northside, CN = gate-1" in said
    assert "Secure Renegotiation IS supported" in said


@pytest.mark.needs_tool("openssl")
def test_a_server_below_tls_1_2_is_refused(outpost: Outpost, tmp_path: Path, ending: ExitStack) -> None:
    holder, port, log = outpost.server(), free_port(UNIT), tmp_path / "s_server"
    own = ["-cert", holder / "certificate.pem", "-key", holder / "key.pem"]
    weak = ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]
    command = ["openssl", "s_server", "-accept", f"{UNIT}:{port}", *own, *weak]
    with log.open("wb") as out:
        server = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT
        )
        ending.callback(server.communicate)
        ending.callback(server.kill)
        wait_until(lambda: "ACCEPT" in log.read_text(), "s_server listens")
        outpost.start(port)
        with outpost.talk() as talk, pytest.raises(EndedError):
            talk.ask(READ)

    assert {reason.split(":")[0] for reason in outpost.reasons("tls.server_refused")} == {"version"}


def test_a_server_of_another_pki_or_name_is_refused_and_gets_no_request(
    outpost: Outpost, tmp_path: Path, ending: ExitStack
) -> None:
    (tmp_path / "other").mkdir()
    other = create_pki(tmp_path / "other" / "pki", Plan("Elsewhere"), _now())
    strange = Outpost(other, outpost.guard, outpost.port).server()
    context = outpost.context(strange)
    plc = ending.enter_context(PlcDouble(UNIT, tls=context))
    outpost.start(plc.port)
    with outpost.talk() as talk, pytest.raises(EndedError):
        talk.ask(READ)

    assert plc.requests == 0
    refused = outpost.reasons("tls.server_refused")
    assert refused[0].startswith("unknown_ca: subject O=Elsewhere"), refused


def test_a_certificate_for_another_address_is_refused(outpost: Outpost, ending: ExitStack) -> None:
    holder = outpost.server("plc-2", "127.11.0.2")
    plc = ending.enter_context(PlcDouble(UNIT, tls=outpost.context(holder)))
    outpost.start(plc.port)
    with outpost.talk() as talk, pytest.raises(EndedError):
        talk.ask(READ)

    assert {reason.split(":")[0] for reason in outpost.reasons("tls.server_refused")} == {"wrong_name"}


def test_a_server_is_taken_by_its_name_where_that_is_expected(outpost: Outpost, ending: ExitStack) -> None:
    holder = outpost.server("plc-1", "plc-1.plant")
    plc = ending.enter_context(PlcDouble(UNIT, tls=outpost.context(holder)))
    outpost.start(plc.port, "name: plc-1.plant")
    with outpost.talk() as talk:
        assert talk.ask(READ) == ZERO


def test_files_are_renewed_without_losing_a_session_and_a_revoked_server_is_cut(
    outpost: Outpost, ending: ExitStack
) -> None:
    plc = ending.enter_context(PlcDouble(UNIT, tls=outpost.context(outpost.server())))
    outpost.start(plc.port)
    with outpost.talk() as talk:
        assert talk.ask(READ) == ZERO
        renew(outpost.store, Kind.CLIENT, "gate-1", Order(), _now())
        assert outpost.guard.control.reload().is_in_force
        assert talk.ask(READ) == ZERO
        entries = entries_to_revoke(outpost.store, Kind.SERVER, "plc-1", _now())
        revoke(outpost.store, entries, Reason.KEY_COMPROMISE, _now())
        assert outpost.guard.control.reload().is_in_force
        with pytest.raises(EndedError):
            talk.ask(READ)

    assert plc.requests == 2
    assert outpost.reasons("tls.server_refused")[0].startswith("revoked: subject O=Northside,CN=plc-1")


def test_status_names_what_a_server_showed(outpost: Outpost, ending: ExitStack) -> None:
    plc = ending.enter_context(PlcDouble(UNIT, tls=outpost.context(outpost.server())))
    outpost.start(plc.port)
    with outpost.talk() as talk:
        assert talk.ask(READ) == ZERO

    items = outpost.guard.status()["certificates"]
    shown = [item for item in items if item["what"] == "server_certificate"]
    assert [(item["server"], item["name"]) for item in shown] == [("plc-1", "O=Northside,CN=plc-1")]


def test_check_finds_nothing_wrong_with_what_the_pki_made(outpost: Outpost) -> None:
    text = SITE.format(server_port=802, guard_port=outpost.port, words=WORDS, asset="")
    outpost.guard.site.write_text(text)
    done = outpost.guard.ask("check", str(outpost.guard.site))

    assert done.returncode == 0, done.stdout


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
