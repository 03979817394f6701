"""Rates that need no label: the share of a slice, and feedback such as clicks."""

from __future__ import annotations

from dataclasses import dataclass

from leadline.metrics.metric import SQUARE, SUM, WEIGHT, Mean, Metric
from leadline.metrics.sums import Array, Measure, Sums
from leadline.stats.design import Design
from leadline.stats.proportion import share_interval
from leadline.values import Interval, Undefined


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceShare(Metric):
    """Rows of the slice in all rows of the window."""

    def value(self, sums: Sums) -> float | Undefined:
        return float(sums.rows / sums.all_rows) if sums.all_rows > 0 else Undefined("no rows")

    def row_variance(self, sums: Sums) -> float:
        share = float(sums.rows / sums.all_rows)
        return share * (1 - share) / float(sums.all_rows)

    def influence(self, total: Sums, groups: Sums) -> tuple[Array, Array]:
        share = total.rows / total.all_rows
        influence: Array = (groups.rows - share * groups.all_rows) / total.all_rows
        return influence, groups.all_rows

    def interval(self, sums: Sums, value: float, variance: float, design: Design) -> Interval | None:
        rows = float(sums.all_rows) / design.deff
        low, high = share_interval(value * rows, rows, design.critical)
        return Interval(low, high, design.named("wilson"))


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackRate(Mean):
    """Share of the rows with feedback for which it is positive."""

    def interval(self, sums: Sums, value: float, variance: float, design: Design) -> Interval | None:
        parts = sums.losses[self.of.name]
        rows = float(parts[WEIGHT] ** 2 / parts[SQUARE]) / design.deff
        low, high = share_interval(min(float(parts[SUM] / parts[WEIGHT]), 1.0) * rows, rows, design.critical)
        return Interval(low, high, design.named("wilson"))


def slice_share() -> Metric:
    """The metric `share`."""
    return SliceShare(name="share", better=None, needs=frozenset(), summary="Rows of the slice in all rows.")


def feedback_rate(name: str) -> Metric:
    """The metric that a kind of feedback is."""
    measure = Measure(f"hit_{name}", lambda facts: facts[f"hit_{name}"].cast("float64"), 1.0)
    return FeedbackRate(
        name=name,
        better=None,
        needs=frozenset(),
        of=measure,
        measures=(measure,),
        undefined="no feedback of this kind",
        summary="Share of rows with this feedback for which it is positive.",
    )
