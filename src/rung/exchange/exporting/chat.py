"""Training files of hosted tuning: one JSONL file for train, one for dev, in a provider's form."""

from collections.abc import Sequence

from rung.behaviour.trainers.base import TuningExample
from rung.behaviour.trainers.hosted.base import Limits, to_jsonl
from rung.behaviour.trainers.hosted.shelf import tuner_class
from rung.exchange.exporting.files import Files
from rung.exchange.exporting.source import Source
from rung.models.base import ChatModel


async def export_chat(source: Source, name: str) -> Files:
    """`train.jsonl`, and `dev.jsonl` where dev has as many rows as the provider takes."""
    form = tuner_class(name)
    limits = form.published
    solver = await source.taught()
    train, dev = await source.lessons(solver)
    files = Files()
    files.put("train.jsonl", to_jsonl(form.rows(train), limits))
    most = form.dev_rows(len(train), len(dev))
    if most < len(dev):
        files.note(f"{most:,} of {len(dev):,} dev examples, evenly chosen: {name} takes no more")
        dev = [dev[i * len(dev) // most] for i in range(most)]
    if len(dev) >= limits.least_rows:
        files.put("dev.jsonl", to_jsonl(form.rows(dev), limits))
    else:
        files.note(f"dev has {len(dev)} examples, fewer than {name} takes: left out")
    cut = _cut(source.chat(solver.candidate.model), train, limits)
    if cut:
        files.note(cut)
    files.note(f"limits: {limits.source}")
    return files


def _cut(model: ChatModel, train: Sequence[TuningExample], limits: Limits) -> str:
    """What is too long for a provider, by the count of the model that is asked here."""
    most = limits.most_tokens
    if most is None:
        return ""
    # No token is shorter than a byte: what is short in bytes need not be counted.
    long = [e for e in train if sum(len(m.content.encode()) for m in e.turns) > most]
    counts = [n for n in map(model.count_tokens, (e.turns for e in long)) if n > most]
    if not counts:
        return ""
    return (
        f"{len(counts):,} training conversations have more than {most:,} tokens, the longest about "
        f"{max(counts):,}: {limits.provider} may cut off the end, which is the answer"
    )
