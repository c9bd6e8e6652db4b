"""Texts that do not say what their inputs state."""

from rung.audit.base import NOTHING, Found, one, percent, skip, these, verb
from rung.audit.facts import contradictions
from rung.audit.material import Material
from rung.decide.rules.loader import by_id, titles
from rung.records import Flag
from rung.task.types import TextOutput

FEWEST = 60
"""Examples below which facts are not predicted back."""
MOST = 3_000
METHOD = "confident learning (Northcutt, Jiang and Chuang, JAIR 70, 2021), fact by fact"


def check(material: Material) -> Found:
    """`output-noise`: the answer leaves out or makes up a fact of its input."""
    if not isinstance(material.task.output, TextOutput):
        return skip("the output is no free text")
    if len(material.rows) < FEWEST:
        return skip(f"{len(material.rows)} examples are too few to predict facts from answers")
    inputs, answers = material.inputs[:MOST], material.answer_texts[:MOST]
    noise = contradictions(inputs, answers, material.task.climb.seed)
    if noise is None:
        return skip("the inputs state no facts that recur and can be read from the answers")
    if not noise.examples:
        return NOTHING
    rule = by_id()["label-noise"]
    assert rule.used is not None
    share = len(noise.examples) / len(inputs)
    common = sorted(set(noise.facts), key=lambda f: (-noise.facts.count(f), f))[:3]
    return one(
        Flag(
            id="output-noise",
            severity="warn" if share >= float(rule.used) else "info",
            figure=round(share, 4),
            threshold=float(rule.used),
            source=f"{'; '.join(titles(rule))}; {METHOD}",
            text=(
                f"{these(len(noise.examples), 'answer')} of {len(inputs):,} ({percent(share)}) "
                f"{verb(len(noise.examples), 'seem')} to leave out or make up a fact of the "
                f"input, most often about "
                f"{', '.join(repr(fact) for fact in common)}."
            ),
            advice="Look at the examples listed, the first ones first: correct the answer or the "
            "input. About one in three is a false alarm where a third of the answers is wrong "
            "(docs/audit.md).",
            examples=material.most_suspicious(list(noise.examples)),
        )
    )
