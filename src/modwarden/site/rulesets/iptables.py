"""Rule sets of iptables and ip6tables, as their `-save` programs print them."""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from modwarden.model import Origin
from modwarden.site.rulesets._names import PROTOCOLS, WITH_PORTS, port_number, protocol_number
from modwarden.site.rulesets._nft_rules import RuleDraft
from modwarden.site.rulesets.errors import RulesetError
from modwarden.site.rulesets.ir import (
    STATES,
    Action,
    Chain,
    Hook,
    Match,
    Names,
    Rule,
    Ruleset,
    Table,
    Translation,
)
from modwarden.site.rulesets.sets import (
    ADDRESSES,
    SERVICES,
    SOURCE_PORTS,
    V4,
    V6_SET,
    Interval,
    IntervalSet,
    address_number,
    network_interval,
    service,
)
from modwarden.site.rulesets.together import HELPER, NOTRACK, read_together

_HOOKS = {hook.name: hook for hook in Hook}
# Where nf_tables' priorities put iptables' tables.
_PRIORITIES = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}
_TARGETS = {"ACCEPT": Action.ACCEPT, "DROP": Action.DROP, "REJECT": Action.DROP, "RETURN": Action.RETURN}
# They change nothing of what passes.
_SILENT_TARGETS = frozenset({
    "LOG", "NFLOG", "ULOG", "MARK", "CONNMARK", "CONNSECMARK", "SECMARK", "TCPMSS", "CLASSIFY", "DSCP",
    "TOS", "TTL",
    "HL", "CHECKSUM", "AUDIT", "LED", "TRACE", "SET", "CT", "ECN", "HMARK", "SYNPROXY",
})  # fmt: skip
_MODULES_READ = frozenset(
    {"tcp", "udp", "multiport", "state", "conntrack", "comment", "iprange", "sctp", "dccp"}
)
# What follows them is somebody's own word, whatever it looks like.
_FREE_WORDS = frozenset({
    "--comment", "--log-prefix", "--nflog-prefix", "--ulog-prefix", "--string", "--hex-string", "--bytecode",
    "--name", "--hashlimit-name",
})  # fmt: skip
_CHAIN = re.compile(r"^:(\S+) (ACCEPT|DROP|-)")
_OPTION = re.compile(r"^-{1,2}[A-Za-z]")


def parse_iptables_save(text: str, file: str, *, is_ipv6: bool = False) -> Ruleset:
    """
    Read what `iptables-save` or `ip6tables-save` prints.

    Raises:
        RulesetError: a line is not understood, and must not be guessed at.
    """
    reader = _Reader(file)
    for number, line in enumerate(text.splitlines(), start=1):
        reader.take(line.strip(), number)
    if reader.table is not None:
        hint = "the file was cut off: save all that the program prints"
        raise RulesetError(Origin(file, len(text.splitlines())), "the table has no COMMIT", hint)
    return read_together([Ruleset(tuple(reader.tables(V6_SET if is_ipv6 else V4)))])[0]


@dataclass(slots=True)
class _Reader:
    file: str
    table: str | None = None
    chains: dict[str, dict[str, tuple[str, Origin]]] = field(default_factory=dict)
    rules: dict[tuple[str, str], list[Rule]] = field(default_factory=dict)

    def take(self, line: str, number: int) -> None:
        origin = Origin(self.file, number)
        if not line or line.startswith("#"):
            return
        if line.startswith("*"):
            self.table = line[1:]
            self.chains[self.table] = {}
        elif line == "COMMIT":
            self.table = None
        elif self.table is None:
            raise RulesetError(origin, "this stands in no table", "save what `iptables-save` prints")
        elif (chain := _CHAIN.match(line)) is not None:
            self.chains[self.table][chain[1]] = (chain[2], origin)
        else:
            self._take_rule(self.table, line, origin)

    def _take_rule(self, table: str, line: str, origin: Origin) -> None:
        text = re.sub(r"^\[\d+:\d+\] ", "", line)
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise RulesetError(origin, f"this is no rule: {error}", "close the quotation") from error
        if len(words) < 2 or words[0] != "-A" or words[1] not in self.chains[table]:
            raise RulesetError(origin, "this is no rule of a chain", "save what `iptables-save` prints")
        rule = _RuleReader(RuleDraft(origin, text)).read(words[2:])
        self.rules.setdefault((table, words[1]), []).append(rule)

    def tables(self, packets: IntervalSet) -> list[Table]:
        built = []
        for table, chains in self.chains.items():
            held = {name: self._chain(table, name, *chain) for name, chain in chains.items()}
            built.append(Table(table, packets, held))
        return built

    def _chain(self, table: str, name: str, policy: str, origin: Origin) -> Chain:
        hook = _HOOKS.get(name)
        priority = _PRIORITIES.get(table, 0)
        if table == "nat" and hook in (Hook.INPUT, Hook.POSTROUTING):
            priority = 100
        rules = tuple(self.rules.get((table, name), ()))
        return Chain(name, rules, origin, hook, priority, policy != "DROP", is_nat=table == "nat")


@dataclass(slots=True)
class _RuleReader:
    draft: RuleDraft
    protocol: int | None = None
    target: tuple[Action, str | None] | None = None
    options: dict[str, str] = field(default_factory=dict)

    def read(self, words: list[str]) -> Rule:
        at = 0
        while at < len(words):
            is_negated = words[at] == "!"
            at += is_negated
            option = words[at]
            at += 1
            values = words[at : at + (option in _FREE_WORDS)]
            at += len(values)
            while at < len(words) and not _OPTION.match(words[at]) and words[at] != "!":
                values.append(words[at])
                at += 1
            self._option(option, values, is_negated=is_negated)
        return self._end()

    def _option(self, option: str, values: list[str], *, is_negated: bool) -> None:
        value = values[0] if values else ""
        if option in ("-j", "-g"):
            self._jump(option, value)
        elif option == "-m":
            if value not in _MODULES_READ and value not in PROTOCOLS:
                self.draft.doubt(f"-m {value}")
        elif option in _NAT_OPTIONS:
            self.options[option] = value
        elif option in _READERS:
            with_sign = _Signed(value, is_negated=is_negated)
            self.draft.narrow((_READERS[option](self, with_sign),))
        elif option in _OF_TRACKING and self.target is not None:
            self.draft.doubt(_OF_TRACKING[option])
        elif option != "--comment":
            # Options of targets; of a verdict there is none, and a match may stand behind it.
            is_of_target = option in _OF_VERDICTS or self.target == (Action.CONTINUE, None)
            self.draft.doubt(option) if not is_of_target else None

    def _jump(self, option: str, name: str) -> None:
        if name in _TARGETS:
            self.target = (_TARGETS[name], None)
        elif name in ("NFQUEUE", "QUEUE"):
            self.draft.doubt("queue: a program decides, and may let it pass")
            self.target = (Action.ACCEPT, None)
        elif name == "NOTRACK":
            self.draft.doubt(NOTRACK)
            self.target = (Action.CONTINUE, None)
        elif name == "TPROXY":
            self.draft.is_taken = True
            self.target = (Action.CONTINUE, None)
        elif name in _SILENT_TARGETS:
            self.target = (Action.CONTINUE, None)
        elif name in ("DNAT", "SNAT", "MASQUERADE", "REDIRECT", "NETMAP"):
            self.target = (Action.DNAT if name == "NETMAP" else Action(name.lower()), None)
        elif name.isupper() and name in ("TEE", "CLUSTERIP", "RATEEST", "IDLETIMER"):
            hint = "take it out, or declare its path"
            raise RulesetError(self.draft.origin, f"the target {name} is not understood", hint)
        else:
            self.target = (Action.GOTO if option == "-g" else Action.JUMP, name)

    def _end(self) -> Rule:
        action, target = self.target or (Action.CONTINUE, None)
        if action not in (Action.DNAT, Action.SNAT, Action.MASQUERADE, Action.REDIRECT):
            return self.draft.rule(action, target)
        return self.draft.rule(action, translation=self._translation())

    def _translation(self) -> Translation:
        text = self.options.get("--to-destination") or self.options.get("--to-source") or ""
        if "--to" in self.options:
            return Translation(IntervalSet.of([_address(self.options["--to"], self.draft.origin)]))
        if "--to-ports" in self.options:
            return Translation(
                None, IntervalSet.of([_port_span(self.options["--to-ports"], "-", self.draft.origin)])
            )
        if not text:
            return Translation()
        host, ports = _host_and_ports(text)
        addresses = IntervalSet.of([_address(host, self.draft.origin)]) if host else None
        span = IntervalSet.of([_port_span(ports, "-", self.draft.origin)]) if ports else None
        return Translation(addresses, span)


@dataclass(frozen=True, slots=True)
class _Signed:
    text: str
    is_negated: bool

    def of(self, found: IntervalSet, whole: Interval) -> IntervalSet:
        return found.without(whole) if self.is_negated else found


def _source(reader: _RuleReader, value: _Signed) -> Match:
    return Match(source=value.of(_addresses(value.text, reader.draft.origin), ADDRESSES))


def _destination(reader: _RuleReader, value: _Signed) -> Match:
    return Match(destination=value.of(_addresses(value.text, reader.draft.origin), ADDRESSES))


def _protocol(reader: _RuleReader, value: _Signed) -> Match:
    if value.text in ("all", "0"):
        return Match()
    number = protocol_number(value.text)
    if number is None:
        hint = "write its number"
        raise RulesetError(reader.draft.origin, f"there is no protocol {value.text!r}", hint)
    reader.protocol = number
    return Match(service=value.of(service(number), SERVICES))


def _ports(reader: _RuleReader, value: _Signed) -> IntervalSet:
    spans = [_port_span(text, ":", reader.draft.origin) for text in value.text.split(",")]
    return value.of(IntervalSet.of(spans), SOURCE_PORTS)


def _destination_ports(reader: _RuleReader, value: _Signed) -> Match:
    ports = _ports(reader, value)
    found = IntervalSet(())
    for protocol in (reader.protocol,) if reader.protocol is not None else WITH_PORTS:
        found |= service(protocol, ports)
    return Match(service=found)


def _source_ports(reader: _RuleReader, value: _Signed) -> Match:
    return Match(source_port=_ports(reader, value))


def _either_ports(reader: _RuleReader, _: _Signed) -> Match:
    reader.draft.doubt("--ports")
    return Match()


def _inward(reader: _RuleReader, value: _Signed) -> Match:
    return Match(inward=(_names(reader, value),))


def _outward(reader: _RuleReader, value: _Signed) -> Match:
    return Match(outward=(_names(reader, value),))


def _names(reader: _RuleReader, value: _Signed) -> Names:
    """Read the name of an interface; here a `+` at the end stands for any rest, and a `*` for itself."""
    if value.text.endswith("*") or not value.text:
        hint = "name an interface; any rest of a name is written `+`"
        raise RulesetError(reader.draft.origin, f"{value.text!r} is no interface", hint)
    name = f"{value.text[:-1]}*" if value.text.endswith("+") else value.text
    return Names((name,), value.is_negated)


def _state(reader: _RuleReader, value: _Signed) -> Match:
    states = value.text.split(",")
    if "DNAT" in states or "SNAT" in states:
        reader.draft.doubt(f"--ctstate {value.text}")
        return Match()
    # The proof asks for the first packet of a connection; replies follow it.
    named = STATES.intersection(state.lower() for state in states)
    return Match(states=STATES - named if value.is_negated else named)


_READERS: dict[str, Callable[[Any, _Signed], Match]] = {
    "-s": _source, "--src-range": _source, "-d": _destination, "--dst-range": _destination, "-p": _protocol,
    "--dport": _destination_ports, "--dports": _destination_ports, "--sport": _source_ports, "--sports":
    _source_ports,
    "--ports": _either_ports, "-i": _inward, "-o": _outward, "--ctstate": _state, "--state": _state,
}  # fmt: skip
# Of the target CT; `-m helper --helper` is a match, and stands before any target.
_OF_TRACKING = {"--notrack": NOTRACK, "--helper": HELPER}
_OF_VERDICTS = frozenset({"--reject-with", "--random", "--random-fully", "--persistent"})
_NAT_OPTIONS = frozenset({"--to-destination", "--to-source", "--to-ports", "--to"})


def _addresses(text: str, origin: Origin) -> IntervalSet:
    return IntervalSet.of(_address(part, origin) for part in text.split(","))


def _address(text: str, origin: Origin) -> Interval:
    try:
        if "-" in text:
            low, high = (address_number(ip_address(part)) for part in text.split("-"))
            return low, high + 1
        return network_interval(ip_network(text, strict=False))
    except ValueError as error:
        raise RulesetError(origin, f"{text!r} is no address", "write it like 10.11.0.0/16") from error


def _port_span(text: str, between: str, origin: Origin) -> Interval:
    low, _, high = text.partition(between)
    first, last = port_number(low or "0"), port_number(high or (low if not _ else "65535"))
    if first is None or last is None:
        raise RulesetError(origin, f"{text!r} is no port", f"write it like 502 or 1000{between}2000")
    return first, last + 1


def _host_and_ports(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, _, ports = text[1:].partition("]")
        return host, ports.removeprefix(":")
    if text.count(":") > 1:
        return text, ""
    host, _, ports = text.partition(":")
    return host, ports
