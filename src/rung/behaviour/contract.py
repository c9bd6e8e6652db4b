"""The form of the answer: said in words, and enforced while it is written where a model can."""

from dataclasses import replace

from rung.behaviour.base import Ask, Slot
from rung.candidate import Candidate
from rung.task.contract import describe
from rung.task.types import LabelsOutput, MultiLabelOutput, Output, SchemaOutput, TextOutput

GROUNDED = "Answer from the passages alone, not from memory."
"""Where the answer is to come from."""


def form_of(output: Output, candidate: Candidate) -> str:
    """What a candidate's prompt says of the answer: its form and, over passages, its source."""
    form = describe(output)
    if not (candidate.prompt.grounded and candidate.context.traits.reads):
        return form
    unsure = ""
    if isinstance(output, TextOutput) and output.no_answer is None:
        unsure = "If they do not hold the answer, say so."
    return " ".join(filter(None, (GROUNDED, unsure, form)))


class OutputContract(Slot):
    """Words, choices and schema. Repairing is the solver's, which sees the answer."""

    @staticmethod
    def filled(candidate: Candidate) -> bool:
        """Always: a repair names the form too."""
        return True

    @staticmethod
    def words(candidate: Candidate) -> str:
        """What is left out of it; weights may know the form undescribed."""
        phrases = {
            "form not enforced": not candidate.prompt.constrained,
            "form not described": not (candidate.prompt.contract or candidate.weights.tuned),
        }
        return ", ".join(words for words, holds in phrases.items() if holds)

    async def apply(self, ask: Ask) -> Ask:
        """The form of the task's output."""
        output, enforced = self.spec.output, self.spec.candidate.prompt.constrained
        choices = output.labels if enforced and isinstance(output, LabelsOutput) else None
        schema = None
        if enforced and isinstance(output, SchemaOutput | MultiLabelOutput):
            schema = output.json_schema
        return replace(
            ask, contract=form_of(output, self.spec.candidate), choices=choices, json_schema=schema
        )
