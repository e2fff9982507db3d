"""
systemd's units of an enforcement point: rules, forwarding, guard, in this order.

Kept true here:
* rules are loaded before any network is up, and stay when the guard or their own unit stops;
* forwarding needs them;
* where the distribution's nftables.service flushes all rules, ours are loaded after it and again with it, and
  forwarding ends with it;
* the guard that hangs is ended by the watchdog, for rules alone cannot tell its clients.
"""

from collections.abc import Iterable, Iterator

from modwarden.hardening.conduits import diverted_conduits
from modwarden.hardening.file import DIRECTORY, UNITS, HostFile, written_from
from modwarden.hardening.guard_unit import guard_unit
from modwarden.hardening.island import may_be_island
from modwarden.hardening.point import Point
from modwarden.model import AssetName, Site, TunnelKind

RULES_UNIT, FORWARDING_UNIT, GUARD_UNIT = (
    f"modwarden-{word}.service" for word in ("rules", "forwarding", "guard")
)

_RULES = """\
[Unit]
Description=Modwarden: {what}
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target shutdown.target
Conflicts=shutdown.target
After=local-fs.target systemd-modules-load.service nftables.service
# It flushes the rules of all when it starts, reloads and stops.
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
{starts}
{reloads}
# No ExecStop: the rules stay until somebody deletes them by hand.

[Install]
WantedBy=sysinit.target
"""

_FORWARDING = f"""\
[Unit]
Description=Modwarden: forwarding between interfaces
Requires={RULES_UNIT}
After={RULES_UNIT} network-online.target{{tunnels}}
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={DIRECTORY}/forwarding.sh
ExecReload={DIRECTORY}/forwarding.sh
ExecStop={DIRECTORY}/forwarding.sh stop

[Install]
WantedBy=multi-user.target
"""


def render_units(site: Site, asset: AssetName) -> Iterable[HostFile]:
    """Write the units that this enforcement point needs."""
    point = Point.of(site, asset)
    origins = [point.asset.origin, *(one.conduit.origin for one in diverted_conduits(site, asset))]
    origins += [conduit.origin for conduit in site.conduits.values() if conduit.guard == asset]
    for name, text, serves in _units(point):
        head = "\n".join(written_from(site, asset, origins, serves)) + "\n\n"
        yield HostFile(name, f"{UNITS}/{name}", head + text)


def _units(point: Point) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    # An island that was switched on is one before anything can cross.
    commands = [f"{DIRECTORY}/island.sh restore"] if may_be_island(point) else []
    commands.append(f"/usr/sbin/nft -f {DIRECTORY}/rules.nft")
    commands += [f"{DIRECTORY}/routes.sh"] if point.is_transparent else []
    yield (
        RULES_UNIT,
        _RULES.format(
            what=_what(point),
            starts="\n".join(f"ExecStart={command}" for command in commands),
            reloads="\n".join(f"ExecReload={command}" for command in commands),
        ),
        ("SR 5.2 RE 2", "SR 5.2 RE 3"),
    )
    if point.is_transparent or point.forwards:
        tunnels = "".join(f" {unit}" for unit in _tunnel_units(point))
        yield FORWARDING_UNIT, _FORWARDING.format(tunnels=tunnels), ("SR 5.2 RE 3",)
    if point.is_guard:
        needs = [RULES_UNIT, *([FORWARDING_UNIT] if point.is_transparent else [])]
        yield GUARD_UNIT, guard_unit(point, needs), ("SR 3.4", "SR 5.4", "SR 7.7")


def _tunnel_units(point: Point) -> Iterator[str]:
    for tunnel, _ in point.site.tunnel_ends(point.name):
        if tunnel.kind is TunnelKind.WIREGUARD:
            yield f"modwarden-wireguard-{tunnel.name}.service"


def _what(point: Point) -> str:
    if point.is_transparent:
        return "rules that divert Modbus to the guard, and refuse it while there is none"
    return "the packet filter, closed but for what the site file names"
