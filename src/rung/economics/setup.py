"""What setting a technique up is taken to cost where nobody has stated it."""

from decimal import Decimal

from rung.candidate import Technique
from rung.economics.settings import CostSettings

ZERO = Decimal(0)
SETUP_USD: dict[Technique, Decimal] = {
    "no-llm": ZERO,
    "prompting": ZERO,
    "full-context": ZERO,
    "rag": Decimal(1000),
    "fine-tuning": Decimal(5000),
    "hybrid": Decimal(10000),
}
"""USD once: low ends of the set-up row for 10,000 queries a day in "Fine-Tuning vs RAG: The
Decision Framework Nobody Talks About"; it gives none for prompting."""
READS: tuple[Technique, ...] = ("rag", "hybrid")
TUNED: tuple[Technique, ...] = ("fine-tuning", "hybrid")
UNSTORED: dict[Technique, Technique] = {"rag": "prompting", "hybrid": "fine-tuning"}
"""Whose set-up is needed where a tool is asked and no documents are searched: what those figures
build is an index (set-up and maintenance rows of the same table), and there is none."""


def assumed_setup(technique: Technique, costs: CostSettings) -> Decimal:
    """USD once by `SETUP_USD`; nothing of what `[costs]` states, so that it never counts twice.

    `setup_hours` speak of every technique, `rag_setup_hours` of retrieval, `curation_hours` and
    `labelling_usd_per_example` of tuning; of a hybrid with one half stated the other half stays.
    """
    if costs.setup_hours is not None:
        return ZERO
    retrieval = costs.rag_setup_hours is not None
    tuning = costs.curation_hours is not None or costs.labelling_usd_per_example is not None
    if technique == "hybrid":
        if retrieval and tuning:
            return ZERO
        if retrieval or tuning:
            return SETUP_USD["fine-tuning" if retrieval else "rag"]
    stated = (technique in READS and retrieval) or (technique in TUNED and tuning)
    return ZERO if stated else SETUP_USD[technique]
