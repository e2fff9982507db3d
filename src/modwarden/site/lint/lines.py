"""Lines that clients share: silence that lasts longer than others may wait."""

from collections.abc import Callable, Iterator

from modwarden.model import Asset, Finding, Framing, Site, Verdicts
from modwarden.site.lint._finding import warning

# As where the file says nothing: a bus's.
_REPLY_TIMEOUT_MS = 3_000


def silence_outlasts_deadline(site: Site) -> Iterator[Finding]:
    """While a unit of a bus is silent the line stands still, and writes that wait for it are refused."""
    for conduit in site.conduits.values():
        if conduit.verdicts == Verdicts.OBSERVE:
            continue
        for binding in conduit.servers:
            asset = site.assets[binding.asset]
            still_ms = _stands_still_ms(asset)
            if still_ms >= conduit.deadline_ms:
                what = (
                    f"one silent unit of {asset.name!r} keeps its line for {still_ms / 1000:g} s, "
                    f"and writes to the others are refused after {conduit.deadline_ms / 1000:g} s"
                )
                hint = "set `reply_timeout` to what its slowest unit needs, often 100ms to 300ms"
                yield warning("silence-outlasts-deadline", asset.origin, what, hint)


def _stands_still_ms(asset: Asset) -> int:
    is_bus = asset.serial is not None or asset.framing == Framing.RTU_OVER_TCP
    if asset.line is None or not is_bus:
        return 0
    return (asset.reply_timeout_ms or _REPLY_TIMEOUT_MS) * (1 + asset.line.read_retries)


LINTS: tuple[Callable[[Site], Iterator[Finding]], ...] = (silence_outlasts_deadline,)
