"""
The proof with sets against a walk packet by packet.

Invariant tested: over generated topologies and rule sets (several routers, dual-homed hosts, NAT, jumps,
shadowed rules), what the proof reaches is exactly what single packets reach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.doubles.drawn_worlds import SEGMENTS, SERVICES, Drawn, plain_world, proven, worlds

if TYPE_CHECKING:
    import pytest


@settings(deadline=None)
@given(drawn=worlds(), start=st.sampled_from(SEGMENTS))
def test_the_proof_reaches_exactly_what_single_packets_reach(
    tmp_path_factory: pytest.TempPathFactory, drawn: Drawn, start: str
) -> None:
    folder = tmp_path_factory.mktemp("drawn")
    plain = plain_world(drawn)

    assert proven(drawn, folder, start, plain) == plain.reached(start, SERVICES)


# Half as many as elsewhere: each packet is sent from each class of source ports.
@settings(deadline=None, max_examples=settings().max_examples // 2)
@given(drawn=worlds(most_tunnels=2), start=st.sampled_from(SEGMENTS))
def test_the_proof_reaches_exactly_what_single_packets_reach_through_tunnels(
    tmp_path_factory: pytest.TempPathFactory, drawn: Drawn, start: str
) -> None:
    folder = tmp_path_factory.mktemp("drawn")
    plain = plain_world(drawn)

    assert proven(drawn, folder, start, plain) == plain.reached(start, SERVICES)
