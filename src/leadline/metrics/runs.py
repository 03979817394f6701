"""How the pipeline around the model runs: shares of its runs, and the age of its last success. Made from runs, not from
rows of predictions (`evaluation.components`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from leadline.metrics.metric import MeanShare, Metric
from leadline.metrics.service import Freshness
from leadline.metrics.sums import Measure

NEEDS = frozenset({"runs"})
#: what may be wrong with a run, and what its metric is called, why it has no figure, and what it is
RATES: Mapping[str, tuple[str, str, str]] = {
    "failed": ("run_failure_rate", "no run has ended", "Share of the pipeline's runs that failed, of those that ended"),
    "late": (
        "run_late_rate",
        "no run followed another one, or history is too short",
        "Share of runs that came later after the one before than is declared or history lets expect, a missing one too",
    ),
    "long": (
        "run_long_rate",
        "no run has a history of runs that ended",
        "Share of runs that took longer than history lets expect",
    ),
    "stale": (
        "run_stale_rate",
        "no run says how new its inputs were, or history is too short",
        "Share of runs whose newest input was older than is declared or history lets expect",
    ),
}
SUCCESS_AGE = "run_success_age"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRate(MeanShare):
    """Runs with which something is wrong, in those of which it can be told.

    wrong       what is: a key of `RATES`
    component   whose runs; all components' where empty
    """

    wrong: str
    component: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessAge(Freshness):
    """Seconds since a component last succeeded.

    component   of all components the one for which it is longest ago where empty
    """

    component: str = ""


def run_rate(wrong: str, component: str = "") -> Metric:
    """The share of runs that failed, were late or long, or read stale inputs."""
    name, undefined, summary = RATES[wrong]
    # its measure is summed from runs, so that none of facts is asked for
    return RunRate(
        name=name,
        better="lower",
        needs=NEEDS,
        measure=Measure(f"run_{wrong} {component}".strip(), lambda facts: facts.failed, 1.0),
        undefined=undefined,
        summary=f"{summary}; of one component where it is named.",
        wrong=wrong,
        component=component,
    )


def success_age(component: str = "") -> Metric:
    """The metric `run_success_age`."""
    return SuccessAge(
        name=SUCCESS_AGE,
        better="lower",
        high=math.inf,
        needs=NEEDS,
        undefined="no run has succeeded",
        summary="Seconds from the end of a component's last successful run to the end of the window, at the latest to"
        " now; of all components the longest where none is named.",
        component=component,
    )
