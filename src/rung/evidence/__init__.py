"""Evidence: the right verdict with few calls, at a stated error. Pure statistics."""

from rung.evidence.decision import Decision, Design
from rung.evidence.designs import non_inferiority, sequential
from rung.evidence.forecasts import (
    Forecast,
    ForecastPoint,
    certifiable_mean,
    chance_to_reach,
    forecast,
    forecast_counts,
    information_bound,
    must_see,
)
from rung.evidence.intervals import (
    Interval,
    PairedComparison,
    Quantile,
    binomial_interval,
    interval,
    mean_interval,
    paired_comparison,
    quantile_bounds,
    stopped_interval,
)
from rung.evidence.learning import LearningCurve, LearningPoint, learning_curve
from rung.evidence.ledger import AlphaLedger
from rung.evidence.units import cluster_means, fixed_order
from rung.evidence.wealth_design import NonInferiorityDesign
from rung.evidence.weights import dev_weight

__all__ = [
    "AlphaLedger",
    "Decision",
    "Design",
    "Forecast",
    "ForecastPoint",
    "Interval",
    "LearningCurve",
    "LearningPoint",
    "NonInferiorityDesign",
    "PairedComparison",
    "Quantile",
    "binomial_interval",
    "certifiable_mean",
    "chance_to_reach",
    "cluster_means",
    "dev_weight",
    "fixed_order",
    "forecast",
    "forecast_counts",
    "information_bound",
    "interval",
    "learning_curve",
    "mean_interval",
    "must_see",
    "non_inferiority",
    "paired_comparison",
    "quantile_bounds",
    "sequential",
    "stopped_interval",
]
