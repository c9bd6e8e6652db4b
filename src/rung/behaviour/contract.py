"""The form of the answer: said in words, and enforced while it is written where a model can."""

from __future__ import annotations

from dataclasses import replace

from rung.behaviour.base import Ask, Slot
from rung.candidate import Candidate
from rung.task.contract import describe
from rung.task.types import LabelsOutput, MultiLabelOutput, SchemaOutput


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
        return replace(ask, contract=describe(output), choices=choices, json_schema=schema)
