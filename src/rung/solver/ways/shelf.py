"""The shelf's list, by the name that a candidate gives."""

from rung.solver.ways.base import Way
from rung.solver.ways.converse import Converse
from rung.solver.ways.tools import CallTools
from rung.solver.ways.vote import Vote

WAYS: dict[str, type[Way]] = {"converse": Converse, "tools": CallTools, "vote": Vote}
