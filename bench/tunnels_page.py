"""The page's section about tunnels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_INTRO = """\
## Tunnels between sites

One client asks a server of another site for ten registers, one request after the other, over one connection:
over the cable alone, through WireGuard, through IPsec. Client, gates and server are network namespaces of one
machine, cabled alike, and share its cores; the three take turns, block by block. Files and keys are those of
`modwarden harden`. Both tunnels run in userspace (wireguard-go; charon with kernel-libipsec), for the kernel
of this machine has neither WireGuard nor ESP. *Added* is the median over the turns of the difference between
the medians of two blocks of one turn, with its quartiles."""


def tunnels_section(found: dict[str, Any]) -> Iterator[str]:
    """Give the table."""
    yield _INTRO
    if found["missing"]:
        yield f"\nNot measured on this machine: {found['missing']}."
    if found["paths"]:
        yield f"\n{found['turns']} turns of {found['block']} requests each.\n"
        yield "| | p50 µs | p99 µs | added to the p50 µs |"
        yield "|---|--:|--:|--:|"
    for name, path in found["paths"].items():
        added = f"{path['added_p50_us']:,.0f} ({path['added_low_us']:,.0f}–{path['added_high_us']:,.0f})"
        shown = "" if name == "cable" else added
        yield f"| {name} | {path['p50_us']:,.0f} | {path['p99_us']:,.0f} | {shown} |"
    yield ""
