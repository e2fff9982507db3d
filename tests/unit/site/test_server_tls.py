"""`tls` of a server: what is wrong about it, what `check` finds, and one CA on both sides of the DMZ."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.site.test_findings import TO

from modwarden.guard._compile import compile_policy
from modwarden.model import OneSided, RoleName, Severity
from modwarden.pki import Kind, Order, Plan, Terms, create_pki, find_shared_authorities, issue

if TYPE_CHECKING:
    from pathlib import Path

    from modwarden.model import Finding

AHUS = '      "ahu-[1-2]": {listen: "10.10.0.2:[15001-15002]"}\n'
GATEWAY = '      gw-1: {listen: "10.10.0.2:1502"}\n'
SHARED = "one-ca-both-sides"
SECURE_PORT = ("unit_ids: [1], points: ahu}", "unit_ids: [1], points: ahu, port: 802}")
OWN = "pki/clients/gate-1/current"
GOOD = f"certificate: {OWN}/chain.pem, key: {OWN}/key.pem, trust: [pki/root.pem], crls: [pki/crl.pem]"


def tls(words: str) -> tuple[str, str]:
    return AHUS, AHUS.replace('15002]"}', f'15002]", tls: {{{words}}}}}')


def make(folder: Path, name: str = "pki") -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    store = create_pki(folder / name, Plan("Northside"), now)
    issue(store, Terms(Kind.CLIENT, "gate-1", role=RoleName("Gateway")), Order(), now)


def names(found: list[Finding]) -> list[str]:
    return [finding.name for finding in found]


@pytest.mark.parametrize(
    ("words", "name", "what"),
    [
        (GOOD.replace("trust: [pki/root.pem]", "trust: []"), "out-of-range", "trust"),
        (GOOD + ", max_fragment: 500", "bad-value", "500"),
        (GOOD + ", one_sided: ignore", "bad-value", "ignore"),
        (GOOD + ", verify: none", "unknown-key", "verify"),
        (GOOD + ", name: plc.plant", "range-lengths", "2 servers would all be expected"),
        (GOOD + ", name: '*.plant-[1-2]'", "bad-name", "no name of a server"),
        (GOOD + ", name: 'a b[1-2]'", "bad-name", "no name of a server"),
        (GOOD + ", suites: [TLS_AES_128_GCM_SHA256]", "tls-suite-version", "no suite of TLS 1.2"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(workshop: Any, words: str, name: str, what: str) -> None:
    problems = workshop.problems(tls(words))

    assert name in [problem.name for problem in problems], [str(problem) for problem in problems]
    problem = next(problem for problem in problems if problem.name == name)
    assert what in str(problem)
    assert problem.origin.line == workshop.line_of("tls:")


def test_without_a_word_each_server_is_expected_at_its_address(workshop: Any) -> None:
    site = workshop.load(tls(GOOD))
    servers = {server["name"]: server for server in json.loads(compile_policy(site, None))["servers"]}

    assert [servers[name]["tls"]["name"] for name in ("ahu-1", "ahu-2")] == ["10.11.0.1", "10.11.0.2"]
    assert servers["ahu-1"]["tls"]["one_sided"] == OneSided.REFUSE
    assert "tls" not in servers["gw-1"]


def test_a_name_goes_along_with_the_range_of_its_servers(workshop: Any) -> None:
    site = workshop.load(tls(GOOD + ", name: 'plc-[7-8].plant', max_fragment: 512"))
    bindings = next(iter(site.conduits.values())).servers

    assert [binding.tls.name for binding in bindings if binding.tls] == ["plc-7.plant", "plc-8.plant"]
    assert {binding.tls.max_fragment_bytes for binding in bindings if binding.tls} == {512}


def test_a_bus_has_no_tls(workshop: Any) -> None:
    bus = ("  gw-1: {zone: field, addresses", "  gw-1: {zone: field, framing: rtu_over_tcp, addresses")
    secured = (GATEWAY, GATEWAY.replace('1502"}', f'1502", tls: {{{GOOD}}}}}'))

    assert names(list(workshop.problems(bus, secured))) == ["tls-on-a-bus"]


def test_two_conduits_reach_a_server_in_one_way(workshop: Any) -> None:
    second = "  second:\n    from: [control]\n    to: field\n    guard: gate-1\n    servers:\n"
    second += '      ahu-1: {listen: "10.10.0.2:16001"}\n    rules: []\ntests:\n'
    problems = workshop.problems(tls(GOOD), ("tests:\n", second))

    assert names(list(problems)) == ["server-tls-differs"]


def test_nothing_is_wrong_with_what_the_pki_makes(workshop: Any, tmp_path: Path) -> None:
    make(tmp_path)

    assert workshop.findings(tls(GOOD), SECURE_PORT) == []


def test_ports_that_do_not_fit_are_told(workshop: Any, tmp_path: Path) -> None:
    make(tmp_path)
    plain, secure = workshop.findings(SECURE_PORT), workshop.findings(tls(GOOD))

    assert {(finding.name, finding.severity) for finding in plain} == {("tls-server-port", Severity.WARNING)}
    assert {(finding.name, finding.severity) for finding in secure} == {("tls-server-port", Severity.NOTE)}


def test_a_servers_certificate_is_not_the_guards_own(workshop: Any, tmp_path: Path) -> None:
    make(tmp_path)
    now = datetime.now(UTC).replace(microsecond=0)
    store = create_pki(tmp_path / "servers", Plan("Northside"), now)
    issue(store, Terms(Kind.SERVER, "gate-1"), Order(), now)
    words = GOOD.replace("pki/clients", "servers/servers") + ", one_sided: warn"

    assert sorted(names(workshop.findings(tls(words), SECURE_PORT))) == ["tls-chain", "tls-one-sided"]


# --- one CA on both sides


@pytest.mark.parametrize(
    ("levels", "other", "expected"),
    [((3, 0), "pki", [SHARED]), ((3, 1), "pki", [SHARED]), ((2, 0), "pki", []), ((3, 0), "other", [])],
)
def test_one_ca_for_it_and_ot_is_a_finding(
    workshop: Any, tmp_path: Path, levels: tuple[int, int], other: str, expected: list[str]
) -> None:
    make(tmp_path)
    if other != "pki":
        make(tmp_path, other)
    zones = [
        ("field: {networks", f"field: {{level: {levels[1]}, networks"),
        ("control: {networks", f"control: {{level: {levels[0]}, networks"),
    ]
    clients = (TO, TO + f"    tls: {{{GOOD.replace('pki/', other + '/')}}}\n")
    found = find_shared_authorities(workshop.load(*zones, clients, tls(GOOD)))

    assert names(found) == expected
    for finding in found:
        assert finding.origin.line == workshop.line_of('"ahu-[1-2]": {listen')
        assert "zone 'field' and of zone 'control'" in finding.message
