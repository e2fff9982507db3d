"""The cleanroom's site file, on loopback addresses: what the demo guards and what a reader may change."""

from __future__ import annotations

_SITE = """\
# The cleanroom of `modwarden demo cleanroom`.
# Loopback addresses only, so that all of it runs on one machine.
modwarden: 1
site: Demo cleanroom
timezone: Europe/Berlin

zones:
  field:      {{level: 0, sl_t: 2, networks: [127.11.0.0/16]}}
  control:    {{level: 1, sl_t: 2, networks: [127.10.0.0/24]}}
  enterprise: {{level: 3, sl_t: 1, networks: [127.30.0.0/16]}}

points:
  ahu:
    supply_temperature:   {{at: input_register 0, type: int16, scale: 0.1, engineering_unit: degC}}
    room_temperature:     {{at: input_register 1, type: int16, scale: 0.1, engineering_unit: degC}}
    temperature_setpoint:
      at: holding_register 100-101
      type: float32
      word_order: big
      engineering_unit: degC
      write: {{range: [18, 24], max_step: 0.5, max_change: {{by: 2, in: 1h}}, per_minute: 6}}
    fan_enable:           {{at: coil 0}}

assets:
  gate-1: {{zone: control, addresses: [127.10.0.2]}}
  hmi-1:  {{zone: control, addresses: [127.10.0.5]}}
  "ahu-[001-{last:03d}]":
    zone: field
    addresses: ["127.11.0.[1-{last}]"]
    port: 15020
    unit_ids: [1]
    points: ahu

conduits:
  hvac:
    from: [control]
    to: field
    guard: gate-1
    insertion: proxy
    verdicts: {verdicts}
    idle_timeout: 30s
    on_failure: {{journal: deny_writes, guard: closed, policy: last_good}}
    servers:
      "ahu-[001-{last:03d}]": {{listen: "127.10.0.2:[15001-{port}]"}}
    rules:
      - {{name: hmi-reads, clients: [hmi-1], permit: [read], essential: true, polling_period: 1s}}
      - name: hmi-climate
        clients: [hmi-1]
        servers: ["ahu-*"]
        permit: [write]
        points: [temperature_setpoint]
      - {{name: no-restart, never: [diagnostics.restart, diagnostics.listen_only]}}

journal: {{directory: journal, keep: {{age: 30d, size: 1GB}}}}

tests:
  - client: hmi-1
    server: ahu-017
    request: "write temperature_setpoint 26"
    known: {{temperature_setpoint: 23.8}}
    expect: deny
  - client: hmi-1
    server: ahu-017
    request: "write temperature_setpoint 21.5"
    expect: deny
  - client: hmi-1
    server: ahu-017
    request: "write fan_enable 0"
    expect: deny
  - client: 127.30.0.4
    server: ahu-017
    request: "write holding_register 100-101 [0x420C, 0]"
    expect: deny
  - client: 127.30.0.4
    server: ahu-017
    request: "read input_register 0"
    expect: deny
  - client: hmi-1
    server: ahu-017
    request: "write temperature_setpoint 21.5"
    known: {{temperature_setpoint: 21.2}}
    expect: permit
  - client: hmi-1
    server: ahu-017
    request: "read input_register 0-1"
    expect: permit
"""


def cleanroom_site(units: int = 200, *, verdicts: str = "observe") -> str:
    """Write the site file of a cleanroom with that many air-handling units (17 to 250)."""
    if not 17 <= units <= 250:
        raise ValueError(
            f"{units} units do not fit: the tests name ahu-017, and one /24 of addresses holds 250"
        )
    return _SITE.format(last=units, port=15000 + units, verdicts=verdicts)
