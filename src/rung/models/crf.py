"""A linear-chain conditional random field over the words of a text (Lafferty et al. 2001).

CRFsuite fits it; what it found is kept as plain arrays and read with them alone: CRFsuite's own
reader of a damaged file takes the process with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import regex
from numpy.typing import NDArray

from rung.task.scripts import UNSPACED

PENALTIES = {"c1": 0.05, "c2": 0.05, "max_iterations": 150}
"""Of the sizes of weights (L1 and L2), and where CRFsuite's L-BFGS ends at last."""
_LETTER = r"[\p{L}\p{M}\p{N}_]"
WORD = regex.compile(rf"\d+(?:[.,]\d+)*(?!{_LETTER})|{UNSPACED}|(?:(?!{UNSPACED}){_LETTER})+|\S")
"""A number, a character that stands for itself, a word, or a sign."""
LONGEST = 40
"""Characters of a word that features tell."""
OUTSIDE = -1


class Word(NamedTuple):
    """A word of a text and where it stands."""

    start: int
    end: int
    text: str


def words_of(text: str) -> list[Word]:
    """In their order; blanks are in none."""
    return [Word(m.start(), m.end(), m.group()) for m in WORD.finditer(text)]


class Span(NamedTuple):
    """Words `first` to `last`, the last one included, of one kind."""

    first: int
    last: int
    kind: int


class Field(NamedTuple):
    """Which spans of which kinds a text holds, fitted."""

    features: NDArray[np.str_]
    states: NDArray[np.float32]
    """(features, tags): tag 0 is outside, 2 kind + 1 begins a span, 2 kind + 2 goes on in it."""
    steps: NDArray[np.float32]
    """(tags, tags): from one word's to the next one's."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """As a file keeps it."""
        return {"features": self.features, "states": self.states, "steps": self.steps}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Field:
        """Back from the arrays."""
        return cls(arrays["features"], arrays["states"], arrays["steps"])


class Tagger:
    """Reads texts by a fitted field."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self._rows = {str(name): row for row, name in enumerate(field.features)}
        tags = np.arange(field.steps.shape[0])
        # Going on needs the same kind before it; a text begins with no going on.
        same = (tags + 1) // 2
        goes_on = (tags > 0) & (tags % 2 == 0)
        self._steps = np.where(
            goes_on[None, :] & (same[:, None] != same[None, :]), -np.inf, field.steps
        )
        self._first = np.where(goes_on, -np.inf, 0.0)

    def spans(self, words: Sequence[Word]) -> tuple[list[Span], float]:
        """The likeliest spans (Viterbi), and the probability of just those."""
        if not words:
            return [], 1.0
        emitted = np.zeros((len(words), self._steps.shape[0]))
        for place, features in enumerate(described(words)):
            known = [row for name in features if (row := self._rows.get(name)) is not None]
            emitted[place] = self.field.states[known].sum(axis=0)
        best = all_ways = emitted[0] + self._first
        back = np.zeros(emitted.shape, dtype=int)
        for place in range(1, len(words)):
            reached = best[:, None] + self._steps
            back[place] = reached.argmax(axis=0)
            best = reached.max(axis=0) + emitted[place]
            all_ways = np.logaddexp.reduce(all_ways[:, None] + self._steps, axis=0) + emitted[place]
        tags = [int(best.argmax())]
        for place in range(len(words) - 1, 0, -1):
            tags.append(int(back[place][tags[-1]]))
        return _spans_of(tags[::-1]), float(np.exp(best.max() - np.logaddexp.reduce(all_ways)))


def _spans_of(tags: Sequence[int]) -> list[Span]:
    spans: list[Span] = []
    for place, tag in enumerate(tags):
        if tag % 2:
            spans.append(Span(place, place, tag // 2))
        elif tag:
            spans[-1] = spans[-1]._replace(last=place)
    return spans


def fit_field(
    texts: Sequence[Sequence[Word]], spans: Sequence[Sequence[Span]], kinds: int
) -> Field:
    """Fit on words and the spans in them."""
    import pycrfsuite

    rows: dict[str, int] = {}
    trainer = pycrfsuite.Trainer(verbose=False, params=PENALTIES)
    for words, held in zip(texts, spans, strict=True):
        # Names as numbers: CRFsuite's dump keeps no sign apart that a word may hold.
        numbered = [[str(rows.setdefault(name, len(rows))) for name in w] for w in described(words)]
        trainer.append(numbered, [str(tag) for tag in _tags_of(held, len(words))])
    with TemporaryDirectory() as folder:
        path = str(Path(folder, "model"))
        trainer.train(path)
        tagger = pycrfsuite.Tagger()
        tagger.open(path)
        fitted = tagger.info()
        tagger.close()
    used = sorted({int(name) for name, _ in fitted.state_features})
    place = {name: at for at, name in enumerate(used)}
    states = np.zeros((len(used), 2 * kinds + 1), dtype=np.float32)
    for (name, tag), weight in fitted.state_features.items():
        states[place[int(name)], int(tag)] = weight
    steps = np.zeros((2 * kinds + 1, 2 * kinds + 1), dtype=np.float32)
    for (before, after), weight in fitted.transitions.items():
        steps[int(before), int(after)] = weight
    names = list(rows)
    return Field(np.array([names[n] for n in used], dtype=np.str_), states, steps)


def _tags_of(spans: Sequence[Span], words: int) -> list[int]:
    tags = [0] * words
    for span in spans:
        tags[span.first] = 2 * span.kind + 1
        for place in range(span.first + 1, span.last + 1):
            tags[place] = 2 * span.kind + 2
    return tags


def described(words: Sequence[Word]) -> Iterator[list[str]]:
    """What tells of each word: itself, its letters and shape, and its neighbours."""
    plain = [word.text[:LONGEST].casefold() for word in words]
    shapes = [_shape(word.text[:LONGEST]) for word in words]
    edge = ["<", *plain, ">"]
    for at, (text, shape) in enumerate(zip(plain, shapes, strict=True)):
        before, after = edge[at], edge[at + 2]
        features = ["bias", f"w {text}", f"s {shape}", f"< {text[:3]}", f"> {text[-3:]}"]
        features += [f"> {text[-2:]}", f"b {before}", f"a {after}"]
        features += [f"bw {before} {text}", f"wa {text} {after}", f"n {min(at, 3)}"]
        features += [f"l {min(len(words) - 1 - at, 3)}"]
        for name, place in (("-2", at - 2), ("-1", at - 1), ("+1", at + 1), ("+2", at + 2)):
            if 0 <= place < len(words):
                features += [f"w{name} {plain[place]}", f"s{name} {shapes[place]}"]
        yield features


def _shape(text: str) -> str:
    """`Paris` as `Xx`, `90266` as `ddddd`, `2nd` as `dx`."""
    marks = "".join(
        "d" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() else c for c in text
    )
    return str(regex.sub(r"([Xx])\1+", r"\1", marks))
