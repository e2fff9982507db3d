"""Every kind of doubt has its own name and a clear message with file and line."""

# One row of the table is one line, however long.
# ruff: noqa: E501

from typing import Any

import pytest

from modwarden.model import Severity
from modwarden.site import check_site
from modwarden.site.lint import find_errors

READS = "      - {name: reads, clients: [hmi-1], permit: [read]}\n"
CLIMATE = "      - {name: climate, clients: [hmi-1], permit: [write], points: [setpoint]}\n"
FIELD = "  field: {networks: [10.11.0.0/16]}\n"
CONTROL = "  control: {networks: [10.10.0.0/24]}\n"
HMI = "  hmi-1: {zone: control, addresses: [10.10.0.5]}\n"
TO = "    to: field\n"
TEST = "tests:\n"
GATEWAY = "  gw-1: {zone: field, addresses: [10.11.1.1]}\n"
BUS = "  gw-1: {zone: field, serial: {port: /dev/ttyS0, baud: 19200, parity: even, stop_bits: 1}}\n"
BUS_WITH_RETRIES = BUS.replace("field, ", "field, reply_timeout: 700ms, line: {read_retries: 2}, ")
NOTE, WARNING = Severity.NOTE, Severity.WARNING


def rule(words: str) -> str:
    return READS + f"      - {{name: odd, {words}}}\n"


# name · severity · what is replaced · by what · words of the line blamed · words of the message
FINDINGS = [
    ("zones-overlap", WARNING, CONTROL, CONTROL + "  wide: {networks: [10.0.0.0/8]}\n", "wide", "overlaps 10.1"),
    ("dual-homed", WARNING, HMI, HMI.replace("0.5]", "0.5, 10.11.0.5]"), "hmi-1:", "in the zones control and field"),
    ("address-outside-zone", WARNING, HMI, HMI.replace("0.5]", "0.5, 10.99.0.5]"), "hmi-1:", "10.99.0.5 of 'hmi-1'"),
    ("address-twice", WARNING, HMI, HMI + HMI.replace("hmi-1", "hmi-2"), "hmi-2", "both have the address 10.10.0.5"),
    ("limits-on-read-only", WARNING, "type: int16}", "type: int16, write: {range: [1, 2]}}", "supply", "no function writes"),
    ("listener-not-on-guard", WARNING, '"10.10.0.2:1502"', '"10.10.0.9:1502"', "gw-1: {l", "no address of the guard"),
    ("silence-outlasts-deadline", WARNING, GATEWAY, BUS, "gw-1: {zone", "for 3 s, and writes to the others are refused after 2 s"),
    ("silence-outlasts-deadline", WARNING, GATEWAY, BUS_WITH_RETRIES, "gw-1: {zone", "for 2.1 s"),
    ("observed-conduit", NOTE, TO, TO + "    verdicts: observe\n", "verdicts", "forwards everything"),
    ("unrecorded-writes", NOTE, TO, TO + "    on_failure: {journal: permit}\n", "on_failure", "without a record"),
    ("same-zone", WARNING, "from: [control]", "from: [control, field]", "from:", "to itself"),
    ("empty-zone", WARNING, CONTROL, "  control: {level: 1}\n", "level", "has no networks"),
    ("no-clients", WARNING, READS, rule("permit: [5], clients: []"), "odd", "holds for nobody"),
    ("idle-below-polling", WARNING, READS, rule("permit: [20], polling_period: 40s"), "odd", "sessions end after 30 s"),
    ("budget-below-servers", WARNING, TO, TO + "    budgets: {sessions_per_client: 2}\n", "budgets", "3 listeners"),
    ("denial-silence", WARNING, TO, TO + "    denial: silence\n", "denial", "waits for its time-out"),
    ("denial-reset", WARNING, READS, rule("permit: [5], denial: reset"), "odd", "other open requests"),
    ("denial-block", WARNING, READS, rule("permit: [5], denial: 2"), "odd", "after exception 02"),
    ("clients-outside-from", WARNING, READS, rule("permit: [5], clients: [10.9.0.1]"), "odd", "permits 10.9.0.1/32"),
    ("clients-outside-from", WARNING, READS, rule("permit: [5], clients: ['::1']"), "odd", "permits ::1/128"),
    ("essential-write", WARNING, READS, rule("permit: [5], essential: true"), "odd", "pass unrecorded"),
    ("roles-without-tls", WARNING, READS, rule("never: [5], roles: [engineer]"), "odd", "without TLS"),
    ("essential-never", WARNING, READS, rule("never: [5], essential: true"), "odd", "means nothing"),
    ("broadcast-permit", WARNING, READS, rule("permit: [5], unit_ids: [0]"), "odd", "every unit behind gw-1"),
    ("ranges-without-addresses", WARNING, READS, rule("permit: [17], ranges: [coil 0]"), "odd", "cannot narrow Report Server ID"),
    ("ranges-without-addresses", WARNING, READS, rule("permit: [17], points: [fan]"), "odd", "points cannot narrow"),
    ("limits-out-of-reach", WARNING, READS, rule("permit: [write], points: [fan], limits: {setpoint: {max_step: 1}}"), "odd", "limits setpoint, and names only fan"),
    ("limits-without-write", WARNING, READS, rule("permit: [17], limits: {setpoint: {max_step: 1}}"), "odd", "permits no write"),
    ("programming-permit", NOTE, READS, rule("permit: [umas]"), "odd", "programs of controllers may change"),
    ("step-without-reader", WARNING, READS, "", "climate", "which no rule reads on ahu-1"),
    ("rule-without-effect", WARNING, READS, rule("permit: [6], ranges: [input_register 0]"), "odd", "names no request"),
    ("rule-without-effect", WARNING, READS, rule("permit: [5], unit_ids: [77]"), "odd", "names no request"),
    ("rule-beaten", WARNING, READS, rule("permit: [5]") + "      - {name: stop, never: [write]}\n", "odd", "only what stop forbids"),
    ("rule-covered", WARNING, READS, rule("permit: [3], clients: [hmi-1]"), "odd", "wholly covered by reads"),
]  # fmt: skip

QUICK_BUS = (GATEWAY, BUS.replace("field, ", "field, reply_timeout: 300ms, "))
STEP = ("write: {range: [18, 24]}", "write: {range: [18, 24], max_step: 1}")


@pytest.mark.parametrize(("name", "severity", "before", "after", "blamed", "words"), FINDINGS)
def test_a_doubt_is_named_with_its_file_and_line(
    workshop: Any, name: str, severity: Severity, before: str, after: str, blamed: str, words: str
) -> None:
    more = [STEP] if name == "step-without-reader" else []
    findings = workshop.findings((before, after), *more)

    here = [finding for finding in findings if finding.name == name]
    assert here, [str(finding) for finding in findings]
    assert here[0].severity == severity
    assert words in here[0].message
    assert here[0].origin.line == workshop.line_of(blamed)


def test_a_site_without_fault_has_no_finding(workshop: Any) -> None:
    assert workshop.findings() == []
    assert workshop.findings(QUICK_BUS) == []


def test_a_conduit_without_rules_is_a_finding(workshop: Any) -> None:
    findings = workshop.findings(("    rules:\n", ""), (READS, ""), (CLIMATE, ""))

    assert [finding.name for finding in findings] == ["no-rules"]


def test_two_conduits_may_not_share_a_listener(workshop: Any) -> None:
    again = '  again: {from: [control], to: field, servers: {gw-1: {listen: "10.10.0.2:1502"}}}\n'
    problems = workshop.problems((TEST, again + TEST))

    assert [problem.name for problem in problems] == ["listener-clash"]
    assert "also the listener of conduit 'hvac'" in problems[0].what
    assert problems[0].origin.line == workshop.line_of("again")


def test_a_listener_on_all_addresses_clashes_with_one_on_its_port(workshop: Any) -> None:
    problems = workshop.problems(('"10.10.0.2:1502"', '"0.0.0.0:15001"'))

    assert [problem.name for problem in problems] == ["listener-clash"]
    assert "is within the listener 0.0.0.0:15001" in problems[0].what


def test_a_step_that_some_rule_reads_is_fine(workshop: Any) -> None:
    assert workshop.findings(STEP) == []


def test_a_step_read_by_two_rules_half_each_is_fine(workshop: Any) -> None:
    halves = "".join(
        f"      - {{name: half-{n}, clients: [hmi-1], permit: [3], ranges: [holding_register {n}]}}\n"
        for n in (100, 101)
    )

    assert workshop.findings(STEP, (READS, halves)) == []
    assert [f.name for f in workshop.findings(STEP, (READS, halves.splitlines()[0] + "\n"))] == [
        "step-without-reader"
    ]


def test_two_halves_cover_a_whole(workshop: Any) -> None:
    rules = (
        "      - {name: low, clients: [hmi-1], permit: [6], ranges: [holding_register 0-49]}\n"
        "      - {name: high, clients: [hmi-1], permit: [6], ranges: [holding_register 50-99]}\n"
        "      - {name: middle, clients: [hmi-1], permit: [6], ranges: [holding_register 40-59]}\n"
    )
    findings = workshop.findings((READS, READS + rules))

    assert [(f.name, f.message) for f in findings] == [
        ("rule-covered", "rule 'middle' is wholly covered by low, high")
    ]


@pytest.mark.parametrize(
    "narrower",
    [
        "permit: [3], clients: [10.10.0.0/24]",
        "permit: [3, 4, 17], clients: [hmi-1]",
        "permit: [3], clients: [hmi-1], essential: true",
        "permit: [3], clients: [hmi-1], denial: 4",
        "permit: [23], clients: [hmi-1], ranges: [holding_register 0]",
    ],
)
def test_a_rule_that_gives_more_is_not_covered(workshop: Any, narrower: str) -> None:
    assert "rule-covered" not in [finding.name for finding in workshop.findings((READS, rule(narrower)))]


@pytest.mark.parametrize(
    ("wider", "narrower", "is_covered"),
    [
        ("when: 'Mon-Fri 07:00-17:00'", "when: 'Tue 08:00-09:00'", True),
        ("when: 'Mon-Fri 07:00-17:00'", "when: 'Sat 08:00-09:00'", False),
        ("when: 'Sun 22:00-06:00'", "when: 'Mon 01:00-02:00'", True),
        ("roles: [engineer, chief]", "roles: [chief]", True),
        ("roles: [engineer]", "when: 'Mon 01:00-02:00'", False),
        ("servers: ['ahu-*']", "servers: [ahu-1]", True),
        ("servers: [gw-1]", "servers: [flow-2]", True),
        ("servers: [flow-1]", "servers: [gw-1]", False),
        ("unit_ids: [1]", "servers: [ahu-2]", True),
        ("points: [setpoint]", "ranges: [holding_register 101]", True),
        ("points: [setpoint]", "ranges: [holding_register 102]", False),
        ("limits: {setpoint: {range: [10, 30]}}", "points: [setpoint]", True),
        ("limits: {setpoint: {range: [20, 21]}}", "points: [setpoint]", False),
        ("unit_ids: [0]", "servers: [gw-1], unit_ids: [0]", True),
    ],
)
def test_coverage_is_exact_in_every_dimension(
    workshop: Any, wider: str, narrower: str, *, is_covered: bool
) -> None:
    rules = (
        f"      - {{name: wide, permit: [write], {wider}}}\n      - {{name: odd, permit: [6], {narrower}}}\n"
    )
    findings = workshop.findings((CLIMATE, rules))

    assert ("rule-covered" in [finding.name for finding in findings]) == is_covered


def test_of_two_equal_rules_the_second_is_the_one_too_many(workshop: Any) -> None:
    findings = workshop.findings((READS, READS + READS.replace("reads", "twin")))

    assert [finding.message for finding in findings] == ["rule 'twin' is wholly covered by reads"]


def test_a_never_covers_another_never_of_the_same_denial(workshop: Any) -> None:
    nevers = "      - {name: wide, never: [diagnostics]}\n      - {name: odd, never: [8/4, 8/99]}\n"
    findings = workshop.findings((READS, READS + nevers))

    assert [finding.message for finding in findings] == ["rule 'odd' is wholly covered by wide"]


def test_two_hundred_servers_and_many_rules_are_linted_quickly(workshop: Any) -> None:
    many = "".join(
        f"      - {{name: r{n}, clients: [10.10.0.{n % 250}], permit: [3], ranges: [holding_register {n}]}}\n"
        for n in range(200)
    )
    findings = workshop.findings(
        (READS, many), ("0.[1-2]", "0.[1-200]"), ('"ahu-[1-2]": {z', '"ahu-[1-200]": {z')
    )

    assert findings == []


def test_only_lints_that_loading_runs_find_errors(workshop: Any) -> None:
    site = workshop.load((READS, READS + READS.replace("reads", "twin")))

    assert find_errors(site) == []
    assert {finding.severity for finding in check_site(site)} == {WARNING}
