"""What `rung plan --json` prints: the ladder before it is climbed, as plain data."""

from rung.task.types import Frozen


class PlannedRung(Frozen):
    """One candidate in the order of the ladder; figures are expected, nothing was measured."""

    key: str
    technique: str
    model: str
    description: str
    probe: bool
    input_tokens: int
    output_tokens: int
    cost_per_request_usd: float
    setup_usd: float
    monthly_usd: float
    training_tokens: int
    """Read while training, all epochs; 0 without training."""
    training_seconds: float = 0.0
    """Of this machine, expected; 0 where nothing is trained here."""
    passed_on: float | None = None
    """Share of the requests assumed to go to a cascade's last model; None where there is one
    model."""
    raced: bool = False
    """Its recipe is found by a race, which its training counts."""
    hosted: bool = False
    """The model's provider trains it, which is bought."""
    training_usd: float | None = None
    """Of hosted training; None where no price is known."""


class Amount(Frozen):
    """What some part of a climb takes."""

    calls: int
    tokens: int
    usd: float
    minutes: float | None
    """Of models that run on this machine, training left out; None where none does."""


class Certification(Frozen):
    """What the test examples can certify at best."""

    units: int
    """Test examples, or clusters of them."""
    target: float
    alpha: float
    """Error granted to the first candidate that does well on dev; later ones share the rest."""
    must_see: int | None
    """Right answers that certify the target; None where none suffice, or scores are graded."""
    graded: bool


class Plan(Frozen):
    """One object that says everything: `rung plan --json`."""

    task: str
    metric: str
    target: float
    confidence: float
    sizes: dict[str, int]
    requests_per_month: int
    months: int
    candidates: tuple[PlannedRung, ...]
    pilots_only: Amount
    """Every candidate is left after its pilot on dev."""
    everything: Amount
    """Every candidate is asked every example: no climb takes more, but for retries, repairs, and
    cascades that pass on more than assumed."""
    certification: Certification
    prices_of: str
    notes: tuple[str, ...] = ()
    """How models are asked that do not take everything, as far as is known before the climb."""
