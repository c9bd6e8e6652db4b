"""Notes on a run that only its answers give, a sentence each."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from rung.behaviour.trainers.guard import THEN, guards
from rung.records import Attempt
from rung.records.results import CandidateResult
from rung.solver.teaching import said_of_teaching


def found_notes(
    rows: Sequence[CandidateResult], attempts: Callable[[str], Sequence[Attempt]]
) -> list[str]:
    """What readers should know of the answers behind a run; `attempts` by a candidate's key."""
    trained = [*_taught(rows), *_preferred(rows), *_left_out(rows), *_forgotten(rows)]
    return [*trained, *_refusals(rows), *_estimates(rows, attempts)]


def _taught(rows: Sequence[CandidateResult]) -> Iterator[str]:
    """What was learnt of a teacher."""
    for row in rows:
        if (facts := row.training.get("taught")) is not None:
            yield said_of_teaching(row.key, facts)


def _preferred(rows: Sequence[CandidateResult]) -> Iterator[str]:
    """What was learnt of corrections."""
    for row in rows:
        if (facts := row.training.get("preferred")) is not None:
            losses = ", ".join(f"{loss:.2f}" for loss in facts["losses"])
            yield (
                f"{row.key} was tuned on the rows, and then learnt {facts['pairs']} corrections "
                f"against the answers they replaced (DPO; loss in each epoch {losses or 'not told'}"
                ", 0.69 where nothing is preferred)."
            )


def _left_out(rows: Sequence[CandidateResult]) -> Iterator[str]:
    """Training examples that nothing was learnt from."""
    for row in rows:
        if n := row.training.get("left_out"):
            yield (
                f"{row.key}: {n} training example{'s are' if n > 1 else ' is'} longer than what "
                f"{row.model} reads, and left out of its training."
            )


def _forgotten(rows: Sequence[CandidateResult]) -> Iterator[str]:
    """Tuned models that lost general ability."""
    for row in rows:
        for guard in guards(row.training):
            if guard["lost"]:
                yield (
                    f"{row.key} can do less than before it was tuned: {guard['said']}. "
                    f"{guard.get('then', THEN)}"
                )


def _refusals(rows: Sequence[CandidateResult]) -> Iterator[str]:
    """What was refused for its content, a note a candidate, in the server's own words."""
    for row in rows:
        if row.score is None or not row.score.refused:
            continue
        words = "; ".join(f"{text} ({n})" for text, n in row.score.refusals.items())
        yield (
            f"{row.key}: {row.score.refused} of {row.score.n} examples were refused for what "
            f"stands in them, and count as not answered: {words}"
        )


def _estimates(
    rows: Sequence[CandidateResult], attempts: Callable[[str], Sequence[Attempt]]
) -> Iterator[str]:
    """Costs that rest on token counts which the server did not give, a note a model."""
    answers = [
        (row.model, a.answer.usage.estimated)
        for row in rows
        for a in attempts(row.key)
        if a.answer is not None
    ]
    counted = Counter(model for model, _ in answers)
    for model, n in Counter(model for model, estimated in answers if estimated).items():
        yield (
            f"{model}: costs with a ~ are estimated, since {n} of {counted[model]} answers came "
            "without token counts, or with counts that do not add up: the dearer reading is taken."
        )
