"""JSON answers without a language model: spans of the input, and values chosen by a linear head.

A conditional random field marks the spans, a head on the text's embedding chooses what stands in
no input. Saved as plain arrays (`.npz`, no pickle).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rung.errors import UserError
from rung.models.base import Vectors
from rung.models.crf import Field, Tagger, fit_field
from rung.models.no_llm import Linear
from rung.models.no_llm_choice import head_arrays, saved_head
from rung.models.span_fields import SPANS, Fields, Row, copied_fields, learnt
from rung.task.types import Example, Output, SchemaOutput


class Spans:
    """A tagger, and a linear head for each field that is chosen from several values."""

    def __init__(self, fields: Fields, field: Field, heads: Mapping[int, Linear]) -> None:
        self.fields, self.heads = fields, heads
        self._tagger = Tagger(field)

    @classmethod
    def fit(cls, output: Output, examples: Sequence[Example], vectors: Vectors) -> Spans:
        """Fit on train rows. Raises `UserError` where too few values stand in their inputs."""
        if not isinstance(output, SchemaOutput) or copied_fields(output, examples) is None:
            raise UserError(
                f"{SPANS} copies parts of the input into a JSON answer, and too few values of the "
                "train rows stand in their inputs: try another model"
            )
        rows = [Row.of(e.input_text(), e.expected) for e in examples]
        fields = learnt(output, rows)
        field = fit_field(
            [row.words for row in rows], [fields.spans(row) for row in rows], len(fields.kinds)
        )
        heads = {}
        choices = [fields.choices(row.answer) for row in rows]
        for at, one in enumerate(fields.chosen):
            if len(one.values) > 1:
                labels = [chosen[at] for chosen in choices]
                heads[at] = Linear.fit(vectors, [row.text for row in rows], labels)
        return cls(fields, field, heads)

    def predict(self, vectors: Vectors, texts: Sequence[str] = ()) -> list[tuple[str, float]]:
        """JSON and confidence of each row: of the spans, and of every value chosen."""
        by_head = {at: head.predict(vectors, texts) for at, head in self.heads.items()}
        return [
            self._answer(text, {at: rows[place] for at, rows in by_head.items()})
            for place, text in enumerate(texts)
        ]

    def _answer(self, text: str, by_head: Mapping[int, tuple[str, float]]) -> tuple[str, float]:
        row = Row.of(text)
        spans, sure = self._tagger.spans(row.words)
        chosen = [
            by_head[at][0] if at in by_head else one.values[0]
            for at, one in enumerate(self.fields.chosen)
        ]
        for _, confidence in by_head.values():
            sure *= confidence
        return json.dumps(self.fields.answer(row, spans, chosen), ensure_ascii=False), sure

    def save(self, path: Path) -> None:
        """Write one `.npz` file."""
        arrays: dict[str, Any] = self._tagger.field.arrays()
        for at, head in self.heads.items():
            kept = {**head_arrays(head.head), "labels": np.array(head.labels)}
            arrays |= {f"{at} {name}": array for name, array in kept.items()}
        fields = np.array(self.fields.model_dump_json())
        np.savez(path, kind="spans", labels=np.array([""]), fields=fields, **arrays)

    @classmethod
    def load(cls, arrays: Mapping[str, NDArray[Any]]) -> Spans:
        """Back from the file's arrays."""
        fields = Fields.model_validate_json(str(arrays["fields"]))
        heads = {}
        for at, one in enumerate(fields.chosen):
            if len(one.values) > 1:
                held = {
                    name.removeprefix(f"{at} "): arrays[name]
                    for name in arrays
                    if name.startswith(f"{at} ")
                }
                heads[at] = Linear(saved_head(held), [str(label) for label in held["labels"]])
        return cls(fields, Field.of(arrays), heads)
