"""Small tasks without a fault, into which a test plants one."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from rung.audit import Material, Window
from rung.task.types import (
    Document,
    Example,
    LabelsOutput,
    SchemaOutput,
    Source,
    SplitName,
    SqlOutput,
    Target,
    Task,
    TextOutput,
    Workload,
)
from scripted import ScriptedEmbedder

TOPICS = {
    "billing": [
        "invoice",
        "charge",
        "refund",
        "amount",
        "card",
        "paid",
        "twice",
        "price",
        "euro",
        "receipt",
    ],
    "shipping": [
        "parcel",
        "courier",
        "late",
        "tracking",
        "address",
        "door",
        "depot",
        "driver",
        "box",
        "lost",
    ],
    "returns": [
        "return",
        "broken",
        "damaged",
        "exchange",
        "size",
        "label",
        "colour",
        "wrong",
        "faulty",
        "back",
    ],
}
FILLER = [
    "please",
    "my",
    "order",
    "the",
    "hello",
    "today",
    "since",
    "again",
    "still",
    "thanks",
    "could",
    "you",
    "about",
    "we",
]
LABELS = tuple(TOPICS)
SIZES: dict[SplitName, int] = {"train": 204, "dev": 30, "test": 120}


def sentence(draw: random.Random, label: str, number: int) -> str:
    """Words of a topic among words of any; no two sentences are alike."""
    said = draw.choices(TOPICS[label], k=6) + draw.choices(FILLER, k=4)
    draw.shuffle(said)
    return f"{' '.join(said)} n{number * 7919 % 100_003}q{number}"


def labelled(count: int, start: int = 0, seed: int = 0, **parts: Any) -> list[Example]:
    """Examples whose words tell the label."""
    draw = random.Random(seed * 1000 + start)
    found = []
    for number in range(start, start + count):
        label = LABELS[number % 3]
        found.append(
            Example(id=f"e{number}", input=sentence(draw, label, number), expected=label, **parts)
        )
    return found


def label_splits(seed: int = 0) -> dict[SplitName, list[Example]]:
    """Clean labelled splits."""
    splits: dict[SplitName, list[Example]] = {}
    start = 0
    for name, size in SIZES.items():
        splits[name] = labelled(size, start, seed)
        start += size
    return splits


def label_task(splits: dict[SplitName, list[Example]] | None = None, **parts: Any) -> Task:
    """Three labels, given as three files."""
    own = splits or label_splits()
    whole: dict[str, Any] = {
        "name": "queues",
        "instruction": "Route the message.",
        "output": LabelsOutput(labels=LABELS),
        "target": Target(metric="accuracy", score=0.8),
        "workload": Workload(requests_per_month=1000),
        **{name: tuple(rows) for name, rows in own.items()},
        "source": Source(examples={name: tuple(rows) for name, rows in own.items()}),
    }
    return Task(**{**whole, **parts})


NOUNS = ["pump", "valve", "motor", "sensor", "hinge", "clamp", "rotor", "gauge", "filter", "piston"]
PLACES = [
    "harbour",
    "attic",
    "cellar",
    "garage",
    "yard",
    "tunnel",
    "bridge",
    "tower",
    "market",
    "garden",
]


def text_task(count: int = 120, **parts: Any) -> Task:
    """Questions whose answers stand in the document that each names."""
    draw = random.Random(5)
    documents, examples = [], []
    for number in range(count):
        noun, place = NOUNS[number % 10], PLACES[number // 10 % 10]
        answer = f"shelf {draw.randrange(1000, 9999)} {draw.choice('ABCDEF')}"
        filler = " ".join(draw.choices(FILLER + NOUNS + PLACES, k=25))
        documents.append(
            Document(
                id=f"d{number}",
                title=f"{noun} {place} sheet {number}",
                text=f"The {noun} of the {place} lies on {answer}. {filler}.",
            )
        )
        examples.append(
            Example(
                id=f"q{number}",
                input=f"Where in the {place} is {noun} z{number * 7919 % 9973}?",
                expected=answer,
                context_ids=(f"d{number}",),
            )
        )
    cut = count // 2
    whole: dict[str, Any] = {
        "name": "sheets",
        "instruction": "Give the place.",
        "output": TextOutput(max_words=8),
        "target": Target(metric="exact_match", score=0.7),
        "workload": Workload(requests_per_month=1000),
        "train": tuple(examples[:cut]),
        "test": tuple(examples[cut:]),
        "documents": tuple(documents),
        "source": Source(examples={"train": tuple(examples[:cut]), "test": tuple(examples[cut:])}),
    }
    return Task(**{**whole, **parts})


def schema_task() -> Task:
    rows = [
        Example(id=f"s{i}", input=f"{noun} {i * 31}", expected={"part": noun, "number": i * 31})
        for i, noun in enumerate(NOUNS * 8)
    ]
    output = SchemaOutput(json_schema={"type": "object"})
    return text_task(
        output=output, documents=(), train=tuple(rows[:40]), test=tuple(rows[40:]), source=None
    )


def sql_task() -> Task:
    rows = [
        Example(id=f"s{i}", input=f"How many {noun} {i}?", expected=f"SELECT {i} FROM {noun}")
        for i, noun in enumerate(NOUNS * 8)
    ]
    return text_task(
        output=SqlOutput(script_field="x"),
        documents=(),
        train=tuple(rows[:40]),
        test=tuple(rows[40:]),
        source=None,
    )


def words(system: str, user: str) -> int:
    return len(system.split()) + len(user.split())


LOCAL = {"local/small": Window(tokens=2048, measure=words, trains=False)}


def material(task: Task, *, embedded: bool = True, **how: Any) -> Material:
    """What the checks see, with vectors of hashed words."""
    made = Material(task, **{"windows": LOCAL, **how})
    if embedded:
        asyncio.run(made.embed(ScriptedEmbedder(dimension=128)))
    return made
