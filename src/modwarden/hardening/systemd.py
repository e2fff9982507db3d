"""
systemd's units of a guard's host: rules, forwarding, guard, in this order.

Kept true here: rules are loaded before any network is up, and stay when the guard or their own unit stops;
forwarding needs them; the guard that hangs is ended by the watchdog, for rules alone cannot tell its clients.
"""

from collections.abc import Iterable

from modwarden.hardening.conduits import diverted_conduits
from modwarden.hardening.file import DIRECTORY, UNITS, HostFile, written_from
from modwarden.model import AssetName, Site

# The data loop says at each half of it that it lives. Long for a loop, short for whoever waits for a plant.
_WATCHDOG_S = 10

_RULES = f"""\
[Unit]
Description=Modwarden: rules that divert Modbus to the guard, and refuse it while there is none
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target shutdown.target
Conflicts=shutdown.target
After=local-fs.target systemd-modules-load.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f {DIRECTORY}/rules.nft
ExecStart={DIRECTORY}/routes.sh
ExecReload=/usr/sbin/nft -f {DIRECTORY}/rules.nft
ExecReload={DIRECTORY}/routes.sh
# No ExecStop: the rules stay until somebody deletes them by hand.

[Install]
WantedBy=sysinit.target
"""

_FORWARDING = f"""\
[Unit]
Description=Modwarden: forwarding between clients and servers
Requires=modwarden-rules.service
After=modwarden-rules.service network-online.target
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={DIRECTORY}/forwarding.sh
ExecStop={DIRECTORY}/forwarding.sh stop

[Install]
WantedBy=multi-user.target
"""

_GUARD = """\
[Unit]
Description=Modwarden: guard {guard}
Requires=modwarden-rules.service
Wants=modwarden-forwarding.service
After=modwarden-rules.service modwarden-forwarding.service network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
User=modwarden
ExecStart=/usr/bin/env modwarden run "{site}" --as {guard} --only guard --state /var/lib/modwarden/state
ExecReload=/bin/kill -HUP $MAINPID
WatchdogSec={watchdog_s}
WatchdogSignal=SIGKILL
Restart=always
RestartSec=1
# 2: the site file is wrong and none was ever good; a restart mends nothing.
RestartPreventExitStatus=2
LimitNOFILE=65536
StateDirectory=modwarden
AmbientCapabilities=CAP_NET_ADMIN CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
ProtectHome=yes
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK

[Install]
WantedBy=multi-user.target
"""


def render_units(site: Site, guard: AssetName) -> Iterable[HostFile]:
    """Write the three units."""
    conduits = diverted_conduits(site, guard)
    if not conduits:
        return
    head = "\n".join(written_from(site, guard, [conduit.conduit.origin for conduit in conduits])) + "\n\n"
    guard_unit = _GUARD.format(guard=guard, site=_quoted(str(site.path.absolute())), watchdog_s=_WATCHDOG_S)
    for name, text in (
        ("modwarden-rules.service", _RULES),
        ("modwarden-forwarding.service", _FORWARDING),
        ("modwarden-guard.service", guard_unit),
    ):
        yield HostFile(name, f"{UNITS}/{name}", head + text)


def _quoted(path: str) -> str:
    """Escape what systemd would read as more than itself within quotes."""
    return path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
