"""Are there enough examples to tune on, and to certify anything?"""

from rung.audit.base import Found
from rung.audit.material import Material
from rung.audit.units import units_of
from rung.decide.rules.loader import by_id, documents, titles
from rung.evidence import certifiable_mean, must_see
from rung.records import Flag
from rung.task.types import Task

DEMANDING = 0.1
"""How far above the target a candidate may have to be before the test split is called small."""
EXACT = "exact binomial test (Clopper and Pearson, Biometrika 26, 1934)"


def check(material: Material) -> Found:
    """`too-few-examples` to tune on, `too-few-test-examples` to certify the target."""
    flags = (_to_tune(material.task), _to_certify(material.task))
    return Found(tuple(flag for flag in flags if flag is not None))


def _to_tune(task: Task) -> Flag | None:
    rule, hopeless = by_id()["examples-to-tune"], by_id()["examples-hopeless"]
    assert rule.used is not None and hopeless.used is not None
    n = len(task.train)
    if n >= rule.used:
        return None
    figures = "; ".join(f"{f.says} ({documents()[f.source]})" for f in rule.figures)
    least = "; ".join(f"{f.says} ({documents()[f.source]})" for f in hopeless.figures)
    below = n < hopeless.used
    return Flag(
        id="too-few-examples",
        severity="warn" if below else "info",
        figure=n,
        threshold=int(rule.used),
        source="; ".join(dict.fromkeys((*titles(rule), *titles(hopeless)))),
        text=f"{n:,} training examples, where fine-tuning asks for: {figures}; {least}.",
        advice=(
            "Add training examples before anything is tuned, or stay with prompts and retrieval."
            if below
            else "Let the learning curve say whether more would help: "
            "`rung climb --learning-curve`."
        ),
    )


def _to_certify(task: Task) -> Flag | None:
    target, alpha = task.target.score, 1.0 - task.target.confidence
    n = units(task)
    if not n or not 0.0 < target < 1.0:
        return None
    field = units_of(task).field
    what = "test examples" if field is None else f"test clusters (by {field!r})"
    if must_see(n, target, alpha) is None:
        return Flag(
            id="too-few-test-examples",
            severity="block",
            figure=n,
            threshold=_fewest(target, alpha),
            source=EXACT,
            text=(
                f"With {n:,} {what} not even all right certifies {target:g} at "
                f"{task.target.confidence:.0%} confidence."
            ),
            advice="Add test examples up to the threshold at least, or lower the target.",
        )
    needed = certifiable_mean(n, target, alpha)
    if needed is not None and needed - target <= DEMANDING:
        return None
    who = "none" if needed is None else f"only a candidate that is right {needed:.0%} of the time"
    return Flag(
        id="too-few-test-examples",
        severity="info",
        figure=n,
        threshold=with_room(n, target, alpha),
        source=EXACT,
        text=(
            f"With {n:,} {what}, {who} is certified for {target:g} nine times in ten: worse ones "
            "that are good enough are likely to stay undecided."
        ),
        advice="Add test examples up to the threshold, so that a good candidate can be told apart.",
    )


def units(task: Task) -> int:
    """Test examples without repeats, or clusters of them."""
    count = units_of(task)
    return len({count.of(e) for e in task.test if e.id not in count.repeats})


def _fewest(target: float, alpha: float) -> int:
    """Examples with which all right certifies the target."""
    n = 1
    while must_see(n, target, alpha) is None:
        n += 1
    return n


def with_room(n: int, target: float, alpha: float) -> int:
    """Examples, to a tenth, with which a candidate `DEMANDING` above the target is certified."""
    size = n
    for _ in range(100):
        needed = certifiable_mean(size, target, alpha)
        if needed is not None and needed - target <= min(DEMANDING, (1.0 - target) / 2):
            break
        size = size + max(1, size // 10)
    return size
