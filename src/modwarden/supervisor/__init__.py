"""Start, watch and stop the parts of a host."""

from modwarden.supervisor.lifeline import end_with_supervisor
from modwarden.supervisor.parts import Part, guard_part
from modwarden.supervisor.supervise import Backoff, Supervisor

__all__ = ["Backoff", "Part", "Supervisor", "end_with_supervisor", "guard_part"]
