"""The typed Python face of the guard's core, and its control socket."""

from modwarden.guard._child import CompileError
from modwarden.guard._compile import GuardChoiceError, choose_guard
from modwarden.guard.explanation import (
    DeclaredUnits,
    Explanation,
    FailedOperand,
    KnownValues,
    Question,
    RuleTrace,
    UndeclaredUnit,
)
from modwarden.guard.face import CompiledPolicy, CoreError, DocumentError, verify_export, verify_journal
from modwarden.guard.serve import serve
from modwarden.guard.socket_client import ControlClient, ControlError, Reloaded
from modwarden.guard.socket_server import SocketInUseError
from modwarden.guard.state import StateDirectory, state_directory
from modwarden.guard.verification import JournalFinding, Verification, verification_of

__all__ = [
    "CompileError",
    "CompiledPolicy",
    "ControlClient",
    "ControlError",
    "CoreError",
    "DeclaredUnits",
    "DocumentError",
    "Explanation",
    "FailedOperand",
    "GuardChoiceError",
    "JournalFinding",
    "KnownValues",
    "Question",
    "Reloaded",
    "RuleTrace",
    "SocketInUseError",
    "StateDirectory",
    "UndeclaredUnit",
    "Verification",
    "choose_guard",
    "serve",
    "state_directory",
    "verification_of",
    "verify_export",
    "verify_journal",
]
