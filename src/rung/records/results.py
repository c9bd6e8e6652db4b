"""What is known of each candidate, and the verdict: plain data that `run.json` holds."""

from typing import Any, Literal

from pydantic import ConfigDict, Field, computed_field, model_validator

from rung.candidate import Candidate, Technique
from rung.records import Flag, Usage
from rung.task.types import Frozen, SplitName

Kind = Literal[
    "reaches",
    "fell-back",
    "times-dearer",
    "not-tried",
    "passes-too",
    "below",
    "open",
    "unlikely",
    "may-suffice",
    "unsettled",
    "nothing-tried",
    "serve",
    "unanswered",
    "time-again",
    "mend",
    "nothing-tested",
    "more-examples",
    "beyond",
    "limits",
    "no-scores",
    "said",
]
"""reaches: certified on test. fell-back: share that went on to a further model. times-dearer: the
dearest beside the choice. not-tried: not reached. passes-too: certified, and why not chosen.

Of who was left: below: its interval ends below the target. open: cannot be shown on these
examples, though it may be good enough. unlikely: not worth more calls, and not shown to be below.
may-suffice: open, and cheaper than the choice. unsettled: not settled, with its cause.

Next steps: serve, unanswered, time-again, mend, nothing-tested, more-examples, beyond, limits (what
is certified breaks one), no-scores.
said: a sentence that was worded elsewhere."""


class Reason(Frozen):
    """One sentence of a verdict before it is worded."""

    kind: Kind
    candidate: str = ""
    """Key of the candidate that it is about."""
    figures: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _worded(cls, given: Any) -> Any:
        """Runs written by earlier versions hold sentences."""
        return {"kind": "said", "figures": {"text": given}} if isinstance(given, str) else given


State = Literal[
    "planned", "pass", "drop", "undecided", "hopeless", "incomplete", "skipped", "probe"
]
"""planned: not reached. pass: target certified on test. drop: on test, not worth more calls.
undecided: the test examples ran out. hopeless: left after the pilot on dev. incomplete: calls went
unanswered, or the climb was stopped there: run again. skipped: cannot be run here. probe: an
intervention, never shipped."""


Standing = Literal["below", "open", "unlikely"]
"""What is known of one that was left: shown to be below the target (its interval ends below it),
cannot be told on these examples, or not worth more calls though not shown to be below."""


class Hindered(Frozen):
    """Of the failures behind a score: those that say little about what the model knows."""

    failed: int = 0
    """Answers with less than half of the credit."""
    cut: int = 0
    """Ended for want of room."""
    refused: int = 0
    """By the model, a filter, or for the request itself."""
    invalid: int = 0
    """Whole, but in no form that can be read."""


class Part(Frozen):
    """One label, or one field of JSON answers: how often it was expected, given, and rightly so."""

    name: str
    expected: int
    given: int
    right: int


class Measured(Frozen):
    """Scores of one candidate on one split."""

    split: SplitName
    value: float | None = None
    """Mean score; None where nothing was scored (never 0)."""
    low: float | None = None
    high: float | None = None
    """Two-sided interval at the target's confidence; on test it holds after an early stop too."""
    n: int = 0
    """Scores in `value`: answers scored, and calls that can never succeed, counted as 0."""
    wrong: int = 0
    """Scored answers without any credit."""
    refused: int = 0
    """Examples that the model or its server will not answer for what stands in them (a filter, too
    long), or that were given up: part of `n`, counted as 0."""
    refusals: dict[str, int] = Field(default_factory=dict)
    """How many, by the words of the refusal."""
    hindered: Hindered = Hindered()
    errors: int = 0
    """Calls that got no answer yet; in no score."""
    unscored: int = 0
    method: str = ""
    certified: float | None = None
    """Highest target that the scores certify on the test schedule, however early it stopped."""
    details: dict[str, float] = Field(default_factory=dict)
    """Means of secondary measures; macro F1 for labels."""
    parts: tuple[Part, ...] = ()
    """By label, or by field of JSON; on dev alone, since test answers stay unseen."""


class Forecast(Frozen):
    """Chance that more test examples certify the target."""

    points: tuple[tuple[int, float], ...]
    """(examples in all, chance)."""
    ceiling: float
    """Chance that the true mean reaches the target at all."""
    must_see: int | None = None
    """Right answers that the present examples would have had to show; None where none suffice."""
    counts: bool = True
    """Each score is right or wrong; else no number of right ones says what certifies."""
    alpha: float | None = None
    """Error that the next climb on these examples would grant; None in runs of earlier versions."""
    more: int | None = None
    """Examples to add for four fifths of `ceiling`; None where no number up to 100,000 gives it."""


class Search(Frozen):
    """How hard a rung's best was looked for."""

    start: str
    """Key of the rung as it was planned."""
    best: str
    """Key of what was found; the start's where nothing was better."""
    calls: int
    """Answers, those of fitting and of a writer included."""
    usd: float = 0.0
    """What they cost: part of setting the rung up."""
    variants: int
    before: float | None = None
    """The start's score on rows that had no part in choosing."""
    after: float | None = None
    """What was found, on the same rows."""
    n: int = 0
    """Of those rows."""
    searched: tuple[str, ...] = ()
    """Slots in which others were asked."""
    untried: tuple[str, ...] = ()
    """Slots in which none was."""
    prompts: tuple[str, ...] = ()
    """Of the start and of what was found, as the first dev row is asked."""
    tried: tuple[tuple[str, float | None, int], ...] = ()
    """Key, score and rows of each, in order."""


class CandidateResult(Frozen):
    """One row of the ladder."""

    model_config = ConfigDict(frozen=True, extra="ignore")  # reads back its computed fields

    key: str
    technique: Technique
    model: str
    candidate: Candidate
    state: State = "planned"
    reason: str = ""
    standing: Standing | None = None
    """Of one that was left or undecided, by its scores on test, else on dev."""
    chance: float | None = None
    """P(true mean >= target | those scores), by a Jeffreys prior, or Student's law where graded."""
    dev: Measured | None = None
    test: Measured | None = None
    alpha: float | None = None
    """Error granted to this candidate on the test split."""
    forecast: Forecast | None = None
    """Where the test examples ran out: what more of them would do."""
    cost_per_request_usd: float | None = None
    """Mean of measured answers; None before any."""
    expected_cost_per_request_usd: float = 0.0
    expected_monthly_usd: float | None = None
    """As `monthly_usd`, before anything is measured: the ladder's order."""
    setup_usd: float = 0.0
    """Once, all in: people, labels, training, and what is assumed."""
    monthly_usd: float | None = None
    """At the workload, all in, as `rung cost` has it: what was measured, machines that stand
    there, people, and what is paid once spread over the horizon."""
    assumed_monthly_usd: float = 0.0
    """Part of `monthly_usd` that nobody stated: what the technique is taken to need to set up."""
    usage: Usage = Usage()
    """Mean of a request."""
    usage_sd: dict[str, float] = Field(default_factory=dict)
    latency_p95_s: float | None = None
    """Asked one at a time."""
    latency_low_s: float | None = None
    latency_high_s: float | None = None
    """Where the 95th percentile lies, each end with 95 % confidence; None where the timed requests
    are too few to bound it."""
    search: Search | None = None
    """What was tried before it was climbed; None where it is climbed as planned."""
    embedded_tokens: int = 0
    """Tokens that a hosted embedder read to make it."""
    training: dict[str, Any] = Field(default_factory=dict)
    learning: dict[str, Any] = Field(default_factory=dict)
    """Scores on dev by training size, and what more examples would do (`LearningCurve`)."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def score(self) -> Measured | None:
        """Test where there is any, else dev."""
        return self.test or self.dev

    @computed_field  # type: ignore[prop-decorator]
    @property
    def errors(self) -> int:
        """Calls without an answer behind the score; they are in no way wrong answers."""
        return self.score.errors if self.score else 0


class Comparison(Frozen):
    """The choice beside another candidate on the examples both answered."""

    other: str
    difference: float
    """Choice minus other."""
    low: float
    high: float
    p_value: float
    n: int
    method: str


Stopped = Literal["budget", "interrupted"]
"""What ended a climb before its ladder was settled."""


class Verdict(Frozen):
    """The answer to "which is the cheapest that is good enough?"."""

    status: Literal["sufficient", "insufficient", "undecided"]
    choice: str | None = None
    """A candidate's key."""
    reasons: tuple[Reason, ...] = ()
    next_step: Reason = Reason(kind="said", figures={"text": ""})
    comparisons: tuple[Comparison, ...] = ()
    stopped: Stopped | None = None


class Calls(Frozen):
    """Model calls of this invocation; answers used, and what everything on everything takes."""

    made: int = 0
    cached: int = 0
    used: int = 0
    """Answers of models behind the verdict, whenever they were made."""
    exhaustive: int = 0
    tokens: int = 0
    """Read and written by the answers used."""
    tokens_forecast: int = 0
    """Expected for the answers used, before any was asked (`rung plan`)."""


class RunResult(Frozen):
    """One object that says everything: `run.json` and `rung climb --json`."""

    run: str
    task: str
    fingerprint: str
    metric: str
    target: float
    confidence: float
    mode: str = "traffic"
    """What a PASS speaks of: `suite` of exactly these examples, every other mode of traffic."""
    unit: str | None = None
    """What the test examples are grouped by, where the mean of groups is certified."""
    marked: int | None = None
    """Answers by whose marks a judge's errors are in every score and bound; 0 where its own marks
    are certified, None where no judge scores."""
    verdict: Verdict
    candidates: tuple[CandidateResult, ...]
    calls: Calls
    sizes: dict[SplitName, int]
    spent_usd: float = 0.0
    seconds: float = 0.0
    seed: int = 0
    notes: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()
    """Red flags that the audit found before the climb, the gravest first."""
    ledger: str = ""
    workload: dict[str, int] = Field(default_factory=dict)
    economics: dict[str, Any] = Field(default_factory=dict)
    """What `rung cost` reads besides `prices`: measured usage, workload, `[costs]`, target."""
    prices: dict[str, Any] = Field(default_factory=dict)
    """The `PriceBook` of the day."""
    versions: dict[str, str] = Field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    """Of the command that climbed, such as `--budget 5`."""
    started: str = ""
    finished: bool = False
