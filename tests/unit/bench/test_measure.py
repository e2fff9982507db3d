"""What a window costs is what is done in it and what it leaves to be done."""

from __future__ import annotations

from bench.measure import _used


def test_the_sealing_that_a_load_leaves_is_charged_to_all_its_requests() -> None:
    begin, end = (0.0, 100.0), (40.0, 200.0)
    used = _used({"requests": 700, "sent": 1000}, [begin, end], [1_000_000, 9_000_000, 11_000_000])

    assert used == {"cpu_us": 10.0, "left_us": 2.0, "load_busy": 0.4}
