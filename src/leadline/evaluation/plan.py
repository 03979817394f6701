"""Which cells the metrics of an evaluation need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import ibis
import ibis.expr.types as ir

from leadline.cells.plan import Key, Piece, bin_keys, binned, group_size, lag_sizes
from leadline.evaluation.choice import thresholds
from leadline.log.facts import Facts
from leadline.log.labels import Codes
from leadline.log.profile import Profile
from leadline.log.reading import LABEL, Log
from leadline.log.reference import Reference
from leadline.metrics.metric import Metric
from leadline.metrics.sums import Measure
from leadline.spec.model import Spec

SCORE = Measure("score", lambda rows: rows.score, 1.0)


class Plan:
    """The pieces that the metrics of an evaluation need."""

    def __init__(
        self,
        spec: Spec,
        log: Log,
        found: Profile,
        coding: Codes,
        known: Facts,
        fixed: Reference,
        rows: ir.Table,
        first: int,
        last: int,
        metrics: Sequence[Metric],
        slice_metrics: Sequence[Metric],
        lag: str = "lag",
    ) -> None:
        self.spec, self.found, self.coding, self.known = spec, found, coding, known
        self.fixed = fixed
        self.metrics, self.slice_metrics = metrics, slice_metrics
        self.timed, self.lag = LABEL in log.timed, lag
        self.grains = last - first + 1
        self.thresholds = tuple(sorted(set(spec.predictions.thresholds) | set(thresholds(spec))))
        self.rows = log.engine.shared(binned(rows, self._binned(rows), self.thresholds, fixed.edges))
        self.grain = Key("grain", self.rows.grain - first, self.grains)

    def _binned(self, rows: ir.Table) -> dict[str, str]:
        """The scores that are binned: name of the bins → column."""
        wanted = any(metric.histogram == "scores" for metric in (*self.metrics, *self.slice_metrics))
        return {name: name for name in ("score", "baseline") if wanted and name in rows.columns}

    def _outcome(self, predicted: str = "predicted") -> tuple[Key, ...]:
        missing = self.coding.missing
        actual = self.rows.actual if "actual" in self.rows.columns else ibis.literal(missing, "int8")
        return (Key("predicted", self.rows[predicted], missing + 1), Key("actual", actual, missing + 1))

    def _version(self) -> tuple[Key, ...]:
        count = len(self.fixed.versions)
        return (Key("version", self.rows.version_code, count + 1),) if count > 1 else ()

    def _common(self, clustered: bool) -> tuple[Key, ...]:
        keys = [self.grain, Key("mature", self.rows.mature.cast("int8"), 2)]
        if self.timed:
            keys.append(Key("lag", self.rows[self.lag], lag_sizes(True)))
        if clustered and "group" in self.rows.columns:
            keys.append(Key("group", self.rows.group, group_size(True)))
        return tuple(keys)

    def pieces(self) -> list[Piece]:
        """All cells: counts of all rows and of slices, then histograms."""
        return [*self.counts(), *self._histograms()]

    def counts(self) -> list[Piece]:
        """Counts and sums for every grain and slice: the cells that are a ledger."""
        total = (*self._measures(self.metrics), *(_matched(kind) for kind in self.known.outcome_ids))
        made = [self._piece(("total",), (*self._version(), *self._common(True), *self._outcome()), total)]
        of_slices = self._measures(self.slice_metrics)
        for place, partition in enumerate(self.fixed.partitions):
            clustered = any(partition.name in objective.slices for objective in self.spec.objectives)
            keys = (self._code(place), *self._common(clustered), *self._outcome())
            made.append(self._piece(("slice", place), keys, of_slices))
        return made

    def _histograms(self) -> list[Piece]:
        """Histograms of scores: fine for all rows, coarse for slices; they stand for one knowledge time."""
        made = []
        if any(metric.histogram == "scores" for metric in self.metrics):
            made.append(self._scores(("scores", ""), (*self._version(), self.grain), coarse=False))
        if any(metric.histogram == "scores" for metric in self.slice_metrics):
            for place in range(len(self.fixed.partitions)):
                made.append(self._scores(("slice_scores", place, ""), (self._code(place), self.grain), coarse=True))
        if "baseline" in self.rows.columns:
            keys = (*self._common(False), *self._outcome("baseline_predicted"))
            made.append(self._piece(("baseline", "total"), keys, ()))
            made.append(self._scores(("baseline", "scores", ""), (self.grain,), coarse=False, score="baseline"))
        return made

    def _code(self, place: int) -> Key:
        return Key("slice", self.rows[f"slice_code_{place}"], self.fixed.partitions[place].codes)

    def _measures(self, metrics: Sequence[Metric]) -> tuple[Measure, ...]:
        return tuple({measure.name: measure for metric in metrics for measure in metric.measures}.values())

    def _scores(self, name: tuple[str | int, ...], keys: tuple[Key, ...], coarse: bool, score: str = "score") -> Piece:
        actual = Key("actual", self.rows.actual, 2)
        edges = None if self.fixed.edges is None else len(self.fixed.edges)
        grid = bin_keys(self.rows, score, len(self.thresholds), edges, coarse)
        where = (self.rows.actual < 2) & self.rows[score].notnull()
        calibrated = any(metric.name.startswith("calibration") for metric in self.metrics) and not coarse
        return replace(self._piece(name, (*keys, actual, *grid), (SCORE,) if calibrated else ()), where=where)

    def _piece(self, name: tuple[str | int, ...], keys: tuple[Key, ...], measures: tuple[Measure, ...]) -> Piece:
        expected = 1
        for key in keys:
            expected *= {"lag": min(key.size, 8), "mature": 1, "linear": 1024 if key.size > 64 else 64, "logit": 1}.get(
                key.name, key.size
            )
        return Piece(name, keys, measures, None, min(expected, self.found.rows))

    def described(self, piece: Piece) -> str:
        """A piece in words, for the planner's refusal."""
        if piece.name[0] in ("slice", "slice_scores"):
            partition = self.fixed.partitions[int(piece.name[1])]
            return f"the slices by {partition.name!r} ({partition.codes - 2:,} values × {self.grains:,} grains)"
        return f"the {'scores' if 'scores' in piece.name else 'counts'} of all rows ({self.grains:,} grains)"


def _matched(kind: str) -> Measure:
    return Measure(f"matched_{kind}", lambda rows: rows[f"matched_{kind}"].cast("float64"), 1.0)
