"""
Measure the zone proof on a site of 50 zones, 2,000 assets and 5,000 firewall rules.

`python -m bench.zones` draws the site (the same for the same seed), proves it a few times, each in a process
of its own, and prints the medians. No core, no network and no build is needed.
"""

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ZONES = 50
ASSETS_PER_ZONE = 41
RULES = 5_000
_LEVELS = (0, 1, 2, 3, 3)
_MEASURE = """
import resource, sys, time
from pathlib import Path
from modwarden.site import load_site
from modwarden.site.proof import prove
started = time.perf_counter()
site = load_site(Path(sys.argv[1]))
read = time.perf_counter()
proof = prove(site)
done = time.perf_counter()
print(read - started, done - read, time.process_time(), len(proof.findings), proof.routers, len(site.assets),
      resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def main() -> None:
    """Draw, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--routers", type=int, default=5, help="1: all rules in one rule set")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site = draw_site(Path(folder), arguments.routers, random.Random(arguments.seed))  # noqa: S311
        rounds = [_round(site) for _ in range(arguments.rounds)]
    read, proven, processor, findings, routers, assets, megabytes = (
        statistics.median(column) for column in zip(*rounds, strict=True)
    )
    spent = f"{processor:.2f} s of processor time in all, {megabytes:.0f} MB"
    print(
        f"{ZONES} zones, {assets:.0f} assets, {RULES} rules on {routers:.0f} routers: {findings:.0f} findings"
    )
    print(f"read {read:.2f} s, proven {proven:.2f} s ({spent})")


def _round(site: Path) -> tuple[float, ...]:
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(site)], capture_output=True, text=True, check=True
    )
    return tuple(float(word) for word in done.stdout.split())


def draw_site(folder: Path, routers: int, rng: random.Random) -> Path:
    """Write a site file and the rule sets of its routers, which share a transit network."""
    levels = [5, *(rng.choice(_LEVELS) for _ in range(ZONES - 2))]
    lines = ["modwarden: 1", "site: Large", "zones:", "  transit: {level: 2, networks: [10.200.0.0/24]}"]
    lines += [
        f"  z{zone}: {{level: {level}, networks: [10.{zone}.0.0/16]}}" for zone, level in enumerate(levels)
    ]
    lines.append("assets:")
    for zone in range(len(levels)):
        addresses = f'"10.{zone}.1.[1-{ASSETS_PER_ZONE}]"'
        name = f'"z{zone}-plc-[001-{ASSETS_PER_ZONE:03d}]"'
        lines.append(f"  {name}: {{zone: z{zone}, addresses: [{addresses}], unit_ids: [1]}}")
    for number in range(routers):
        lines.append(_router(number, range(number, len(levels), routers)))
        (folder / f"fw{number}.nft").write_text(
            "\n".join(_rules(rng, RULES // routers)) + "\n", encoding="utf-8"
        )
    (folder / "site.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "site.yaml"


def _router(number: int, zones: range) -> str:
    legs = ", ".join(f"e{zone}: [10.{zone}.0.1]" for zone in zones)
    interfaces = f"{{bb0: [10.200.0.{number + 1}], {legs}}}"
    rulesets = f"[{{file: fw{number}.nft}}]"
    return f"  fw{number}: {{zone: transit, interfaces: {interfaces}, forwards: true, rulesets: {rulesets}}}"


def _rules(rng: random.Random, count: int) -> Iterator[str]:
    """Write rules of many shapes, one in five a drop, one in twenty for every zone."""
    yield "table inet filter {\n  chain forward {\n    type filter hook forward priority 0; policy drop;"
    yield "    ct state established,related accept"
    for _ in range(count):
        one, other = rng.randrange(ZONES - 1), rng.randrange(ZONES - 1)
        host = rng.randint(1, 20)
        sources = [f"10.{one}.1.{host}", f"10.{one}.0.0/16", f"10.{one}.1.{host}-10.{one}.1.{host + 20}"]
        source = "10.0.0.0/8" if rng.random() < 0.05 else rng.choice(sources)
        target = rng.choice([f"10.{other}.1.{host}", f"10.{other}.1.0/28"])
        ports = rng.choice(["502", "443", "22", "1000-2000", "{ 80, 443 }"])
        verdict = rng.choices(["accept", "drop"], [4, 1])[0]
        yield f"    ip saddr {source} ip daddr {target} tcp dport {ports} {verdict}"
    yield "  }\n}"


if __name__ == "__main__":
    main()
