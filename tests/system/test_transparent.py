"""Transparent insertion in network namespaces: client, guard's host, server, and what reaches whom."""

from __future__ import annotations

import signal
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.doubles.diverted import ROUTED, SAME_SUBNET, Diverted, Plan, diverted
from tests.doubles.guard import is_stopped, wait_until
from tests.doubles.knocks import knock_icmp, knock_in_fragments, knock_sctp, knock_tcp, knock_udp
from tests.doubles.netns import missing_in_kernel
from tests.doubles.service_manager import ServiceManager
from tests.doubles.talk import EndedError, read, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_tool("nft"), pytest.mark.needs_tool("ip")]
AT_ONCE_S = 1.0
# Before or behind the end of connect, as it comes.
RESET = (EndedError, ConnectionError)
LAYOUTS = pytest.mark.parametrize("plan", [ROUTED, SAME_SUBNET], ids=lambda plan: plan.layout)
RUNNING = pytest.mark.parametrize("running", ["routed", "same_subnet"], indirect=True)


@pytest.fixture(scope="module", autouse=True)
def _kernel() -> None:
    if missing := missing_in_kernel():
        pytest.skip(missing)


@pytest.fixture
def plan() -> Plan:
    return ROUTED


@pytest.fixture
def scene(tmp_path: Path, plan: Plan) -> Iterator[Diverted]:
    with diverted(tmp_path, plan) as scene:
        yield scene


@contextmanager
def started(folder: Path, plan: Plan, transparent: str = "") -> Iterator[Diverted]:
    with diverted(folder, plan, transparent=transparent) as scene:
        scene.start()
        yield scene


@pytest.fixture(scope="module")
def routed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Diverted]:
    """One that tests share which leave it as it was."""
    with started(tmp_path_factory.mktemp("routed"), ROUTED) as scene:
        yield scene


@pytest.fixture(scope="module")
def same_subnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Diverted]:
    with started(tmp_path_factory.mktemp("same_subnet"), SAME_SUBNET) as scene:
        yield scene


@pytest.fixture(scope="module")
def by_choice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Diverted]:
    """Where servers see the guard's address, and something else may pass."""
    words = 'client_address: guard, also_pass: [icmp, "tcp 80"]'
    with started(tmp_path_factory.mktemp("by_choice"), ROUTED, words) as scene:
        yield scene


@pytest.fixture
def running(request: pytest.FixtureRequest) -> Diverted:
    found: Diverted = request.getfixturevalue(request.param)
    return found


def knock_everywhere(scene: Diverted) -> dict[str, tuple[str, float]]:
    """Every way past a guard that is not there; TCP's tell how they ended."""
    server = scene.plan.server
    ended = {
        f"{address}:{port}": knock_tcp(scene.client, address, port)
        for address in (server, "fd00:2::17")
        for port in (502, 802)
    }
    ended["another port"] = knock_tcp(scene.client, server, 80)
    for address in (server, "fd00:2::17"):
        for count in (8, 4000):
            ended[f"UDP {address}, {count} bytes"] = (knock_udp(scene.client, address, 502, count), 0.0)
    knock_in_fragments(scene.client, scene.plan.client, server, 502)
    knock_sctp(scene.client, scene.plan.client, server, 502)
    knock_icmp(scene.client, server)
    return ended


def assert_closed(scene: Diverted) -> None:
    """No packet reaches the server, and each client hears so at once."""
    before = scene.settled()
    ended = knock_everywhere(scene)

    assert scene.arrived() == before
    assert {how for how, _ in ended.values()} == {"ECONNREFUSED"}, ended
    assert max(after for _, after in ended.values()) < AT_ONCE_S, ended


@RUNNING
def test_a_client_reaches_its_server_under_its_own_address_and_the_record_names_both(
    running: Diverted,
) -> None:
    with running.talk() as talk:
        answers = [talk.ask(write(7, 4711)).hex()]
    with running.talk6() as talk:
        answers.append(talk.ask(read(9)).hex())
    wait_until(lambda: len(requests(running)) >= 3, "the rows of both requests")

    assert ({running.plan.client}, {"fd00:1::5"}) == (set(running.plc.peers), set(running.plc6.peers))
    assert answers == ["0600071267", "03020000"]
    assert requests(running) == {
        ("hmi-1", "plc-1", running.plan.server, "request.permitted", 7),
        ("hmi-1", "plc-1", running.plan.server, "request.outcome", 7),
        ("hmi-1", "plc-1", "fd00:2::17", "request.permitted", 9),
    }


def requests(scene: Diverted) -> set[tuple[str, str, str, str, int]]:
    """Who asked whom at which address, of the requests at addresses 7 and 9."""
    rows = [row for row in scene.guard.records() if row.get("address") in {7, 9}]
    keys = ("client", "server", "server_address", "kind", "address")
    return {tuple(row[key] for key in keys) for row in rows}


def test_what_no_rule_permits_is_refused_and_what_no_one_declared_is_reset_and_recorded(
    routed: Diverted,
) -> None:
    scene = routed
    scene.server.ip("addr", "add", "10.77.2.99/24", "dev", "eth0")
    scene.client.ip("addr", "add", "10.77.1.6/24", "dev", "eth0")
    with scene.client.entered():
        stranger = socket.create_connection((scene.plan.server, 502), 5, source_address=("10.77.1.6", 0))
    with stranger:
        stranger.sendall(bytes.fromhex("0001 0000 0006 01 03 0000 0001"))
        refused = stranger.recv(64)
    before = scene.settled()
    for address in ("10.77.2.99", "10.77.2.98"):
        # The guard takes the connection to know it, and resets it.
        with pytest.raises(RESET), scene.talk_to((address, 502)) as talk:
            talk.ask(read())
    after = scene.arrived()
    rows = scene.guard.records("--kind", "session.refused")

    assert refused.hex(" ") == "00 01 00 00 00 03 01 83 01"
    assert after == before
    assert [(row["server_address"], row["reason"]) for row in rows] == [
        (address, f"undeclared_destination: {address}:502") for address in ("10.77.2.99", "10.77.2.98")
    ]
    assert scene.guard.status()["limits"]["undeclared_destination"] == 2


@LAYOUTS
def test_while_no_guard_was_ever_started_nothing_passes(scene: Diverted) -> None:
    scene.load_rules()
    scene.forward()

    assert_closed(scene)


def test_the_rules_that_divert_would_alone_fail_open(scene: Diverted) -> None:
    """What the second table is for; and the proof that each knock of the other tests would arrive."""
    scene.load_rules()
    scene.forward()
    scene.gate.run("nft", "delete", "table", "inet", "modwarden_closed")
    ended = knock_everywhere(scene)
    arrived = scene.arrived()

    assert {ended[f"{address}:502"][0] for address in (scene.plan.server, "fd00:2::17")} == {"connected"}
    assert min(arrived.values()) > 0


@pytest.mark.parametrize(
    ("plan", "end"),
    [(ROUTED, "stopped"), (ROUTED, "killed"), (SAME_SUBNET, "killed")],
    ids=["routed-stopped", "routed-killed", "same_subnet-killed"],
)
def test_a_guard_that_is_gone_leaves_nothing_open_and_its_clients_hear_so_at_once(
    scene: Diverted, end: str
) -> None:
    scene.start()
    with scene.talk() as old:
        old.ask(read())
        if end == "stopped":
            scene.guard.stop()
        else:
            scene.guard.kill()
        scene.settled()
        with pytest.raises(RESET):
            old.ask(write(1, 1))

    assert scene.plc.writes == []
    assert_closed(scene)


def test_a_hung_guard_lets_nothing_pass_and_its_clients_are_reset_when_the_watchdog_ends_it(
    scene: Diverted, tmp_path: Path
) -> None:
    with ServiceManager(tmp_path, watchdog_s=1.5) as manager:
        scene.guard.environment = manager.environment
        scene.start()
        wait_until(lambda: "WATCHDOG=1" in manager.heard, "the data loop says that it lives")
        with scene.talk() as talk:
            talk.ask(read())
            before = scene.settled()
            assert scene.guard.process is not None
            scene.guard.process.send_signal(signal.SIGSTOP)
            wait_until(lambda: is_stopped(scene.guard.pid), "each of its threads has stopped")
            talk.send(write(1, 1))
            meanwhile = knock_tcp(scene.client, scene.plan.server, 502)
            while_hung = scene.arrived()
            # Only now: a killed guard's connections end at the server too.
            manager.watch(scene.guard.kill)
            assert manager.has_killed.wait(10)
            ended_at = time.monotonic()
            with pytest.raises(EndedError):
                talk.receive()
            heard_after = time.monotonic() - ended_at

    assert meanwhile[0] == "connected"  # by the kernel, which still listens for the guard
    assert while_hung == before
    assert heard_after < AT_ONCE_S
    assert scene.plc.writes == []
    assert_closed(scene)


@pytest.mark.parametrize(
    ("plan", "guard"),
    [(ROUTED, "guarded"), (SAME_SUBNET, "unguarded")],
    ids=["routed-guarded", "same_subnet-unguarded"],
)
def test_a_connection_older_than_the_rules_is_reset_and_carries_nothing_more(
    scene: Diverted, guard: str
) -> None:
    scene.harden()
    # As it was before: a router, or for one subnet the same answers to ARP, and no rules.
    scene.gate.nft("table inet modwarden_closed {}")
    scene.forward()
    with scene.talk() as old:
        old.ask(write(1, 1))
        scene.load_rules()
        if guard == "guarded":
            scene.guard.start()
        before = scene.settled()["from_client"]
        with pytest.raises(EndedError):
            old.ask(write(1, 2))

        assert scene.arrived()["from_client"] == before
    assert [one.values for one in scene.plc.writes] == [(1,)]


def test_nothing_is_forwarded_before_the_rules_are_loaded(scene: Diverted) -> None:
    scene.harden()
    refused = scene.gate.run(str(scene.folder / "host" / "forwarding.sh"), check=False)
    knock_tcp(scene.client, scene.plan.server, 502)

    assert refused.returncode != 0
    assert scene.arrived()["from_client"] == 0


def test_rules_that_are_loaded_again_cost_no_open_connection(routed: Diverted) -> None:
    with routed.talk() as talk:
        talk.ask(read())
        routed.load_rules()

        assert talk.ask(read())[0] == 0x03


def test_where_the_operator_chose_open_clients_pass_and_the_next_start_says_for_how_long(
    tmp_path: Path,
) -> None:
    with diverted(tmp_path, options="on_failure: {guard: open}") as scene:
        scene.start()
        with scene.talk() as talk:
            talk.ask(write(1, 1))
        scene.guard.kill()
        time.sleep(1.2)
        with scene.talk() as talk:
            talk.ask(write(1, 2))
            scene.guard.start()
            # Began while nobody looked: it must begin anew, and be asked.
            with pytest.raises(EndedError):
                talk.ask(write(1, 3))
        others = {
            knock_tcp(scene.client, scene.plan.server, 80)[0],
            knock_udp(scene.client, "fd00:2::17", 502),
        }
        away = scene.guard.records("--kind", "guard.away")
        status, metrics = scene.guard.status(), scene.guard.control.metrics()

    assert [one.values for one in scene.plc.writes] == [(1,), (2,)]
    assert others == {"ECONNREFUSED"}
    assert [(row["conduit"], row["reason"].split(":")[0]) for row in away] == [("plant", "failed_open")]
    told = status["unguarded"][0]
    assert status["fails_open"] == ["plant"]
    assert 1.0 < told["seconds"] < 15
    assert told["packets"] >= 3
    assert 'modwarden_conduit_fails_open{conduit="plant"} 1' in metrics
    assert f'modwarden_guard_away_packets{{conduit="plant"}} {told["packets"]}' in metrics


def test_a_start_without_rules_or_routes_is_refused_and_says_which_and_how(scene: Diverted) -> None:
    scene.guard.spawn()
    code = scene.guard.wait()
    said = scene.guard.log

    assert code != 0
    for part in (
        "modwarden_divert: no rule diverts IPv4 from c0 to port 15502 for conduit 'plant'",
        "modwarden_divert: no rule diverts IPv6",
        "modwarden_closed: nothing refuses TCP towards s0 while 'plant' has no guard",
        "ip -4 rule: nothing leads mark 0x4d57 to table 19799",
        "ip -6 route: table 19799 does not deliver here",
        "modwarden harden SITE -o DIR",
    ):
        assert part in said, said


def test_a_host_without_ipv6_guards_servers_that_have_none(tmp_path: Path) -> None:
    with diverted(tmp_path, ROUTED) as scene:
        text = scene.guard.site.read_text()
        scene.guard.site.write_text(
            text.replace(f'[{scene.plan.server}, "fd00:2::17"]', f"[{scene.plan.server}]")
        )
        scene.gate.sysctl("net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.lo.disable_ipv6=1")
        scene.start()
        with scene.talk() as talk:
            assert talk.ask(read())[0] == 0x03


def test_a_rule_that_is_missing_alone_is_named_alone(scene: Diverted) -> None:
    scene.load_rules()
    scene.gate.run("nft", "flush", "chain", "inet", "modwarden_closed", "closed")
    scene.guard.spawn()
    scene.guard.wait()

    assert "nothing refuses TCP towards s0" in scene.guard.log
    assert "no rule diverts" not in scene.guard.log


def test_of_all_capabilities_one_is_enough(scene: Diverted) -> None:
    scene.guard.prefix = ("setpriv", "--bounding-set=-all,+net_admin", "--inh-caps=-all")
    scene.start()
    with scene.talk() as talk:
        assert talk.ask(read())[0] == 0x03
    assert scene.plc.peers == [scene.plan.client]


def test_without_the_capability_the_start_says_that_it_is_needed(scene: Diverted) -> None:
    scene.load_rules()
    scene.guard.prefix = ("setpriv", "--bounding-set=-net_admin")
    scene.guard.spawn()
    code = scene.guard.wait()

    assert code != 0
    assert "CAP_NET_ADMIN" in scene.guard.log


def test_a_reload_that_the_loaded_rules_do_not_fit_is_refused_and_one_that_fits_takes_a_server_away(
    scene: Diverted,
) -> None:
    scene.start()
    text = scene.guard.site.read_text()
    scene.guard.site.write_text(
        text.replace("    guard: gate-1\n", "    guard: gate-1\n    on_failure: {guard: open}\n")
    )
    refused = scene.guard.control.reload()
    scene.load_rules()
    taken = scene.guard.control.reload()

    assert not refused.is_in_force
    assert "closes 'plant' without a guard, yet the site file says `guard: open`" in refused.line
    assert taken.is_in_force
    with scene.talk() as talk:
        talk.ask(read())
        scene.guard.site.write_text(text.replace(f'[{scene.plan.server}, "fd00:2::17"]', '["fd00:2::17"]'))
        scene.load_rules()
        assert scene.guard.control.reload().is_in_force
        with pytest.raises(RESET), scene.talk() as later:
            later.ask(read())
        with scene.talk6() as still:
            assert still.ask(read())[0] == 0x03


def test_by_the_operator_s_choice_servers_see_the_guard_s_own_address(by_choice: Diverted) -> None:
    with by_choice.talk() as talk:
        talk.ask(read())

    assert set(by_choice.plc.peers) == {"10.77.2.1"}


def test_an_observing_conduit_passes_what_comes_and_records_what_it_would_refuse(tmp_path: Path) -> None:
    with diverted(tmp_path, options="verdicts: observe") as scene:
        scene.start()
        scene.client.ip("addr", "add", "10.77.1.6/24", "dev", "eth0")
        with scene.talk_to((scene.plan.server, 502), source="10.77.1.6") as talk:
            answer = talk.ask(read())
        scene.guard.stop()
        rows = scene.guard.records("--kind", "request.observed")

    assert answer[0] == 0x03
    assert scene.plc.peers == ["10.77.1.6"]
    assert [(row["client_address"], row["verdict"]) for row in rows] == [("10.77.1.6", "deny")]


def test_what_else_may_pass_is_what_the_operator_named_and_only_from_clients(by_choice: Diverted) -> None:
    scene = by_choice
    pings = [
        knock_icmp(host, address)
        for host, address in ((scene.client, scene.plan.server), (scene.server, scene.plan.client))
    ]
    web, other = (knock_tcp(scene.client, scene.plan.server, port)[0] for port in (80, 81))
    counted = scene.gate.run("nft", "list", "table", "inet", "modwarden_closed").stdout
    from_server = knock_tcp(scene.server, scene.plan.client, 80, patience_s=0.5)[0]

    assert pings == [True, False]
    # Nobody listens at 80: the server itself refused, so that the packet had arrived.
    assert (web, other, from_server) == ("ECONNREFUSED", "ECONNREFUSED", "timed out")
    assert 'tcp dport 80 counter packets 1 bytes 60 accept comment "plant: also tcp 80"' in counted


@pytest.mark.needs_tool("mbpoll")
@RUNNING
def test_mbpoll_reads_and_writes_at_the_server_s_own_address(running: Diverted) -> None:
    scene = running
    poll = ["mbpoll", "-m", "tcp", "-a", "1", "-0", "-r", "5", "-1", "-q", scene.plan.server]
    written = scene.client.run(*poll, "4242")
    found = scene.client.run(*poll)

    assert "Written 1 references" in written.stdout
    assert "4242" in found.stdout
    assert set(scene.plc.peers) == {scene.plan.client}
