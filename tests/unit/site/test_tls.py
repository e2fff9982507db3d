"""A conduit's `tls`: what is wrong about it, and what `check` finds in its files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.site.test_findings import TO

from modwarden.model import DEFAULT_SUITES, RoleName, StaleCrl, Suite, TlsVersion
from modwarden.pki import Kind, Order, Plan, Terms, create_pki, issue, parse_addresses

if TYPE_CHECKING:
    from pathlib import Path

    from modwarden.model import Finding, Tls

OWN = "pki/servers/gate-1/current"
GOOD = f"certificate: {OWN}/chain.pem, key: {OWN}/key.pem, trust: [pki/root.pem]"
CRLS = ", crls: [pki/crl.pem]"


def tls(words: str) -> tuple[str, str]:
    return TO, TO + f"    tls: {{{words}}}\n"


def read(workshop: Any, words: str) -> Tls:
    found: Tls = next(iter(workshop.load(tls(words)).conduits.values())).tls
    return found


def make(folder: Path, days: int = 400, ago: timedelta = timedelta()) -> None:
    now = datetime.now(UTC).replace(microsecond=0) - ago
    store = create_pki(folder / "pki", Plan("Northside"), now)
    issue(store, Terms(Kind.SERVER, "gate-1", parse_addresses(["10.10.0.2"])), Order(days), now)
    issue(store, Terms(Kind.CLIENT, "hmi-1", role=RoleName("Operator")), Order(days), now)


def findings(workshop: Any, words: str) -> list[Finding]:
    found: list[Finding] = workshop.findings(tls(words))
    return found


def names(workshop: Any, words: str = GOOD + CRLS) -> list[str]:
    return [finding.name for finding in findings(workshop, words)]


# --- the site file


@pytest.mark.parametrize(
    ("words", "name", "what"),
    [
        (GOOD.replace("trust: [pki/root.pem]", "trust: []"), "out-of-range", "trust"),
        ("certificate: a.pem, key: a.key", "missing-key", "trust"),
        (GOOD + ", versions: ['1.1']", "bad-value", "1.1"),
        (GOOD + ", suites: [TLS_RSA_WITH_RC4_128_MD5]", "bad-value", "TLS_RSA_WITH_RC4_128_MD5"),
        (GOOD + ", suites: [TLS_NULL_WITH_NULL_NULL]", "bad-value", "TLS_NULL_WITH_NULL_NULL"),
        (GOOD + ", stale_crl: ignore", "bad-value", "ignore"),
        (GOOD + ", verify: none", "unknown-key", "verify"),
        (GOOD + ", versions: ['1.2'], suites: [TLS_AES_128_GCM_SHA256]", "tls-suite-version", "of TLS 1.3"),
        (GOOD + ", suites: [TLS_AES_128_GCM_SHA256]", "tls-suite-version", "no suite of TLS 1.2"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(workshop: Any, words: str, name: str, what: str) -> None:
    problems = workshop.problems(tls(words))

    assert [problem.name for problem in problems] == [name], [str(problem) for problem in problems]
    assert what in str(problems[0])
    assert problems[0].origin.line == workshop.line_of("tls:")


def test_without_a_word_the_safe_choice_holds(workshop: Any, tmp_path: Path) -> None:
    found = read(workshop, GOOD)

    assert found.certificate == tmp_path / OWN / "chain.pem"
    assert (found.versions, found.suites) == (tuple(TlsVersion), DEFAULT_SUITES)
    assert (found.stale_crl, found.expired) == (StaleCrl.WARN, "warn")
    assert all(suite.has_forward_secrecy and not suite.is_readable for suite in found.suites)


def test_the_suites_follow_the_versions(workshop: Any) -> None:
    found = read(workshop, GOOD + ", versions: ['1.3']")

    assert {suite.version for suite in found.suites} == {TlsVersion.V1_3}


def test_roles_hold_where_tls_is_spoken(workshop: Any, tmp_path: Path) -> None:
    make(tmp_path)
    rule = "      - {name: climate, clients: [hmi-1], permit: [write], points: [setpoint]}\n"
    with_role = (rule, rule.replace("permit", "roles: [engineer], permit"))

    assert [finding.name for finding in workshop.findings(with_role)] == ["roles-without-tls"]
    assert workshop.findings(with_role, tls(GOOD + CRLS)) == []


# --- its files


def test_nothing_is_wrong_with_what_the_pki_makes(workshop: Any, tmp_path: Path) -> None:
    make(tmp_path)

    assert findings(workshop, GOOD + CRLS) == []


def test_without_lists_nobody_knows_who_was_revoked(workshop: Any, tmp_path: Path) -> None:
    make(tmp_path)

    assert names(workshop, GOOD) == ["tls-no-crl"]


@pytest.mark.parametrize("file", ["chain.pem", "key.pem"])
@pytest.mark.parametrize(("text", "what"), [(None, "cannot be read"), ("odd", "holds no PEM")])
def test_a_file_that_cannot_be_used_is_an_error(
    workshop: Any, tmp_path: Path, file: str, text: str | None, what: str
) -> None:
    make(tmp_path)
    path = tmp_path / OWN / file
    path.chmod(0o600)
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    found = findings(workshop, GOOD + CRLS)

    assert [(finding.name, finding.severity) for finding in found] == [("tls-file", "error")]
    assert what in found[0].message
    assert found[0].origin.line == workshop.line_of("tls:")


def test_a_key_of_another_certificate_is_an_error(workshop: Any, tmp_path: Path) -> None:
    make(tmp_path)
    words = GOOD.replace(f"key: {OWN}", "key: pki/clients/hmi-1/current") + CRLS

    assert names(workshop, words) == ["tls-key"]


def test_a_key_that_others_can_read_is_told(workshop: Any, tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / OWN / "key.pem").chmod(0o640)

    assert names(workshop) == ["tls-key-open"]


def test_a_chain_that_is_not_whole_is_told(workshop: Any, tmp_path: Path) -> None:
    make(tmp_path)
    words = GOOD.replace("chain.pem", "certificate.pem") + CRLS

    assert names(workshop, words) == ["tls-chain"]


def test_a_certificate_for_clients_is_none_for_a_guard(workshop: Any, tmp_path: Path) -> None:
    make(tmp_path)
    words = GOOD.replace("servers/gate-1", "clients/hmi-1") + CRLS

    assert names(workshop, words) == ["tls-chain"]


def test_an_issuing_ca_is_no_root(workshop: Any, tmp_path: Path) -> None:
    make(tmp_path)
    words = GOOD.replace("pki/root.pem", "pki/issuing/1/certificate.pem") + CRLS

    assert "tls-trust" in names(workshop, words)


@pytest.mark.parametrize(
    ("ago", "name", "severity"),
    [(75, "expires", "note"), (95, "expires", "warning"), (105, "expired", "warning")],
)
def test_what_ends_soon_is_told_in_time(
    workshop: Any, tmp_path: Path, ago: int, name: str, severity: str
) -> None:
    make(tmp_path, 100, timedelta(days=ago))
    found = [
        finding for finding in findings(workshop, GOOD + CRLS) if finding.name.startswith("certificate-")
    ]

    assert [(finding.name, finding.severity) for finding in found] == [(f"certificate-{name}", severity)]


def test_a_suite_that_hides_less_is_told(workshop: Any, tmp_path: Path) -> None:
    make(tmp_path)
    weak = (Suite.STATIC_RSA_NULL, Suite.STATIC_RSA_AES_128_GCM)
    words = f"{GOOD}{CRLS}, versions: ['1.2'], suites: [{', '.join(weak)}]"

    assert names(workshop, words) == ["tls-readable", "tls-readable"]
