"""What drift stands on: every feature, score and prediction, by grain and bin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leadline.cells.bins import Bins
from leadline.cells.columns import Column
from leadline.cells.fill import Cells
from leadline.evaluation.joint_reading import JointMoments, Samples
from leadline.evaluation.vector_reading import VectorSums
from leadline.log.calendar import Grain
from leadline.metrics.metric import Metric, Unserved
from leadline.metrics.paired import Difference

#: the measure that sums what is expected of rows without a label
EXPECTED = "expected"


@dataclass(frozen=True)
class ColumnCells:
    """The rows of one column.

    rows       of the log, by grain and bin
    reference  of the reference, by its own grains and bin
    outcomes   of the reference's rows with a label, by block, prediction, label and bin, with the sums of measures;
               None where there are none
    expected   of a binary model, rows of the reference without a label: the same, with `EXPECTED`, the sum of the
               chances of a positive that their scores stand for; None where there are few, or scores do not tell
    """

    column: Column
    bins: Bins
    rows: Cells
    reference: Cells
    outcomes: Cells | None
    expected: Cells | None


@dataclass(frozen=True)
class Columns:
    """What was read of the columns.

    grain       the unit of time of these cells: that of the evaluation, or a coarser one where there would be too many
    first       number of the first grain
    grains      number of grains
    reference   places of the grains that are the reference, first and the one after the last; None where it has a
                source of its own
    reference_grains   number of the reference's grains
    blocks      number of blocks of `outcomes`, runs of grains; hash groups of rows where `by_rows`
    left_out    columns that cannot be compared, and why
    joint       of the numeric features together; None where not asked for, or there are fewer than two
    vectors     sums over columns of vectors, where asked for
    samples     rows of the reference and of the latest window; None where not asked for, or there are too few
    """

    columns: tuple[ColumnCells, ...]
    grain: Grain
    first: int
    grains: int
    reference: tuple[int, int] | None
    reference_grains: int
    blocks: int
    by_rows: bool
    left_out: Mapping[str, str]
    joint: JointMoments | None = None
    samples: Samples | None = None
    vectors: tuple[VectorSums, ...] = ()

    @property
    def reference_end(self) -> int:
        """The place of the first grain after the reference; 0 where it has a source of its own."""
        return 0 if self.reference is None else self.reference[1]


def of_outcomes(metrics: Sequence[Metric]) -> tuple[Metric, ...]:
    """The metrics for which it can be told what a change of a column does: those read from counts or means of labels.

    Not those that compare with a baseline, read a histogram, or have no better side.
    """
    return tuple(
        metric
        for metric in metrics
        if "labels" in metric.needs
        and "baseline" not in metric.needs
        and metric.histogram is None
        and metric.better is not None
        and not isinstance(metric, Unserved | Difference)
    )
