"""
The zone proof: what can reach what, and whether level 2 breaks every path between IT and OT.

`chains`, `space` and `topology` are its machinery; what compares rule sets uses them as well.
"""

from modwarden.site.proof.assumptions import Assumption, Support
from modwarden.site.proof.connects import Arrival, Connect, ConnectProof
from modwarden.site.proof.prove import Proof, prove
from modwarden.site.proof.reach import Reach, ReachTable
from modwarden.site.proof.support import bases_of, weigh_evidence
from modwarden.site.proof.violations import Violation
from modwarden.site.proof.words import names_in_ranges
from modwarden.site.proof.writes import Writes

__all__ = [
    "Arrival",
    "Assumption",
    "Connect",
    "ConnectProof",
    "Proof",
    "Reach",
    "ReachTable",
    "Support",
    "Violation",
    "Writes",
    "bases_of",
    "names_in_ranges",
    "prove",
    "weigh_evidence",
]
