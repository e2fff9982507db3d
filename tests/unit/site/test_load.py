"""A right site file becomes a site with every range written out and every name resolved."""

from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from modwarden.lab._cleanroom_site import cleanroom_site
from modwarden.model import (
    AssetName,
    ConduitName,
    Insertion,
    OnPolicyFailure,
    PointMapName,
    PointName,
    PointType,
    Table,
    Tolerance,
    Window,
    ZoneName,
)
from modwarden.site import SiteError, check_site, json_schema, load_site

READS = "      - {name: reads, clients: [hmi-1], permit: [read]}\n"
JOURNAL = """\
journal:
  keep: {age: 400d, size: 200GB}
  syslog: {server: "10.10.0.9:514"}
"""
TEST = '  - {client: hmi-1, server: ahu-1, request: "write setpoint 30", expect: deny}\n'


def conduit(site: Any) -> Any:
    return site.conduits[ConduitName("hvac")]


def rule(workshop: Any, words: str) -> Any:
    return conduit(workshop.load((READS, f"      - {{name: odd, {words}}}\n"))).rules[0]


def test_ranges_are_written_out_in_pairs_and_zeros_kept(workshop: Any) -> None:
    site = workshop.load(
        ('  "ahu-[1-2]": {zone', '  "ahu-[09-11]": {zone'),
        ("0.[1-2]", "0.[9-11]"),
        ('"ahu-[1-2]": {l', '"ahu-[09-11]": {l'),
        ("[15001-15002]", "[15009-15011]"),
        ("server: ahu-1,", "server: ahu-10,"),
    )

    assert [name for name in site.assets if name.startswith("ahu")] == ["ahu-09", "ahu-10", "ahu-11"]
    assert site.assets[AssetName("ahu-11")].addresses == (ip_address("10.11.0.11"),)
    assert [str(b.listen) for b in conduit(site).servers][:2] == ["10.10.0.2:15009", "10.10.0.2:15010"]


def test_names_lead_to_units_zones_and_points(workshop: Any) -> None:
    site = workshop.load()

    assert [unit.name for unit in site.units_via(AssetName("gw-1"))] == ["flow-1", "flow-2"]
    assert site.asset_at(ip_address("10.11.0.2")).name == "ahu-2"
    assert site.asset_at(ip_address("10.9.9.9")) is None
    assert site.zone_at(ip_address("10.10.0.9")).name == "control"
    assert site.zone_at(ip_address("::1")) is None
    assert site.points_of(AssetName("hmi-1")) is None
    assert site.points_of(AssetName("flow-1")).name == "ahu"
    assert site.guards() == ("gate-1",)


def test_the_narrowest_network_decides_the_zone(workshop: Any) -> None:
    wide = "  control: {networks: [10.10.0.0/24]}\n"
    site = workshop.load((wide, wide + "  all: {networks: [10.0.0.0/8]}\n"))

    assert site.zone_at(ip_address("10.10.0.9")).name == "control"
    assert site.zone_at(ip_address("10.99.0.9")).name == "all"


def test_clients_are_assets_patterns_zones_addresses_and_networks(workshop: Any) -> None:
    words = "clients: [hmi-1, 'gate-*', field, 10.1.1.1, 10.2.0.0/16, '2001:db8::/32']"

    assert [str(network) for network in rule(workshop, f"permit: [3], {words}").clients] == [
        "10.10.0.5/32",
        "10.10.0.2/32",
        "10.11.0.0/16",
        "10.1.1.1/32",
        "10.2.0.0/16",
        "2001:db8::/32",
    ]


def test_a_permit_without_clients_is_for_the_from_zones_and_a_never_for_everyone(workshop: Any) -> None:
    permit = rule(workshop, "permit: [3]")

    assert permit.clients == (ip_network("10.10.0.0/24"),)
    assert permit.written_clients is None
    assert rule(workshop, "never: [3]").clients is None


def test_servers_of_a_rule_are_names_ranges_and_patterns(workshop: Any) -> None:
    assert rule(workshop, "permit: [3], servers: ['ahu-[1-2]']").servers == ("ahu-1", "ahu-2")
    assert rule(workshop, "permit: [3], servers: ['*-2', gw-1]").servers == ("ahu-2", "flow-2", "gw-1")


def test_a_rule_keeps_all_it_says(workshop: Any) -> None:
    odd = rule(
        workshop,
        "permit: [write], roles: [engineer], unit_ids: [1], ranges: [coil 0-3], denial: reset,"
        " polling_period: 2min, essential: true, when: 'Mon, Wed 07:00-17:00, Mon-Sun 00:00-24:00',"
        " limits: {setpoint: {max_step: 1, max_change: {by: 2, in: 1.5h}, max_age: 90s}}",
    )

    assert (odd.roles, odd.unit_ids, odd.denial, odd.essential) == (("engineer",), (1,), "reset", True)
    assert odd.polling_period_ms == 120_000
    assert odd.when == (Window((0, 2), 25_200, 61_200), Window((0, 1, 2, 3, 4, 5, 6), 0, 86_400))
    limits = odd.limits[PointName("setpoint")]
    assert (limits.max_step, limits.max_change.in_ms, limits.max_age_ms) == (1.0, 5_400_000, 90_000)


def test_settings_of_assets_conduit_and_journal_are_kept(workshop: Any) -> None:
    site = workshop.load(
        ("unit_ids: [1], points", "unit_ids: [1], tolerate: [over_quantity], reply_timeout: 4s, points"),
        ("    to: field\n", "    to: field\n    on_failure: {policy: deny}\n    deadline: 80ms\n"),
        ("tests:\n", JOURNAL + "tests:\n"),
    )

    asset = site.assets[AssetName("ahu-1")]
    assert (asset.tolerate, asset.reply_timeout_ms) == ((Tolerance.OVER_QUANTITY,), 4000)
    assert conduit(site).on_failure.policy is OnPolicyFailure.DENY
    assert (conduit(site).deadline_ms, conduit(site).insertion) == (80, Insertion.PROXY)
    assert site.journal.directory == workshop.folder / "journal"
    assert site.journal.keys == workshop.folder / "keys"
    assert (site.journal.keep_age_ms, site.journal.keep_bytes) == (400 * 86_400_000, 200 * 10**9)
    assert site.journal.syslog is not None


def test_the_guard_may_be_left_out_where_one_is_named_or_owns_the_listeners(workshop: Any) -> None:
    other = '  more: {from: [control], to: field, servers: {gw-1: {listen: "10.10.0.2:1503"}}}\n'

    assert workshop.load(("tests:\n", other + "tests:\n")).conduits[ConduitName("more")].guard == "gate-1"
    assert conduit(workshop.load(("    guard: gate-1\n", ""))).guard == "gate-1"


def test_tests_are_kept_with_their_time_in_utc(workshop: Any) -> None:
    more = TEST + "  - {client: 10.10.0.7, role: engineer, server: flow-2, unit_id: 2, expect: permit,\n"
    site = workshop.load(
        (
            TEST,
            more
            + "     request: read coil 0, at: 2026-07-01T08:00:00, known: {setpoint: 21, coil 0: [1]}}\n",
        )
    )

    last = site.tests[1]
    assert last.at == datetime(2026, 7, 1, 6, tzinfo=UTC)
    assert (last.client.address, last.client.role) == (ip_address("10.10.0.7"), "engineer")
    assert last.known == {"setpoint": 21, "coil 0": (1,)}
    assert site.tests[0].at is None


def test_a_folder_of_files_is_one_site(workshop: Any) -> None:
    whole = workshop.write().read_text()
    (workshop.folder / "site.yaml").unlink()
    at = whole.index("assets:")
    (workshop.folder / "a.yaml").write_text(whole[:at])
    (workshop.folder / "b.yml").write_text("modwarden: 1\n" + whole[at:] + "points:\n  more: {}\n")
    (workshop.folder / "c.yaml").write_text(f"tests:\n{TEST}")
    (workshop.folder / "d.yaml").write_text("")
    (workshop.folder / "notes.txt").write_text("not: [part of it")
    site = load_site(workshop.folder)

    assert set(site.point_maps) == {"ahu", "more"}
    assert len(site.tests) == 2
    assert site.assets[AssetName("hmi-1")].origin.file == str(workshop.folder / "b.yml")


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ("assets:\n  hmi-1: {zone: control}\n", "the key 'hmi-1' is here twice; the first is at"),
        ("site: Other\n", "the key 'site' is here twice"),
        ("modwarden: 2\n", "the key 'modwarden' is here twice"),
    ],
)
def test_a_key_in_two_files_of_a_folder_is_refused(workshop: Any, second: str, words: str) -> None:
    workshop.write()
    (workshop.folder / "zz.yaml").write_text(second)
    with pytest.raises(SiteError) as caught:
        load_site(workshop.folder)

    assert [problem.name for problem in caught.value.problems] == ["duplicate-key"]
    assert words in str(caught.value)
    assert caught.value.problems[0].origin.file == str(workshop.folder / "zz.yaml")


def test_a_missing_file_is_the_worlds_fault(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_site(tmp_path / "none.yaml")


def test_numbers_are_read_as_yaml_1_2_has_them(workshop: Any) -> None:
    site = workshop.load(
        ("unit_ids: [1], p", "unit_ids: [0x0A, 0o17, 010], p"),
        ("type: int16}", "type: int16, scale: 1e-1, offset: -.5}"),
    )

    assert site.assets[AssetName("ahu-1")].unit_ids == (10, 15, 10)
    point = site.point_maps[PointMapName("ahu")].points[PointName("supply")]
    assert (point.scale, point.offset) == (0.1, -0.5)


def test_values_that_are_not_numbers_are_refused(workshop: Any) -> None:
    problems = workshop.problems(("type: int16}", "type: int16, scale: .nan, offset: .inf}"))

    assert [problem.name for problem in problems] == ["out-of-range", "out-of-range"]


def test_a_zone_of_no_settings_is_a_zone(workshop: Any) -> None:
    site = workshop.load(("  field: {n", "  spare: {level: 3, sl_t: 1}\n  field: {n"))

    assert site.zones[ZoneName("spare")].networks == ()


def test_points_know_their_table_type_and_line(workshop: Any) -> None:
    points = workshop.load().point_maps[PointMapName("ahu")].points

    fan = points[PointName("fan")]
    assert (fan.table, fan.type) == (Table.COIL, PointType.BIT)
    assert fan.origin.line == workshop.line_of("fan:")


def test_the_cleanrooms_site_file_is_right(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(cleanroom_site())
    findings = check_site(load_site(path))

    assert [finding.name for finding in findings] == ["observed-conduit"]


def test_the_json_schema_describes_every_key() -> None:
    schema = json_schema()

    assert schema["$schema"].endswith("2020-12/schema")
    assert schema["required"] == ["modwarden", "site", "zones", "assets"]
    shapes = [schema, *schema["$defs"].values()]
    bare = [
        key
        for shape in shapes
        for key, value in shape.get("properties", {}).items()
        if "description" not in value
    ]
    assert bare == []
    assert all(
        shape.get("additionalProperties") is False for shape in shapes if shape.get("type") == "object"
    )
    assert schema["$defs"]["ConduitShape"]["properties"]["from"]["items"] == {"type": "string"}
