"""How well a proxy tells that a prediction is wrong: graded against the labels that are in.

Whether a row meets the condition, and whether its prediction is wrong, make a confusion matrix like any other: the
precision and the recall of the proxy are those of a model that predicts errors.
"""

from __future__ import annotations

from collections.abc import Sequence

from leadline.cells.series import Series
from leadline.metrics import build
from leadline.metrics.evaluate import Evaluated, evaluate_windows
from leadline.metrics.metric import Metric
from leadline.values import Interval, ProxyGrade, Undefined, Window

WRONG, FLAGGED = "positive_rate", "predicted_positive_rate"
CALLS = ("precision", "recall", WRONG, FLAGGED)


def grade(name: str, series: Series, until: int, window: Window) -> ProxyGrade:
    """The grade of the proxy `name` over the leading grains of a series, `until` many: `window`.

    Both intervals allow for days (and users) that differ. A proxy is worth keeping where both lower ends beat chance:
    precision the share of wrong predictions among all graded rows, recall the share of these that meet the condition.
    Of proxies that tell nothing .005 to .015 were kept in simulations (tests/estimate).
    """

    def not_graded(why: str) -> ProxyGrade:
        return ProxyGrade(name, window, 0, why=why)

    if series.classes < 2:
        return not_graded("a number is not right or wrong: grade a proxy of a regression by a slice of its condition")
    if not until:
        return not_graded("no row is old enough for its label")
    told = series.told(name)
    sums, entities = told.sums(), None if series.few_entities else told.entities()
    metrics: Sequence[Metric] = [build(call, "binary") for call in CALLS]
    precision, recall, wrong, flagged = (
        evaluate_windows(metric, sums, [(0, until)], entities)[0] for metric in metrics
    )
    if isinstance(wrong.value, Undefined) or isinstance(flagged.value, Undefined):
        return not_graded("no row has a prediction, a label and what the condition needs")
    n = int(sums.rows[:until].sum())
    if isinstance(precision.value, Undefined) or isinstance(recall.value, Undefined):
        why = (
            "no labelled row meets the condition"
            if isinstance(precision.value, Undefined)
            else "no prediction is wrong"
        )
        return ProxyGrade(name, window, n, wrong.value, flagged.value, why=why)
    kept = _above(precision, wrong.value) and _above(recall, flagged.value)
    return ProxyGrade(
        name,
        window,
        n,
        wrong.value,
        flagged.value,
        precision.value,
        *_ends(precision.interval),
        recall.value,
        *_ends(recall.interval),
        kept,
    )


def _above(found: Evaluated, chance: float) -> bool:
    return found.interval is not None and found.interval.low > chance


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    return (None, None) if interval is None else (interval.low, interval.high)
