"""The probe: TCP connects from one place of the plant, held against what the proof says of them."""

from modwarden.probe.judge import Result, findings_of, judge
from modwarden.probe.knock import Ended, Pace, has_address, knock_all, knock_once, own_address
from modwarden.probe.plan import Expected, Knock, Plan, Sources, Target, plan_probe, targets_of

__all__ = [
    "Ended",
    "Expected",
    "Knock",
    "Pace",
    "Plan",
    "Result",
    "Sources",
    "Target",
    "findings_of",
    "has_address",
    "judge",
    "knock_all",
    "knock_once",
    "own_address",
    "plan_probe",
    "targets_of",
]
