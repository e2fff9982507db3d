"""What the page says of tunnels, and how the figures are made."""

from bench.tunnels import _figures
from bench.tunnels_page import tunnels_section


def test_what_a_tunnel_adds_is_the_median_of_the_differences_within_a_turn() -> None:
    cable = [[10_000] * 3, [40_000] * 3, [20_000] * 3]
    tunnel = [[15_000] * 3, [48_000] * 3, [26_000] * 3]
    figures = _figures(tunnel, cable)

    assert (figures["p50_us"], figures["added_p50_us"]) == (26.0, 6.0)


def test_the_page_says_what_was_not_measured() -> None:
    found = {"missing": "ipsec (swanctl is not there)", "turns": 2, "block": 20, "paths": {}}

    assert "Not measured on this machine: ipsec (swanctl is not there)." in "\n".join(tunnels_section(found))
