"""
The unit of a guard: what its process may touch, and how it is watched.

Kept true here:
* the guard has no privilege that its conduits do not need, and can write to its state, journal and keys only;
* one that hangs is ended and begins anew.
"""

from collections.abc import Iterable

from modwarden.hardening.needs import Need, NeedKind
from modwarden.hardening.nft_words import FAMILIES, prefix_words
from modwarden.hardening.places import union
from modwarden.hardening.point import Point
from modwarden.model import Conduit, SerialPort
from modwarden.site.rulesets.sets import IntervalSet

# The data loop says at each half of it that it lives. Long for a loop, short for whoever waits for a plant.
_WATCHDOG_S = 10
STATE = "/var/lib/modwarden"

_GUARD = """\
[Unit]
Description=Modwarden: guard {guard}
{needs}StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
User=modwarden
ExecStart=/usr/bin/env modwarden run "{site}" --as {guard} --only guard --state {state}/state
ExecReload=/bin/kill -HUP $MAINPID
WatchdogSec={watchdog_s}
WatchdogSignal=SIGKILL
Restart=always
RestartSec=1
# 2: the site file is wrong and none was ever good; a restart mends nothing.
RestartPreventExitStatus=2
LimitNOFILE=65536
{sandbox}

[Install]
WantedBy=multi-user.target
"""


def guard_unit(point: Point, units: list[str]) -> str:
    """Write the unit; `units` are those that come before it."""
    first, *wanted = units
    needs = [
        f"Requires={first}",
        *(f"Wants={unit}" for unit in wanted),
        f"After={' '.join(units)} network-online.target",
        *([] if wanted else ["Wants=network-online.target"]),
    ]
    return _GUARD.format(
        guard=point.name,
        needs="".join(f"{line}\n" for line in needs),
        site=_quoted(str(point.site.path.absolute())),
        state=STATE,
        watchdog_s=_WATCHDOG_S,
        sandbox="\n".join(_sandbox(point)),
    )


def _sandbox(point: Point) -> Iterable[str]:
    conduits = [one for one in point.site.conduits.values() if one.guard == point.name]
    capabilities = _capabilities(point, conduits)
    yield "StateDirectory=modwarden"
    yield "StateDirectoryMode=0750"
    yield from (f'ReadWritePaths="{_quoted(path)}"' for path in written_paths(point))
    yield "UMask=0077"
    yield f"AmbientCapabilities={capabilities}"
    yield f"CapabilityBoundingSet={capabilities}"
    yield "NoNewPrivileges=yes"
    # In a user namespace of its own a capability would say nothing about the host's network.
    yield f"PrivateUsers={'no' if capabilities else 'yes'}"
    yield from _devices(conduits, point)
    yield from _PLAIN
    families = "AF_INET AF_INET6 AF_UNIX" + (" AF_NETLINK" if point.is_transparent else "")
    yield f"RestrictAddressFamilies={families}"
    if not point.is_transparent:
        # A transparent guard has to refuse whoever comes, and record it.
        yield from _peers(point)
    yield from _CALLS


def _peers(point: Point) -> Iterable[str]:
    """Hold the process itself to its clients and servers, should the host's rules be gone."""
    peers = union(
        side
        for need in point.needs
        if need.kind in (NeedKind.CLIENTS, NeedKind.SERVERS, NeedKind.SYSLOG)
        for side in _others(point, need)
    )
    yield "IPAddressDeny=any"
    for version in FAMILIES:
        if words := prefix_words(peers, version):
            yield f"IPAddressAllow={' '.join(words)}"


def _others(point: Point, need: Need) -> Iterable[IntervalSet]:
    if need.begun_by == point.name:
        yield from (target.addresses for target in need.targets)
    elif any(not (target.addresses & point.own).is_empty for target in need.targets):
        yield need.source | need.nearby


def written_paths(point: Point) -> list[str]:
    """List what the guard writes to outside its state directory."""
    journal = point.site.journal
    places = [str(path.absolute()) for path in (journal.directory, journal.keys)]
    return [path for path in places if not path.startswith(f"{STATE}/")]


def _capabilities(point: Point, conduits: list[Conduit]) -> str:
    held = []
    if point.is_transparent:
        held.append("CAP_NET_ADMIN")
    listeners = [] if point.is_transparent else [at for one in conduits for at in point.site.listeners(one)]
    if any(at.port < 1024 for at in listeners):
        held.append("CAP_NET_BIND_SERVICE")
    return " ".join(held)


def _devices(conduits: list[Conduit], point: Point) -> Iterable[str]:
    ports = sorted(_ports(conduits, point))
    if not ports:
        yield "PrivateDevices=yes"
        return
    yield "DevicePolicy=closed"
    yield from (f"DeviceAllow={_quoted(port)} rw" for port in ports)
    yield "SupplementaryGroups=dialout"


def _ports(conduits: list[Conduit], point: Point) -> set[str]:
    assets = [point.site.assets[one.asset] for conduit in conduits for one in conduit.servers]
    ports: list[SerialPort] = [asset.serial for asset in assets if asset.serial is not None]
    ports += [
        one.listen for conduit in conduits for one in conduit.servers if isinstance(one.listen, SerialPort)
    ]
    return {port.port for port in ports}


_PLAIN = (
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "PrivateMounts=yes",
    "PrivateIPC=yes",
    "ProtectHostname=yes",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "ProtectProc=invisible",
    "ProcSubset=pid",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "RemoveIPC=yes",
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "KeyringMode=private",
)
_CALLS = (
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged @resources",
    # To ask whether the clock is disciplined; to set it would need a capability.
    "SystemCallFilter=adjtimex clock_adjtime",
    # To put the sealing of the journal behind all else; to step before others would need a capability.
    "SystemCallFilter=setpriority",
    "SystemCallErrorNumber=EPERM",
)


def _quoted(path: str) -> str:
    """Escape what systemd would read as more than itself within quotes."""
    return path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
