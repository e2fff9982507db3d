"""The page's section about TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.comparison import bad_requests
from bench.measure import median, ratios

if TYPE_CHECKING:
    from collections.abc import Iterator

_INTRO = """\
## TLS with roles

Modbus/TCP Security beside HAProxy that terminates TLS: both ask for a client's certificate, check its chain
and a revocation list, and speak one and the same suite, on keys of ECDSA P-256. The guard takes the role out
of the certificate, holds each request to 1,000 rules that ask for it, and keeps its journal; HAProxy forwards
bytes and records nothing. A handshake is a full one, with a connection, one read and a reset of its own; at
the guard that is a session too, with its rows."""


def tls_section(found: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """Give the tables of requests and of handshakes."""
    yield _INTRO
    yield "\n| | requests/s | p50 µs | p99 µs | CPU µs | × HAProxy | load busy | bad | seals |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    for case in found["requests"]:
        for name, each in case["windows"].items():
            at = f"{name}, TLS {case['version']}, {case['connections']} connections"
            figures = (
                f"{median(each, 'throughput'):,.0f} | {median(each, 'p50_us'):.0f} "
                f"| {median(each, 'p99_us'):.0f} | {median(each, 'cpu_us'):.1f} "
                f"| {_ratio(case, name, 'cpu_us')} | {median(each, 'load_busy'):.0%} "
                f"| {bad_requests(each)} | {median(each, 'seals'):.0f}"
            )
            yield f"| {at} | {figures} |"
    yield "\n| | full handshakes/s | × HAProxy | CPU µs | × HAProxy | load busy | failed |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for case in found["handshakes"]:
        for name, each in case["windows"].items():
            figures = (
                f"{median(each, 'per_second'):,.0f} | {_ratio(case, name, 'per_second')} "
                f"| {median(each, 'cpu_us'):.0f} | {_ratio(case, name, 'cpu_us')} "
                f"| {median(each, 'load_busy'):.0%} | {sum(int(window['failed']) for window in each)}"
            )
            yield f"| {name}, TLS {case['version']} | {figures} |"
    yield ""


def _ratio(case: dict[str, Any], name: str, key: str) -> str:
    middle, least, greatest = ratios(case["windows"][name], case["windows"]["haproxy"], key)
    return f"{middle:.2f} ({least:.2f}–{greatest:.2f})"
