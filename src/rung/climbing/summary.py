"""From attempts to figures: scores with intervals, mean usage, mean cost."""

from collections import Counter
from collections.abc import Hashable, Sequence
from importlib.metadata import PackageNotFoundError, version
from statistics import fmean, pstdev

from rung import __version__
from rung.audit.units import units_of
from rung.decide.hindered import hindered
from rung.evidence import binomial_interval, cluster_means, interval
from rung.records import Attempt, Usage
from rung.records.results import Measured
from rung.scorers import macro_f1, micro_f1
from rung.scorers.parts import parts
from rung.task.load import load_task
from rung.task.types import (
    Example,
    JsonValue,
    LabelsOutput,
    MultiLabelOutput,
    SplitName,
    Task,
)

RECORDED = ("numpy", "scipy", "torch", "transformers", "peft", "openai", "genai-prices")


def value_of(attempt: Attempt) -> float | None:
    """The score that counts: a call that can never succeed is 0, an unanswered one is none."""
    if attempt.error_is_final:
        return 0.0
    return attempt.score


def unit_of(task: Task, example: Example) -> Hashable:
    """The statistical unit of an example: itself, or its cluster, declared or found."""
    return units_of(task).of(example)


def left_out_of_test(task: Task) -> int:
    """Test examples that `[climb] test_size` leaves unasked."""
    if task.climb.test_size is None or task.root is None:
        return 0
    return len(load_task(task.root, whole=True).test) - len(task.test)


def unit_scores(
    task: Task, examples: Sequence[Example], attempts: Sequence[Attempt]
) -> list[float]:
    """One score a unit, in order; examples without a score are left out."""
    pairs = [
        (value, unit_of(task, example))
        for example, attempt in zip(examples, attempts, strict=True)
        if (value := value_of(attempt)) is not None
    ]
    if not pairs:
        return []
    values, units = zip(*pairs, strict=True)
    return cluster_means(values, units) if units_of(task).clustered else list(values)


MOST_REFUSALS = 5
"""Different words of refusals that are kept."""


def _refusal(attempt: Attempt) -> str | None:
    """Why an example was refused for what stands in it; None where it was not."""
    if attempt.error_is_final:
        return attempt.error
    answer = attempt.answer
    if answer is None or answer.finish != "refused" or attempt.score != 0.0:
        return None
    return answer.problem or "the model refused to answer"


def measured(
    task: Task, split: SplitName, examples: Sequence[Example], attempts: Sequence[Attempt]
) -> Measured:
    """Summarise one candidate's attempts on one split; `value` is None where nothing counts."""
    scores = unit_scores(task, examples, attempts)
    errors = sum(a.state == "errored" and not a.error_is_final for a in attempts)
    unscored = sum(a.state == "unscored" for a in attempts)
    refusals = Counter(words for a in attempts if (words := _refusal(a)) is not None)
    wrong = sum(a.score == 0.0 and _refusal(a) is None for a in attempts)
    if not scores:
        return Measured(split=split, errors=errors, unscored=unscored)
    if all(s in (0.0, 1.0) for s in scores):
        ends = binomial_interval(int(sum(scores)), len(scores), task.target.confidence)
    else:
        ends = interval(scores, task.target.confidence)
    return Measured(
        split=split,
        value=fmean(scores),
        low=ends.low,
        high=ends.high,
        n=len(scores),
        wrong=wrong,
        refused=refusals.total(),
        refusals=dict(refusals.most_common(MOST_REFUSALS)),
        hindered=hindered(attempts),
        errors=errors,
        unscored=unscored,
        method=ends.method,
        details=_details(task, examples, attempts),
        parts=parts(task.output, _answered(examples, attempts)) if split == "dev" else (),
    )


def _answered(
    examples: Sequence[Example], attempts: Sequence[Attempt]
) -> list[tuple[Example, JsonValue]]:
    """What was said to the examples that count, None where it is no valid answer."""
    return [
        (e, a.answer.value if a.answer is not None and a.answer.valid else None)
        for e, a in zip(examples, attempts, strict=True)
        if value_of(a) is not None
    ]


PILOT_CONFIDENCE = 0.98
"""Two-sided, so a one-sided 99 %: a pilot gives up a candidate that is good enough 1 % of times."""


def upper_bound(scores: Sequence[float]) -> float:
    """The highest mean that a pilot's scores leave plausible."""
    if not scores:
        return 1.0
    if all(s in (0.0, 1.0) for s in scores):
        return binomial_interval(int(sum(scores)), len(scores), PILOT_CONFIDENCE).high
    return interval(scores, PILOT_CONFIDENCE).high


def _details(
    task: Task, examples: Sequence[Example], attempts: Sequence[Attempt]
) -> dict[str, float]:
    scored = [(e, a) for e, a in zip(examples, attempts, strict=True) if a.state == "scored"]
    names = sorted({name for _, a in scored for name in a.details})
    means = {n: fmean(a.details[n] for _, a in scored if n in a.details) for n in names}
    values = [v for a in attempts if (v := value_of(a)) is not None]
    if values and units_of(task).clustered:  # the other reading: every example weighs the same
        means["per_example"] = fmean(values)
    if isinstance(task.output, LabelsOutput) and scored:
        pairs = [(str(e.expected), str(a.answer.value if a.answer else "")) for e, a in scored]
        summary = macro_f1(pairs)
        if summary is not None:
            means["macro_f1"] = summary
    if isinstance(task.output, MultiLabelOutput) and scored:
        sets = [(e.expected, a.answer.value if a.answer else None) for e, a in scored]
        micro = micro_f1(sets)
        if micro is not None:
            means["micro_f1"] = micro
    return means


def mean_usage(attempts: Sequence[Attempt]) -> tuple[Usage, dict[str, float], float | None]:
    """Mean usage of an answer, its standard deviations, and mean cost in USD (None without any)."""
    answered = [a for a in attempts if a.answer is not None]
    if not answered:
        return Usage(), {}, None
    used = [a.answer.usage for a in answered if a.answer is not None]
    mean = Usage(
        input_tokens=round(fmean(u.input_tokens for u in used)),
        output_tokens=round(fmean(u.output_tokens for u in used)),
        cache_read_tokens=round(fmean(u.cache_read_tokens for u in used)),
        cache_write_tokens=round(fmean(u.cache_write_tokens for u in used)),
        seconds=fmean(u.seconds for u in used),
        gpu_seconds=fmean(u.gpu_seconds for u in used),
        estimated=any(u.estimated for u in used),
    )
    spread = {
        "input_tokens": pstdev(u.input_tokens for u in used),
        "output_tokens": pstdev(u.output_tokens for u in used),
        "seconds": pstdev(u.seconds for u in used),
    }
    return mean, spread, fmean(a.cost_usd for a in answered)


def versions() -> dict[str, str]:
    """Of what answers, scores and statistics rest on."""
    installed = {"rung": __version__}
    for name in RECORDED:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return installed
