"""Faults put into data: leaks and duplicates, moved labels, personal data, changed documents."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rapidfuzz.distance import Levenshtein
from threadpoolctl import threadpool_limits

from audit_parts.data import Embeddings, rows
from rung.audit import Material, audit
from rung.audit.checks import contradictions, documents, duplicates, leakage, moving
from rung.privacy.forms import find, redacted
from rung.task.types import Document, Example, LabelsOutput, Source, Target, Task

ROWS = 10_000
SHARE = 0.01
SEED = 7
LABELS = ("a", "b", "c", "d")
POOL = (
    "banking77",
    "complaints-6",
    "e2e-nlg",
    "mmlu-guard",
    "pubmedqa",
    "scifact-full",
    "snips-intent",
    "snips-slots",
    "tldr-cli",
    "tldr-style",
    "usaddress-json",
    "wiki-docs-qa",
    "wikigold-ner",
    "wikisql-mini",
    "wnut17-ner",
)


def duplicates_and_leaks(synthetic: bool) -> dict[str, Any]:
    """1 % exact and 1 % nearly exact leaks, 1 % repeats and 1 % contradictions in 10,000 rows."""
    draw = random.Random(SEED)
    base = _sentences(draw) if synthetic else _pooled(draw)
    train, test, planted = _plant(base, draw)
    task = Task(
        name="planted",
        instruction="Say which.",
        output=LabelsOutput(labels=LABELS),
        target=Target(metric="accuracy", score=0.5),
        train=train,
        test=test,
        source=Source(examples={"train": train, "test": test}),
    )
    material = Material(task)
    start, computing = time.perf_counter(), time.process_time()
    audit(material)
    seconds, cpu = time.perf_counter() - start, time.process_time() - computing
    ids = material.ids
    leaks = {ids[i] for i in leakage.given_away(material)}
    repeats = {ids[i] for i in duplicates.repeats(material)}
    against = {ids[i] for group in contradictions.equal(material) for i in group}
    accused = leaks | repeats | against
    innocent = set(ids) - set().union(*planted.values())
    alarms = accused & innocent
    texts = dict(zip(ids, material.inputs, strict=True))
    natural = {i for i in alarms if _has_twin(texts, i, innocent)}
    return {
        "rows": len(ids),
        "text": "words drawn at random" if synthetic else "inputs of the shared sets",
        "seed": SEED,
        "leaks_found": f"{len(leaks & planted['leak'])}/{len(planted['leak'])}",
        "near_leaks_found": f"{len(leaks & planted['near'])}/{len(planted['near'])}",
        "repeats_found": f"{len(repeats & planted['repeat'])}/{len(planted['repeat'])}",
        "contradictions_found": f"{len(against & planted['against'])}/{len(planted['against'])}",
        "others_accused": len(alarms),
        "of_them_repeat_another_by_edit_distance": len(natural),
        "false_alarms": len(alarms - natural),
        "false_alarm_share": len(alarms - natural) / len(innocent),
        "seconds": seconds,
        "cpu_seconds": cpu,
    }


def _has_twin(texts: dict[str, str], ident: str, others: set[str]) -> bool:
    """Whether another text differs from it in less than a tenth, letters and digits alone."""
    plain = [c for c in texts[ident].casefold() if c.isalnum()]
    return any(
        Levenshtein.normalized_similarity(plain, bare, score_cutoff=0.9) >= 0.9
        for other in others
        if other != ident and abs(len(texts[other]) - len(texts[ident])) < len(texts[ident]) * 0.3
        for bare in [[c for c in texts[other].casefold() if c.isalnum()]]
    )


def _plant(base: list[str], draw: random.Random) -> tuple[Any, Any, dict[str, set[str]]]:
    n = round(SHARE * ROWS)
    rows_ = [(f"r{i}", text, draw.choice(LABELS)) for i, text in enumerate(base[: ROWS - 4 * n])]
    train, test = rows_[: len(rows_) * 7 // 10], rows_[len(rows_) * 7 // 10 :]
    chosen = draw.sample([row for row in train if len(row[1]) >= 40], 4 * n)
    planted: dict[str, set[str]] = {"leak": set(), "near": set(), "repeat": set(), "against": set()}
    for i, (ident, text, label) in enumerate(chosen):
        kind = ("leak", "near", "repeat", "against")[i % 4]
        other = LABELS[(LABELS.index(label) + 1) % len(LABELS)]
        copy = f"{kind}-{ident}"
        if kind == "leak":
            test.append((copy, text.upper() + "  ", label))
        elif kind == "near":
            test.append((copy, _slip(text, draw), label))
        else:
            train.append((copy, text, label if kind == "repeat" else other))
        planted[kind].add(copy)
        if kind == "against":
            planted["against"].add(ident)

    def examples(part: list[tuple[str, str, str]]) -> tuple[Example, ...]:
        return tuple(Example(id=i, input=t, expected=y) for i, t, y in part)

    return examples(train), examples(test), planted


def _slip(text: str, draw: random.Random) -> str:
    """One letter of the text is another."""
    place = draw.choice([i for i, c in enumerate(text) if c.isalpha()])
    return text[:place] + ("x" if text[place] != "x" else "y") + text[place + 1 :]


def _sentences(draw: random.Random) -> list[str]:
    words = sorted({w for row in rows("banking77") for w in row["input"].lower().split()})
    return [" ".join(draw.choices(words, k=draw.randint(8, 20))) for _ in range(ROWS)]


def _pooled(draw: random.Random) -> list[str]:
    """Different inputs of many sets; sentences of documents fill up what is missing."""
    found: dict[str, None] = {}
    for name in POOL:
        for part in ("train", "test"):
            if part == "train" and name == "mmlu-guard":
                continue
            for row in rows(name, part):
                found.setdefault(row["input"], None)
    for document in rows("pubmedqa/knowledge", "docs"):
        for sentence in document["text"].split(". "):
            found.setdefault(sentence, None)
    return draw.sample([text for text in found if text.strip()], ROWS)


def moved_labels(embeddings: Embeddings) -> dict[str, Any]:
    """How often the test on dates speaks where nothing moves, and where a label does."""
    data = rows("ticket-routing")
    labels = np.array([row["expected"] for row in data])
    names, y = np.unique(labels, return_inverse=True)
    x = embeddings.of([row["input"] for row in data]).astype(float)
    main = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[0]
    runs = dict.fromkeys(("nothing moves", "topics move"), 100)
    runs |= dict.fromkeys(("one label in ten is renamed later on", "half of it is renamed"), 20)
    alarms = dict.fromkeys(runs, 0)
    with threadpool_limits(1):
        calm = moving.unexplained(x, y, 0)
        for name, times in runs.items():
            for seed in range(times):
                draw = np.random.default_rng(seed)
                when = draw.random(len(y))
                if name == "topics move":  # what is asked about changes, what is answered not
                    when = when + 0.5 * (main[:, 1] > 0) + 0.3 * (main[:, 2] > 0)
                period = moving.later(list(when))
                left = calm
                if name.endswith(("later on", "renamed")):
                    part = 0.5 if "half" in name else 1.0
                    moved = (labels == "billing") & (period == 1) & (draw.random(len(y)) < part)
                    given = np.where(moved, list(names).index("care-leasing"), y)
                    left = moving.unexplained(x, given, seed)
                products = left * moving.unexplained(x, period, seed + 1)[:, 1:]
                alarms[name] += moving.p_of(products, seed) <= moving.FALSE_ALARMS
    said = {name: f"{alarms[name]}/{runs[name]}" for name in runs}
    return {"level": moving.FALSE_ALARMS, "alarms": said, "seeds": "0 and up"}


def personal_data() -> dict[str, Any]:
    """Made-up personal data put into texts of three sets, and what is found in the texts as are."""
    draw = random.Random(SEED)
    texts = [
        row["input"] for name in ("banking77", "wiki-docs-qa", "tldr-cli") for row in rows(name)
    ]
    rival = _presidio()
    found, theirs = dict.fromkeys(_MAKERS, 0), dict.fromkeys(_MAKERS, 0)
    for kind, maker in _MAKERS.items():
        for _ in range(100):
            secret = maker(draw)
            text = f"{draw.choice(texts)} My details: {secret}, thanks."
            found[kind] += bool(find(text)) and secret not in redacted(text)
            if rival is not None:
                theirs[kind] += _covers(rival(text), text.index(secret), len(secret))
    said = {
        "found_of_100": found,
        "texts": len(texts),
        "found_in_texts_as_they_are": sum(bool(find(text)) for text in texts),
    }
    if rival is None:
        return {**said, "presidio": "not installed"}
    there = sum(bool(rival(text)) for text in texts)
    return {**said, "presidio_of_100": theirs, "presidio_in_texts_as_they_are": there}


def _covers(spans: list[tuple[int, int]], start: int, size: int) -> bool:
    """A country code or an area code more or less is no difference."""
    return any(a <= start + 3 and b >= start + size - 1 for a, b in spans)


def _presidio() -> Callable[[str], list[tuple[int, int]]] | None:
    """Presidio's patterns without a language model, which has to be downloaded."""
    try:
        import spacy
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import SpacyNlpEngine
    except ModuleNotFoundError:
        return None
    logging.disable(logging.ERROR)
    engine = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "blank"}])
    engine.nlp = {"en": spacy.blank("en")}
    analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])

    def find_spans(text: str) -> list[tuple[int, int]]:
        found = analyzer.analyze(text, language="en", score_threshold=0.4)
        return [(one.start, one.end) for one in found]

    return find_spans


def _digits(draw: random.Random, n: int) -> str:
    return "".join(str(draw.randint(0, 9)) for _ in range(n))


def _card(draw: random.Random) -> str:
    body = "4" + _digits(draw, 14)
    total = sum(
        d if i % 2 else d * 2 - 9 * (d > 4) for i, d in enumerate(int(c) for c in reversed(body))
    )
    number = body + str(-total % 10)
    return " ".join(number[i : i + 4] for i in range(0, 16, 4))


def _iban(draw: random.Random) -> str:
    body = _digits(draw, 18)
    check = 98 - int(body + "131400") % 97
    return f"DE{check:02d}{body}"


_MAKERS = {
    "mail address": lambda d: f"user{_digits(d, 3)}@mail{_digits(d, 2)}.example.com",
    "card": _card,
    "account": _iban,
    "phone": lambda d: f"+49 30 {_digits(d, 4)} {_digits(d, 4)}",
    "social security": lambda d: (
        f"{d.randint(100, 665)}-{d.randint(10, 99)}-{d.randint(1000, 9999)}"
    ),
    "access key": lambda d: "AKIA" + "".join(d.choices("ABCDEFGHJKLMNPQRSTUVWXYZ234567", k=16)),
}


def changed_documents() -> dict[str, Any]:
    """The documents of wiki-docs-qa beside a second version in which some facts are changed."""
    old = {d["id"]: d for d in rows("wiki-docs-qa/knowledge", "docs")}
    new = {d["id"]: d for d in rows("wiki-docs-qa/knowledge_v2", "docs")}
    changed = [i for i in old if i in new and new[i]["text"] != old[i]["text"]]
    both = [_document(d, d["id"]) for d in old.values()]
    both += [_document(new[i], f"{i} (second)") for i in changed]
    pairs = documents.versions(tuple(both))
    found = {pair.first for pair in pairs if pair.second == f"{pair.first} (second)"}
    alone = documents.versions(tuple(_document(d, d["id"]) for d in old.values()))
    return {
        "documents": len(old),
        "changed": len(changed),
        "found": len(found & set(changed)),
        "other_pairs": len(pairs) - len(found),
        "pairs_without_the_second_version": len(alone),
    }


def _document(row: dict[str, Any], ident: str) -> Document:
    return Document(id=ident, title=row.get("title", ""), text=row["text"])
