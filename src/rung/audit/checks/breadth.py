"""Several tasks in one: kinds of input that ask for kinds of answer of their own."""

import re

import numpy as np
from numpy.typing import NDArray

from rung.audit.base import NOTHING, Found, one, skip
from rung.audit.material import Material
from rung.decide.rules.loader import by_id, titles
from rung.models.base import Vectors
from rung.records import Flag
from rung.task.types import TextOutput

Floats = NDArray[np.float64]

SEVERAL = 1.6
"""Effective number of tasks from which a set counts as several: single sets of texts measured up
to 1.43, two thirds of mixtures above 1.6 (docs/audit.md)."""
FEWEST = 60
MOST = 400
MOST_KINDS = 6
SMALLEST_KIND = 5
VERBS_MOST = 3
"""Different jobs that an instruction may name before it is called broad."""
VERBS = frozenset(
    [
        "answer",
        "classify",
        "route",
        "translate",
        "summarise",
        "summarize",
        "extract",
        "rewrite",
        "write",
        "generate",
        "explain",
        "describe",
        "compare",
        "recommend",
        "plan",
        "draft",
        "reply",
        "label",
        "tag",
        "rate",
        "score",
        "convert",
        "correct",
        "complete",
        "compute",
        "calculate",
        "solve",
        "find",
        "list",
        "name",
        "identify",
        "detect",
        "predict",
        "improve",
        "review",
        "edit",
        "help",
        "assist",
        "chat",
        "advise",
        "analyse",
        "analyze",
        "suggest",
        "brainstorm",
        "code",
        "debug",
        "fill",
    ]
)
_CLAUSE = re.compile(r"[.;:!?\n,]|\band\b|\bor\b|\bthen\b|\bplease\b", re.IGNORECASE)
_WORD = re.compile(r"[a-z]+")


def check(material: Material) -> Found:
    """`task-too-broad`, by what is asked for and what is answered, and by the instruction."""
    if not isinstance(material.task.output, TextOutput):
        return skip("the output is one closed form: labels, a schema or a query")
    jobs = jobs_named(material.task.instruction)
    figure = None
    why = material.unembedded
    if material.vectors is not None and len(material.embedded) >= FEWEST:
        rows = material.embedded
        figure = effective_tasks(
            [material.inputs[i] for i in rows],
            [material.answer_texts[i] for i in rows],
            material.vectors,
            material.task.climb.seed,
        )
    elif material.vectors is not None:
        why = f"{len(material.embedded)} examples are too few to tell kinds of task apart"
    broad = figure is not None and figure >= SEVERAL
    if not broad and len(jobs) <= VERBS_MOST:
        return NOTHING if figure is not None else skip(why)
    return one(_flag(figure if broad else None, jobs))


def _flag(figure: float | None, jobs: list[str]) -> Flag:
    rule = by_id()["flag.broad-task"]
    reasons = []
    if figure is not None:
        reasons.append(
            f"The examples behave like {figure:.1f} tasks rather than one: what kind of input "
            "comes tells what kind of answer is expected"
        )
    if len(jobs) > VERBS_MOST:
        reasons.append(f"the instruction names {len(jobs)} jobs ({', '.join(jobs)})")
    text = "; ".join(reasons)
    return Flag(
        id="task-too-broad",
        severity="warn",
        figure=round(figure, 2) if figure is not None else len(jobs),
        threshold=SEVERAL if figure is not None else VERBS_MOST,
        source=f"{'; '.join(titles(rule))}; calibrated on single sets and mixtures of them",
        text=text[0].upper() + text[1:] + ".",
        advice="Make one task of each kind: each has a target, a cheapest technique and a verdict "
        "of its own.",
    )


def jobs_named(instruction: str) -> list[str]:
    """Different verbs of work with which clauses of an instruction begin, in order."""
    jobs = []
    for clause in _CLAUSE.split(instruction):
        words = _WORD.findall(clause.casefold())
        if words and words[0] in VERBS:
            jobs.append(words[0])
    return list(dict.fromkeys(jobs))


def effective_tasks(inputs: list[str], answers: list[str], vectors: Vectors, seed: int) -> float:
    """How many tasks the examples behave like: exp of what the input tells of the answer's form.

    Answers are put into kinds by their form (signs, lines, brackets, what they copy), and
    the kind is predicted from the input's vector out of sample. One task in one form gives 1, and
    so does one whose form does not hang on the input; k equal tasks with forms of their own give
    k. The information is that of the prediction (Xu et al., "A theory of usable information under
    computational constraints", ICLR 2020).
    """
    draw = np.random.default_rng(seed)
    chosen = draw.permutation(len(inputs))[:MOST]
    forms = np.array([form(inputs[i], answers[i]) for i in chosen])
    kinds = _kinds(forms)
    sizes = np.bincount(kinds)
    kept = sizes[kinds] >= SMALLEST_KIND
    names, y = np.unique(kinds[kept], return_inverse=True)
    if len(names) < 2:
        return 1.0
    x = np.asarray(vectors, dtype=np.float64)[chosen][kept]
    return float(np.exp(max(0.0, _told(x, y))))


def form(given: str, answer: str) -> list[float]:
    """What an answer looks like, whatever it says; each entry about as wide as the others.

    Not its length and not whether it is a number: those follow the question within one task.
    """
    there = set(re.findall(r"\w+", given.casefold()))
    words = re.findall(r"\w+", answer.casefold())
    signs = sum(not c.isalnum() and not c.isspace() for c in answer)
    return [
        4.0 * signs / max(1, len(answer)),
        float(np.log1p(answer.count("\n"))),
        sum(word in there for word in words) / max(1, len(words)),
        float(answer[:1] in ("{", "[", "<")),
        float(answer.rstrip()[-1:] in (".", "!", "?")),
    ]


def _kinds(forms: Floats) -> NDArray[np.int64]:
    """The clustering with the best silhouette; everything one kind where forms do not differ."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    best, kinds = 0.0, np.zeros(len(forms), dtype=np.int64)
    different = len(np.unique(forms, axis=0))
    for k in range(2, min(MOST_KINDS, different - 1) + 1):
        clusters = KMeans(k, n_init=3, random_state=0).fit_predict(forms)
        score = float(silhouette_score(forms, clusters))
        if score > best + 0.02:
            best, kinds = score, clusters.astype(np.int64)
    return kinds


def _told(x: Floats, y: NDArray[np.int64]) -> float:
    """Nats that the vector tells of the kind, out of sample."""
    from sklearn.linear_model import LogisticRegression

    likely = np.zeros((len(y), int(y.max()) + 1))
    fold = np.zeros(len(y), dtype=np.int64)
    for kind in range(likely.shape[1]):
        own = np.flatnonzero(y == kind)
        fold[own] = np.arange(len(own)) % 5
    for number in range(5):
        out = fold == number
        head = LogisticRegression(C=10.0, max_iter=200, tol=1e-3).fit(x[~out], y[~out])
        likely[np.ix_(out, head.classes_)] = head.predict_proba(x[out])
    missed = -np.log(np.clip(likely[np.arange(len(y)), y], 1e-6, 1.0)).mean()
    shares = np.bincount(y) / len(y)
    return float(-(shares * np.log(shares)).sum() - missed)
