"""Find the control socket of a running guard."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modwarden.cli._printing import print_error
from modwarden.guard import ControlClient, state_directory


def control_client(site: Path, guard: str | None, state: Path | None) -> ControlClient:
    """Return the client for the guard that `run` with the same words started."""
    return ControlClient(state_directory(site, guard, state).socket)


def is_of_site(status: Mapping[str, Any], site: Path) -> bool:
    """Say on stderr where the guard was started with another site file: a folder's files share one socket."""
    running = Path(status["site_file"])
    if running.resolve() == site.resolve():
        return True
    print_error(f"the guard here was started with {running}, not with {site}")
    return False
