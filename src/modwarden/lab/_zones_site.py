"""The site file of the lab's four zones, and the rule set of the router between them."""

from __future__ import annotations

ZONES_SITE = """\
# The four zones of `modwarden lab zones`.
# All of it lies in network namespaces of one machine; nothing outside of them has these addresses.
modwarden: 1
site: Lab of four zones
timezone: Europe/Berlin

zones:
  enterprise: {level: enterprise, sl_t: 1, networks: [10.30.0.0/24]}
  dmz:        {level: dmz, sl_t: 2, networks: [10.20.0.0/24]}
  control:    {level: control, sl_t: 2, networks: [10.10.0.0/24]}
  field:      {level: field, sl_t: 2, networks: [10.11.0.0/24]}

points:
  ahu:
    supply_temperature: {at: input_register 0, type: int16, scale: 0.1, engineering_unit: degC}
    room_temperature:   {at: input_register 1, type: int16, scale: 0.1, engineering_unit: degC}
    temperature_setpoint:
      at: holding_register 100-101
      type: float32
      word_order: big
      engineering_unit: degC
      write: {range: [18, 24]}
    fan_enable:         {at: coil 0}

assets:
  router-1:
    zone: dmz
    interfaces: {mwl-enterprise: [10.30.0.1], mwl-dmz: [10.20.0.1], mwl-control: [10.10.0.1]}
    forwards: true
    routes: [{to: 10.11.0.0/24, via: 10.10.0.2}]
    rulesets: [{file: router-1.nft}]
  gate-1:
    zone: control
    interfaces: {mwl-control: [10.10.0.2], mwl-field: [10.11.0.254]}
    forwards: true
    routes: [{to: 0.0.0.0/0, via: 10.10.0.1}]
    rulesets: [{file: host/rules.nft}]
  office-1:    {zone: enterprise, addresses: [10.30.0.5]}
  historian-1: {zone: dmz, addresses: [10.20.0.5], relay: {kind: historian, listens: [tcp/8080]}}
  jump-1:      {zone: dmz, addresses: [10.20.0.6], relay: {kind: jump_host, listens: [tcp/22]}}
  hmi-1:       {zone: control, addresses: [10.10.0.5]}
  eng-1:       {zone: control, addresses: [10.10.0.6]}
  "ahu-[1-4]": {zone: field, addresses: ["10.11.0.[1-4]"], unit_ids: [1], points: ahu}

conduits:
  hvac:
    from: [control, dmz]
    to: field
    guard: gate-1
    insertion: transparent
    transparent: {clients_on: [mwl-control], servers_on: mwl-field}
    servers:
      "ahu-[1-4]": {}
    rules:
      - {name: hmi-reads, clients: [hmi-1], permit: [read], essential: true}
      - {name: hmi-climate, clients: [hmi-1], permit: [write], points: [temperature_setpoint, fan_enable]}
      - {name: eng-reads, clients: [eng-1], permit: [read]}
      - {name: trend, clients: [historian-1], permit: [read]}
      - {name: fans-stay, never: [write], points: [fan_enable]}
      - {name: no-restart, never: [diagnostics.restart, diagnostics.listen_only]}

journal: {directory: journal, keep: {age: 30d, size: 1GB}}

tests:
  - {client: hmi-1, server: ahu-1, request: "write temperature_setpoint 21.5", expect: permit}
  - {client: hmi-1, server: ahu-1, request: "write temperature_setpoint 35", expect: deny}
  - {client: hmi-1, server: ahu-1, request: "write fan_enable 0", expect: deny}
  - {client: eng-1, server: ahu-1, request: "write temperature_setpoint 21.5", expect: deny}
  - {client: historian-1, server: ahu-1, request: "read input_register 0-1", expect: permit}
  - {client: 10.30.0.5, server: ahu-1, request: "read input_register 0-1", expect: deny}
"""

ROUTER_RULES = """\
table inet filter {
	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
		iifname "mwl-enterprise" ip daddr 10.20.0.5 tcp dport 8080 accept comment "trends"
		iifname "mwl-enterprise" ip daddr 10.20.0.6 tcp dport 22 accept comment "way in"
		iifname "mwl-dmz" ip saddr 10.20.0.6 ip daddr 10.10.0.5 tcp dport 3389 accept comment "to the HMI"
		iifname "mwl-dmz" ip saddr 10.20.0.5 ip daddr 10.11.0.0/24 tcp dport 502 accept comment "reading"
	}
}
"""
