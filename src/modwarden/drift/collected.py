"""
What a host runs, as files: its own tools' output and the kernel's tables, for a look here or elsewhere.

Kept true here:
* nothing of the host is changed, and no key leaves it: of WireGuard's the public ones are kept;
* what cannot be had is named with its reason, and never taken for empty.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modwarden.errors import ModwardenError

ABOUT = "about.json"
_FORM = 1
_TIMEOUT_S = 30.0
# An unprivileged user's path often lacks them.
_SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
# Each a file, the program that prints it, and whether a host may well do without.
_TOLD: dict[str, tuple[str, ...]] = {
    "nft.json": ("nft", "-j", "list", "ruleset"),
    "iptables.v4": ("iptables-save",),
    "ip6tables.v6": ("ip6tables-save",),
    "addresses.json": ("ip", "-j", "addr"),
    "routes4.json": ("ip", "-4", "-j", "route", "show", "table", "all"),
    "routes6.json": ("ip", "-6", "-j", "route", "show", "table", "all"),
    "rules4.json": ("ip", "-4", "-j", "rule"),
    "rules6.json": ("ip", "-6", "-j", "rule"),
    "wireguard.dump": ("wg", "show", "all", "dump"),
    # Policies hold no key; those stand in the states, which nobody asks for.
    "xfrm.policy": ("ip", "xfrm", "policy"),
}
_OPTIONAL = frozenset({
    "iptables.v4", "ip6tables.v6", "iptables-legacy.v4", "ip6tables-legacy.v6", "wireguard.dump",
})  # fmt: skip
# A kernel without IPsec has no policy of it.
_NO_XFRM = "Protocol not supported"
# Rules that the kernel runs beside nf_tables, and which `nft` does not list: where, who prints them, and in
# which file they are already if the host's own program is the old one.
_LEGACY = {
    "iptables-legacy.v4": ("ip_tables_names", "iptables-legacy-save", "iptables.v4"),
    "ip6tables-legacy.v6": ("ip6_tables_names", "ip6tables-legacy-save", "ip6tables.v6"),
}
_SOCKETS = ("tcp", "tcp6", "udp", "udp6")
_SETTINGS = (
    "ipv4/ip_forward",
    "ipv4/ip_local_port_range",
    "ipv4/conf/*/forwarding",
    "ipv6/conf/*/forwarding",
)
_SOCKET_LINK = re.compile(r"socket:\[(\d+)\]")
NAMES = (*_TOLD, *_LEGACY, *_SOCKETS, "holders.json", "settings.json", ABOUT)
# Columns of `wg show all dump` that hold a secret, in the line of an interface and of a peer.
_SECRET_OF_INTERFACE, _SECRET_OF_PEER, _INTERFACE_COLUMNS = 1, 2, 5


class CollectError(ModwardenError):
    """A folder is none that `modwarden drift --collect` wrote, or may not be written to."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Collected:
    """Files by name, and what is missing with its reason."""

    at: datetime
    files: Mapping[str, str]
    missing: Mapping[str, str] = field(default_factory=dict)


def collect() -> Collected:
    """Look at this host: the network namespace that this process is in."""
    files: dict[str, str] = {}
    missing: dict[str, str] = {}
    for name, ask in _asked():
        try:
            files[name] = ask()
        except FileNotFoundError as error:
            if name not in _OPTIONAL:
                missing[name] = f"{error.filename} is not there"
        except (OSError, subprocess.SubprocessError) as error:
            missing[name] = _reason(error)
    if _NO_XFRM in missing.get("xfrm.policy", ""):
        files["xfrm.policy"] = ""
        del missing["xfrm.policy"]
    for name in _LEGACY:
        _take_legacy(name, files, missing)
    return Collected(datetime.now(UTC).replace(microsecond=0), files, missing)


def _take_legacy(name: str, files: dict[str, str], missing: dict[str, str]) -> None:
    """Take the rules of the old iptables where the kernel has some; nobody else shows them."""
    names, program, usual = _LEGACY[name]
    try:
        if not Path("/proc/net", names).read_text(encoding="ascii").split():
            return
        if usual in files and "nf_tables" not in files[usual]:
            return
        files[name] = _said(program)
    except FileNotFoundError as error:
        # Without the kernel's module there is no such file, and no such rule.
        if error.filename == program:
            missing[name] = f"the kernel runs rules of it, and {program} is not there"
    except (OSError, subprocess.SubprocessError) as error:
        missing[name] = _reason(error)


def write_collected(folder: Path, collected: Collected) -> list[str]:
    """
    Write a folder in one step, for its owner alone; gives the names of its files.

    Raises:
        CollectError: there is something in it that is not ours.
        OSError: it cannot be written.
    """
    foreign = (
        sorted(path.name for path in folder.iterdir() if path.name not in NAMES) if folder.exists() else []
    )
    if foreign:
        raise CollectError(f"{folder}: {foreign[0]!r} was not collected: name an empty folder, or a new one")
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        return _written(folder, aside, collected)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _written(folder: Path, aside: Path, collected: Collected) -> list[str]:
    """Write into a folder of nobody else, and change places with what is there."""
    fresh, old = aside / "new", aside / "old"
    fresh.mkdir(mode=0o700)
    about = {"modwarden_collected": _FORM, "at": collected.at.isoformat(), "missing": dict(collected.missing)}
    texts = {**collected.files, ABOUT: json.dumps(about, indent=2, sort_keys=True) + "\n"}
    for name, text in sorted(texts.items()):
        (fresh / name).touch(mode=0o600)
        (fresh / name).write_text(text, encoding="utf-8")
    if folder.exists():
        folder.rename(old)
    try:
        fresh.rename(folder)
    except OSError:
        # What was there must not go with the folder aside.
        if old.exists():
            old.rename(folder)
        raise
    return sorted(texts)


def load_collected(folder: Path) -> Collected:
    """
    Read what was collected elsewhere.

    Raises:
        CollectError: the folder is none of ours.
        OSError: it cannot be read.
    """
    try:
        about = _of_known_form(json.loads((folder / ABOUT).read_text(encoding="utf-8")))
        at = datetime.fromisoformat(about["at"])
        missing = {str(name): str(reason) for name, reason in about["missing"].items()}
    except FileNotFoundError as error:
        hint = "name a folder that `modwarden drift --collect DIR` wrote"
        raise CollectError(f"{folder}: there is no {ABOUT}: {hint}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CollectError(f"{folder / ABOUT}:1: this is not as it was written: collect anew") from error
    there = (name for name in NAMES if name != ABOUT and (folder / name).is_file())
    files = {name: (folder / name).read_text(encoding="utf-8", errors="replace") for name in there}
    gone = {
        name: "it was not collected" for name in NAMES if name not in {*files, *missing, *_OPTIONAL, ABOUT}
    }
    return Collected(at, files, {**missing, **gone})


def _of_known_form(about: Mapping[str, Any]) -> Mapping[str, Any]:
    if about["modwarden_collected"] != _FORM:
        raise ValueError(about["modwarden_collected"])
    return about


def _asked() -> Iterator[tuple[str, Callable[[], str]]]:
    for name, command in _TOLD.items():
        yield name, lambda command=command: _said(*command)  # type: ignore[misc]
    for name in _SOCKETS:
        yield name, lambda name=name: Path("/proc/net", name).read_text(encoding="ascii")  # type: ignore[misc]
    yield "holders.json", _holders
    yield "settings.json", _settings


def _said(program: str, *arguments: str) -> str:
    path = shutil.which(program, path=_SYSTEM_PATH)
    if path is None:
        raise FileNotFoundError(2, "not there", program)
    done = subprocess.run(  # noqa: S603  (the system's own tool, no word of a peer)
        [path, *arguments], capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
    )
    return _without_secrets(done.stdout) if program == "wg" else done.stdout


def _without_secrets(dump: str) -> str:
    lines = []
    for line in dump.splitlines():
        columns = line.split("\t")
        columns[_SECRET_OF_INTERFACE if len(columns) == _INTERFACE_COLUMNS else _SECRET_OF_PEER] = "(hidden)"
        lines.append("\t".join(columns) + "\n")
    return "".join(lines)


def _holders() -> str:
    """Name who holds each socket, by its inode; of other users' processes only root can tell."""
    found: dict[str, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name = (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
            for link in (folder / "fd").iterdir():
                held = _SOCKET_LINK.match(str(link.readlink()))
                if held is not None:
                    found[held[1]] = name
        except OSError:
            # It ended meanwhile, or is somebody else's.
            continue
    return json.dumps(found, indent=0, sort_keys=True)


def _settings() -> str:
    root = Path("/proc/sys/net")
    paths = sorted(path for pattern in _SETTINGS for path in root.glob(pattern))
    values = {
        str(path.relative_to(root)): " ".join(path.read_text(encoding="ascii").split()) for path in paths
    }
    return json.dumps(values, indent=0, sort_keys=True)


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        lines = str(error.stderr).strip().splitlines()
        return lines[0] if lines else f"it ended with {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it said nothing for {error.timeout:.0f} s"
    return str(error)
