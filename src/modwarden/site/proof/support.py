"""
What evidence files say of a proof's assumptions today.

Kept true here:
* evidence counts for what it looked at: once the rule set, the routes or the site file have changed, it
  counts for nothing, and so it does when it is too old or found something;
* the newest of one command from one place decides, so that a good day of last month outweighs no finding of
  today: what it does not bear out, no older one of that command from there does; and a finding of one place
  is not outweighed by what another saw.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from modwarden.model import Asset, AssetName, Claim, EvidenceFile, Site, Strength, digest_of
from modwarden.site._tree import site_files
from modwarden.site.proof.assumptions import Support, keys_of

# Clocks of hosts and of the machine that checks differ; beyond this a time is not believed.
_AHEAD = timedelta(minutes=10)
_RANKS = {None: 1, Strength.SUPPORTED: 2, Strength.VERIFIED: 3}
_MOST = 4


def bases_of(site: Site) -> dict[str, str]:
    """
    Give, by the key of each assumption, the digest of what the site file has for it.

    Raises:
        OSError: a file cannot be read.
    """
    whole = digest_of(_canonical(_whole(site)))
    return {key: _basis(site, key) or whole for key in keys_of(site)}


def weigh_evidence(
    site: Site, files: Iterable[EvidenceFile], now: datetime, oldest: timedelta
) -> Mapping[str, Support]:
    """Say, by the key of an assumption, what evidence makes of it."""
    bases = bases_of(site)
    found: dict[str, Support] = {}
    ranks: dict[str, int] = {}
    for key, file, claim in _newest_words(files):
        support = _support(site, file, claim, bases.get(key), (now - oldest, now))
        rank = _MOST if file.findings else _RANKS[support.strength]
        if rank > ranks.get(key, 0):
            found[key], ranks[key] = support, rank
    return found


def _newest_words(files: Iterable[EvidenceFile]) -> Iterator[tuple[str, EvidenceFile, Claim | None]]:
    """Give what the newest of one command from one place claims; None for what only an older one did."""
    newest: dict[tuple[str, str, str], EvidenceFile] = {}
    claimed: dict[tuple[str, str, str], dict[str, None]] = {}
    # Of two of one second the one that found something decides.
    for file in sorted(files, key=lambda one: (one.made_at, bool(one.findings))):
        at = file.site, file.kind, file.place
        newest[at] = file
        claimed.setdefault(at, {}).update(dict.fromkeys(claim.assumption for claim in file.claims))
    for at, file in newest.items():
        own = {claim.assumption: claim for claim in file.claims}
        yield from ((key, file, own.get(key)) for key in claimed[at])


def _support(
    site: Site, file: EvidenceFile, claim: Claim | None, basis: str | None, span: tuple[datetime, datetime]
) -> Support:
    oldest, now = span
    when = file.made_at.astimezone(UTC).isoformat(timespec="seconds")
    doubt = _doubt(site, file, claim, basis)
    if file.made_at > now + _AHEAD:
        doubt = "is dated in the future"
    elif file.made_at < oldest:
        doubt = f"is too old: {(now - file.made_at).days} days"
    if doubt is not None or claim is None:
        return Support(f"{file.kind} from {file.place} of {when} {doubt}", None)
    counted = f": {claim.words}" if claim.words else ""
    return Support(f"{file.kind} from {file.place} at {when}{counted}", claim.strength)


def _doubt(site: Site, file: EvidenceFile, claim: Claim | None, basis: str | None) -> str | None:
    if file.site != site.name:
        return f"is of the site {file.site!r}"
    if file.findings:
        counted = "1 difference" if len(file.findings) == 1 else f"{len(file.findings)} differences"
        return f"found {counted}"
    if claim is None:
        return "did not see it, as an older one had"
    return None if claim.basis == basis else "was made of what has changed since"


def _basis(site: Site, key: str) -> str | None:
    """Give what an assumption of one router rests on; None for those that rest on all of the site file."""
    kind, _, rest = key.partition(":")
    name, _, file_name = rest.partition(":")
    asset = site.assets.get(AssetName(name))
    if asset is None or kind not in ("ruleset", "routes"):
        return None
    ground = {"kind": kind, "asset": asset.name, "interfaces": _interfaces(asset)}
    if kind == "routes":
        ways = sorted([str(route.to), str(route.via)] for route in asset.connections.routes or ())
        return digest_of(_canonical({**ground, "routes": ways}))
    held = [
        [file.format, digest_of(file.path.read_bytes())]
        for file in asset.connections.rulesets
        if file.path.name == file_name
    ]
    return digest_of(_canonical({**ground, "rulesets": held}))


def _interfaces(asset: Asset) -> list[list[str]]:
    named = [
        [one.name, *sorted(str(address) for address in one.addresses)] for one in asset.connections.interfaces
    ]
    return sorted([*named, ["", *sorted(str(address) for address in asset.addresses)]])


def _whole(site: Site) -> list[str]:
    return [digest_of(content) for content in _contents(site)]


def _contents(site: Site) -> Iterator[bytes]:
    yield from (file.read_bytes() for file in site_files(site.path))
    for asset in site.assets.values():
        yield from (file.path.read_bytes() for file in asset.connections.rulesets)


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
