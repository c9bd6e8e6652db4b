"""Personal data and secrets, before they are sent to a hosted model."""

from collections import Counter
from collections.abc import Container, Mapping

from rung.audit.base import NOTHING, Found, these, verb
from rung.audit.material import Material
from rung.privacy.forms import SECRET, find
from rung.records import Flag
from rung.task.corrections import REJECTED
from rung.task.types import Example, JsonValue, render_expected
from rung.task.unlabelled import as_example

SOURCE = "our own patterns, with the checksums of cards (Luhn) and of accounts (IBAN, mod 97)"


def check(material: Material) -> Found:
    """`personal-data` and `secrets` in inputs, answers, documents and what a teacher would answer.

    Never says what it found.
    """
    counts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    ids: dict[bool, dict[str, None]] = {True: {}, False: {}}
    texts = [
        (ident, "\n".join([text, *map(render_expected, _answers(row.example))]))
        for ident, text, row in zip(material.ids, material.inputs, material.rows, strict=True)
    ]
    texts += [(doc.id, f"{doc.title}\n{doc.text}") for doc in material.task.documents]
    asked = {(e := as_example(one)).id: e.input_text() for one in material.task.unlabelled}
    for ident, text in (*texts, *asked.items()):
        for secret, what in dict.fromkeys((f.kind == SECRET, f.what) for f in find(text)):
            counts[secret][what] += 1
            ids[secret][ident] = None
    flags = [
        _flag(material, name, dict(counts[secret].most_common()), tuple(ids[secret]), asked)
        for name, secret in (("secrets", True), ("personal-data", False))
        if ids[secret]
    ]
    return Found(tuple(flags)) if flags else NOTHING


def _answers(example: Example) -> tuple[JsonValue, ...]:
    """Right ones, and what a corrected one replaced: a training by preference is given both."""
    other = example.meta.get(REJECTED)
    return example.references if other is None else (*example.references, other)


def held(name: str, texts: int, kinds: Mapping[str, int]) -> str:
    """How many texts hold what, wherever they go: `name` is the flag's id."""
    what = "keys or passwords" if name == "secrets" else "personal data"
    counts = ", ".join(f"{n:,} with {kind}" for kind, n in kinds.items())
    listed = f" ({counts})" if counts else ""
    return f"{these(texts, 'text')} {verb(texts, 'hold')} {what}{listed}"


def _flag(
    material: Material,
    name: str,
    kinds: dict[str, int],
    ids: tuple[str, ...],
    asked: Container[str],
) -> Flag:
    """`asked`: ids of the unlabelled inputs."""
    where = (
        f"they would be sent to {', '.join(material.hosted)}"
        if material.hosted
        else "no hosted model is to be tried, so they stay on this machine"
    )
    unlabelled = sum(one in asked for one in ids)
    apart = f", {unlabelled:,} of them unlabelled, for a teacher to answer" if unlabelled else ""
    return Flag(
        id=name,
        severity="warn" if material.hosted or name == "secrets" else "info",
        figure=len(ids),
        threshold=1,
        source=SOURCE,
        text=f"{held(name, len(ids), kinds)}{apart}: {where}.",
        advice="`rung audit DIR --redact` writes a copy in which they are replaced by their kind; "
        "names and addresses of people are not found by patterns.",
        examples=ids,
        counts=kinds,
    )
