"""A candidate fitted to a task: the object that is measured, saved and served."""

from rung.models.chain import CircuitBreaker
from rung.solver.fit import fit
from rung.solver.solver import Solver, SolverSpec
from rung.solver.store import load, save
from rung.solver.workshop import Workshop

__all__ = ["CircuitBreaker", "Solver", "SolverSpec", "Workshop", "fit", "load", "save"]
