"""From a spec and its log to an evaluation: each source is read once for its ranges and once for its cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from leadline.cells.fill import Cells, fill
from leadline.cells.plan import Key, binned, refuse_too_many
from leadline.cells.series import Series
from leadline.engine import Engine, open_engine
from leadline.estimate.few_labels import Sampled, of_sample
from leadline.estimate.maturity import inferred, label_names
from leadline.estimate.selective import unobserved
from leadline.evaluation.choice import choose, has, observable
from leadline.evaluation.classes import class_cells, not_expected
from leadline.evaluation.column_reading import columns_of
from leadline.evaluation.components import Pipeline
from leadline.evaluation.estimates import BASELINE, Evaluation, latest_window, rolling
from leadline.evaluation.freshness import asked_for, newest
from leadline.evaluation.leaves import leaf_cells
from leadline.evaluation.looks import look_packs, look_pieces, seen, watched
from leadline.evaluation.losses import loss_cells
from leadline.evaluation.notes import data_notes, future, known_later, late_notes, revised, version_notes
from leadline.evaluation.of_classes import OfClasses
from leadline.evaluation.of_losses import OfLosses
from leadline.evaluation.of_scores import OfScores
from leadline.evaluation.plan import OF_BASELINE, Plan
from leadline.evaluation.promises import with_frozen_mixes
from leadline.evaluation.quality import quality
from leadline.evaluation.slice_search import find_slices
from leadline.log.calendar import Grain
from leadline.log.chance import CHANCE, require_usable
from leadline.log.delays import label_delays
from leadline.log.events import read_events
from leadline.log.facts import Facts, facts
from leadline.log.features import FEATURE
from leadline.log.labels import Codes, codes
from leadline.log.profile import Profile, as_of, profile
from leadline.log.reading import LABEL, Log, known_by, open_log, sources
from leadline.log.reference import coded, reference
from leadline.log.runs import read_runs
from leadline.metrics.service import Throughput
from leadline.metrics.sums import Array
from leadline.spec.model import Spec
from leadline.values import (
    InputError,
    Labels,
    Note,
    Undefined,
)

DAY_S = 86_400.0
#: hours, days or months that a log may span; one wrong year would else make a million empty windows
MOST_GRAINS = 100_000
#: times in the data may be this much ahead of the clock before they are taken for wrong
CLOCKS_APART = timedelta(days=1)


def evaluate_log(
    spec: Spec,
    asked: datetime | None = None,
    all_slices: bool = False,
    progress: Callable[[str], None] | None = None,
    search: bool = False,
    by_version: bool = False,
) -> Evaluation:
    """Read the spec's log once for its ranges and once for its cells.

    asked       knowledge time; the newest that the data know where None
    all_slices  whether slices get every metric, not only those of the objectives and the defaults
    search      whether to look for slices that the model fails for, for faults of the data, and at each column, unless
                the spec says no
    progress    is told in a few words what is being done
    by_version  whether the cells tell slices apart by version, too
    """
    told = progress or _silent
    with open_engine(sources(spec)) as engine:
        return _evaluate(spec, engine, asked, all_slices, told, search, by_version)


def _silent(_: str) -> None:
    """Progress that nobody wants to hear of."""


def _evaluate(
    spec: Spec,
    engine: Engine,
    asked: datetime | None,
    all_slices: bool,
    told: Callable[[str], None],
    search: bool,
    by_version: bool,
) -> Evaluation:
    told("reading the log's ranges")
    log = open_log(spec, engine)
    spans = [spec.window, *(objective.window for objective in spec.objectives)]
    grain = Grain.dividing(spans, spec.timezone)
    found = profile(log, spec)
    moment, ahead = _moment(asked, spec, log, found)
    later = labels_later = 0
    if any(time is not None and time > moment for time in (found.newest, found.last)):
        everything, log = found, known_by(log, moment)
        found = profile(log, spec)
        later, labels_later = everything.rows - found.rows, everything.label_rows - found.label_rows
    if spec.label is not None and spec.label.label_probability is not None:
        require_usable(found.chances, spec.label.label_probability)
    coding, notes = codes(log, spec, found)
    covered = found.first, moment if asked is not None else found.last
    spec, guessed = _settled(spec, log, found, coding, moment)
    now = moment.replace(tzinfo=UTC) if asked is not None else datetime.now(UTC)
    pipeline, of_runs = _pipeline(spec, now)
    components = () if pipeline is None else pipeline.components
    metrics, slice_metrics, by_objective = choose(spec, log, found, coding, all_slices, components)
    watch = watched(spec, by_objective, found, grain, moment)
    told("joining predictions and outcomes")
    known = facts(log, spec, found, coding, moment, grain, [each.calendar for each in watch])
    told("reading the reference")
    fixed = reference(log, spec, found, known.predictions, moment, grain)
    if spec.baseline is not None and BASELINE in fixed.versions:
        raise InputError(f"a version is called {BASELINE!r}, as the baseline is: give it another name")
    first, last = _range(grain, found, moment)
    span = (found.first or moment, max(found.last or moment, moment))
    aged = asked_for((*metrics, *slice_metrics))
    ages = newest(engine, known.predictions, fixed, grain, first, last, span, now) if aged else None

    def planned(rows: ir.Table, before: bool = False) -> Plan:
        def looks(with_bins: ir.Table, thresholds: int) -> dict[str, Key]:
            return look_packs(with_bins, watch, fixed, coding, thresholds, before)

        lag = "until_lag" if before else "lag"
        unread = [name for name in rows.columns if name == "id" or name.startswith(FEATURE)]
        codes_of_rows = coded(engine, rows.drop(*unread), fixed.partitions, fixed.versions)
        shown = metrics, slice_metrics
        place = (first, last, *shown, grain, latest, lag, looks, by_version)
        return Plan(spec, log, found, coding, known, fixed, codes_of_rows, *place)

    @cache
    def latest() -> tuple[int, int]:
        return latest_window(spec, grain, first, _mature_until(log, found, known, grain, first, last)) or (0, 0)

    plan = planned(known.table)
    looked = look_pieces(plan.rows, watch, fixed, coding, len(plan.thresholds))
    pieces = [*plan.pieces(), *plan.controls(), *looked]
    refuse_too_many(pieces, {piece.name: plan.described(piece) for piece in pieces})
    told("counting")
    filled = fill(engine, plan.rows, pieces)
    if known.corrected is not None:
        # a label that counted for a while stands in the ledger twice: from when it was known, and taken back
        for before in (False, True):
            again = planned(known.corrected, before)
            looked = look_pieces(again.rows, watch, fixed, coding, len(plan.thresholds), before)
            for name, cells in fill(engine, again.rows, [*again.counts(), *looked]).items():
                filled[name] = filled[name] + (-cells if before else cells)
    k = {"binary": 2, "regression": 1}.get(spec.task, len(coding.classes))
    days = _days(grain, first, last, *covered) if any(isinstance(each, Throughput) for each in metrics) else None
    series = Series(_own(filled), first, last, k, days)
    baseline = _baseline(filled, first, last, k)
    never = _unobserved(spec, series, coding)
    names = label_names(spec.task, coding.classes)
    metrics = tuple(observable(each, never, names) for each in metrics)
    slice_metrics = tuple(observable(each, never, names) for each in slice_metrics)
    by_objective = {figure: observable(each, never, names) for figure, each in by_objective.items()}
    sampled = None
    if CHANCE in known.table.columns:
        told("weighing the labels that are a sample")
        chosen = planned(of_sample(known.table))
        of_chosen = fill(engine, chosen.rows, chosen.pieces())
        of_baseline = _baseline(of_chosen, first, last, k)
        sampled = Sampled(series, Series(_own(of_chosen), first, last, k), of_baseline)
    labels = _labels(series, known)
    looks = seen(watch, filled, k, lambda of, begin, end: _days(of, begin, end, *covered))
    events, of_events = read_events(spec, moment)
    every = (
        *future(ahead, moment),
        *log.notes,
        *notes,
        *guessed,
        *fixed.notes,
        *(Note("openslo_skipped", f"{text}.") for text in spec.left_out),
        *data_notes(spec, log, found, known, fixed, series, later),
        *version_notes(fixed, series),
        *late_notes(spec, series, fixed, coding, grain, moment, bool(guessed)),
        *known_later(labels_later),
        *of_runs,
        *revised(looks),
        *of_events,
    )
    evaluation = Evaluation(
        spec,
        moment.replace(tzinfo=UTC),
        grain,
        series,
        baseline,
        fixed,
        coding,
        metrics,
        slice_metrics,
        by_objective,
        labels,
        every,
        asked is not None,
        looks,
        sampled,
        newest=ages,
        pipeline=pipeline,
        classes=not_expected(log, found, coding) if spec.task == "multiclass" else None,
        events=events,
    )
    evaluation = with_frozen_mixes(evaluation)
    evaluation, sample = _refined(evaluation, log, known.table, plan.thresholds, told)
    return _searched(evaluation, log, found, known, plan.thresholds, sample, told) if search else evaluation


def _searched(
    evaluation: Evaluation,
    log: Log,
    found: Profile,
    known: Facts,
    thresholds: Sequence[float],
    sample: pa.Table | None,
    told: Callable[[str], None],
) -> Evaluation:
    """With what nobody asked for: slices that the model fails for, the values of each column, faults of the data.

    sample   of the reference with its features, where one was read
    """
    spec = evaluation.spec
    if spec.find_slices and log.described:
        told("looking for slices that the model fails for")
        rows = of_sample(known.table) if evaluation.sampled is not None else known.table
        slices = find_slices(evaluation, log, rows, has(spec, log, found), thresholds, sample)
        evaluation = replace(evaluation, found=slices)
    if spec.check_columns:
        told("counting the values of each column")
        evaluation = replace(evaluation, columns=columns_of(evaluation, log, found, known, thresholds))
    if spec.find_faults:
        told("looking for faults of the data")
        now = evaluation.as_of if evaluation.asked else datetime.now(UTC)
        at, since = evaluation.as_of.replace(tzinfo=None), _since(evaluation)
        faults = quality(log, spec, found, evaluation.reference, at, evaluation.grain, since, now)
        evaluation = replace(evaluation, data_faults=faults)
    return evaluation


def _since(evaluation: Evaluation) -> datetime:
    """The start of what is looked at for faults: the latest window of the objectives, else the latest whole one."""
    spec, grain, series = evaluation.spec, evaluation.grain, evaluation.series
    latest = None
    if spec.objectives:
        latest = latest_window(spec, grain, series.first, evaluation.mature_until)
    if latest is None:
        latest = rolling(grain, series.first, spec.window, max(series.grains - 1, 1))
    return grain.start(series.first + latest[0])


def _moment(asked: datetime | None, spec: Spec, log: Log, found: Profile) -> tuple[datetime, datetime | None]:
    """The time of the evaluation, and the newest in the data where that is later than now and nobody asked for it.

    One wrong time would else make every row look old: what can be known by now says what the newest is.
    """
    moment, now = as_of(asked, found, log), datetime.now(UTC).replace(tzinfo=None)
    if asked is not None or moment <= now + CLOCKS_APART:
        return moment, None
    return as_of(None, profile(known_by(log, now), spec), log), moment


def _unobserved(spec: Spec, series: Series, coding: Codes) -> list[int]:
    """The predicted classes without labels, where that says nothing of the labels and they are no sample."""
    if spec.label is None or spec.label.label_probability is not None or coding.absent(LABEL) is not None:
        return []
    return unobserved(series)


def _refined(
    evaluation: Evaluation, log: Log, rows: ir.Table, thresholds: Sequence[float], told: Callable[[str], None]
) -> tuple[Evaluation, pa.Table | None]:
    """With what estimates without labels need of the rows once more: losses, chances of classes, or rows by leaf.

    Also a sample of the reference with its features, where one was read.
    """
    without, place = evaluation.without_labels, (evaluation.series.first, evaluation.series.grains)
    if not without.fitted_metrics:
        return evaluation, None
    if isinstance(without, OfLosses):
        told("looking for kinds of rows whose errors are larger")
        fitted = without.fitted_until, without.fitted_rows
        losses = loss_cells(log.engine, rows, log.features, without.to_fit, *fitted, *place)
        return replace(evaluation, losses=losses), None
    if isinstance(without, OfClasses):
        told("reading what the scores of the classes meant in the reference")
        of = log.features, without.calibrators, without.fitted_metrics
        classes = class_cells(log.engine, rows, *of, without.fitted_until, without.fitted_rows, *place)
        return replace(evaluation, classes=classes), None
    if isinstance(without, OfScores) and log.features:
        told("looking for kinds of rows whose scores mean something else")
        scored = binned(rows, {"score": "score"}, thresholds, None)
        fitted = without.fitted_until, without.fitted_rows
        known = without.calibrator, without.of_versions
        leaves, sample = leaf_cells(log.engine, scored, log.features, *known, *fitted, *place)
        return evaluation if isinstance(leaves, Undefined) else replace(evaluation, leaves=leaves), sample
    return evaluation, None


def _own(filled: Mapping[tuple[str | int, ...], Cells]) -> dict[tuple[str | int, ...], Cells]:
    """The pieces that are neither the baseline's nor the looks'."""
    return {name: cells for name, cells in filled.items() if name[0] not in ("baseline", "look")}


def _settled(spec: Spec, log: Log, found: Profile, coding: Codes, moment: datetime) -> tuple[Spec, tuple[Note, ...]]:
    """The spec with `matures_after`: as declared, else inferred from the labels' times, else 0 where they have none."""
    if not spec.lacks_maturity:
        return spec, ()
    late = label_delays(log, spec, found, coding, moment)
    if late is None:
        return spec.maturing_after(timedelta()), ()
    absent = coding.absent(LABEL) is not None
    wait, note = inferred(late, label_names(spec.task, coding.classes), absent)
    return spec.maturing_after(wait), (note,)


def _range(grain: Grain, found: Profile, moment: datetime) -> tuple[int, int]:
    if found.first is None or found.last is None or found.first > moment:
        number = grain.number_of(moment.replace(tzinfo=UTC))
        return number, number
    last = min(found.last, moment)
    numbers = (grain.number_of(found.first.replace(tzinfo=UTC)), grain.number_of(last.replace(tzinfo=UTC)))
    if numbers[1] - numbers[0] >= MOST_GRAINS:
        shown = {"h": "hours", "mo": "months"}.get(grain.unit, "days")
        raise InputError(
            f"the predictions go from {found.first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC,"
            f" more than {MOST_GRAINS:,} {shown}: correct or leave out times that are wrong, or choose a longer window"
        )
    return numbers


def _pipeline(spec: Spec, now: datetime) -> tuple[Pipeline | None, tuple[Note, ...]]:
    """The runs of the pipeline's components as they were known at a time, where they are declared."""
    if spec.runs is None:
        return None, ()
    runs, notes = read_runs(spec, now.replace(tzinfo=None))
    return Pipeline.of(spec, runs, now), notes


def _days(grain: Grain, first: int, last: int, begin: datetime | None, end: datetime | None) -> Array:
    """Days of 24 hours between two naive UTC times in each of the grains first..last."""
    if begin is None or end is None:
        return np.zeros(last - first + 1)
    edges = np.array([grain.start(number).timestamp() for number in range(first, last + 2)])
    inside = np.clip(edges, begin.replace(tzinfo=UTC).timestamp(), end.replace(tzinfo=UTC).timestamp())
    return np.asarray(np.diff(inside) / DAY_S)


def _mature_until(log: Log, found: Profile, known: Facts, grain: Grain, first: int, last: int) -> int:
    """Number of leading grains whose rows are all mature, read from the predictions' times."""
    if found.last is None or found.last <= known.cutoff:
        return last - first + 1
    young = known.predictions.filter(known.predictions.timestamp > ibis.literal(known.cutoff, "timestamp(6)"))
    earliest = log.engine.run(young.aggregate(earliest=young.timestamp.min())).to_pylist()[0]["earliest"]
    return grain.number_of(earliest.replace(tzinfo=UTC)) - first if earliest is not None else last - first + 1


def _baseline(filled: Mapping[tuple[str | int, ...], Cells], first: int, last: int, classes: int) -> Series | None:
    pieces = {
        name[1:]: replace(cells, losses={key.removeprefix(OF_BASELINE): sums for key, sums in cells.losses.items()})
        for name, cells in filled.items()
        if name[0] == "baseline"
    }
    return Series(pieces, first, last, classes) if pieces else None


def _labels(series: Series, known: Facts) -> Labels:
    total = series.pieces["total",]
    mature = total.keys["mature"] == 1
    labelled = total.keys["actual"] < series.classes
    predictions = int(total.rows.sum())
    return Labels(
        predictions=predictions,
        mature=int(total.rows[mature].sum()),
        labelled=int(total.rows[labelled].sum()),
        missing=int(total.rows[mature & ~labelled].sum()),
        repeated=known.repeated,
        conflicting=known.conflicting,
        orphaned=sum(ids - int(total.losses[f"matched_{kind}"][:, 0].sum()) for kind, ids in known.outcome_ids.items()),
        withdrawn=known.withdrawn,
    )
