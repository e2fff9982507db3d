"""Single rules: clients, functions and flags that may not be meant."""

from collections.abc import Callable, Iterator

from modwarden.model import (
    Conduit,
    Finding,
    Function,
    Rule,
    RuleKind,
    Site,
    contains,
    function_catalogue,
)
from modwarden.site.lint._finding import listed, note, warning

# Codes whose requests name addresses of a table; rules narrow these alone by ranges and points.
_ADDRESSED = frozenset({1, 2, 3, 4, 5, 6, 15, 16, 22, 23, 24})
# As DESIGN has it: all that cannot change a server's state.
_HARMLESS = frozenset({1, 2, 3, 4, 7, 11, 12, 17, 20, 24})
_HARMLESS_SUBS = frozenset({(8, sub) for sub in (0, 2, *range(11, 19))} | {(43, 14)})


def clients_outside_from(site: Site) -> Iterator[Finding]:
    """A permit names clients that are in none of the zones its conduit starts from."""
    for conduit, rule in _permits(site):
        if rule.written_clients is None:
            continue
        networks = [network for zone in conduit.from_zones for network in site.zones[zone].networks]
        strays = [str(c) for c in rule.clients or () if not any(contains(network, c) for network in networks)]
        if strays:
            what = f"rule {rule.name!r} permits {listed(strays)}, outside {listed(list(conduit.from_zones))}"
            hint = "correct the client, or add its zone to `from`"
            yield warning("clients-outside-from", rule.origin.at("clients"), what, hint)


def no_clients(site: Site) -> Iterator[Finding]:
    """A rule that no client can match."""
    for conduit in site.conduits.values():
        for rule in conduit.rules:
            if rule.clients == () or rule.roles == ():
                what = f"rule {rule.name!r} holds for nobody"
                yield warning(
                    "no-clients", rule.origin.at("clients"), what, "name clients, or give the zone networks"
                )


def essential_write(site: Site) -> Iterator[Finding]:
    """A permit lets writes pass without a record while the journal fails."""
    for _, rule in _permits(site):
        if rule.essential and any(permits_change(rule, function) for function in functions_of(rule)):
            what = f"rule {rule.name!r} is essential, so its writes pass unrecorded while the journal fails"
            hint = "make an essential rule for reads, and one for writes that is not"
            yield warning("essential-write", rule.origin.at("essential"), what, hint)


def essential_never(site: Site) -> Iterator[Finding]:
    """`essential` on a rule that lets nothing pass."""
    for conduit in site.conduits.values():
        for rule in conduit.rules:
            if rule.kind == RuleKind.NEVER and rule.essential:
                what = f"rule {rule.name!r} forbids, so `essential` means nothing"
                yield warning("essential-never", rule.origin.at("essential"), what, "delete `essential`")


def roles_without_tls(site: Site) -> Iterator[Finding]:
    """Roles come from certificates: where listeners speak no TLS, such a rule matches nobody."""
    for conduit in site.conduits.values():
        for rule in conduit.rules:
            if rule.roles and conduit.tls is None:
                what = f"rule {rule.name!r} asks for a role, and no client can carry one without TLS"
                does = "it forbids nothing" if rule.kind == RuleKind.NEVER else "it permits nothing"
                hint = f"{does}: give the conduit `tls:`, or name clients by address instead"
                yield warning("roles-without-tls", rule.origin.at("roles"), what, hint)


def broadcast_permit(site: Site) -> Iterator[Finding]:
    """A permit reaches every unit behind a gateway at once, and nothing answers."""
    for conduit, rule in _permits(site):
        if rule.unit_ids is None or 0 not in rule.unit_ids:
            continue
        gateways = [
            binding.asset
            for binding in conduit.servers
            if site.units_via(binding.asset) and (rule.servers is None or binding.asset in rule.servers)
        ]
        if gateways:
            names = listed([str(gateway) for gateway in gateways])
            what = f"rule {rule.name!r} permits broadcast to every unit behind {names}"
            hint = "no unit answers a broadcast, so no record can say what came of it"
            yield warning("broadcast-permit", rule.origin.at("unit_ids"), what, hint)


def ranges_without_addresses(site: Site) -> Iterator[Finding]:
    """Ranges or points beside functions that have no addresses, which they cannot narrow."""
    for conduit in site.conduits.values():
        for rule in conduit.rules:
            free = sorted({f.name for f in functions_of(rule) if f.function_code not in _ADDRESSED})
            if free and (rule.ranges is not None or rule.points is not None):
                key = "ranges" if rule.ranges is not None else "points"
                what = f"rule {rule.name!r}: {key} cannot narrow {listed(free)}"
                hint = "give functions without addresses a rule of their own"
                yield warning("ranges-without-addresses", rule.origin.at(key), what, hint)


def limits_without_write(site: Site) -> Iterator[Finding]:
    """Limits in a rule that permits no write."""
    for conduit in site.conduits.values():
        for rule in conduit.rules:
            if rule.limits and (rule.kind == RuleKind.NEVER or not permits_writes(rule)):
                what = f"rule {rule.name!r} permits no write, so its limits mean nothing"
                yield warning(
                    "limits-without-write", rule.origin.at("limits"), what, "move them to the rule that does"
                )


def programming_permit(site: Site) -> Iterator[Finding]:
    """A permit lets a client replace what a controller does."""
    for _, rule in _permits(site):
        words = {name for f in functions_of(rule) for name in f.sets}
        strong = sorted(words & {"umas.program", "umas.control", "legacy.program", "firmware", "files.write"})
        if strong:
            what = f"rule {rule.name!r} permits {listed(strong)}: programs of controllers may change"
            yield note(
                "programming-permit",
                rule.origin.at("permit"),
                what,
                "hold it to an engineer's role and hours",
            )


def functions_of(rule: Rule) -> list[Function]:
    """List the rows of the catalogue that a rule names, at least in part."""
    return [
        function
        for function in function_catalogue()
        if any(selector.covers(function, name) for selector in rule.functions for name in function.sets)
    ]


def can_change_state(function: Function) -> bool:
    """Say whether a request with this function may change what a server does."""
    if function.function_code in _HARMLESS:
        return False
    return (function.function_code, function.sub_function) not in _HARMLESS_SUBS


def permits_change(rule: Rule, function: Function) -> bool:
    """Say whether a rule that names a function lets it change a server's state."""
    # A rule for the reading half of 23 alone lets no write pass.
    is_half = "write" in function.sets and not any(s.covers(function, "write") for s in rule.functions)
    return can_change_state(function) and not is_half


def permits_writes(rule: Rule) -> bool:
    """Say whether a rule names any function that writes coils or holding registers."""
    rows = [function for function in function_catalogue() if "write" in function.sets]
    return any(selector.covers(function, "write") for selector in rule.functions for function in rows)


def limits_out_of_reach(site: Site) -> Iterator[Finding]:
    """A limit is about a point that its rule does not name, so it guards nothing."""
    for _, rule in _permits(site):
        if rule.points is None or rule.ranges is not None:
            continue
        strays = [str(point) for point in rule.limits if point not in rule.points]
        if strays:
            what = f"rule {rule.name!r} limits {listed(strays)}, and names only {listed(list(rule.points))}"
            hint = "name the point in `points`, or limit it where it is written"
            yield warning("limits-out-of-reach", rule.origin.at("limits"), what, hint)


def _permits(site: Site) -> Iterator[tuple[Conduit, Rule]]:
    for conduit in site.conduits.values():
        for rule in conduit.rules:
            if rule.kind == RuleKind.PERMIT:
                yield conduit, rule


LINTS: tuple[Callable[[Site], Iterator[Finding]], ...] = (
    clients_outside_from,
    no_clients,
    essential_write,
    essential_never,
    roles_without_tls,
    broadcast_permit,
    ranges_without_addresses,
    limits_without_write,
    limits_out_of_reach,
    programming_permit,
)
