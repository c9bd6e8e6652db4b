"""The shelf's list: what is put into an ask, slot after slot, in this order."""

from rung.behaviour.base import Slot
from rung.behaviour.contract import OutputContract
from rung.behaviour.label_head import LabelHead
from rung.behaviour.reasoning import Reasoning
from rung.behaviour.shots import ShownShots
from rung.behaviour.weights import TunedWeights
from rung.candidate import Candidate

SLOTS: dict[str, type[Slot]] = {
    "shots": ShownShots,
    "contract": OutputContract,
    "reasoning": Reasoning,
    "weights": TunedWeights,
    "head": LabelHead,
}


def filled(candidate: Candidate) -> dict[str, type[Slot]]:
    """The slots that a candidate fills, by name."""
    return {name: slot for name, slot in SLOTS.items() if slot.filled(candidate)}
