"""Find the control socket of a running guard."""

from pathlib import Path

from modwarden.guard import ControlClient, state_directory


def control_client(site: Path, guard: str | None, state: Path | None) -> ControlClient:
    """Return the client for the guard that `run` with the same words started."""
    return ControlClient(state_directory(site, guard, state).socket)
