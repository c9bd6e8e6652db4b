"""A candidate fitted to a task: the object that is measured, saved and served."""

from rung.solver.fit import Workshop, fit
from rung.solver.patience import Patience
from rung.solver.solver import Solver, SolverSpec
from rung.solver.store import load, save

__all__ = ["Patience", "Solver", "SolverSpec", "Workshop", "fit", "load", "save"]
