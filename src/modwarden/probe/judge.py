"""
Whether a connect ended as the proof says.

Theory.

| the proof says   | connected | reset at once | refused, unreachable, timed out |
|------------------|-----------|---------------|---------------------------------|
| works            | as proven | as proven     | probe-blocked                   |
| guard            | as proven | as proven     | probe-blocked                   |
| refused-by-guard | probe-passed | as proven  | as proven                       |
| fails            | probe-passed | probe-passed | as proven                     |

Behind a guard in the wire a connect says that the guard took it, never that the server did. A refusal where
nobody is known to listen may be the other end's own, so it is counted apart: it bears out nothing.
"""

from dataclasses import dataclass

from modwarden.model import Finding, Severity, Site
from modwarden.probe.knock import Ended
from modwarden.probe.plan import Expected, Knock

_GOT_THERE = (Ended.CONNECTED, Ended.RESET)


@dataclass(frozen=True, slots=True)
class Result:
    """A connect, how it ended, and what that is against the proof; None where it is as proven."""

    knock: Knock
    ended: Ended
    finding: Finding | None
    is_open_question: bool = False
    """It failed as proven, and the other end itself may have been the one that refused."""


def judge(site: Site, knock: Knock, ended: Ended) -> Result:
    """Hold one connect against the proof."""
    got_there = ended in _GOT_THERE
    match knock.expected:
        case Expected.WORKS | Expected.GUARD:
            return Result(knock, ended, None if got_there else _blocked(site, knock, ended))
        case Expected.REFUSED_BY_GUARD:
            return Result(knock, ended, _kept(site, knock) if ended is Ended.CONNECTED else None)
        case Expected.FAILS:
            if got_there:
                return Result(knock, ended, _passed(site, knock, ended))
            return Result(knock, ended, None, ended is Ended.REFUSED and not knock.target.is_served)


def _blocked(site: Site, knock: Knock, ended: Ended) -> Finding:
    how = ended.value.replace("-", " ")
    what = f"{_from(knock)} does not reach {knock.target}: {how}; the proof says it does"
    hint = "look whether it runs, and whether the routers' rules are those that the site file names"
    if knock.expected is Expected.GUARD:
        hint = "look whether the guard runs, and whether its host's rules are loaded"
    origin = site.assets[knock.target.asset].origin
    return Finding("probe-blocked", Severity.WARNING, what, hint, origin, evidence=knock.path)


def _passed(site: Site, knock: Knock, ended: Ended) -> Finding:
    what = f"{_from(knock)} reaches {knock.target}, and the proof says that nothing does"
    if ended is Ended.RESET:
        what += (
            "; it was reset at once, so something takes connections there that the site file does not have"
        )
    hint = "find the path that the site file lacks, or the rule that is not loaded (SR 5.1, SR 5.2)"
    return Finding("probe-passed", Severity.ERROR, what, hint, site.assets[knock.target.asset].origin)


def _kept(site: Site, knock: Knock) -> Finding:
    what = f"{_from(knock)} reaches {knock.target}, which a guard should take and reset: no conduit has it"
    hint = "look whether the guard's host has the rules that `modwarden harden` writes"
    origin = site.assets[knock.target.asset].origin
    return Finding("probe-passed", Severity.ERROR, what, hint, origin, evidence=knock.path)


def _from(knock: Knock) -> str:
    return f"{knock.source} in {knock.zone}"
