"""Every kind of mistake has its own name and a clear message with file and line."""

# One row of the table is one line, however long.
# ruff: noqa: E501, Q000, Q003

from typing import Any

import pytest

from modwarden.model import Origin
from modwarden.site import SiteError, SiteProblem

SERVERS = '      gw-1: {listen: "10.10.0.2:1502"}\n'
READS = "      - {name: reads, clients: [hmi-1], permit: [read]}\n"
CLIMATE = "      - {name: climate, clients: [hmi-1], permit: [write], points: [setpoint]}\n"
AHU = '  "ahu-[1-2]": {zone: field, addresses: ["10.11.0.[1-2]"], unit_ids: [1], points: ahu}\n'
FAN = "    fan: {at: coil 0}\n"
HMI = "  hmi-1: {zone: control, addresses: [10.10.0.5]}\n"
FLOW = '  "flow-[1-2]": {zone: field, via: gw-1, unit_id: "[1-2]", points: ahu}\n'
BUS = "  bus-1: {zone: field, serial: {port: /dev/ttyS0, baud: 19200, parity: even, stop_bits: 1}}\n"
TEST = '  - {client: hmi-1, server: ahu-1, request: "write setpoint 30", expect: deny}\n'


def rule(words: str) -> str:
    return f"      - {{name: odd, {words}}}\n"


# name · what is replaced · by what · words of the line blamed · words of the message
MISTAKES = [
    ("yaml-syntax", FAN, "    fan: {at: coil 0\n", "assets:", "this is not YAML"),
    ("unknown-key", FAN, "    fan: {at: coil 0, engineering_units: V}\n", "fan:", "did you mean 'engineering_unit'?"),
    ("unknown-key", TEST, TEST + "journals: {}\n", "journals", "did you mean 'journal'?"),
    ("unknown-key", "site: Test site\n", "site: Test site\nqqq: 1\n", "qqq", "keys here: modwarden, site"),
    ("duplicate-key", FAN, FAN + "    fan: {at: coil 1}\n", "coil 1", "the key 'fan' is here twice; the first is at"),
    ("duplicate-key", FAN, "    fan: {at: coil 0, at: coil 1}\n", "coil 1", "'at' is here twice"),
    ("duplicate-key", "site: Test site\n", "site: Test site\nsite: Other\n", "Other", "'site' is here twice"),
    ("bad-key", FAN, FAN + "    ? [a]\n    : {at: coil 1}\n", "[a]", "a key is a word"),
    ("bad-value", FAN, "    fan: {at: coil 0, scale: !!float x}\n", "!!float", "'x' cannot be read"),
    ("missing-key", "site: Test site\n", "", "modwarden: 1", "the key 'site' is missing"),
    ("missing-key", FAN, "    fan: {type: bit}\n", "fan:", "the key 'at' is missing"),
    ("missing-key", FAN, "    fan: {at: holding_register 3}\n", "fan:", "needs a type"),
    ("missing-key", FLOW, '  flow-1: {zone: field, via: gw-1}\n', "flow-1", "has no unit id"),
    ("wrong-type", "permit: [read]", "permit: [read], essential: ja", "essential: ja", "write true or false"),
    ("wrong-type", "site: Test site\n", "site: 5\n", "site: 5", "text that looks like a number goes in quotes"),
    ("wrong-type", "    to: field\n", "    to: [field]\n", "to: [field]", "to:"),
    ("bad-value", "    to: field\n", "    to: field\n    verdicts: observed\n", "verdicts", "did you mean 'observe'?"),
    ("bad-value", "modwarden: 1\n", "modwarden: 2\n", "modwarden: 2", "2 is not known here"),
    ("out-of-range", HMI, "  hmi-1: {zone: control, port: 70000}\n", "70000", "port: 70000"),
    ("bad-line", FLOW, FLOW + BUS.replace("zone: field, ", "zone: field, addresses: [10.11.1.3], "), "bus-1:", "a serial port and addresses"),
    ("bad-line", FLOW, FLOW + BUS.replace("zone: field, ", "zone: field, via: gw-1, "), "bus-1:", "behind a gateway"),
    ("bad-line", FLOW, FLOW + BUS.replace("zone: field, ", "zone: field, framing: rtu_over_tcp, "), "bus-1:", "no `framing`"),
    ("bad-line", FLOW, FLOW + BUS.replace("zone: field, ", "zone: field, connections: {shared: true}, "), "bus-1:", "always shared"),
    ("bad-line", FLOW, FLOW + BUS.replace("zone: field, ", "zone: field, tolerate: [wrong_unit_id], "), "bus-1:", "takes no `tolerate`"),
    ("bad-line", FLOW, FLOW + BUS.replace("zone: field, ", "zone: field, line: {window: 11s}, "), "bus-1:", "more than 10s"),
    ("bad-line", HMI, HMI.replace("control, ", "control, line: {window: 1s}, "), "hmi-1:", "no line is shared here"),
    ("duplicate-port", FLOW, FLOW + BUS + BUS.replace("bus-1", "bus-2"), "bus-2:", "'bus-1' has the port '/dev/ttyS0' already"),
    ("range-lengths", FLOW, FLOW + BUS.replace("bus-1", '"bus-[1-2]"'), "bus-[1-2]", "2 assets share the port"),
    ("missing-key", FLOW, FLOW + BUS.replace(", parity: even", ""), "bus-1:", "the key 'parity' is missing"),
    ("bad-value", FLOW, FLOW + BUS.replace("even", "evn"), "bus-1:", "did you mean 'even'?"),
    ("bad-duration", "    to: field\n", "    to: field\n    idle_timeout: 30\n", "idle_timeout", "write a number with its unit"),
    ("bad-size", TEST, TEST + "journal: {keep: {size: 3 boxes}}\n", "boxes", "is not a size"),
    ("bad-schedule", READS, READS + rule("permit: [3], when: always"), "always", "'always'"),
    ("bad-schedule", READS, READS + rule("permit: [3], when: 7"), "when: 7", "neither days nor times"),
    ("bad-denial", READS, READS + rule("permit: [3], denial: 5"), "denial: 5", "use an exception code"),
    ("bad-network", "[10.11.0.0/16]", "[10.11.0.1/16]", "10.11.0.1/16", "write 10.11.0.0/16"),
    ("bad-network", "[10.11.0.0/16]", "[tenth]", "tenth", "'tenth' is no network"),
    ("bad-network", "[10.11.0.0/16]", "[10]", "[10]", "10 is no network"),
    ("bad-limits", "range: [18, 24]", "range: [18]", "setpoint:", "write it like [18, 24]"),
    ("bad-range", "at: input_register 0,", "at: 30001,", "30001", "write it like"),
    ("bad-range", "at: input_register 0,", "at: input_register 5-3,", "5-3", "ends before it begins"),
    ("unknown-table", "at: input_register 0,", "at: input_registers 0,", "supply", "did you mean 'input_register'?"),
    ("outside-table", "at: input_register 0,", "at: input_register 65536,", "65536", "0 to 65535"),
    ("outside-table", "holding_register 100-101", "holding_register 65535", "65535", "runs past address 65535"),
    ("point-length", "holding_register 100-101", "holding_register 100-102", "100-102", 'write "holding_register 100-101"'),
    ("type-outside-table", FAN, "    fan: {at: coil 0, type: int16}\n", "fan:", "int16 does not fit coil"),
    ("type-outside-table", FAN, "    fan: {at: coil 0, aliases: [holding_register 9]}\n", "fan:", "an alias shows the same"),
    ("bad-scale", "type: int16}", "type: int16, scale: 0}", "supply", "makes every value the same"),
    ("unreadable-file", FAN, FAN + "  far: {file: far.csv}\n", "far.csv", "cannot be read"),
    ("unknown-zone", HMI, "  hmi-1: {zone: controls}\n", "controls", "did you mean 'control'?"),
    ("unknown-zone", "    to: field\n", "    to: fields\n", "to: fields", "there is no zone 'fields'"),
    ("unknown-point-map", AHU, AHU.replace("points: ahu", "points: xyz"), "xyz", "there is no map of points 'xyz'"),
    ("unknown-asset", FLOW, FLOW.replace("gw-1", "gw-2"), "gw-2", "did you mean 'gw-1'?"),
    ("unknown-asset", SERVERS, SERVERS.replace("gw-1", "pump"), "pump:", "there is no asset 'pump'"),
    ("unknown-asset", "    guard: gate-1\n", "    guard: gate-7\n", "gate-7", "did you mean 'gate-1'?"),
    ("unknown-client", READS, READS + rule("permit: [3], clients: [hmi-7]"), "hmi-7", "did you mean 'hmi-1'?"),
    ("unknown-server", READS, READS + rule("permit: [3], servers: [ahx-1]"), "ahx-1", "no server of the conduit 'hvac'"),
    ("range-past-names", READS, READS + rule("never: [write], servers: ['ahu-[1-9]']"), "ahu-[1-9]", "also names 'ahu-3'"),
    ("range-past-names", READS, READS + rule("never: [write], clients: ['hmi-[1-5]']"), "hmi-[1-5]", "also names 'hmi-2'"),
    ("unknown-server", TEST, TEST.replace("ahu-1", "hmi-1"), "request", "there is no server 'hmi-1'"),
    ("unknown-asset", TEST, TEST.replace("ahu-1", "ahu-9"), "request", "there is no asset 'ahu-9'"),
    ("unknown-client", TEST, TEST.replace("hmi-1", "nobody"), "request", "there is no client 'nobody'"),
    ("unknown-point", READS, READS + rule("permit: [3], points: [set_point]"), "set_point", "did you mean 'setpoint'?"),
    ("unknown-point", READS, READS + rule("permit: [6], limits: {fin: {max_step: 1}}"), "fin:", "has a point 'fin'"),
    ("unknown-function", READS, READS + rule("permit: [reed]"), "reed", "did you mean 'read'?"),
    ("unknown-function", READS, READS + rule("permit: [128]"), "128", "they are 1 to 127"),
    ("unknown-function", READS, READS + rule("permit: [3/1]"), "3/1", "only 8, 43 and 90"),
    ("unknown-timezone", "Europe/Berlin", "Europe/Berlim", "Berlim", "did you mean 'Europe/Berlin'?"),
    ("duplicate-rule", READS, READS + READS.replace("read]", "3]"), "[3]", "the rule 'reads' is here twice"),
    ("permit-or-never", READS, READS + rule("clients: [hmi-1]"), "odd", "needs permit or never"),
    ("permit-or-never", READS, READS + rule("permit: [3], never: [3]"), "odd", "write exactly one of them"),
    ("range-lengths", AHU, AHU.replace("0.[1-2]", "0.[1-3]"), "[1-3]", "stands for 3, its name for 2"),
    ("range-lengths", AHU, AHU.replace("0.[1-2]", "0.1"), '"10.11.0.1"', "2 assets share the address"),
    ("range-lengths", "[15001-15002]", "15001", "15001", "2 servers share the listener"),
    ("range-lengths", "[15001-15002]", "[15001-15009]", "15009", "ranges on one line have equal length"),
    ("bad-range", AHU, AHU.replace("ahu-[1-2]", "ahu-[2-1]"), "[2-1]", "is no number range"),
    ("bad-range", AHU, AHU.replace("ahu-[1-2]", "a[1-2]-[1-2]"), "a[1-2]", "two number ranges"),
    ("bad-name", HMI, HMI.replace("hmi-1", '"hmi-*"'), "hmi-*", "`*` is for rules"),
    ("bad-address", HMI, HMI.replace("10.10.0.5", "10.10.0.500"), "10.10.0.500", "is no IP address"),
    ("bad-unit-id", FLOW, FLOW.replace("[1-2]\", p", "x\", p"), 'unit_id: "x"', "'x' is no unit id"),
    ("bad-unit-id", FLOW, FLOW.replace("points", "unit_ids: [3], points"), "unit_ids: [3]", "say the same"),
    ("bad-unit-id", FLOW, FLOW.replace("[1-2]\", p", "[0-1]\", p"), "[0-1]", "1 to 247"),
    ("bad-gateway", FLOW, FLOW + "  deep: {zone: field, via: flow-1, unit_id: 9}\n", "deep", "is itself behind one"),
    ("bad-gateway", FLOW, FLOW + "  deep: {zone: field, via: gw-1, unit_id: 9, addresses: [10.11.1.2]}\n", "deep", "yet has"),
    ("duplicate-key", AHU, AHU + "  ahu-2: {zone: field}\n", "ahu-2:", "the asset 'ahu-2' is here twice"),
    ("duplicate-key", SERVERS, SERVERS + '      ahu-2: {listen: "10.10.0.2:9"}\n', "ahu-2:", "the server 'ahu-2' is here twice"),
    ("bad-socket", "10.10.0.2:1502", "10.10.0.2", '"10.10.0.2"', "is no address and port"),
    ("server-behind-gateway", SERVERS, SERVERS.replace("gw-1", "flow-1"), "flow-1:", "list 'gw-1' instead"),
    ("no-address", HMI, "  hmi-1: {zone: control}\n", "name: reads", "the client 'hmi-1' has no address"),
    ("no-address", "  gw-1: {zone: field, addresses: [10.11.1.1]}\n", "  gw-1: {zone: field}\n", "gw-1: {l", "has no address"),
    ("no-unit-id", AHU, AHU.replace("unit_ids: [1], ", ""), '"ahu-[1-2]": {listen', "has no unit id"),
    ("no-guard", "[10.10.0.2]}\n", "[10.10.0.3]}\n", "hvac", "names no guard"),
    ("name-clash", HMI, HMI + "  field: {zone: field}\n", "field: {zone", "is a zone and an asset"),
    ("serial-client", "    to: field\n", "    to: field\n    insertion: serial\n", "hvac", "serial insertion without `client`"),
    ("serial-client", "    to: field\n", "    to: field\n    client: hmi-1\n", "client:", "leave it out, or write `insertion: serial`"),
    ("unknown-asset", "    to: field\n", "    to: field\n    insertion: serial\n    client: hmi-9\n", "client:", "there is no asset 'hmi-9'"),
    ("serial-client", "    to: field\n", "    to: field\n    insertion: serial\n    client: hmi-1\n", "client:", "'hmi-1' has no serial port"),
    ("proxy-fails-closed", "    to: field\n", "    to: field\n    on_failure: {guard: open}\n", "on_failure", "cannot fail open"),
    ("keys-in-journal", TEST, TEST + "journal: {keys: journal/keys}\n", "journal:", "inside the journal's directory"),
    ("bad-address", TEST, TEST + 'journal: {syslog: {server: "logs:514"}}\n', "logs:514", "'logs' is no IP address"),
    # Errors of the lint keep a site from being loaded too.
    ("overlapping-points", FAN, FAN + "    low: {at: holding_register 101, type: int16}\n", "low", "overlaps setpoint"),
    ("limits-never-pass", "[18, 24]", "[24, 18]", "setpoint:", "write the smaller value first: [18, 24]"),
    ("limits-never-pass", "range: [18, 24]", "per_minute: 0", "setpoint:", "to forbid writes, permit none"),
    ("limits-never-pass", READS, READS + rule("permit: [6], limits: {setpoint: {range: [1, 2], allowed: [3]}}"), "odd", "no allowed"),
    ("limits-outside-type", FAN, FAN + "    lo: {at: holding_register 7, type: uint16, write: {range: [-9, -1]}}\n", "lo:", "holds 0 to 65535"),
    ("server-outside-zone", "    to: field\n", "    to: control\n", '"ahu-[1-2]": {listen', "is in zone 'field'"),
    ("unit-id-clash", FLOW, FLOW + "  more: {zone: field, via: gw-1, unit_id: 2}\n", "more", "both have unit id 2"),
    ("unit-id-clash", '"10.10.0.2:1502"', '"10.10.0.2:15001"', '"ahu-[1-2]": {z', ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "before", "after", "blamed", "words"), MISTAKES)
def test_a_mistake_is_named_with_its_file_and_line(
    workshop: Any, name: str, before: str, after: str, blamed: str, words: str
) -> None:
    more = [("    guard: gate-1\n", "")] if name == "no-guard" else []
    problems = workshop.problems((before, after), *more)

    here = [problem for problem in problems if problem.name == name]
    assert here, [str(problem) for problem in problems]
    assert words in str(here[0])
    if words:
        assert here[0].origin.line == workshop.line_of(blamed)
    assert str(here[0]).startswith(f"{workshop.folder / 'site.yaml'}:{here[0].origin.line}: ")


def test_all_problems_of_a_file_are_reported_at_once_in_the_order_of_its_lines(workshop: Any) -> None:
    problems = workshop.problems(
        ("Europe/Berlin", "Nowhere"),
        (FAN, "    fan: {at: coil 0, colour: red}\n"),
        (HMI, "  hmi-1: {zone: controls, addresses: [10.10.0.5]}\n"),
        (READS, READS + rule("permit: [3], servers: [nothing]")),
    )

    names = ["unknown-timezone", "unknown-key", "unknown-zone", "unknown-server"]
    assert [problem.name for problem in problems] == names


def test_what_is_wrong_at_many_lines_is_said_once_with_all_of_them() -> None:
    twice = [
        SiteProblem("unknown-zone", Origin("site.yaml", line), "no zone 'x'", "add it") for line in (4, 9, 9)
    ]
    other = SiteProblem("unknown-zone", Origin("other.yaml", 9), "no zone 'x'", "add it")

    error = SiteError([*twice, other])

    assert str(error).splitlines() == [
        "site.yaml:4: no zone 'x': add it (also in line 9)",
        "other.yaml:9: no zone 'x': add it",
    ]
    assert len(error.problems) == 4


def test_mistakes_of_shape_and_of_meaning_are_reported_together(workshop: Any) -> None:
    broken = rule("permit: [reed], qqq: 1") + rule("permit: [reed], name: 5").replace("odd", "two")
    problems = workshop.problems(
        (READS, broken + READS.replace("hmi-1", "hmi-7")),
        ("type: int16}", "type: int16, scale: wide}"),
        (HMI, "  hmi-1: {zone: control, addresses: [10.10.0.5], port: 0}\n"),
        ("    to: field\n", "    to: field\n    idle_timeout: 30\n"),
        (
            TEST,
            TEST.replace("deny", "denied") + TEST.replace("ahu-1", "ahu-9") + "journal: {keep: {age: 3}}\n",
        ),
    )

    found = [(problem.name, problem.origin.line) for problem in problems]
    assert ("unknown-client", workshop.line_of("hmi-7")) in found
    assert ("unknown-asset", workshop.line_of("ahu-9")) in found
    assert {name for name, _ in found} == {
        *("unknown-client", "unknown-asset", "unknown-key", "unknown-function", "wrong-type"),
        *("out-of-range", "bad-duration", "bad-value", "duplicate-key"),
    }


def test_a_site_that_is_not_a_mapping_is_refused(workshop: Any) -> None:
    path = workshop.write()
    path.write_text("- modwarden\n")

    problems = workshop.problems_of(path)
    assert [problem.name for problem in problems] == ["wrong-type"]


def test_an_empty_site_is_refused(workshop: Any) -> None:
    path = workshop.write()
    path.write_text("# nothing yet\n")

    assert [problem.name for problem in workshop.problems_of(path)] == ["empty-site"]


def test_text_that_is_not_utf_8_is_refused_with_its_line(workshop: Any) -> None:
    path = workshop.write()
    path.write_bytes(b"modwarden: 1\nsite: M\xfcnchen\n")

    problems = workshop.problems_of(path)
    assert [(problem.name, problem.origin.line) for problem in problems] == [("not-utf-8", 2)]


def test_an_alias_that_holds_itself_is_refused(workshop: Any) -> None:
    path = workshop.write()
    path.write_text("modwarden: 1\nsite: &a\n  b: *a\n")

    assert "too-deep" in {problem.name for problem in workshop.problems_of(path)}
