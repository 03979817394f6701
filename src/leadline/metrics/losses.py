"""Losses of probabilities: log loss and Brier score."""

from __future__ import annotations

import math

import ibis
import ibis.expr.types as ir
import numpy as np

from leadline.metrics.metric import Mean, Metric
from leadline.metrics.sums import Measure

#: the least probability that log loss knows, as in scikit-learn
LEAST = float(np.finfo(np.float64).eps)
MOST_LOSS = -math.log(LEAST)
PROBABILITIES = frozenset({"labels", "score", "probabilities"})


def _squared_error(facts: ir.Table) -> ir.Value:
    error = facts.score - facts.actual.cast("float64")
    return ibis.ifelse(facts.actual < 2, error * error, ibis.null("float64"))


def _log_loss(facts: ir.Table) -> ir.Value:
    right = ibis.ifelse(facts.actual == 1, facts.score, 1 - facts.score)
    loss = -ibis.greatest(ibis.least(right, 1 - LEAST), LEAST).ln()
    # NULL scores first: some engines' greatest and least pass NULL over
    return ibis.ifelse((facts.actual < 2) & facts.score.notnull(), loss, ibis.null("float64"))


def binary_losses() -> tuple[Metric, ...]:
    """Both are means over labelled rows that have a score; they need scores in [0, 1]."""
    return (
        Mean(
            name="brier",
            better="lower",
            needs=PROBABILITIES,
            measure=(error := Measure("squared_error", _squared_error, 1.0)),
            measures=(error,),
            summary="Mean squared difference of score and label (Brier 1950).",
        ),
        Mean(
            name="log_loss",
            better="lower",
            high=MOST_LOSS,
            needs=PROBABILITIES,
            measure=(loss := Measure("log_loss", _log_loss, MOST_LOSS)),
            measures=(loss,),
            summary="Mean of -ln of the score of the actual class, the score cut at 2.2e-16.",
        ),
    )
