"""Conduits: choices that weaken a promise, and figures that do not fit together."""

from collections.abc import Callable, Iterator

from modwarden.model import (
    Denial,
    Finding,
    OnJournalFailure,
    Origin,
    Refusal,
    Site,
    Verdicts,
)
from modwarden.site.lint._finding import note, warning


def observed_conduit(site: Site) -> Iterator[Finding]:
    """A conduit forwards everything."""
    for conduit in site.conduits.values():
        if conduit.verdicts == Verdicts.OBSERVE:
            what = f"the conduit {conduit.name!r} forwards everything and records what it would refuse"
            yield note(
                "observed-conduit",
                conduit.origin.at("verdicts"),
                what,
                "when its records hold no more surprises, set `verdicts: enforce`",
            )


def unrecorded_writes(site: Site) -> Iterator[Finding]:
    """A conduit lets writes pass without a record while the journal fails."""
    for conduit in site.conduits.values():
        if conduit.on_failure.journal == OnJournalFailure.PERMIT:
            what = f"while the journal fails, writes pass the conduit {conduit.name!r} without a record"
            hint = "mark single rules `essential: true` instead"
            yield note("unrecorded-writes", conduit.origin.at("on_failure"), what, hint)


def no_rules(site: Site) -> Iterator[Finding]:
    """A conduit permits nothing."""
    for conduit in site.conduits.values():
        if not conduit.rules:
            what = f"the conduit {conduit.name!r} has no rules, so nothing passes"
            yield warning(
                "no-rules",
                conduit.origin,
                what,
                "add `rules:`; to start, `verdicts: observe` shows what it needs",
            )


def same_zone(site: Site) -> Iterator[Finding]:
    """A conduit leads from a zone to itself."""
    for conduit in site.conduits.values():
        if conduit.to_zone in conduit.from_zones:
            what = f"the conduit {conduit.name!r} leads from {conduit.to_zone!r} to itself"
            hint = "within a zone nothing makes traffic pass the guard: split the zone"
            yield warning("same-zone", conduit.origin.at("from"), what, hint)


def empty_zone(site: Site) -> Iterator[Finding]:
    """A conduit starts in a zone without networks, for which rules without clients permit nobody."""
    for conduit in site.conduits.values():
        for name in () if conduit.client is not None else conduit.from_zones:
            if not site.zones[name].networks:
                what = f"the zone {name!r} has no networks, so rules without clients hold for nobody in it"
                yield warning("empty-zone", site.zones[name].origin, what, "add `networks:` to the zone")


def idle_below_polling(site: Site) -> Iterator[Finding]:
    """Sessions end between two polls."""
    for conduit in site.conduits.values():
        for rule in conduit.rules:
            if rule.polling_period_ms is not None and rule.polling_period_ms >= conduit.idle_timeout_ms:
                period, idle = _seconds(rule.polling_period_ms), _seconds(conduit.idle_timeout_ms)
                what = f"rule {rule.name!r} polls every {period}, sessions end after {idle} without a request"
                hint = f"raise `idle_timeout` of {conduit.name!r} above the period"
                yield warning("idle-below-polling", rule.origin.at("polling_period"), what, hint)


def budget_below_servers(site: Site) -> Iterator[Finding]:
    """One client cannot reach all servers at once."""
    for conduit in site.conduits.values():
        listeners = len({binding.listen for binding in conduit.servers})
        most = min(conduit.budgets.sessions, conduit.budgets.sessions_per_client)
        if listeners > most:
            what = f"{listeners} listeners, yet one client may hold {most} sessions in {conduit.name!r}"
            yield warning(
                "budget-below-servers", conduit.origin.at("budgets"), what, "raise `sessions_per_client`"
            )


def hard_denial(site: Site) -> Iterator[Finding]:
    """A refusal that also harms what the client may do."""
    for conduit in site.conduits.values():
        yield from _denial(conduit.denial, f"conduit {conduit.name!r}", conduit.origin.at("denial"))
        for rule in conduit.rules:
            if rule.denial is not None:
                yield from _denial(rule.denial, f"rule {rule.name!r}", rule.origin.at("denial"))


def _denial(denial: Denial, whose: str, origin: Origin) -> Iterator[Finding]:
    if denial == Refusal.SILENCE:
        what = (
            f"{whose}: after a silent refusal a client waits for its time-out, and its next requests with it"
        )
        yield warning("denial-silence", origin, what, "an exception code costs no wait")
    if denial == Refusal.RESET:
        what = f"{whose}: a reset also loses the client's other open requests on that connection"
        yield warning("denial-reset", origin, what, "an exception code refuses one request only")
    if denial in (2, 3):
        what = f"{whose}: some clients give up a whole block of addresses after exception {denial:02d}"
        yield warning("denial-block", origin, what, "exception 1 refuses one request only")


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:g} s"


LINTS: tuple[Callable[[Site], Iterator[Finding]], ...] = (
    observed_conduit,
    unrecorded_writes,
    no_rules,
    same_zone,
    empty_zone,
    idle_below_polling,
    budget_below_servers,
    hard_denial,
)
