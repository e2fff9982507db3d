"""A site compiled into the core's document: the shape, and that it is canonical."""

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from modwarden.guard._compile import GuardChoiceError, compile_policy
from modwarden.guard._utc_offsets import utc_offsets
from modwarden.site import load_site

SITE = """\
modwarden: 1
site: Small
timezone: Europe/Berlin
zones:
  field: {networks: [10.11.0.0/16]}
  control: {networks: [10.10.0.0/24]}
points:
  unused: {}
  ahu:
    setpoint:
      at: holding_register 100-101
      type: float32
      word_order: little
      scale: 2
      engineering_unit: degC
      aliases: [holding_register 300]
      partial: permit
      write:
        {range: [18, 24], allowed: [24, 18], max_step: 0.5, max_age: 30s,
         max_change: {by: 2, in: 1h}, per_minute: 6}
    fan: {at: coil 0}
assets:
  gate-1: {zone: control, addresses: [10.10.0.2]}
  gate-2: {zone: control, addresses: [10.10.0.3]}
  hmi-1: {zone: control, addresses: [10.10.0.5]}
  ahu-1:
    {zone: field, addresses: [10.11.0.1], port: 1502, unit_ids: [2, 1], points: ahu,
     tolerate: [wrong_unit_id]}
  gw-1: {zone: field, addresses: [10.11.1.1], reply_timeout: 4s}
  flow-1: {zone: field, via: gw-1, unit_id: 7, points: ahu}
  flow-2: {zone: field, via: gw-1, unit_id: 8}
conduits:
  hvac:
    from: [control]
    to: field
    guard: gate-1
    servers:
      ahu-1: {listen: "10.10.0.2:15001"}
      gw-1: {listen: "10.10.0.2:15001"}
    rules:
      - {name: reads, permit: [read]}
      - name: all
        permit: [0x10, 8/4, "90/0x41", "diagnostics.*"]
        clients: [hmi-1, 10.10.0.0/25]
        roles: [engineer]
        servers: [ahu-1, "flow-*"]
        unit_ids: [7, 1]
        ranges: [coil 0-3]
        points: [setpoint]
        limits: {setpoint: {range: [16, 26]}}
        when: "Sat 22:00-06:00"
        essential: true
        denial: silence
      - {name: stop, never: [firmware], denial: 2}
  other:
    from: [control]
    to: field
    guard: gate-2
    servers: {gw-1: {listen: "10.10.0.3:1502"}}
    rules: [{name: r, permit: [read]}]
"""


def document(tmp_path: Path, text: str = SITE, guard: str | None = "gate-1") -> dict[str, Any]:
    path = tmp_path / "site.yaml"
    path.write_text(text)
    compiled: dict[str, Any] = json.loads(compile_policy(load_site(path), guard))
    return compiled


def test_a_guard_must_be_named_where_there_are_two(tmp_path: Path) -> None:
    with pytest.raises(GuardChoiceError, match=r"which guard is meant\? \(guards: gate-1, gate-2\)"):
        document(tmp_path, guard=None)


def test_a_guard_without_conduit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GuardChoiceError, match="no conduit has the guard 'hmi-1'"):
        document(tmp_path, guard="hmi-1")


def test_the_only_guard_need_not_be_named(tmp_path: Path) -> None:
    alone = SITE[: SITE.index("  other:")]

    assert document(tmp_path, alone, None)["guard"] == "gate-1"


def test_rules_are_resolved_to_addresses_indices_and_numbers(tmp_path: Path) -> None:
    rules = {rule["name"]: rule for rule in document(tmp_path)["conduits"][0]["rules"]}

    assert rules["all"] == {
        "name": "all",
        "kind": "permit",
        "functions": ["16", "8/4", "90/65", "diagnostics"],
        "clients": ["10.10.0.0/25", "10.10.0.5/32"],
        "roles": ["engineer"],
        "targets": [{"server": 0, "unit_ids": None}, {"server": 1, "unit_ids": [7, 8]}],
        "unit_ids": [1, 7],
        "ranges": [["coil", 0, 3]],
        "points": ["setpoint"],
        "limits": {
            "setpoint": {
                "range": [16.0, 26.0],
                "allowed": None,
                "max_step": None,
                "max_change": None,
                "per_minute": None,
                "max_age_ms": None,
            }
        },
        "when": [{"days": [5], "from_s": 79200, "to_s": 21600}],
        "essential": True,
        "denial": "silence",
    }


def test_a_permit_without_clients_means_the_networks_of_the_from_zones_and_a_never_everyone(
    tmp_path: Path,
) -> None:
    rules = {rule["name"]: rule for rule in document(tmp_path)["conduits"][0]["rules"]}

    assert rules["reads"]["clients"] == ["10.10.0.0/24"]
    assert rules["stop"]["clients"] is None
    assert rules["stop"]["kind"] == "never"
    assert rules["stop"]["denial"] == {"exception": 2}


def test_servers_have_their_units_and_only_a_gateway_is_one(tmp_path: Path) -> None:
    servers = document(tmp_path)["servers"]

    assert servers == [
        {
            "name": "ahu-1",
            "address": "10.11.0.1",
            "port": 1502,
            "line": None,
            "gateway": False,
            "units": [{"asset": "ahu-1", "unit_ids": [1, 2], "point_map": 0}],
            "tolerate": ["wrong_unit_id"],
            "reply_timeout_ms": 10_000,
            "umas_pdu_bytes": 1024,
        },
        {
            "name": "gw-1",
            "address": "10.11.1.1",
            "port": 502,
            "line": None,
            "gateway": True,
            "units": [
                {"asset": "flow-1", "unit_ids": [7], "point_map": 0},
                {"asset": "flow-2", "unit_ids": [8], "point_map": None},
            ],
            "tolerate": [],
            "reply_timeout_ms": 4000,
            "umas_pdu_bytes": 1024,
        },
    ]


BUS = """\
  bus-1:
    {zone: field, serial: {port: /dev/ttyUSB0, baud: 19200, parity: even, stop_bits: 1},
     line: {window: 200ms, read_retries: 1, client_share_percent: 50}}
  meter-[1-2]: {zone: field, via: bus-1, unit_id: "[11-12]", points: ahu}
  ds-1: {zone: field, addresses: [10.11.1.7], port: 4001, framing: rtu_over_tcp}
  pump: {zone: field, via: ds-1, unit_id: 3}
  plc-9:
    {zone: field, addresses: [10.11.1.9], unit_ids: [1],
     connections: {shared: true, pipeline: 2, pause: 20ms, lifetime: 1h}, line: {clients: 4}}
"""
BUS_SERVERS = """\
      gw-1: {listen: "10.10.0.2:15001"}
      bus-1: {listen: "10.10.0.2:1511"}
      ds-1: {listen: "10.10.0.2:1512"}
      plc-9: {listen: "10.10.0.2:1513"}
"""


def with_buses() -> str:
    text = SITE.replace("conduits:\n", BUS + "conduits:\n", 1)
    text = text.replace('      gw-1: {listen: "10.10.0.2:15001"}\n', BUS_SERVERS, 1)
    return text.replace("fan: {at: coil 0}", "fan: {at: coil 0, read_side_effect: true}", 1)


def test_a_bus_has_a_port_and_no_address_and_knows_which_reads_have_an_effect(tmp_path: Path) -> None:
    servers = {server["name"]: server for server in document(tmp_path, with_buses())["servers"]}
    bus = servers["bus-1"]

    assert (bus["address"], bus["port"], bus["gateway"], bus["reply_timeout_ms"]) == (None, 0, True, 3000)
    assert bus["line"] == {
        "serial": {"port": "/dev/ttyUSB0", "baud": 19200, "data_bits": 8, "parity": "even", "stop_bits": 1},
        "framing": "rtu",
        "pipeline": 1,
        "pause_ms": 0,
        "lifetime_ms": 0,
        "turnaround_ms": 100,
        "window_ms": 200,
        "read_retries": 1,
        "echo": False,
        "client_share": 50,
        "side_effects": [[11, "coil", 0, 0], [12, "coil", 0, 0]],
    }


PANEL = """\
  panel-1:
    {zone: control, serial: {port: /dev/ttyS0, baud: 9600, parity: none, stop_bits: 2}, line: {echo: true}}
"""


def test_a_serial_client_has_a_port_in_the_place_of_a_socket(tmp_path: Path) -> None:
    text = with_buses().replace("conduits:\n", PANEL + "conduits:\n", 1)
    servers = "".join(f"      {name}: {{}}\n" for name in ("bus-1", "ds-1", "plc-9"))
    conduit = "  panel:\n    from: [control]\n    to: field\n    guard: gate-1\n    insertion: serial\n"
    text += (
        conduit + f"    client: panel-1\n    servers:\n{servers}    rules: [{{name: r, permit: [read]}}]\n"
    )
    compiled = document(tmp_path, text)
    panel = next(conduit for conduit in compiled["conduits"] if conduit["name"] == "panel")
    (listener,) = panel["listeners"]
    (asset,) = (asset for asset in compiled["assets"] if asset["name"] == "panel-1")

    assert listener["bus"] == {
        "serial": {"port": "/dev/ttyS0", "baud": 9600, "data_bits": 8, "parity": "none", "stop_bits": 2},
        "echo": True,
    }
    assert (listener["port"], [listener["address"]]) == (0, asset["addresses"])
    assert panel["rules"][0]["clients"] == [f"{listener['address']}/128"]
    assert [compiled["servers"][index]["name"] for index in listener["servers"]] == ["bus-1", "ds-1", "plc-9"]


def test_a_device_server_and_a_server_of_few_connections_have_lines_to_their_addresses(
    tmp_path: Path,
) -> None:
    servers = {server["name"]: server for server in document(tmp_path, with_buses())["servers"]}
    device_server, plc = servers["ds-1"], servers["plc-9"]

    assert (device_server["address"], device_server["port"], device_server["gateway"]) == (
        "10.11.1.7",
        4001,
        True,
    )
    assert (device_server["line"]["framing"], device_server["line"]["serial"]) == ("rtu", None)
    assert (plc["line"]["framing"], plc["gateway"], plc["umas_pdu_bytes"]) == ("mbap", False, 253)
    assert [plc["line"][key] for key in ("pipeline", "pause_ms", "lifetime_ms")] == [2, 20, 3_600_000]
    assert (plc["line"]["clients"], "clients" in device_server["line"]) == (4, False)


def test_a_conduit_that_leads_to_a_bus_gives_its_writes_two_seconds(tmp_path: Path) -> None:
    assert document(tmp_path)["conduits"][0]["deadline_ms"] == 500
    assert document(tmp_path, with_buses())["conduits"][0]["deadline_ms"] == 2000


def test_umas_keeps_to_253_bytes_unless_a_rule_permits_it(tmp_path: Path) -> None:
    assert [server["umas_pdu_bytes"] for server in document(tmp_path, guard="gate-2")["servers"]] == [253]


def test_points_have_every_field_and_unused_maps_stay_out(tmp_path: Path) -> None:
    maps = document(tmp_path)["point_maps"]

    assert [point_map["name"] for point_map in maps] == ["ahu"]
    assert maps[0]["points"][1] == {
        "name": "setpoint",
        "table": "holding_register",
        "address": 100,
        "type": "float32",
        "word_order": "little",
        "byte_order": "big",
        "scale": 2.0,
        "offset": 0.0,
        "aliases": [["holding_register", 300]],
        "partial": True,
        "limits": {
            "range": [18.0, 24.0],
            "allowed": [18.0, 24.0],
            "max_step": 0.5,
            "max_change": {"by": 2.0, "in_ms": 3_600_000},
            "per_minute": 6,
            "max_age_ms": 30_000,
        },
        "engineering_unit": "degC",
    }


def test_a_conduit_carries_its_settings_and_one_listener_for_a_shared_socket(tmp_path: Path) -> None:
    conduit = document(tmp_path)["conduits"][0]
    del conduit["rules"]

    assert conduit == {
        "name": "hvac",
        "verdicts": "enforce",
        "denial": {"exception": 1},
        "server_silent": "exception",
        "idle_timeout_ms": 30_000,
        "deadline_ms": 500,
        "on_journal_failure": "deny_writes",
        "record_read_values": "changes",
        "budgets": {
            "sessions": 1024,
            "sessions_per_client": 256,
            "open_requests": 16,
            "queued_requests": 64,
            "denial_rows_per_second": 20,
        },
        "listeners": [{"address": "10.10.0.2", "port": 15001, "servers": [0, 1]}],
    }


def test_the_text_does_not_depend_on_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    first = compile_policy(load_site(path), "gate-1")
    lines = SITE.splitlines(keepends=True)
    reads = next(line for line in lines if "name: reads" in line)
    lines.remove(reads)
    lines.insert(lines.index(next(line for line in lines if "name: stop" in line)), reads)
    path.write_text("".join(lines))

    assert compile_policy(load_site(path), "gate-1") == first


def test_a_zone_with_summer_time_becomes_steps_to_the_second() -> None:
    steps = utc_offsets(ZoneInfo("Europe/Berlin"))

    # 2020-03-29 01:00 UTC and 2020-10-25 01:00 UTC.
    assert steps[:3] == [(1577836800, 3600), (1585443600, 7200), (1603587600, 3600)]
    assert len(steps) == 1 + 2 * 31


def test_utc_is_one_step() -> None:
    assert utc_offsets(ZoneInfo("UTC")) == [(1577836800, 0)]


def test_tls_is_compiled_as_absolute_paths_and_never_as_a_key(tmp_path: Path) -> None:
    tls = "tls: {certificate: own.pem, key: own.key, trust: [roots.pem], versions: ['1.3'], expired: close}"
    path = tmp_path / "site.yaml"
    path.write_text(SITE.replace("    guard: gate-1\n", f"    guard: gate-1\n    {tls}\n"))
    document = json.loads(compile_policy(load_site(path), "gate-1"))

    expected = {
        "certificate": str(tmp_path / "own.pem"),
        "key": str(tmp_path / "own.key"),
        "trust": [str(tmp_path / "roots.pem")],
        "crls": [],
        "versions": ["1.3"],
        "suites": ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"],
        "stale_crl": "warn",
        "expired": "close",
    }
    assert document["conduits"][0]["tls"] == expected


def test_a_transparent_conduit_listens_at_its_servers_own_addresses_in_both_families(tmp_path: Path) -> None:
    text = SITE[: SITE.index("  other:")]
    text = text.replace(
        '    servers:\n      ahu-1: {listen: "10.10.0.2:15001"}\n      gw-1: {listen: "10.10.0.2:15001"}\n',
        "    insertion: transparent\n    transparent: {clients_on: [lan0], servers_on: lan1, port: 2000}\n"
        "    servers: {ahu-1: {}, gw-1: {}}\n",
    ).replace("addresses: [10.11.0.1]", 'addresses: [10.11.0.1, "fd00::1"]')
    conduit = document(tmp_path, text)["conduits"][0]

    assert conduit["transparent"] == {"port": 2000, "client_address": "keep"}
    assert conduit["listeners"] == [
        {"address": "10.11.0.1", "port": 1502, "servers": [0]},
        {"address": "10.11.1.1", "port": 502, "servers": [1]},
        {"address": "fd00::1", "port": 1502, "servers": [0]},
    ]


def test_a_conduit_of_a_proxy_says_nothing_of_it_so_that_its_digest_stays(tmp_path: Path) -> None:
    assert "transparent" not in document(tmp_path)["conduits"][0]
