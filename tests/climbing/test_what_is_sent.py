"""What a model is shown: the input and what was learnt from train; never what gives it away."""

from __future__ import annotations

import re
from pathlib import Path

from scripted import ScriptedModel

from .tasks import MODEL, climb, fact_task, reading


def marked_task():
    """Every gold answer, meta field and context id of dev and test is a word found nowhere else."""
    task = fact_task(test=40)

    def mark(split: str):
        return tuple(
            e.model_copy(
                update={
                    "expected": f"gold-{e.id}-{split}",
                    "meta": {"note": f"meta-{e.id}-{split}"},
                    "context_ids": (f"doc-{e.id}-{split}",),
                }
            )
            for e in task.split(split)  # type: ignore[arg-type]
        )

    return task.model_copy(update={s: mark(s) for s in ("train", "dev", "test")})


def test_gold_meta_and_context_ids_never_reach_a_measured_candidate(tmp_path: Path) -> None:
    chat = ScriptedModel(lambda _: "unknown", MODEL)
    result = climb(marked_task(), tmp_path, chat, everything=True)
    assert {r.technique for r in result.candidates} == {"prompting", "full-context", "rag"}
    assert len(chat.requests) > 200
    for request in chat.requests:
        said = request.model_dump_json()
        assert not re.search(r"(gold|meta|doc)-f\d+-(dev|test)", said)
        assert not re.search(r"(meta|doc)-f\d+-train", said)


def test_only_train_is_shown_as_solved_examples(tmp_path: Path) -> None:
    chat = ScriptedModel(lambda _: "unknown", MODEL)
    task = marked_task()
    climb(task, tmp_path, chat, everything=True)
    shown = {m.content for r in chat.requests for m in r.messages if m.role == "assistant"}
    assert shown - {"unknown"} and shown <= {str(e.expected) for e in task.train} | {"unknown"}


def test_gold_passages_reach_probes_only(tmp_path: Path) -> None:
    """The documents answer dev questions; only a probe may know which passage does."""
    chat = ScriptedModel(reading, MODEL, context_window=800)
    task = fact_task()
    result = climb(task, tmp_path, chat, only=("prompting",), everything=True)
    assert not any(r.candidate.is_probe for r in result.candidates)
    codes = {str(e.expected) for e in (*task.dev, *task.test)}
    assert not any(code in r.model_dump_json() for r in chat.requests for code in codes)


def test_the_input_reaches_the_model_unchanged(tmp_path: Path) -> None:
    chat = ScriptedModel(lambda _: "unknown", MODEL)
    task = fact_task()
    climb(task, tmp_path, chat, only=("prompting",), diagnose=False)
    asked = {r.messages[-1].content for r in chat.requests}
    assert {e.input_text() for e in task.dev} <= asked
    assert asked <= {e.input_text() for e in (*task.dev, *task.test)}
