"""Nowcasts beside provisional estimates: windows and slices of an evaluation → what their labels will say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from leadline.cells.series import Series
from leadline.estimate.late import Ints, Ledger, Nowcast, Waiting, reads_counts
from leadline.estimate.maturity import FEW
from leadline.log.calendar import Grain
from leadline.metrics.evaluate import HISTORY
from leadline.metrics.metric import Metric
from leadline.metrics.sums import Sums
from leadline.values import Estimate, Slice, Status, Undefined, Window

#: windows of slices that get a nowcast; the others are only marked as provisional
MOST_OF_SLICES = 300

Place = tuple[int | None, int | None]
"""The partition and the code of a slice; none of both for all rows."""
ALL: Place = (None, None)


def whole_ages(series: Series, grain: Grain, moment: datetime) -> Ints:
    """Whole days (or coarser grains) since each grain of a series, -1 for the one that is going on; as the lags of the
    ledger, hours are told in days."""
    unit = replace(grain, unit="d") if grain.unit == "h" else grain
    numbers = np.arange(series.first, series.last + 1)
    if unit != grain:
        numbers = np.array([unit.number_of(grain.start(each)) for each in numbers.tolist()])
    return np.asarray(unit.number_of(moment) - 1 - numbers)


class Nowcasts:
    """What labels that are still coming will say of windows; made once, for all windows and slices."""

    def __init__(self, series: Series, ages: Ints, mature_until: int, names: Sequence[str]) -> None:
        """How a series waits for its labels.

        ages          whole days (or coarser grains) since each grain, -1 for the one that is going on
        mature_until  number of leading grains whose rows are all mature
        names         what the classes of labels are called
        """
        self._series, self._ages, self._mature_until, self._names = series, ages, mature_until, names
        self._ledgers: dict[Place, Ledger | None] = {}
        self._waiting: dict[tuple[Place, int, int], Waiting | None] = {}
        self._mature: dict[Place, Sums] = {}

    def beside(
        self,
        estimates: Sequence[Estimate],
        metrics: Mapping[str, Metric],
        windows: Mapping[Window, tuple[int, int]],
        slices: Mapping[Slice, Place],
    ) -> list[Estimate]:
        """The estimates; a provisional one says which labels it lacks and is followed by its nowcast, or says why it
        has none.

        metrics   by name; windows → first grain and the one after the last
        """
        found: list[Estimate] = []
        room = MOST_OF_SLICES
        for each in estimates:
            begin, after = windows.get(each.window, (0, 0))
            young = after > self._mature_until and each.n > 0
            metric = metrics.get(each.metric)
            if not young or each.version is not None or metric is None or not reads_counts(metric):
                found.append(each)
                continue
            room -= bool(each.slice.parts)
            found += self._pair(each, metric, slices[each.slice], begin, after) if room >= 0 else [each]
        return found

    def _pair(self, each: Estimate, metric: Metric, where: Place, begin: int, after: int) -> Iterator[Estimate]:
        waiting = self._of(where, begin, after)
        if waiting is None:
            yield each
            return
        provisional = each.status is Status.PROVISIONAL
        refused = waiting.refused(self._names)
        if refused is not None:
            yield replace(each, why=f"{each.why}; {refused}") if provisional else each
            return
        yield replace(each, why=f"{each.why}; {self._lacks(waiting)}") if provisional and waiting.skewed else each
        made = waiting.nowcast(metric, self._history(where))
        if not isinstance(made, Undefined):
            yield self._estimate(each, made)

    def _of(self, where: Place, begin: int, after: int) -> Waiting | None:
        key = where, begin, after
        if key not in self._waiting:
            ledger = self._ledger(where)
            known = ledger is not None and ledger.labels.sum() >= FEW  # of a few labels nothing is worth saying
            self._waiting[key] = Waiting.of(ledger, begin, after) if ledger is not None and known else None
        return self._waiting[key]

    def _ledger(self, where: Place) -> Ledger | None:
        if where not in self._ledgers:
            whole = None if where == ALL else self._ledger(ALL)
            self._ledgers[where] = Ledger.of(self._series, self._ages, *where, whole)
        return self._ledgers[where]

    def _history(self, where: Place) -> Sums | None:
        """The last grains that are mature."""
        if not self._mature_until:
            return None
        if where not in self._mature:
            found = self._series.ledger_sums(*where)
            self._mature[where] = found[max(self._mature_until - HISTORY, 0) : self._mature_until]
        return self._mature[where]

    def _estimate(self, each: Estimate, made: Nowcast) -> Estimate:
        come = [f"{100 * share:.0f} % of the {name}" for share, name in zip(made.complete, self._names, strict=True)]
        rest = "" if made.remainder is None else f"; the {self._names[made.remainder]} ones are taken to be the rest"
        return replace(
            each,
            value=made.value,
            low=made.interval.low,
            high=made.interval.high,
            status=Status.ESTIMATED,
            why=f"once all labels are in: at these ages {' and '.join(come)} labels have come{rest}",
            interval=made.interval.method,
            bound=0.0,
            estimator="nowcast",
        )

    def _lacks(self, waiting: Waiting) -> str:
        """Which class's labels the figure lacks most."""
        least, most = int(np.argmin(waiting.complete)), int(np.argmax(waiting.complete))
        few, many = (f"{100 * waiting.complete[place]:.0f} %" for place in (least, most))
        return (
            f"{few} of the {self._names[least]} labels have come and {many} of the {self._names[most]} ones, so that"
            " those that are in are a biased sample"
        )
