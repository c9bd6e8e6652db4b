"""A run on disk: `run.json` (written whole) and `attempts.jsonl` (one line an attempt).

Attempts are appended as they are scored, in one write each, and read back by a resumed run. A line
that a kill cut short is dropped and asked again (its call is in the cache).
"""

from collections import Counter
from pathlib import Path

from pydantic import ValidationError

from rung.errors import StoreError
from rung.project import write_whole
from rung.records import Attempt
from rung.task.types import SplitName

AttemptKey = tuple[str, SplitName, str]


FAILURES_FILE = "failures.jsonl"
"""A line for each example that got no answer in a run, with the words of the failure."""


class RunStore:
    """The folder of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / "attempts.jsonl"
        self._failures = folder / FAILURES_FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.attempts = self._read()
            lines = self._failures.read_bytes().splitlines() if self._failures.exists() else []
            self._unanswered = Counter(key for line in lines if (key := _key_of(line)))
            self._file = self._path.open("ab", buffering=0)
        except OSError as error:
            raise self._failed(error) from error

    def _read(self) -> dict[AttemptKey, Attempt]:
        """Attempts kept so far, without those that failed (they are asked again)."""
        if not self._path.exists():
            return {}
        kept: dict[AttemptKey, Attempt] = {}
        lines = self._path.read_bytes().split(b"\n")
        whole = 0
        for line in lines[:-1]:
            try:
                attempt = Attempt.model_validate_json(line)
            except ValidationError:
                continue
            key = (attempt.candidate, attempt.split, attempt.example_id)
            whole += 1
            if attempt.state != "errored" or attempt.error_is_final:
                kept[key] = attempt
        if len(kept) != whole or lines[-1] or whole != len(lines) - 1:
            self.write("attempts.jsonl", "".join(a.model_dump_json() + "\n" for a in kept.values()))
        return kept

    def get(self, key: AttemptKey) -> Attempt | None:
        """The attempt kept under that key."""
        return self.attempts.get(key)

    def add(self, attempt: Attempt) -> None:
        """Keep one attempt; a second one for the same example is refused as a bug."""
        key = (attempt.candidate, attempt.split, attempt.example_id)
        assert key not in self.attempts, f"attempt recorded twice: {key}"
        try:
            self._file.write(attempt.model_dump_json().encode() + b"\n")
        except OSError as error:
            raise self._failed(error) from error
        self.attempts[key] = attempt

    def note_failure(self, attempt: Attempt) -> int:
        """Write down that an example got no answer; in how many runs it got none."""
        try:
            with self._failures.open("ab", buffering=0) as file:
                file.write(attempt.model_dump_json().encode() + b"\n")
        except OSError as error:
            raise self._failed(error) from error
        key = (attempt.candidate, attempt.split, attempt.example_id)
        self._unanswered[key] += 1
        return self._unanswered[key]

    def has_answered(self, candidate: str) -> bool:
        """Whether a candidate answered any example."""
        return any(a.answer is not None for a in self.attempts.values() if a.candidate == candidate)

    def write(self, name: str, text: str) -> None:
        """Write a file of the run whole or not at all."""
        write_whole(self.folder / name, text)

    def close(self) -> None:
        """Close the file of attempts."""
        self._file.close()

    def _failed(self, error: OSError) -> StoreError:
        return StoreError(
            f"the run in {self.folder} could not be written ({error.strerror or error}): free "
            "disk space or mend its permissions and run again; answered calls are kept"
        )


def _key_of(line: bytes) -> AttemptKey | None:
    """Whose failure a line is; None where a kill cut it short."""
    try:
        attempt = Attempt.model_validate_json(line)
    except ValidationError:
        return None
    return attempt.candidate, attempt.split, attempt.example_id
