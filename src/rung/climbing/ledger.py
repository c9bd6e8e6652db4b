"""The alpha ledger on disk: how much error a test split still affords, use after use."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from rung.errors import StoreError
from rung.evidence import AlphaLedger
from rung.task.types import Example, Task, digest


class TestLedger:
    """The ledger of held-out examples, the test split's when left out, in `.rung/ledger.json`.

    Examples are known by their content, so that a copy of the test split is the test split.
    """

    __test__ = False  # a name that pytest would take for a test class

    def __init__(
        self,
        path: Path,
        task: Task,
        planned: Sequence[str],
        examples: Sequence[Example] | None = None,
    ) -> None:
        self._path = path
        rows = task.test if examples is None else examples
        self._split = digest(sorted(digest([e.input, e.expected]) for e in rows))
        self._salt = task.fingerprint()[:12]
        """What a candidate is certified for: another task on the same test is another question."""
        kept = self._read().get(self._split)
        self.unused = kept is None
        """Nothing was ever measured on these examples, so that `planned` counts."""
        fresh = AlphaLedger(1.0 - task.target.confidence, max(1, len(planned)))
        self.ledger = AlphaLedger.from_dict(kept) if kept else fresh

    def alpha(self, key: str) -> float:
        """The error granted to a candidate; raises `UserError` when the split is used up."""
        name = f"{self._salt}/{key}"
        if name not in self.ledger.granted:
            self.ledger = self.ledger.register(name)
            self._write()
        return self.ledger.alpha_of(name)

    def _read(self) -> dict[str, dict[str, object]]:
        if not self._path.exists():
            return {}
        try:
            splits: dict[str, dict[str, object]] = json.loads(self._path.read_text())
        except (OSError, ValueError) as error:
            raise StoreError(
                f"{self._path} cannot be read ({error}): restore it from a copy; it keeps count of "
                "how often the test examples were used"
            ) from error
        return splits

    def _write(self) -> None:
        splits = self._read()
        splits[self._split] = self.ledger.to_dict()
        work = self._path.with_suffix(f".{os.getpid()}.tmp")
        try:
            work.write_text(json.dumps(splits, indent=1) + "\n")
            os.replace(work, self._path)
        except OSError as error:
            raise StoreError(f"{self._path} could not be written: {error}") from error
