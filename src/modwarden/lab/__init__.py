"""Plants, attackers and drills for demos and tests: pymodbus speaks, and no code is shared with the guard."""

from ._air_handling_unit import AirHandlingUnit, setpoint_degc, setpoint_registers, tenths_degc
from ._attacker import (
    ATTACKER_ADDRESS,
    Move,
    attack,
    flood,
    overwrite_setpoints,
    overwrite_setpoints_with_code_6,
    overwrite_setpoints_with_code_23,
    scan_function_codes,
    scan_unit_ids,
    send_malformed_frames,
    stop_fans,
)
from ._cleanroom_site import cleanroom_site
from ._endpoint import Endpoint, parse_endpoints
from ._historian import Historian, stand_in
from ._history import (
    BATCH_TOLERANCE_MINUTES,
    COLDEST_DEGC,
    WARMEST_DEGC,
    History,
    HistoryWriter,
    load_history,
)
from ._hmi import HMI_ADDRESS, Hmi, HmiReport, LostPoll, write_setpoint_once
from ._namespaces import find_namespaces
from ._plant import Plant
from ._quiet import quiet_pymodbus
from ._room import Room
from ._tally import Latencies, Tally, percentile
from ._wire_talk import WireTalk
from ._write_log import WriteLog
from ._zones import (
    CONTROL,
    DMZ,
    FIELD,
    GATE,
    ZONES,
    LabBusyError,
    Started,
    ZonesLab,
    is_serving,
    load_gate,
    load_router_rules,
    take_down_zones,
    zones_lab,
)
from ._zones_site import ZONES_SITE

__all__ = [
    "ATTACKER_ADDRESS",
    "BATCH_TOLERANCE_MINUTES",
    "COLDEST_DEGC",
    "CONTROL",
    "DMZ",
    "FIELD",
    "GATE",
    "HMI_ADDRESS",
    "WARMEST_DEGC",
    "ZONES",
    "ZONES_SITE",
    "AirHandlingUnit",
    "Endpoint",
    "Historian",
    "History",
    "HistoryWriter",
    "Hmi",
    "HmiReport",
    "LabBusyError",
    "Latencies",
    "LostPoll",
    "Move",
    "Plant",
    "Room",
    "Started",
    "Tally",
    "WireTalk",
    "WriteLog",
    "ZonesLab",
    "attack",
    "cleanroom_site",
    "find_namespaces",
    "flood",
    "is_serving",
    "load_gate",
    "load_history",
    "load_router_rules",
    "overwrite_setpoints",
    "overwrite_setpoints_with_code_6",
    "overwrite_setpoints_with_code_23",
    "parse_endpoints",
    "percentile",
    "quiet_pymodbus",
    "scan_function_codes",
    "scan_unit_ids",
    "send_malformed_frames",
    "setpoint_degc",
    "setpoint_registers",
    "stand_in",
    "stop_fans",
    "take_down_zones",
    "tenths_degc",
    "write_setpoint_once",
    "zones_lab",
]
