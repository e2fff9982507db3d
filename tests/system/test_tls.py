"""Modbus/TCP Security at a real guard: clients of three makes, and each refusal with its row."""

from __future__ import annotations

import ssl
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pymodbus.client import ModbusTlsClient
from tests.doubles.guarded import GUARD, HMI
from tests.doubles.talk import EndedError, Talk, read, write
from tests.doubles.trust import PATIENCE_S, Holder, Secured, TlsTalk, secure

from modwarden.pki import KeyAlgorithm

if TYPE_CHECKING:
    from collections.abc import Iterator

TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
READ, WRITE = read(0, 1), write(7, 21)
ZERO, DENIED = b"\x03\x02\x00\x00", b"\x86\x01"
GO_CLIENT = Path(__file__).parents[1] / "doubles" / "go_client" / "main.go"
WEAK = ("-cipher", "DEFAULT:NULL:@SECLEVEL=0")

pytestmark = [pytest.mark.timeout(120), pytest.mark.needs_tool("openssl")]


@pytest.fixture
def ending() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def secured(tmp_path: Path, ending: ExitStack) -> Secured:
    made = secure(tmp_path, ending)
    made.guarded.guard.start()
    return made


def is_refused(secured: Secured, holder: Holder | None) -> bool:
    return gets_nothing(secured, secured.context(holder))


def gets_nothing(secured: Secured, tls: ssl.SSLContext, session: ssl.SSLSession | None = None) -> bool:
    """Under TLS 1.3 a client learns only behind its handshake that it was refused."""
    try:
        with TlsTalk(secured.address, tls, session) as talk:
            return talk.ask(READ) == b""
    except OSError:
        return True


def opened(secured: Secured) -> list[tuple[str | None, str | None]]:
    rows = secured.guarded.guard.records("--kind", "session.opened")
    return [(row["identity"], row["role"]) for row in rows]


# --- refused


def test_a_client_without_a_certificate_is_refused(secured: Secured) -> None:
    said = secured.s_client(None, "-tls1_2")

    assert is_refused(secured, None)
    assert "alert" in said
    assert secured.refusals() == ["no_certificate", "no_certificate"]


def test_a_client_of_another_pki_is_refused(secured: Secured, tmp_path: Path, ending: ExitStack) -> None:
    (tmp_path / "other").mkdir()
    other = secure(tmp_path / "other", ending)

    assert is_refused(secured, other.client("hmi-1", "Engineer"))
    assert secured.refusals() == ["unknown_ca"]


def test_a_revoked_client_is_refused_and_its_open_session_is_cut(secured: Secured) -> None:
    bad, good = secured.client("hmi-1"), secured.client("hmi-2")
    with (
        TlsTalk(secured.address, secured.context(bad)) as cut,
        TlsTalk(secured.address, secured.context(good)) as kept,
    ):
        assert (cut.ask(READ), kept.ask(READ)) == (ZERO, ZERO)
        secured.revoke("hmi-1")
        assert secured.guarded.guard.control.reload().is_in_force

        assert cut.is_ended()
        assert kept.ask(READ) == ZERO
    assert is_refused(secured, bad)
    assert secured.refusals() == ["revoked"]
    assert "certificate: revoked" in secured.reasons("session.closed")


def test_tls_1_1_is_refused(secured: Secured) -> None:
    said = secured.s_client(secured.client("hmi-1"), "-tls1_1", *WEAK)

    assert "protocol version" in said
    assert secured.refusals() == ["version"]


def test_a_downgrade_is_refused(secured: Secured) -> None:
    said = secured.s_client(secured.client("hmi-1"), "-tls1_2", "-fallback_scsv")

    assert "inappropriate fallback" in said
    assert secured.refusals() == ["downgrade"]


def test_a_client_that_asks_to_renegotiate_is_cut(secured: Secured) -> None:
    said = secured.s_client(secured.client("hmi-1"), "-tls1_2", typed="R\n")

    assert "RENEGOTIATING" in said
    assert secured.guarded.guard.stop() == 0
    assert secured.reasons("session.closed") == ["renegotiation"]


def test_authentication_without_encryption_is_off(secured: Secured) -> None:
    said = secured.s_client(secured.client("hmi-1"), "-tls1_2", "-cipher", "NULL-SHA256:@SECLEVEL=0")

    assert "handshake failure" in said
    assert secured.refusals() == ["no_shared_suite"]


def test_authentication_without_encryption_is_on_where_it_is_named(tmp_path: Path, ending: ExitStack) -> None:
    named = 'versions: ["1.2"], suites: [TLS_RSA_WITH_NULL_SHA256]'
    secured = secure(tmp_path, ending, named, key=KeyAlgorithm.RSA_3072)
    secured.guarded.guard.start()
    said = secured.s_client(secured.client("hmi-1"), "-tls1_2", "-cipher", "NULL-SHA256:@SECLEVEL=0")

    assert "Cipher is NULL-SHA256" in said
    assert secured.refusals() == []
    assert opened(secured) == [("certificate", "Operator")]


def test_modbus_in_the_clear_is_not_answered(secured: Secured) -> None:

    with Talk(secured.address, HMI) as talk, pytest.raises(EndedError):
        talk.ask(READ)
    assert secured.guarded.plc.requests == 0
    assert secured.refusals() == ["not_tls"]


# --- spoken


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_fragment_length_of_512_is_agreed_on(secured: Secured, version: str) -> None:
    said = secured.s_client(secured.client("hmi-1"), version, "-maxfraglen", "512", "-tlsextdebug")

    assert 'TLS server extension "max fragment length"' in said
    assert secured.refusals() == []


def test_nothing_is_compressed_and_renegotiation_is_secure(secured: Secured) -> None:
    said = secured.s_client(secured.client("hmi-1"), "-tls1_2", "-comp")

    assert "Compression: NONE" in said
    assert "Secure Renegotiation IS supported" in said
    assert "Verify return code: 0 (ok)" in said


def test_early_data_is_not_taken(secured: Secured, tmp_path: Path) -> None:
    holder, kept, early = secured.client("hmi-1"), tmp_path / "session", tmp_path / "early"
    early.write_bytes(b"\x00\x01\x00\x00\x00\x06\x01" + READ)
    secured.keep_session(holder, kept)
    said = secured.s_client(holder, "-tls1_3", "-sess_in", str(kept), "-early_data", str(early))

    assert "Early data was not sent" in said or "Early data was rejected" in said
    assert secured.guarded.plc.requests == 0


def test_pymodbus_reads_as_an_operator_and_may_not_write(secured: Secured) -> None:
    tls = secured.context(secured.client("hmi-1"))
    # It hands TLS no name to check; the chain is checked all the same.
    tls.check_hostname = False
    client = ModbusTlsClient(GUARD, port=secured.address[1], sslctx=tls, source_address=(HMI, 0), retries=0)
    is_connected = client.connect()  # type: ignore[no-untyped-call]
    try:
        assert is_connected
        answer = client.read_holding_registers(0, count=3, device_id=1)
        denied = client.write_register(7, 21, device_id=1)
    finally:
        client.close()  # type: ignore[no-untyped-call]

    assert answer.registers == [0, 0, 0]
    assert (denied.isError(), denied.exception_code) == (True, 1)
    assert secured.guarded.plc.writes == []


@pytest.mark.timeout(400)
@pytest.mark.needs_tool("go")
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_gos_own_tls_writes_as_an_engineer(secured: Secured, go_program: Path, version: str) -> None:
    done = talk_go(go_program, secured, secured.client("hmi-1", "Engineer"), version)

    assert done.stdout.strip() == WRITE.hex(), done.stderr
    assert [write.values for write in secured.guarded.plc.writes] == [(21,)]
    assert secured.refusals() == []
    assert opened(secured) == [("certificate", "Engineer")]


@pytest.mark.needs_tool("go")
def test_gos_own_tls_is_refused_below_tls_1_2(secured: Secured, go_program: Path) -> None:
    done = talk_go(go_program, secured, secured.client("hmi-1", "Engineer"), "1.1")

    assert done.returncode == 1
    assert "protocol version" in done.stderr
    assert secured.refusals() == ["version"]


@pytest.fixture(scope="session")
def go_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("go") / "client"
    # Go builds its own library at the first time.
    subprocess.run(["go", "build", "-o", program, str(GO_CLIENT)], check=True, timeout=20 * PATIENCE_S)
    return program


def talk_go(
    program: Path, secured: Secured, holder: Holder, version: str
) -> subprocess.CompletedProcess[str]:
    address = ":".join(map(str, secured.address))
    files = map(str, (secured.store.root_file, holder.chain, holder.key))
    command = [str(program), address, HMI, *files, version, WRITE.hex()]
    return subprocess.run(command, capture_output=True, text=True, timeout=4 * PATIENCE_S, check=False)


@pytest.mark.parametrize("role", ["Operator", "Engineer", None])
def test_a_role_decides_what_a_client_may_do(secured: Secured, role: str | None) -> None:
    with TlsTalk(secured.address, secured.context(secured.client("hmi-1", role))) as talk:
        answers = (talk.ask(READ), talk.ask(WRITE))

    expected = {"Operator": (ZERO, DENIED), "Engineer": (ZERO, WRITE), None: (b"\x83\x01", DENIED)}
    assert answers == expected[role]


# --- resumed


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
def test_a_resumed_session_keeps_certificate_and_role(secured: Secured, version: ssl.TLSVersion) -> None:
    tls = secured.context(secured.client("hmi-1", "Engineer"), version)
    with TlsTalk(secured.address, tls) as first:
        assert first.ask(WRITE) == WRITE
        session = first.session
    for _ in range(25):
        with TlsTalk(secured.address, tls, session) as again:
            assert (again.is_resumed, again.ask(WRITE)) == (True, WRITE)
            session = again.session or session

    assert secured.refusals() == []
    assert opened(secured) == [("certificate", "Engineer")] * 26


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
def test_a_resumed_session_is_judged_anew(secured: Secured, version: ssl.TLSVersion) -> None:
    tls = secured.context(secured.client("hmi-1", "Engineer"), version)
    with TlsTalk(secured.address, tls) as first:
        assert first.ask(WRITE) == WRITE
        session = first.session
    secured.revoke("hmi-1")
    assert secured.guarded.guard.control.reload().is_in_force

    assert gets_nothing(secured, tls, session)
    assert secured.refusals() == ["revoked"]


def test_a_reload_without_new_files_keeps_sessions_that_can_be_resumed(secured: Secured) -> None:
    tls = secured.context(secured.client("hmi-1"), TLS_1_2)
    with TlsTalk(secured.address, tls) as first:
        session = first.session
    assert secured.guarded.guard.control.reload().is_in_force

    with TlsTalk(secured.address, tls, session) as again:
        assert (again.is_resumed, again.ask(READ)) == (True, ZERO)


# --- files


def test_a_renewed_certificate_comes_into_force_and_no_session_is_lost(secured: Secured) -> None:
    holder = secured.client("hmi-1")
    with TlsTalk(secured.address, secured.context(holder)) as talk:
        before = (talk.ask(READ), secured.guarded.guard.status()["policy"])
        secured.renew_own()
        assert secured.guarded.guard.control.reload().is_in_force

        assert (talk.ask(READ), secured.guarded.guard.status()["policy"]) == before
    assert secured.guarded.guard.stop() == 0
    assert len(secured.reasons("tls.reloaded")) == 2


def test_a_file_that_cannot_be_used_refuses_the_reload(secured: Secured, tmp_path: Path) -> None:
    (tmp_path / "pki" / "crl.pem").write_text("no list")
    answer = secured.guarded.guard.control.reload()

    assert not answer.is_in_force
    assert "tls of conduit plant: " in answer.line
    assert "no revocation list" in answer.line
    with TlsTalk(secured.address, secured.context(secured.client("hmi-1"))) as talk:
        assert talk.ask(READ) == ZERO


def test_status_and_top_know_what_ends_when(secured: Secured) -> None:
    certificates = secured.guarded.guard.status()["certificates"]

    assert {item["what"] for item in certificates} == {"certificate", "chain", "root", "crl"}
    assert min(item["days"] for item in certificates) > 0


@pytest.mark.parametrize(("damage", "exit_code"), [("missing", 3), ("wrong", 2)])
def test_a_guard_does_not_start_with_files_that_it_cannot_use(
    tmp_path: Path, ending: ExitStack, damage: str, exit_code: int
) -> None:
    secured = secure(tmp_path, ending)
    key = tmp_path / "pki" / "servers" / "gate-1" / "current" / "key.pem"
    key.chmod(0o600)
    if damage == "missing":
        key.unlink()
    else:
        key.write_bytes(secured.client("hmi-1").key.read_bytes())
    guard = secured.guarded.guard
    done = guard.ask("run", str(guard.site), "--only", "guard")

    assert done.returncode == exit_code, done.stdout + done.stderr
    assert "tls of conduit plant" in done.stdout + done.stderr


def test_check_finds_nothing_wrong_with_what_the_pki_made(tmp_path: Path, ending: ExitStack) -> None:
    secured = secure(tmp_path, ending)
    done = secured.guarded.guard.ask("check", str(secured.guarded.guard.site))

    assert done.returncode == 0, done.stdout
