"""Rule sets of nftables, from the JSON that `nft -j list ruleset` prints."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modwarden.model import Origin
from modwarden.site.rulesets._names import PRIORITIES, protocol_number
from modwarden.site.rulesets._nft_rates import kind_of, without_rates
from modwarden.site.rulesets._nft_rules import NatReader, RuleDraft, verdict_of
from modwarden.site.rulesets._nft_text_of import text_of
from modwarden.site.rulesets._nft_values import (
    NamedSets,
    UnknownWordError,
    as_list,
    header_of,
    match_of,
    plain_element,
)
from modwarden.site.rulesets.errors import RulesetError
from modwarden.site.rulesets.ir import ANY, Action, Chain, Hook, Match, Rule, Ruleset, Table
from modwarden.site.rulesets.sets import ALL, V4, V6_SET, IntervalSet, service
from modwarden.site.rulesets.together import HELPER, NOTRACK, read_together

_FAMILIES: dict[str, IntervalSet] = {"ip": V4, "ip6": V6_SET, "inet": ALL}
_HOOKS = {hook.value: hook for hook in Hook}
# They change nothing of what passes.
_SILENT = frozenset({"counter", "log", "ct timeout", "last", "secmark"})
# They change what rules of any table say of packets.
_OF_TRACKING = {"notrack": NOTRACK, "ct helper": HELPER, "ct expectation": HELPER}
# They depend on what the packet does not show, or end the rule where they fail: a full set, an offload.
_DOUBTFUL = frozenset({
    "limit", "quota", "ct count", "connlimit", "synproxy", "set", "map", "flow",
})  # fmt: skip
# Objects that rules name, and that do nothing to packets by themselves.
_WITHOUT_PACKETS = frozenset({
    "flowtable", "counter", "quota", "limit", "ct helper", "ct timeout", "ct expectation", "secmark",
    "synproxy", "tunnel",
})  # fmt: skip
# All that a table of a family that is not read may do.
_HOLDS_BACK = _SILENT | {
    "match", "vmap", "accept", "drop", "reject", "continue", "return", "jump", "goto", "limit", "quota",
    "set", "map", "mangle", "ct count", "connlimit",
}  # fmt: skip
# Fields that neither lead a packet anywhere nor say what it is for.
_HARMLESS_FIELDS = frozenset({"dscp", "ecn", "ttl", "hoplimit", "flowlabel", "checksum", "pcp"})
_REFUSED = {"dup": "sends copies elsewhere", "fwd": "sends packets past the routes"}
_RULE = re.compile(r'"rule"\s*:')


@dataclass(frozen=True, slots=True)
class NftObject:
    """One object of nftables' schema, the line it stands on, and a rule's own words where they are known."""

    kind: str
    body: Mapping[str, Any]
    line: int
    text: str | None = None


def parse_nft_json(text: str, file: str) -> Ruleset:
    """
    Read a rule set.

    Raises:
        RulesetError: it is no such JSON, or says what must not be guessed at.
    """
    try:
        listed = json.loads(text)["nftables"]
        pairs = [next(iter(item.items())) for item in listed]
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        hint = "save what `nft -j list ruleset` prints"
        raise RulesetError(Origin(file, 1), "this is not nftables' JSON", hint) from error
    lines = iter([text.count("\n", 0, found.start()) + 1 for found in _RULE.finditer(text)])
    try:
        objects = [NftObject(kind, body, next(lines, 1) if kind == "rule" else 1) for kind, body in pairs]
        return build_ruleset(objects, file)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        hint = "save what `nft -j list ruleset` prints"
        what = f"an object is not as nft writes it ({type(error).__name__}: {error})"
        raise RulesetError(Origin(file, 1), what, hint) from error


def build_ruleset(objects: Iterable[NftObject], file: str) -> Ruleset:
    """
    Build a rule set from nftables' objects, in the order of the file.

    Raises:
        RulesetError: it says what must not be guessed at.
    """
    tables: dict[tuple[str, str], _TableReader] = {}
    for item in objects:
        if item.kind == "metainfo":
            continue
        family = str(item.body.get("family", "ip"))
        name = str(item.body.get("name") if item.kind == "table" else item.body.get("table"))
        reader = tables.setdefault((family, name), _TableReader(family, name, file))
        reader.take(item)
    read = Ruleset(
        tuple(reader.table() for reader in tables.values() if reader.is_loaded),
        tuple(remark for reader in tables.values() for remark in reader.remarks),
    )
    return read_together([read])[0]


@dataclass(slots=True)
class _TableReader:
    family: str
    name: str
    file: str
    sets: NamedSets = field(default_factory=NamedSets)
    chains: dict[str, NftObject] = field(default_factory=dict)
    rules: dict[str, list[NftObject]] = field(default_factory=dict)
    remarks: list[tuple[Origin, str]] = field(default_factory=list)
    filled: set[str] = field(default_factory=set)
    """Sets and maps whose members change while they are loaded: by time, or by a rule that packets pass."""
    is_dormant: bool = False

    @property
    def is_loaded(self) -> bool:
        """Say whether packets pass it: dormant tables sleep, those of other families are not read."""
        return self.family in _FAMILIES and not self.is_dormant

    def take(self, item: NftObject) -> None:
        if item.kind == "chain":
            self._take_chain(item)
        elif item.kind == "rule":
            self._take_rule(item)
        elif item.kind in ("set", "map", "meter"):
            self._take_set(item.body)
        elif item.kind == "element":
            self._add_elements(item.body)
        elif item.kind == "table" and "dormant" in _flags(item.body):
            self.is_dormant = True
        elif item.kind == "table" and self.family not in _FAMILIES:
            remark = f"table {self.family} {self.name} is not read: what it holds back is taken to pass"
            self.remarks.append((Origin(self.file, item.line), remark))
        elif item.kind != "table" and item.kind not in _WITHOUT_PACKETS:
            # A `delete` passed over would leave a rule in force that is not.
            what = f"the object {item.kind!r} is not understood"
            raise RulesetError(
                Origin(self.file, item.line),
                what,
                "save what `nft -j list ruleset` prints, which has no commands",
            )

    def _take_rule(self, item: NftObject) -> None:
        for statement in item.body.get("expr", ()):
            for kind, body in statement.items() if isinstance(statement, Mapping) else ():
                self.filled |= _filled_by(kind, body)
                if kind in _REFUSED:
                    what = f"`{kind}` {_REFUSED[kind]}, which the proof cannot follow"
                    raise RulesetError(Origin(self.file, item.line), what, "take it out, or declare its path")
                self._refuse_beneath(item, kind, body)
        self.rules.setdefault(str(item.body["chain"]), []).append(item)

    def _refuse_beneath(self, item: NftObject, kind: str, body: Any) -> None:
        """Refuse in tables that are not read what does more than hold packets back."""
        is_written = kind == "mangle" and _writes_what_leads(body)
        if self.family not in _FAMILIES and (is_written or kind not in _HOLDS_BACK):
            what = f"the statement {kind!r} is not understood in a table of the family {self.family}"
            hint = "take it out: whatever it makes of packets, rules behind it would be proven of others"
            raise RulesetError(Origin(self.file, item.line), what, hint)

    def _take_chain(self, item: NftObject) -> None:
        """Join what several blocks say of one chain, as nft does."""
        name = str(item.body["name"])
        known = self.chains.get(name)
        if known is None:
            self.chains[name] = item
            return
        for key in ("type", "hook", "prio"):
            if known.body.get(key, item.body.get(key)) != item.body.get(key, known.body.get(key)):
                what = f"the chain {name!r} stands here with another {key}"
                raise RulesetError(Origin(self.file, item.line), what, "save what `nft list ruleset` prints")
        self.chains[name] = replace(known, body={**known.body, **item.body})

    def _take_set(self, body: Mapping[str, Any]) -> None:
        if "timeout" in body or any(word in ("dynamic", "timeout") for word in _flags(body)):
            self.filled.add(str(body["name"]))
        self._add_elements(body)

    def _add_elements(self, body: Mapping[str, Any]) -> None:
        """Add to what other blocks put into the set; an element that may vanish makes the set change."""
        name = str(body["name"])
        held = self.sets.members.setdefault(name, [])
        try:
            added = [_pair_or_element(item) for item in as_list(body.get("elem", []))]
        except UnknownWordError:
            self.filled.add(name)
            return
        if held is not None:
            held += added

    def table(self) -> Table:
        self.sets.members |= dict.fromkeys(self.filled)
        chains = {}
        for name, item in self.chains.items():
            read = [rule for one in self.rules.get(name, ()) for rule in self._rules(one)]
            chains[name] = self._chain(item, tuple(read))
        return Table(self.name, _FAMILIES[self.family], without_rates(chains))

    def _chain(self, item: NftObject, rules: tuple[Rule, ...]) -> Chain:
        body = item.body
        return Chain(
            name=str(body["name"]),
            rules=rules,
            origin=Origin(self.file, item.line),
            hook=_HOOKS.get(str(body.get("hook"))),
            priority=self._priority(item),
            accepts=body.get("policy", "accept") == "accept",
            is_nat=body.get("type") == "nat",
        )

    def _priority(self, item: NftObject) -> int:
        said = item.body.get("prio", 0)
        if isinstance(said, int):
            return said
        if said not in PRIORITIES:
            raise RulesetError(Origin(self.file, item.line), f"{said!r} is no priority", "write a number")
        return PRIORITIES[said]

    def _rules(self, item: NftObject) -> Iterator[Rule]:
        origin = Origin(self.file, item.line)
        text = item.text if item.text is not None else text_of(item.body)
        draft = RuleDraft(origin, text)
        for statement in item.body.get("expr", ()):
            # Some statements, such as notrack, are a bare word.
            held: dict[str, Any] = statement if isinstance(statement, dict) else {str(statement): None}
            ((kind, body),) = held.items()
            if kind == "match":
                self._narrow(draft, body)
            elif kind == "vmap":
                yield from self._by_map(draft, body)
            elif kind in ("dnat", "snat", "masquerade", "redirect"):
                yield from NatReader(self.sets).rules(draft, Action(kind), body)
                return
            elif (verdict := verdict_of(kind, body)) is not None:
                if kind == "reject":
                    draft.narrow((_rejected(body),))
                if kind == "queue":
                    draft.doubt("queue: a program decides, and may let it pass")
                yield draft.rule(*verdict)
                return
            elif kind in _OF_TRACKING:
                yield draft.branch((_OF_TRACKING[kind],)).rule(Action.CONTINUE)
            else:
                _other(draft, kind, body)
        if draft.is_taken:
            yield draft.rule(Action.TPROXY)

    def _narrow(self, draft: RuleDraft, body: Mapping[str, Any]) -> None:
        left, operator = body["left"], str(body.get("op", "=="))
        try:
            draft.narrow(match_of(left, self.sets.atoms(body["right"]), operator))
        except UnknownWordError as error:
            draft.narrow((error.wider,))
            draft.doubt(str(error))

    def _by_map(self, draft: RuleDraft, body: Mapping[str, Any]) -> Iterator[Rule]:
        try:
            pairs = self.sets.atoms(body["data"])
        except UnknownWordError as error:
            hint = "write the map's elements into the rule set, or rules in its place"
            raise RulesetError(draft.origin, f"vmap: {error}", hint) from error
        for key, verdict in pairs:
            branch = draft.branch()
            ((kind, target),) = verdict.items()
            self._narrow(branch, {"left": body["key"], "right": key})
            found = verdict_of(kind, target)
            if found is not None:
                yield branch.rule(*found)


def _rejected(body: Any) -> Match:
    """Give the packets that a kind of refusal is made for; nft asks for them without saying so."""
    kind = body.get("type") if isinstance(body, Mapping) else None
    if kind == "tcp reset":
        return Match(service=service(protocol_number("tcp") or 0))
    families = {"icmp": V4, "icmpv6": V6_SET}
    return Match(families[kind], families[kind]) if kind in families else ANY


def _taken(draft: RuleDraft, body: Any) -> None:
    """Hold a rule to what `tproxy` can take: TCP and UDP, of the IP version that it names."""
    family = _FAMILIES.get(str(body.get("family")), ALL) if isinstance(body, Mapping) else ALL
    both = service(protocol_number("tcp") or 0) | service(protocol_number("udp") or 0)
    draft.narrow((Match(family, family, both),))
    draft.is_taken = True


def _other(draft: RuleDraft, kind: str, body: Any) -> None:
    kind = kind_of(kind, body)
    if kind in _SILENT:
        return
    if kind == "tproxy":
        _taken(draft, body)
        return
    if kind in _DOUBTFUL:
        draft.doubt(kind)
        return
    if kind == "mangle" and not _writes_what_leads(body):
        _write(draft, body)
        return
    if kind == "xt" and isinstance(body, Mapping) and body.get("type") == "match":
        draft.doubt(f"xt match {body.get('name')}")
        return
    hint = "write it another way; for rules that iptables made, save what `iptables-save` prints"
    raise RulesetError(draft.origin, f"the statement {kind!r} is not understood", hint)


def _write(draft: RuleDraft, body: Mapping[str, Any]) -> None:
    """Hold a rule to the packets that have the field that it writes; what a map does not hold ends it."""
    key = body.get("key", {})
    if "payload" in key:
        draft.narrow((header_of(key["payload"]),))
    elif "meta" not in key and "ct" not in key:
        draft.doubt(f"{', '.join(key)} is written")
    if "map" in str(body.get("value")):
        draft.doubt("a field written from a map")


def _writes_what_leads(body: Any) -> bool:
    """Say whether it writes an address, a port, or anything else that a packet is led by or known by."""
    key = body.get("key", {}) if isinstance(body, Mapping) else {}
    payload = key.get("payload")
    # Of a payload without a name nobody can say what it is.
    return payload is not None and payload.get("field") not in _HARMLESS_FIELDS


def _filled_by(kind: str, body: Any) -> set[str]:
    """Give the set or map that a statement adds to, or takes from."""
    if kind not in ("set", "map") or not isinstance(body, Mapping):
        return set()
    return {str(body.get(kind, "")).removeprefix("@")}


def _flags(body: Mapping[str, Any]) -> list[str]:
    flags = body.get("flags", [])
    return [flags] if isinstance(flags, str) else list(flags)


def _pair_or_element(item: Any) -> Any:
    if isinstance(item, list) and len(item) == 2:
        return [plain_element(item[0]), item[1]]
    return plain_element(item)
