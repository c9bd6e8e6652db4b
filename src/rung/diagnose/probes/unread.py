"""Lost in reading: what an example expects stands in none of the documents that are named for it.

Asks no model, and says nothing where answers are labels or words that stand everywhere. Whether a
document holds an answer is told as a citation is (`rung.knowledge.citations`).
"""

import random

from rung.diagnose.bench import Bench, Case
from rung.diagnose.records import ProbeResult
from rung.knowledge.citations import cite, telling
from rung.knowledge.words import words
from rung.records import Passage
from rung.task.expected import answer_texts
from rung.task.types import Example, LabelsOutput, MultiLabelOutput


async def unread(bench: Bench, case: Case) -> list[ProbeResult]:
    """Placebo: the same look for what an example expects that was answered rightly. Where answers
    say a thing in words of their own, it finds as little."""
    if not bench.subject.candidate.context.traits.reads:
        return []
    lost = _lost(bench, case.example)
    known = [one for c in bench.controls if (one := _lost(bench, c.example)) is not None]
    if lost is None or not known:
        return []
    rng = random.Random(f"{bench.task.climb.seed}:{case.example.id}")
    placebo = rng.choice(known)
    return [ProbeResult(probe="words sought", cause="unread", treated=lost, placebo=placebo)]


def _lost(bench: Bench, example: Example) -> bool | None:
    """None where it cannot be told."""
    if isinstance(bench.task.output, LabelsOutput | MultiLabelOutput):
        return None
    named = [d for d in bench.task.documents if d.id in example.context_ids]
    texts = [t for t in answer_texts(bench.task.output, example) if telling(words(t))]
    if not named or not texts:
        return None
    whole = [Passage(document_id=d.id, text=f"{d.title}\n{d.text}") for d in named]
    return not any(cite(text, whole) for text in texts)
