"""
The proof: from the site file and its routers' rule sets, what reaches what, and whether the DMZ breaks it.

Kept true here: what is not understood is taken to open paths and never to close them, and is said.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from modwarden.model import AssetName, Finding, Origin, Site, ZoneName
from modwarden.site.problems import Mistake, Problems
from modwarden.site.proof.assumptions import Assumption, Support, assumptions_of
from modwarden.site.proof.identities import shared_identities
from modwarden.site.proof.reach import ReachTable
from modwarden.site.proof.router import Router, nat_bounds
from modwarden.site.proof.space import Space
from modwarden.site.proof.topology import Topology, bounds, kind_bounds, service_bounds
from modwarden.site.proof.tunnels import all_selectors
from modwarden.site.proof.violations import Judge, Violation, is_outside
from modwarden.site.proof.walk import Walk
from modwarden.site.proof.writes import Writes, around_the_guard, writes_of
from modwarden.site.rulesets import Ruleset, RulesetError, load_ruleset, read_together
from modwarden.site.rulesets.sets import PORTS, SOURCE_PORTS, Interval


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proven of a site, on which ground."""

    violations: tuple[Violation, ...]
    others: tuple[Finding, ...]
    """What breaks none of the rules and is still unwise."""
    assumptions: tuple[Assumption, ...]
    remarks: tuple[tuple[Origin, str], ...]
    """What was taken to be wider than it is."""
    writes: tuple[Writes, ...]
    reach: ReachTable
    routers: int

    @property
    def holds(self) -> bool:
        """Say whether nothing was found against it."""
        return not self.violations

    @property
    def findings(self) -> tuple[Finding, ...]:
        """List all that was found."""
        return (*(violation.finding for violation in self.violations), *self.others)


def prove(site: Site, supported: Mapping[str, Support] | None = None) -> Proof | None:
    """
    Prove a site, or find what stands against it; None where no zone has a level, for then nothing is claimed.

    Args:
        site: the site, as it was read.
        supported: by the key of an assumption, what evidence says of it.

    Raises:
        SiteError: a rule set is refused; holds every refusal.
    """
    if all(zone.level is None for zone in site.zones.values()):
        return None
    rulesets = load_rulesets(site)
    world = World(site, rulesets)
    world.problems.raise_if_any()
    return _proof(world, supported or {})


@dataclass(slots=True)
class World:
    """Topology and routers of a site on common axes."""

    site: Site
    rulesets: Mapping[AssetName, tuple[Ruleset, ...]]
    problems: Problems = field(default_factory=Problems)
    topology: Topology = field(init=False)
    routers: tuple[Router, ...] = field(init=False)

    def __post_init__(self) -> None:
        flat = [ruleset for held in self.rulesets.values() for ruleset in held]
        matches = [
            match
            for ruleset in flat
            for table in ruleset.tables
            for held in table.chains.values()
            for rule in held.rules
            for match in rule.matches
        ]
        carried = all_selectors(self.site)
        addresses = [*bounds(self.site)]
        if any(match.kinds for match in matches):
            addresses += kind_bounds(self.site)
        services = [*service_bounds(self.site)]
        for translation in nat_bounds(flat):
            addresses += translation.addresses.intervals or () if translation.addresses is not None else ()
            services += on_every_protocol(translation.ports.pieces(SOURCE_PORTS)) if translation.ports else ()
        self.topology = Topology(self.site, Space.cut_by(chain(matches, carried), addresses, services))
        self.routers = tuple(self._routers())

    def _routers(self) -> Iterator[Router]:
        forwarding = [asset for asset in self.site.assets.values() if asset.connections.forwards]
        standing: dict[ZoneName, int] = {}
        for asset in forwarding:
            for zone in self.topology.zones_of(asset):
                standing[zone] = standing.get(zone, 0) + 1
        crowded = frozenset(zone for zone, count in standing.items() if count > 1)
        for asset in forwarding:
            try:
                yield Router(asset, self.topology, self.rulesets.get(asset.name, ()), crowded)
            except RulesetError as error:
                self.problems.add(error.origin, Mistake("bad-ruleset", error.what, error.hint))

    def walk(self, start: ZoneName, *, through_hosts: bool) -> Walk:
        """Walk from a zone; hosts that carry on are passed through where that is asked for."""
        walk = Walk(self.topology, self.routers, start, lambda host: not through_hosts or host.breaks)
        walk.run()
        return walk


def load_rulesets(site: Site) -> dict[AssetName, tuple[Ruleset, ...]]:
    """
    Read the rule sets of every router.

    Raises:
        SiteError: some are refused; holds every refusal.
    """
    problems = Problems()
    loaded: dict[AssetName, tuple[Ruleset, ...]] = {}
    for asset in site.assets.values():
        held = []
        for file in asset.connections.rulesets:
            try:
                held.append(load_ruleset(file))
            except RulesetError as error:
                problems.add(error.origin, Mistake("bad-ruleset", error.what, error.hint))
            except OSError as error:
                what = f"the rule set {str(file.path)!r} cannot be read: {error.strerror}"
                hint = "run `modwarden harden`, or save what `nft list ruleset` or `iptables-save` prints"
                problems.add(file.origin, Mistake("no-ruleset", what, hint))
        loaded[asset.name] = read_together(held)
    problems.raise_if_any()
    return loaded


def _proof(world: World, supported: Mapping[str, Support]) -> Proof:
    site, judge = world.site, Judge(world.topology)
    violations = [Violation(finding, ()) for finding in shared_identities(site)]
    others: list[Finding] = []
    writes: list[Writes] = []
    reach = ReachTable(world.topology)
    for zone in site.zones.values():
        whole = world.walk(zone.name, through_hosts=True)
        # Where no host was entered, nothing went through one.
        direct = world.walk(zone.name, through_hosts=False) if whole.entered else whole
        if zone.is_it:
            violations += judge.against_dmz(whole)
        if is_outside(zone):
            violations += judge.modbus(whole)
        if zone.is_ot:
            violations += judge.outward(direct)
        writes += writes_of(world.topology, direct)
        reach.add(direct)
        others += around_the_guard(world.topology, direct)
    remarks = [remark for held in world.rulesets.values() for one in held for remark in _remarks(one)]
    return Proof(
        tuple(dict.fromkeys(violations)),
        tuple(dict.fromkeys(others)),
        tuple(assumptions_of(site, supported)),
        tuple(dict.fromkeys([*remarks, *_cut_short(world)])),
        tuple(writes),
        reach,
        len(world.routers),
    )


def _remarks(ruleset: Ruleset) -> Iterator[tuple[Origin, str]]:
    yield from ruleset.remarks
    for table in ruleset.tables:
        for held in table.chains.values():
            for rule in held.rules:
                if rule.uncertain and rule.matches:
                    yield (
                        rule.origin,
                        f"taken as wider than it is: {', '.join(rule.uncertain)}: `{rule.text}`",
                    )


def _cut_short(world: World) -> Iterator[tuple[Origin, str]]:
    for router in world.routers:
        if router.is_cut_short:
            yield (
                router.asset.origin,
                f"{router.asset.name}: too many boxes: some drops were left out of account",
            )


def on_every_protocol(ports: tuple[Interval, ...]) -> list[Interval]:
    """Give the services of some ports, whichever protocol has them."""
    return [
        (base * PORTS + first, base * PORTS + end) for base in (6, 17, 33, 132, 136) for first, end in ports
    ]
