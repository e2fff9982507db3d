"""A router under the rules written for it, with real packets: who reaches whom, and what an island cuts."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.doubles.enforced import Enforced, enforced
from tests.doubles.netns import missing_in_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_tool("nft"), pytest.mark.needs_tool("ip")]
ROUTER = ("10.30.0.1", "10.20.0.1", "10.10.0.1", "10.11.0.1")
MANAGED = {(who, own, 22) for who in ("10.20.0.6", "10.10.0.5") for own in ROUTER}
WITHIN_OT = {
    ("10.10.0.2", "10.11.0.5", 502),
    ("10.11.0.5", "10.10.0.5", 8443),
    ("10.11.0.99", "10.10.0.5", 8443),
}
ACROSS = {("10.20.0.5", "10.10.0.2", 1502)}
OUTSIDE = {("10.30.0.9", "10.20.0.5", 443), ("10.30.0.99", "10.20.0.5", 443)}


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Enforced]:
    """One that tests share; each leaves it loaded, and no island."""
    if missing := missing_in_kernel():
        pytest.skip(missing)
    with enforced(tmp_path_factory.mktemp("firewall")) as plant:
        refused = plant.run("forwarding.sh")
        assert refused.returncode != 0, "without rules nothing is forwarded"
        plant.load()
        assert plant.run("forwarding.sh").returncode == 0
        yield plant


def test_everybody_reaches_what_the_site_file_declares_and_nothing_else(plant: Enforced) -> None:
    assert plant.all_reached() == MANAGED | WITHIN_OT | ACROSS | OUTSIDE


def test_who_sends_under_an_address_that_lies_elsewhere_is_dropped_whatever_the_rules_permit(
    plant: Enforced,
) -> None:
    dmz = plant.segments["dmz"]
    before = plant.refused("spoofed")
    # The historian's connection is permitted from its own segment, scada's is not from here.
    dmz.ip("addr", "add", "10.10.0.5/32", "dev", "eth0")
    try:
        with dmz.entered():
            knocking = socket.socket()
        with knocking:
            knocking.settimeout(0.5)
            knocking.bind(("10.10.0.5", 0))
            with pytest.raises(TimeoutError):
                knocking.connect(("10.20.0.1", 22))
    finally:
        dmz.ip("addr", "del", "10.10.0.5/32", "dev", "eth0")

    assert plant.refused("spoofed") > before


def test_one_sender_that_floods_is_held_and_others_still_connect(plant: Enforced) -> None:
    office = plant.segments["office"]
    flood = (
        "import socket\n"
        "held = []\n"
        "for number in range(900):\n"
        "    link = socket.socket(); link.setblocking(False); link.bind(('10.30.0.99', 0))\n"
        "    link.connect_ex(('10.20.0.5', 443)); held.append(link)\n"
    )
    before = plant.refused("flooded")
    office.run("python3", "-c", flood)
    with office.entered():
        other = socket.socket()
    with other:
        other.settimeout(3)
        other.bind(("10.30.0.9", 0))
        other.connect(("10.20.0.5", 443))

    assert plant.refused("flooded") > before


@contextmanager
def connection(plant: Enforced, segment: str, source: str, target: str, port: int) -> Iterator[socket.socket]:
    with plant.segments[segment].entered():
        link = socket.socket()
    with link:
        link.settimeout(3)
        link.bind((source, 0))
        link.connect((target, port))
        yield link


def unacknowledged(link: socket.socket) -> int:
    """Bytes that were sent and not acknowledged: SIOCOUTQ."""
    import fcntl
    import struct

    return int(struct.unpack("i", fcntl.ioctl(link, 0x5411, b"\0\0\0\0"))[0])


def is_acknowledged(link: socket.socket, patience_s: float) -> bool:
    import time

    link.send(b"x")
    end = time.monotonic() + patience_s
    while unacknowledged(link) and time.monotonic() < end:
        time.sleep(0.05)
    return unacknowledged(link) == 0


def test_an_island_cuts_open_connections_across_and_leaves_ot_and_the_management_alone(
    plant: Enforced,
) -> None:
    with (
        connection(plant, "dmz", "10.20.0.5", "10.10.0.2", 1502) as across,
        connection(plant, "control", "10.10.0.2", "10.11.0.5", 502) as within,
    ):
        said = plant.run("island.sh", "on")
        while_on = (is_acknowledged(across, 0.6), is_acknowledged(within, 3.0))
        reached = plant.all_reached()
        plant.run("island.sh", "off")
        # TCP itself sends again what was lost.
        after = is_acknowledged(across, 10.0)

    assert (said.returncode, said.stdout) == (0, "island: on\n")
    assert while_on == (False, True)
    assert reached == MANAGED | WITHIN_OT | OUTSIDE
    assert after


def test_an_island_of_essential_conduits_cuts_other_flows_between_ot_zones_too(plant: Enforced) -> None:
    said = plant.run("island.sh", "on", "essential")
    reached = plant.all_reached()
    plant.router.run("nft", "flush", "ruleset")
    plant.run("island.sh", "restore")
    plant.load()
    status = plant.run("island.sh", "status").stdout
    after_restart = plant.reached("field")
    plant.run("island.sh", "off")

    assert said.stdout == status == "island: on, between OT zones essential conduits only\n"
    assert reached == MANAGED | OUTSIDE | {("10.10.0.2", "10.11.0.5", 502)}
    assert after_restart == set()


def test_an_island_outlives_new_rules_and_a_restart_until_it_is_switched_off(plant: Enforced) -> None:
    plant.run("island.sh", "on")
    plant.load()
    after_reload = plant.reached("dmz")
    plant.router.run("nft", "flush", "ruleset")
    restored = plant.run("island.sh", "restore")
    plant.load()
    after_restart = plant.reached("dmz")
    said = [plant.run("island.sh", word).stdout for word in ("status", "off", "status", "off")]
    plant.run("island.sh", "restore")

    assert (after_reload, after_restart) == ({one for one in MANAGED if one[0] == "10.20.0.6"},) * 2
    assert restored.returncode == 0
    assert said == ["island: on\n", *["island: off\n"] * 3]
    assert plant.reached("dmz") == {one for one in MANAGED if one[0] == "10.20.0.6"} | ACROSS


# A filter from before, which permits all and has the kernel know connections.
OLDER = """\
table inet older {
    chain forward {
        type filter hook forward priority 10;
        ct state new,established accept
    }
}
"""


@pytest.mark.needs_tool("conntrack")
def test_what_was_open_before_the_rules_stays_until_it_is_forgotten_and_what_they_permit_goes_on(
    plant: Enforced,
) -> None:
    plant.router.run("nft", "flush", "ruleset")
    plant.router.nft(OLDER)
    with (
        connection(plant, "dmz", "10.20.0.5", "10.10.0.2", 1502) as permitted,
        connection(plant, "dmz", "10.20.0.99", "10.11.0.5", 502) as forbidden,
    ):
        plant.load()
        before = (is_acknowledged(permitted, 3.0), is_acknowledged(forbidden, 3.0))
        plant.router.run("conntrack", "-F")
        after = (is_acknowledged(permitted, 3.0), is_acknowledged(forbidden, 0.6))

    plant.router.run("nft", "delete", "table", "inet", "older")

    assert before == (True, True)
    assert after == (True, False)
