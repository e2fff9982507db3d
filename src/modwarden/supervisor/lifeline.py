"""A part ends cleanly when its supervisor is killed, so that a restart finds ports and locks free."""

from __future__ import annotations

import ctypes
import os
import signal

from modwarden.supervisor.supervise import SUPERVISED

_PR_SET_PDEATHSIG = 1


def end_with_supervisor() -> None:
    """Ask the kernel for SIGTERM when the supervisor that started this process ends."""
    supervisor = os.environ.get(SUPERVISED)
    if supervisor is None:
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    # The supervisor may have ended before the kernel was asked.
    if str(os.getppid()) != supervisor:
        os.kill(os.getpid(), signal.SIGTERM)
