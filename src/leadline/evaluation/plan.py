"""Which cells the metrics of an evaluation need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import ibis
import ibis.expr.types as ir

from leadline.cells.plan import Key, Piece, bin_keys, binned, fit, group_size, lag_sizes, pack
from leadline.estimate.few_labels import CONTROL, controlled
from leadline.evaluation.choice import has_chances, thresholds
from leadline.evaluation.classes import MOST_FINE, not_expected
from leadline.log.calendar import Grain
from leadline.log.chance import CHANCE
from leadline.log.facts import Facts
from leadline.log.labels import Codes
from leadline.log.profile import Profile
from leadline.log.reading import LABEL, Log
from leadline.log.reference import Reference
from leadline.metrics.calibration import Calibration, CalibrationSlope
from leadline.metrics.errors import ERROR_BINS, SIZES, error_bin, size_bin
from leadline.metrics.expected import can_expect, measures_if
from leadline.metrics.metric import Metric
from leadline.metrics.paired import as_baseline
from leadline.metrics.regression import SIGNED
from leadline.metrics.sums import Measure
from leadline.spec.model import Spec

#: errors and latencies of a grain span some four powers of ten
USUAL_SIZE_BINS = 900
#: slices of fewer rows a grain have histograms by week
FEW_ROWS = 2_000
#: cells of a slice's scores in a grain, at most: both classes of 64 bins
SLICE_CELLS = 128
#: all slices have histograms by week where they would make more cells together
MANY_CELLS = 1_000_000


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
        grain: Grain,
        latest: Callable[[], tuple[int, int]],
        lag: str = "lag",
        looks: Callable[[ir.Table, int], Mapping[str, Key]] = lambda *_: {},
        by_version: bool = False,
    ) -> None:
        """What is needed.

        looks       what the cells of looks have in common, by column; from rows with bins, and how many thresholds
        by_version  whether slices are told apart by version, too
        """
        self.spec, self.log, self.found, self.coding, self.known = spec, log, found, coding, known
        self.fixed = fixed
        self.metrics, self.slice_metrics = metrics, slice_metrics
        self.timed, self.lag, self.by_version = LABEL in log.timed, lag, by_version
        self._unit, self._latest = grain, latest
        self.grains = last - first + 1
        self.thresholds = tuple(sorted(set(spec.predictions.thresholds) | set(thresholds(spec))))
        self.rows = binned(rows, self._binned(rows), self.thresholds, fixed.edges)
        self.grain = Key("grain", self.rows.grain - first, self.grains)
        packs = self._packs() | dict(looks(self.rows, len(self.thresholds)))
        self.rows = log.engine.shared(self.rows.mutate(**{name: each.expression for name, each in packs.items()}))
        self.packs = {name: replace(each, expression=self.rows[name]) for name, each in packs.items()}
        self.grain = replace(self.grain, expression=self.rows.grain - first)

    def _binned(self, rows: ir.Table) -> dict[str, str]:
        """The scores that are binned: name of the bins → column."""
        of_metrics = self._classes((*self.metrics, *self.slice_metrics))
        wanted = dict.fromkeys((*of_metrics, *self._read(rows.columns)))
        columns = [*map(self._score, wanted), *(["baseline"] if "" in of_metrics else [])]
        return {name: name for name in columns if name in rows.columns}

    def _classes(self, metrics: Sequence[Metric]) -> tuple[str, ...]:
        """The classes whose score histograms the metrics read, once each."""
        return tuple(dict.fromkeys(name for metric in metrics if metric.histogram == "scores" for name in metric.of))

    def _read(self, columns: Sequence[str]) -> tuple[str, ...]:
        """The classes whose scores of all rows are counted: those of metrics, and those of estimates without labels."""
        return tuple(dict.fromkeys((*self._classes(self.metrics), *self._estimated(columns))))

    def _estimated(self, columns: Sequence[str]) -> tuple[str, ...]:
        """The classes whose scores are read for estimates without labels."""
        label = self.spec.label
        if label is None or not any(map(can_expect, self.metrics)):
            return ()
        if self.spec.task == "binary":
            return ("",) if self.fixed.edges is None and "score" in columns else ()
        if self.spec.task != "multiclass" or label.label_probability is not None:
            return ()
        return self.coding.classes if not_expected(self.log, self.found, self.coding) is None else ()

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

    def _of_slices(self) -> tuple[Key, ...]:
        return self._version() if self.by_version else ()

    def _common(self, clustered: bool) -> tuple[Key, ...]:
        keys = [self.grain, Key("mature", self.rows.mature.cast("int8"), 2)]
        if self.timed:
            keys.append(Key("lag", self.rows[self.lag], lag_sizes(True)))
        if clustered and "group" in self.rows.columns:
            keys.append(Key("group", self.rows.group, group_size(True)))
        return tuple(keys)

    def _packs(self) -> dict[str, Key]:
        """What the keys of many slices have in common, packed once; NULL for rows that are in no cell."""
        found = {}
        every = range(len(self.fixed.partitions))
        for clustered in {self._clustered(place) for place in every}:
            found[_counts(clustered)] = pack([*self._of_slices(), *self._common(clustered), *self._outcome()])
        classes = self._classes(self.slice_metrics)
        for weekly in {self._weekly(place) for place in every if classes or _sizes(self.slice_metrics)}:
            grain = self._weeks() if weekly else self.grain
            for of in classes:
                keys, where = self._score_keys(of, None, coarse=True)
                found[_histogram("scores", weekly, of)] = pack([*self._of_slices(), grain, *keys], where)
            for kind in _sizes(self.slice_metrics):
                bin_ = SIZES[kind](self.rows)
                of_sizes = [*self._of_slices(), grain, Key("size", bin_, ERROR_BINS)]
                found[_histogram(kind, weekly)] = pack(of_sizes, bin_.notnull())
        return found

    def _clustered(self, place: int) -> bool:
        name = self.fixed.partitions[place].name
        return any(name in (*each.slices, each.frozen_mix) for each in self.spec.objectives)

    def pieces(self) -> list[Piece]:
        """All cells: counts of all rows and of slices, then histograms; where these do not fit without those that are
        read only for estimates and to tell models apart.
        """
        made = [*self.counts(), *self._histograms()]
        if fit(made):
            return made
        shown = self._classes(self.metrics)
        spared = {("predictions",), *(("scores", of) for of in self._read(self.rows.columns) if of not in shown)}
        return [piece for piece in made if piece.name not in spared]

    def counts(self) -> list[Piece]:
        """Counts and sums for every grain and slice: the cells that are a ledger."""
        total = (*self._measures(self.metrics), *(_matched(kind) for kind in self.known.outcome_ids))
        total += (_disagreeing(),) if DISAGREES in self.rows.columns else ()
        total += (_early(),) if EARLY in self.rows.columns else ()
        made = [self._piece(("total",), (*self._version(), *self._common(True), *self._outcome()), total)]
        of_slices = self._measures(self.slice_metrics)
        for place in range(len(self.fixed.partitions)):
            keys = (self._code(place), self.packs[_counts(self._clustered(place))])
            made.append(self._piece(("slice", place), keys, of_slices))
        return made

    def _histograms(self) -> list[Piece]:
        """Histograms of scores, errors and latencies: scores are fine for all rows, coarse for slices.

        They stand for one knowledge time.
        """
        made = []
        total = (*self._version(), self.grain)
        classes, of_slices = self._read(self.rows.columns), self._classes(self.slice_metrics)
        made += [
            self._all_scores(total) if of == "" else self._scores(("scores", of), total, len(classes) > MOST_FINE, of)
            for of in classes
        ]
        if self.spec.task == "regression":
            made.append(self._predicted(total))
        for kind in _sizes(self.metrics):
            bin_ = SIZES[kind](self.rows)
            piece = self._piece((kind,), (*total, Key("size", bin_, ERROR_BINS)), ())
            made.append(replace(piece, where=bin_.notnull()))
        for place in range(len(self.fixed.partitions)):
            for of in of_slices:
                keys = (self._code(place), self.packs[_histogram("scores", self._weekly(place), of)])
                sums = self._of_calibration(self.slice_metrics, self._score(of))
                made.append(self._filled(self._piece(("slice_scores", place, of), keys, sums)))
            for kind in _sizes(self.slice_metrics):
                keys = (self._code(place), self.packs[_histogram(kind, self._weekly(place))])
                made.append(self._filled(self._piece((f"slice_{kind}", place), keys, ())))
        if "baseline" in self.rows.columns:
            of_baseline = (*self._common(False), *self._outcome("baseline_predicted"))
            measures = self._measures([metric for metric in self.metrics if metric.needs & {"score", "prediction"}])
            made.append(self._piece(("baseline", "total"), of_baseline, tuple(map(_of_baseline, measures))))
            if "errors" in _sizes(self.metrics):
                bin_ = error_bin(as_baseline(self.rows))
                piece = self._piece(("baseline", "errors"), (self.grain, Key("size", bin_, ERROR_BINS)), ())
                made.append(replace(piece, where=bin_.notnull()))
            if "" in self._classes(self.metrics):
                made.append(self._scores(("baseline", "scores", ""), (self.grain,), coarse=False, score="baseline"))
        return made

    def controls(self) -> list[Piece]:
        """Sums with which the labels of some rows speak for all: where labels are a sample and scores are chances."""
        metrics = [metric for metric in (*self.metrics, *self.slice_metrics) if controlled(metric)]
        if CHANCE not in self.rows.columns or not has_chances(self.spec, self.found) or not metrics:
            return []
        of_scores = any(metric.histogram == "scores" for metric in metrics)
        made = []
        for place in (None, *range(len(self.fixed.partitions))):
            of = self._version() if place is None else (self._code(place),)
            name = (place,) if place is not None else ()
            made.append(self._piece(("control", *name), (*of, self.grain, *self._outcome()), CONTROL))
            if of_scores:
                grain = self._weeks() if place is not None and self._weekly(place) else self.grain
                bins = bin_keys(self.rows, "score", len(self.thresholds), None, coarse=place is not None)
                piece = self._piece(("control_scores", *name), (*of, grain, self._outcome()[1], *bins), CONTROL)
                made.append(replace(piece, where=self.rows.score.notnull()))
        return made

    def _filled(self, piece: Piece) -> Piece:
        return replace(piece, where=piece.keys[-1].expression.notnull())

    def _weekly(self, place: int) -> bool:
        """Whether the histograms of a slice are by week, for a grain would have few rows or all together many cells.

        Those that an objective judges are not: they answer for every window, the others for the latest only.
        """
        partition = self.fixed.partitions[place]
        judged = {objective.figure for objective in self.spec.objectives if partition.name in objective.slices}
        histograms = any(metric.histogram for metric in self.metrics if metric.name in judged)
        thin = self.found.rows < FEW_ROWS * self.grains * partition.codes
        every = sum(each.codes for each in self.fixed.partitions) * len(self._classes(self.slice_metrics))
        many = every * self.grains * SLICE_CELLS > MANY_CELLS
        return self._unit.in_a_week > 1 and (thin or many) and not histograms

    def _weeks(self) -> Key:
        """Grains of which only the last of a week is used; weeks count back from the end of the latest window, and
        from its beginning, so that it is made of whole ones."""
        (begin, end), week, grain = self._latest(), self._unit.in_a_week, self.grain.expression

        def last_of_week(after: int) -> ir.Value:
            return (after - 1) - ((after - 1 - grain) / week).floor().cast("int64") * week

        steps = [(grain < edge, last_of_week(edge)) for edge in (begin, end) if edge > 0]
        expression = ibis.cases(*steps, else_=ibis.literal(self.grains - 1, "int64")) if steps else grain
        return Key("grain", expression, self.grains, -(-begin // week) + -(-(end - begin) // week) + 1)

    def _code(self, place: int) -> Key:
        return Key("slice", self.rows[f"slice_code_{place}"], self.fixed.partitions[place].codes)

    def _measures(self, metrics: Sequence[Metric]) -> tuple[Measure, ...]:
        return tuple({measure.name: measure for metric in metrics for measure in metric.measures}.values())

    def _scores(
        self, name: tuple[str | int, ...], keys: tuple[Key, ...], coarse: bool, of: str = "", score: str | None = None
    ) -> Piece:
        of_score, where = self._score_keys(of, score, coarse)
        sums = self._of_calibration(self.metrics, score or self._score(of))
        return replace(self._piece(name, (*keys, *of_score), sums), where=where)

    def _all_scores(self, keys: tuple[Key, ...]) -> Piece:
        """The scores of a binary model by prediction and label, unlabelled rows too: estimates are read from them."""
        (_, *grid), _ = self._score_keys("", None, coarse=False)
        predicted, actual = self._outcome()
        sums = (*self._of_calibration(self.metrics, "score"), *measures_if(self.metrics))
        # most rows of a score have the same prediction, and those of a grain are labelled or are not
        of_row = (replace(predicted, filled=1), replace(actual, filled=2))
        return replace(self._piece(("scores", ""), (*keys, *of_row, *grid), sums), where=self.rows.score.notnull())

    def _predicted(self, keys: tuple[Key, ...]) -> Piece:
        """The predicted numbers, with the errors of those that have a label."""
        value = self.rows.prediction_value
        bins = (Key("negative", (value < 0).cast("int8"), 2, filled=1), Key("size", size_bin(value.abs()), ERROR_BINS))
        errors = (SIGNED,) if "label_value" in self.rows.columns else ()
        return replace(self._piece(("predictions",), (*keys, *bins), errors), where=value.notnull())

    def _score_keys(self, of: str, score: str | None, coarse: bool) -> tuple[tuple[Key, ...], ir.BooleanValue]:
        """Whether a row is of the class, and the bin of its score; and which rows have both."""
        score = score or self._score(of)
        code = self.coding.classes.index(of) if self.spec.task == "multiclass" else 1
        actual = Key("actual", (self.rows.actual == code).cast("int8"), 2)
        edges = None if self.fixed.edges is None else len(self.fixed.edges)
        grid = bin_keys(self.rows, score, len(self.thresholds), edges, coarse)
        return (actual, *grid), (self.rows.actual < self.coding.missing) & self.rows[score].notnull()

    def _of_calibration(self, metrics: Sequence[Metric], score: str) -> tuple[Measure, ...]:
        calibrated = any(isinstance(metric, Calibration | CalibrationSlope) for metric in metrics)
        return (Measure(score, lambda rows: rows[score], 1.0),) if calibrated else ()

    def _piece(self, name: tuple[str | int, ...], keys: tuple[Key, ...], measures: tuple[Measure, ...]) -> Piece:
        expected = 1
        for key in [part for whole in keys for part in whole.plain()]:
            expected *= {"lag": min(key.size, 8), "mature": 1, "linear": 1024 if key.size > 64 else 64, "logit": 1}.get(
                key.name, min(key.size, USUAL_SIZE_BINS) if key.name == "size" else key.filled or key.size
            )
        return Piece(name, keys, measures, None, min(expected, self.found.rows))

    def described(self, piece: Piece) -> str:
        """A piece in words, for the planner's refusal."""
        if piece.name[0] == "look":
            return "what the detectors of the objectives look at"
        if piece.name[0] in ("slice", "slice_scores"):
            partition = self.fixed.partitions[int(piece.name[1])]
            return f"the slices by {partition.name!r} ({partition.codes - 2:,} values × {self.grains:,} grains)"
        return f"the {'scores' if 'scores' in piece.name else 'counts'} of all rows ({self.grains:,} grains)"


def _sizes(metrics: Sequence[Metric]) -> tuple[str, ...]:
    """Which histograms of sizes the metrics read."""
    return tuple(kind for kind in SIZES if any(metric.histogram == kind for metric in metrics))


def _counts(clustered: bool) -> str:
    return f"packed_counts_{clustered:d}"


def _histogram(kind: str, weekly: bool, of: str = "") -> str:
    return f"packed_{kind}_{weekly:d}_{of}"


#: the column of facts, and the measure, that tells whether prediction and score say different things
DISAGREES = "disagrees"
#: the column of facts, and the measure, that tells whether a label is dated before its prediction
EARLY = "early"
#: what the names of the baseline's measures begin with: cells have one measure of a name
OF_BASELINE = "baseline: "


def _of_baseline(measure: Measure) -> Measure:
    """The measure as it would be if the baseline's score were the model's."""
    return Measure(
        OF_BASELINE + measure.name,
        lambda rows: measure.expression(as_baseline(rows)),
        measure.bound,
    )


def _matched(kind: str) -> Measure:
    """Counts the rows that have an outcome of a kind; whatever they weigh."""
    return Measure(f"matched_{kind}", lambda rows: rows[f"matched_{kind}"].nullif(False), 1.0, counted=True)


def _disagreeing() -> Measure:
    """Counts the rows whose prediction is not what their score says."""
    return Measure(DISAGREES, lambda rows: (rows.disagrees == 1).nullif(False), 1.0, counted=True)


def _early() -> Measure:
    """Counts the rows whose label is dated before them."""
    return Measure(EARLY, lambda rows: rows[EARLY].nullif(False), 1.0, counted=True)
