"""How fast a request is: what is timed, and what so few can tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.task.types import Target

from .tasks import MODEL, asked, climb, knowing, label_task, then, why
from .tasks import ScriptedModel as Model

LIMIT = Target(metric="accuracy", score=0.5, max_latency_p95_s=60.0)


@pytest.mark.parametrize(("test", "status"), [(60, "sufficient"), (30, "undecided")])
def test_an_example_that_is_asked_again_tells_nothing_of_other_requests(
    tmp_path: Path, test: int, status: str
) -> None:
    """A limit takes 59 different requests, and one before them that is not timed."""
    heard: list[int] = []

    def answer(request: object) -> str:
        heard.append(asked(request))  # type: ignore[arg-type]
        return knowing()(request)

    task = label_task(train=0, dev=5, test=test, target=LIMIT)
    result = climb(task, tmp_path, Model(answer, MODEL), diagnose=False)
    assert result.verdict.status == status
    timed = heard[-min(61, 5 + test) :]
    assert len(set(timed)) == len(timed) and set(timed) <= set(range(5 + test))
    if status == "undecided":
        assert any("no upper bound" in reason for reason in why(result))
        assert "add some, or take the limit out" in then(result)
