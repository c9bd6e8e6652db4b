"""Weights of one's own: an adapter for the model, or a model under another name."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

from rung.behaviour.base import Ask, Fitted, Fitting, Slot
from rung.candidate import Candidate, short_name
from rung.models.base import Adapter
from rung.project import MANIFEST_FILE
from rung.task.corrections import REJECTED, rejected
from rung.task.types import Task

FOLDER = "adapter"


def preferences(task: Task) -> int:
    """How many train rows have an answer that was corrected."""
    return sum(rejected(task.output, e) is not None for e in task.train)


class TunedWeights(Slot):
    """Trained by whoever trains this kind (`rung.behaviour.trainers`)."""

    part = "adapter"

    @staticmethod
    def filled(candidate: Candidate) -> bool:
        """Not the base weights."""
        return candidate.weights.tuned

    @staticmethod
    def words(candidate: Candidate) -> str:
        """What they learnt beside the rows; that they are tuned, the technique says."""
        if candidate.weights.prefers:
            return "then corrections against what they replaced (DPO)"
        teacher = candidate.teacher
        return "" if teacher is None else f"distilled from {short_name(teacher.model)}"

    @staticmethod
    def needs(candidate: Candidate, task: Task) -> str:
        """Inputs to answer, or corrections of answers."""
        if candidate.weights.prefers and not preferences(task):
            return (
                f"{candidate.key} learns corrections against what they replaced, but no train row "
                f"has {REJECTED!r}: correct answers of the traffic and `rung harvest` them"
            )
        if candidate.teacher is None or task.unlabelled:
            return ""
        return (
            f"{candidate.key} learns from a teacher, but there is nothing for it to answer: set "
            "[task] unlabelled"
        )

    @classmethod
    async def fit(cls, candidate: Candidate, fitting: Fitting) -> Fitted:
        """Train on exactly what the solver sends."""
        tuned = await fitting.tune()
        return Fitted(held=tuned.adapter, spec={"tuned_model": tuned.model})

    async def apply(self, ask: Ask) -> Ask:
        """Asked with the adapter."""
        return replace(ask, adapter=self.held)

    def save(self, folder: Path) -> None:
        """The adapter's folder."""
        if self.held is not None:
            shutil.copytree(self.held.path, folder / FOLDER)

    @classmethod
    def load(cls, folder: Path) -> Adapter | None:
        """The adapter where it lies now."""
        digest = json.loads((folder / MANIFEST_FILE).read_bytes())["adapter"]
        return Adapter(path=str(folder / FOLDER), digest=digest) if digest else None
