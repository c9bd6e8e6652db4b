"""Writing that the embedder cannot read is said."""

from __future__ import annotations

from rung.audit.checks.languages import check

from .tasks import label_task, material


def test_what_the_embedder_cannot_read_is_a_warning() -> None:
    seen = material(label_task(), embedded=False)
    assert not check(seen).flags
    seen.unread = 0.62
    (flag,) = check(seen).flags
    assert flag.severity == "warn" and "62 % of the letters" in flag.text
    assert seen.task.models.embedder in flag.text
