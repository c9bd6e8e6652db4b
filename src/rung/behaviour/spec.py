"""What a solver is, as plain data: everything but models, vectors and index."""

from rung.behaviour.messages import Shot
from rung.candidate import Candidate
from rung.records import Passage
from rung.task.tools import ToolSettings
from rung.task.types import Frozen, Output


class InputField(Frozen):
    """A field of a task's input."""

    name: str
    required: bool = True
    """Every example that was seen has it."""


class SolverSpec(Frozen):
    """What a solver is, as plain data: everything but models, vectors and index."""

    candidate: Candidate
    task: str
    instruction: str
    output: Output
    shots: tuple[Shot, ...] = ()
    """The fixed shots, or the pool that the nearest are taken from."""
    documents: tuple[Passage, ...] = ()
    """Whole documents, where the context is `all`."""
    sure: float | None = None
    """Of a cascade: confidence from which its first answer stands; None: it never does."""
    unsure_below: float | None = None
    """Confidence of the model under which the next one is asked; None: a valid answer stands."""
    input_fields: tuple[InputField, ...] = ()
    """Fields of the inputs in the order they were measured in; empty where inputs are text."""
    tools: tuple[ToolSettings, ...] = ()
    """What it may ask while it answers."""
    tuned_model: str | None = None
    """The model that answers where a provider tuned the candidate's."""
