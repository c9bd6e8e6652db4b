"""A candidate fitted to a task: the object that is measured, saved and served."""

from rung.models.chain import CircuitBreaker
from rung.solver.fit import Workshop, fit
from rung.solver.solver import Solver, SolverSpec
from rung.solver.store import load, save

__all__ = ["CircuitBreaker", "Solver", "SolverSpec", "Workshop", "fit", "load", "save"]
