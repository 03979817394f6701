"""Which cells the metrics of an evaluation need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import ibis
import ibis.expr.types as ir

from leadline.cells.plan import Key, Piece, bin_keys, binned, group_size, lag_sizes
from leadline.evaluation.choice import thresholds
from leadline.log.facts import Facts
from leadline.log.labels import Codes
from leadline.log.profile import Profile
from leadline.log.reading import LABEL, Log
from leadline.log.reference import Reference
from leadline.metrics.errors import ERROR_BINS, error_bin
from leadline.metrics.metric import Metric
from leadline.metrics.ranking import CalibrationError
from leadline.metrics.sums import Measure
from leadline.spec.model import Spec

#: models of more classes have coarse histograms of scores for all rows, too
MOST_FINE = 8
#: errors of a grain span some four powers of ten
USUAL_ERROR_BINS = 900


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
        wanted = self._classes((*self.metrics, *self.slice_metrics))
        columns = [*map(self._score, wanted), *(["baseline"] if "" in wanted else [])]
        return {name: name for name in columns if name in rows.columns}

    def _classes(self, metrics: Sequence[Metric]) -> tuple[str, ...]:
        """The classes whose score histograms the metrics read, once each."""
        return tuple(dict.fromkeys(name for metric in metrics if metric.histogram == "scores" for name in metric.of))

    def _score(self, of: str) -> str:
        """The column with the scores of a class; a binary model has one, of the class ""."""
        return "score" if self.spec.task == "binary" else f"score_{self.coding.classes.index(of)}"

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
        total += (_disagreeing(),) if DISAGREES in self.rows.columns else ()
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
        total = (*self._version(), self.grain)
        classes, of_slices = self._classes(self.metrics), self._classes(self.slice_metrics)
        made += [self._scores(("scores", of), total, coarse=len(classes) > MOST_FINE, of=of) for of in classes]
        errors, slice_errors = (
            any(metric.histogram == "errors" for metric in metrics) for metrics in (self.metrics, self.slice_metrics)
        )
        if errors:
            made.append(self._errors(("errors",), total))
        for place in range(len(self.fixed.partitions)):
            keys: tuple[Key, ...] = (self._code(place), self.grain)
            made += [self._scores(("slice_scores", place, of), keys, coarse=True, of=of) for of in of_slices]
            if slice_errors:
                made.append(self._errors(("slice_errors", place), keys))
        if "baseline" in self.rows.columns:
            keys = (*self._common(False), *self._outcome("baseline_predicted"))
            measures = self._measures([metric for metric in self.metrics if "score" in metric.needs])
            made.append(self._piece(("baseline", "total"), keys, tuple(map(_of_baseline, measures))))
            if "" in classes:
                made.append(self._scores(("baseline", "scores", ""), (self.grain,), coarse=False, score="baseline"))
        return made

    def _code(self, place: int) -> Key:
        return Key("slice", self.rows[f"slice_code_{place}"], self.fixed.partitions[place].codes)

    def _measures(self, metrics: Sequence[Metric]) -> tuple[Measure, ...]:
        return tuple({measure.name: measure for metric in metrics for measure in metric.measures}.values())

    def _errors(self, name: tuple[str | int, ...], keys: tuple[Key, ...]) -> Piece:
        bin_ = error_bin(self.rows)
        piece = self._piece(name, (*keys, Key("error", bin_, ERROR_BINS)), ())
        return replace(piece, where=bin_.notnull())

    def _scores(
        self, name: tuple[str | int, ...], keys: tuple[Key, ...], coarse: bool, of: str = "", score: str | None = None
    ) -> Piece:
        score = score or self._score(of)
        code = self.coding.classes.index(of) if self.spec.task == "multiclass" else 1
        actual = Key("actual", (self.rows.actual == code).cast("int8"), 2)
        edges = None if self.fixed.edges is None else len(self.fixed.edges)
        grid = bin_keys(self.rows, score, len(self.thresholds), edges, coarse)
        where = (self.rows.actual < self.coding.missing) & self.rows[score].notnull()
        metrics = self.slice_metrics if name[0] == "slice_scores" else self.metrics
        calibrated = any(isinstance(metric, CalibrationError) for metric in metrics)
        sums = (Measure(score, lambda rows: rows[score], 1.0),) if calibrated else ()
        return replace(self._piece(name, (*keys, actual, *grid), sums), where=where)

    def _piece(self, name: tuple[str | int, ...], keys: tuple[Key, ...], measures: tuple[Measure, ...]) -> Piece:
        expected = 1
        for key in keys:
            expected *= {"lag": min(key.size, 8), "mature": 1, "linear": 1024 if key.size > 64 else 64, "logit": 1}.get(
                key.name, min(key.size, USUAL_ERROR_BINS) if key.name == "error" else key.size
            )
        return Piece(name, keys, measures, None, min(expected, self.found.rows))

    def described(self, piece: Piece) -> str:
        """A piece in words, for the planner's refusal."""
        if piece.name[0] in ("slice", "slice_scores"):
            partition = self.fixed.partitions[int(piece.name[1])]
            return f"the slices by {partition.name!r} ({partition.codes - 2:,} values × {self.grains:,} grains)"
        return f"the {'scores' if 'scores' in piece.name else 'counts'} of all rows ({self.grains:,} grains)"


#: the column of facts, and the measure, that tells whether prediction and score say different things
DISAGREES = "disagrees"
#: what the names of the baseline's measures begin with: cells have one measure of a name
OF_BASELINE = "baseline: "


def _of_baseline(measure: Measure) -> Measure:
    """The measure as it would be if the baseline's score were the model's."""
    return Measure(
        OF_BASELINE + measure.name,
        lambda rows: measure.expression(SimpleNamespace(score=rows.baseline, actual=rows.actual)),
        measure.bound,
    )


def _matched(kind: str) -> Measure:
    """Counts the rows that have an outcome of a kind; whatever they weigh."""
    return Measure(f"matched_{kind}", lambda rows: rows[f"matched_{kind}"].nullif(False), 1.0, counted=True)


def _disagreeing() -> Measure:
    """Counts the rows whose prediction is not what their score says."""
    return Measure(DISAGREES, lambda rows: (rows.disagrees == 1).nullif(False), 1.0, counted=True)
