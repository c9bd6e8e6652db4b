"""Why the failures fail, proven by intervention."""

from rung.diagnose.bench import Asked, Bench, Case
from rung.diagnose.causes import CAUSES, MEANING, Cause, mendable
from rung.diagnose.diagnoser import diagnose
from rung.diagnose.records import Bound, CauseShare, Diagnosis, Finding, ProbeResult

__all__ = [
    "CAUSES",
    "MEANING",
    "Asked",
    "Bench",
    "Bound",
    "Case",
    "Cause",
    "CauseShare",
    "Diagnosis",
    "Finding",
    "ProbeResult",
    "diagnose",
    "mendable",
]
