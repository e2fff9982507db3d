"""
Whether a connect ended as the proof says.

Theory.

| the proof says   | connected | reset at once | refused, unreachable, timed out |
|------------------|-----------|---------------|---------------------------------|
| works            | as proven | as proven     | probe-blocked                   |
| guard            | as proven | as proven     | probe-blocked                   |
| refused-by-guard | probe-passed | as proven  | as proven                       |
| fails            | probe-passed | probe-passed | as proven                     |

Behind a guard in the wire a connect says that the guard took it, never that the server did. A refusal may be
a rule's, or that of the other end where nobody listens just now; `unreachable` may be this host's own word,
which has no route or no neighbour. Both are counted apart, and bear out nothing. So does silence where nobody
answers at all: with the cable pulled everything that must fail does.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from modwarden.model import AssetName, Finding, Severity, Site
from modwarden.probe.knock import Ended
from modwarden.probe.plan import Expected, Knock
from modwarden.site.proof import names_in_ranges

_GOT_THERE = (Ended.CONNECTED, Ended.RESET)
_ANYBODY_S = (Ended.REFUSED, Ended.UNREACHABLE)
PASSED, BLOCKED = "probe-passed", "probe-blocked"


@dataclass(frozen=True, slots=True)
class Result:
    """A connect, how it ended, and what that is against the proof; None where it is as proven."""

    knock: Knock
    ended: Ended
    finding: str | None
    is_open_question: bool = False
    """It failed as proven, and the other end or this host itself may have been the one that saw to it."""

    @property
    def is_answered(self) -> bool:
        """Say whether it was answered as proven, so that there is a way from here at all."""
        return self.finding is None and self.ended in _GOT_THERE


def judge(knock: Knock, ended: Ended) -> Result:
    """Hold one connect against the proof."""
    got_there = ended in _GOT_THERE
    match knock.expected:
        case Expected.WORKS | Expected.GUARD:
            return Result(knock, ended, None if got_there else BLOCKED)
        case Expected.REFUSED_BY_GUARD:
            is_own = ended is Ended.UNREACHABLE
            return Result(knock, ended, PASSED if ended is Ended.CONNECTED else None, is_own)
        case Expected.FAILS:
            return Result(knock, ended, PASSED if got_there else None, ended in _ANYBODY_S)


def findings_of(site: Site, results: Iterable[Result]) -> Iterator[Finding]:
    """Put what differs into findings; servers that differ in the same way stand in one."""
    groups: dict[tuple[object, ...], list[Result]] = {}
    for result in results:
        if result.finding is not None:
            knock = result.knock
            guard = _guard_before(site, knock)
            key = (result.finding, knock.expected, result.ended, knock.source, knock.target.port, guard)
            groups.setdefault(key, []).append(result)
    for group in groups.values():
        yield _finding(site, group)


def _finding(site: Site, group: Sequence[Result]) -> Finding:
    first = group[0]
    knock, is_blocked = first.knock, first.finding == BLOCKED
    what = f"{knock.source} in {knock.zone} {_words(site, group)}"
    origin = site.assets[knock.target.asset].origin
    severity = Severity.WARNING if is_blocked else Severity.ERROR
    return Finding(str(first.finding), severity, what, _hint(knock), origin, evidence=knock.path)


def _words(site: Site, group: Sequence[Result]) -> str:
    knock, ended = group[0].knock, group[0].ended
    named = ", ".join(names_in_ranges(dict.fromkeys(result.knock.target.asset for result in group)))
    more = f" and {len(group) - 1} more" if len(group) > 1 else ""
    where = f"{named} ({knock.target.address}{more}) tcp/{knock.target.port}"
    if group[0].finding == BLOCKED:
        return f"does not reach {where}, as the proof says it does: {ended.value.replace('-', ' ')}"
    if knock.expected is Expected.REFUSED_BY_GUARD:
        return f"stays connected to {where}, which no conduit has: a guard should reset it"
    guard = _guard_before(site, knock)
    who = f"; the guard on {guard} stands before it, and may be what answered" if guard is not None else ""
    return f"is {_ENDED[ended]} {where}, and the proof says that it reaches nothing there{who}"


_ENDED = {Ended.CONNECTED: "connected to", Ended.RESET: "connected, and reset at once, at"}


def _hint(knock: Knock) -> str:
    match knock.expected:
        case Expected.GUARD:
            return "look whether the guard runs, and whether its host's rules are loaded"
        case Expected.WORKS:
            return "look whether it runs, and whether the routers' rules are those that the site file names"
        case Expected.REFUSED_BY_GUARD:
            return "look whether the guard's host has the rules that `modwarden harden` writes"
        case Expected.FAILS:
            return "find the path that the site file lacks, or the rule that is not loaded (SR 5.1, SR 5.2)"


def _guard_before(site: Site, knock: Knock) -> AssetName | None:
    """Name the guard in the wire that a connect to this target meets first, where there is one."""
    zone = site.assets[knock.target.asset].zone
    for conduit in site.conduits.values():
        if conduit.transparent is not None and conduit.to_zone == zone != knock.zone:
            return conduit.guard
    return None
