"""Who is declared behind the listeners where a request's unit id leads to nobody."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from modwarden.guard import DeclaredUnits, Explanation, Question, UndeclaredUnit

WORD = "unit_undeclared"


def with_undeclared(explanation: Explanation, question: Question, document: bytes) -> Explanation:
    """Add to a refusal for an undeclared unit id what the policy's document does declare there."""
    if explanation.word != WORD or question.unit_id is None:
        return explanation
    policy: dict[str, Any] = json.loads(document)
    listeners = [
        listener
        for conduit in policy["conduits"]
        if conduit["name"] == explanation.conduit
        for listener in conduit["listeners"]
        if _may_be_meant(listener, policy["servers"], question)
    ]
    indices = dict.fromkeys(index for listener in listeners for index in listener["servers"])
    undeclared = UndeclaredUnit(
        unit_id=question.unit_id,
        listeners=tuple(_socket(listener) for listener in listeners),
        servers=tuple(_declared(policy["servers"][index]) for index in indices),
    )
    return replace(explanation, undeclared=undeclared)


def render_undeclared(undeclared: UndeclaredUnit) -> Iterator[str]:
    """Say what is declared there, and what in the site file would declare the unit id."""
    unit_id = undeclared.unit_id
    yield f"no asset is declared under unit id {unit_id} behind {' or '.join(undeclared.listeners)}"
    for server in undeclared.servers:
        ids = ", ".join(str(declared) for declared in server.unit_ids) or "none"
        yield f"  {'gateway ' if server.is_gateway else ''}{server.server} has unit ids: {ids}"
    nearest = _nearest(undeclared)
    if unit_id == 0:
        yield (
            "unit id 0 is a broadcast: it needs a listener that leads to one gateway alone, "
            "and a rule with `unit_ids: [0]`"
        )
    elif nearest is None:
        return
    elif nearest.is_gateway:
        yield (
            f"if it is a device behind {nearest.server}, an asset declares it: "
            f"NAME: {{zone: ZONE, via: {nearest.server}, unit_id: {unit_id}}}"
        )
    else:
        yield f"if {nearest.server} answers to it, add {unit_id} to the `unit_ids` of that asset"


def _may_be_meant(listener: Mapping[str, Any], servers: list[dict[str, Any]], question: Question) -> bool:
    """Whether the record may be of this listener: it does not say which one it was."""
    here = [servers[index] for index in listener["servers"]]
    if question.server is not None and question.server not in _names(here):
        return False
    return all(question.unit_id not in _declared(server).unit_ids for server in here)


def _names(servers: Iterable[Mapping[str, Any]]) -> set[str]:
    names = {server["name"] for server in servers}
    return names | {unit["asset"] for server in servers for unit in server["units"]}


def _declared(server: Mapping[str, Any]) -> DeclaredUnits:
    ids = sorted(unit_id for unit in server["units"] for unit_id in unit["unit_ids"])
    return DeclaredUnits(server["name"], tuple(ids), bool(server["gateway"]))


def _nearest(undeclared: UndeclaredUnit) -> DeclaredUnits | None:
    """Give a gateway before a direct server, then the one whose unit ids come closest."""

    def distance(server: DeclaredUnits) -> tuple[bool, int]:
        gaps = (abs(declared - undeclared.unit_id) for declared in server.unit_ids)
        return not server.is_gateway, min(gaps, default=256)

    return min(undeclared.servers, key=distance, default=None)


def _socket(listener: Mapping[str, Any]) -> str:
    address, port = str(listener["address"]), listener["port"]
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
