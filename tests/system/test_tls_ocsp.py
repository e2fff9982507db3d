"""Revocation by OCSP at a guard that `modwarden run` starts: `openssl ocsp` over the site's own PKI."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from tests.doubles.guard import wait_until
from tests.doubles.responder import OcspResponder
from tests.doubles.talk import read
from tests.doubles.trust import Holder, Secured, TlsTalk, secure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READ, ZERO = read(0, 1), b"\x03\x02\x00\x00"
RUN = (
    "import runpy, sys; sys.argv = ['modwarden', 'run', sys.argv[1], '--only', 'guard']; "
    "runpy.run_module('modwarden.cli', run_name='__main__')"
)

pytestmark = [pytest.mark.timeout(120), pytest.mark.needs_tool("openssl")]


@pytest.fixture
def ending() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def begin(
    folder: Path, ending: ExitStack, when_silent: str, *known: str
) -> tuple[Secured, OcspResponder, list[Holder]]:
    """Start a guard that asks a responder, which knows some clients as good."""
    secured = secure(folder, ending, "ocsp: {responder: OCSP, max_age: 1s, when_silent: " + when_silent + "}")
    holders = [secured.client(name) for name in known]
    index = dict.fromkeys(holders, False)
    responder = ending.enter_context(OcspResponder(folder / "responder", secured.store, index))
    guard = secured.guarded.guard
    place = f'"http://127.0.0.1:{responder.port}/"'
    guard.site.write_text(guard.site.read_text().replace("OCSP", place))
    guard.body = RUN
    guard.start()
    return secured, responder, holders


def is_refused(secured: Secured, holder: Holder) -> bool:
    try:
        with TlsTalk(secured.address, secured.context(holder)) as talk:
            return talk.ask(READ) == b""
    except OSError:
        return True


def test_a_client_that_is_revoked_within_its_session_is_cut_and_no_other(
    tmp_path: Path, ending: ExitStack
) -> None:
    secured, responder, [bad, good] = begin(tmp_path, ending, "refuse", "hmi-1", "hmi-2")
    guard = secured.guarded.guard
    with (
        TlsTalk(secured.address, secured.context(bad)) as cut,
        TlsTalk(secured.address, secured.context(good)) as kept,
    ):
        assert (cut.ask(READ), kept.ask(READ)) == (ZERO, ZERO)
        responder.knows({bad: True, good: False})

        assert cut.is_ended()
        assert kept.ask(READ) == ZERO
        assert is_refused(secured, bad)
        status = guard.ask("status", str(guard.site))

    assert "revoked, says its responder: subject O=Northside,CN=hmi-1, serial" in status.stdout
    assert secured.refusals() == ["revoked"]
    closed = [reason for reason in secured.reasons("session.closed") if "certificate" in reason]
    assert len(closed) == 1
    assert closed[0].startswith("certificate: revoked: subject O=Northside,CN=hmi-1, serial")
    assert f"http://127.0.0.1:{responder.port}/" in closed[0]


def test_a_client_of_whom_a_responder_knows_nothing_is_kept_out_where_silence_does(
    tmp_path: Path, ending: ExitStack
) -> None:
    secured, _, _ = begin(tmp_path, ending, "refuse", "hmi-2")

    assert is_refused(secured, secured.client("hmi-1"))
    assert secured.refusals() == ["ocsp_unknown"]


def test_a_responder_that_is_gone_keeps_nobody_out_unless_it_was_chosen_to(
    tmp_path: Path, ending: ExitStack
) -> None:
    secured, responder, [holder] = begin(tmp_path, ending, "warn", "hmi-1")
    assert responder.process is not None
    responder.process.terminate()
    responder.process.wait()
    guard = secured.guarded.guard
    with TlsTalk(secured.address, secured.context(holder)) as talk:
        assert talk.ask(READ) == ZERO
        wait_until(lambda: guard.status()["ocsp"]["certificates"]["unanswered"] == 1, "it was asked")
        status = guard.ask("status", str(guard.site))
        assert talk.ask(READ) == ZERO

    assert "1 certificates without a responder's answer: ocsp_silent" in status.stdout
    assert secured.refusals() == []
    assert secured.reasons("tls.tolerated")[0].startswith("ocsp_silent: subject O=Northside,CN=hmi-1, serial")
