"""Measure the audit: does it find known faults, and does it keep quiet about what is right?

    python benchmarks/audit.py [--json] [--only labels,outputs,texts,…] [--keep DIR]

No chat model is called. Needs ../shared/data and the embedded embedder; for the comparisons, the
dependency group `rivals` (cleanlab, presidio). About ten minutes on one core, most of them
embedding; `--keep` holds the vectors for the next time.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audit_parts import breadth, labels, outputs, planted, sets, texts, witnessed
from audit_parts.data import Embeddings, absent

PARTS = ("labels", "outputs", "texts", "planted", "breadth", "sets")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--only", default=",".join(PARTS), help="comma-separated names")
    parser.add_argument("--keep", type=Path, help="folder for vectors, kept between runs")
    args = parser.parse_args()
    names = [name.strip() for name in args.only.split(",") if name.strip()]
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        parser.error(f"unknown {', '.join(unknown)}; choose from {', '.join(PARTS)}")
    if absent():
        parser.exit(0, f"skipped: {absent()}\n")
    with tempfile.TemporaryDirectory(prefix="rung-audit-") as temporary:
        folder = args.keep or Path(temporary)
        found = run(names, folder, quiet=args.json)
    if args.json:
        print(json.dumps(found, indent=1))


def run(names: list[str], folder: Path, *, quiet: bool) -> dict[str, Any]:
    """What was measured, by part."""
    embeddings = Embeddings(folder)
    parts: dict[str, Callable[[], Any]] = {
        "labels": lambda: _labels(embeddings),
        "outputs": lambda: _outputs(embeddings),
        "texts": lambda: {"contradictions": texts.measure(), "references": texts.references()},
        "planted": lambda: {
            "random": planted.duplicates_and_leaks(synthetic=True),
            "real": planted.duplicates_and_leaks(synthetic=False),
            "moved labels": planted.moved_labels(embeddings),
            "personal data": planted.personal_data(),
            "changed documents": planted.changed_documents(),
        },
        "breadth": lambda: breadth.measure(embeddings),
        "sets": lambda: sets.measure(folder),
    }
    found: dict[str, Any] = {}
    for name in names:
        start = time.perf_counter()
        found[name] = parts[name]()
        if not quiet:
            print(f"== {name} ({time.perf_counter() - start:.0f} s)")
            print(_shown(name, found[name]))
    return found


def _labels(embeddings: Embeddings) -> dict[str, Any]:
    found = labels.measure(embeddings)
    return {
        "seeds": labels.SEEDS,
        "summary": labels.summary(found),
        "untouched": labels.untouched(embeddings),
        "runs": found,
    }


def _outputs(embeddings: Embeddings) -> dict[str, Any]:
    repeats, heard = outputs.measure(), witnessed.measure(embeddings)
    return {
        "seeds": outputs.SEEDS,
        "repeats": outputs.summary(repeats, ("set", "metric", "repeated", "rate")),
        "witnesses": outputs.summary(heard, ("set", "rate")),
        "runs": {"repeats": repeats, "witnesses": heard},
    }


def _shown(name: str, part: Any) -> str:
    if name in ("labels", "outputs"):
        part = {key: value for key, value in part.items() if key != "runs"}
    if name == "sets":
        return "\n".join(_set(row) for row in part)
    return json.dumps(part, indent=1)


def _set(row: dict[str, Any]) -> str:
    if "refused" in row:
        return f"{row['set']}: refused: {row['refused']}"
    lines = [f"{row['set']}: {row['seconds']:.2f} s, {row['calls']} model calls"]
    lines += [
        f"  {f['severity']} {f['id']} {f['figure']} (threshold {f['threshold']}): {f['text']} "
        f"{f['examples'][:3]}"
        for f in row["flags"]
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
