"""Personal data and secrets, before they are sent to a hosted model."""

from collections import Counter

from rung.audit.base import NOTHING, Found, these, verb
from rung.audit.material import Material
from rung.privacy.forms import SECRET, find
from rung.records import Flag
from rung.task.types import render_expected

SOURCE = "our own patterns, with the checksums of cards (Luhn) and of accounts (IBAN, mod 97)"


def check(material: Material) -> Found:
    """`personal-data` and `secrets` in inputs, answers and documents. Never says what it found."""
    counts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    ids: dict[bool, dict[str, None]] = {True: {}, False: {}}
    texts = [
        (ident, f"{text}\n{render_expected(row.example.expected)}")
        for ident, text, row in zip(material.ids, material.inputs, material.rows, strict=True)
    ]
    texts += [(doc.id, f"{doc.title}\n{doc.text}") for doc in material.task.documents]
    for ident, text in texts:
        for secret, what in dict.fromkeys((f.kind == SECRET, f.what) for f in find(text)):
            counts[secret][what] += 1
            ids[secret][ident] = None
    flags = [
        _flag(material, name, counts[secret].most_common(), tuple(ids[secret]))
        for name, secret in (("secrets", True), ("personal-data", False))
        if ids[secret]
    ]
    return Found(tuple(flags)) if flags else NOTHING


def _flag(
    material: Material, name: str, kinds: list[tuple[str, int]], ids: tuple[str, ...]
) -> Flag:
    counts = ", ".join(f"{n:,} with {kind}" for kind, n in kinds)
    where = (
        f"they would be sent to {', '.join(material.hosted)}"
        if material.hosted
        else "no hosted model is to be tried, so they stay on this machine"
    )
    what = "keys or passwords" if name == "secrets" else "personal data"
    return Flag(
        id=name,
        severity="warn" if material.hosted or name == "secrets" else "info",
        figure=len(ids),
        threshold=1,
        source=SOURCE,
        text=f"{these(len(ids), 'text')} {verb(len(ids), 'hold')} {what} ({counts}): {where}.",
        advice="`rung audit DIR --redact` writes a copy in which they are replaced by their kind; "
        "names and addresses of people are not found by patterns.",
        examples=ids,
    )
