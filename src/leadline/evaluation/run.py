"""From a spec and its log to an evaluation: each source is read once for its ranges and once for its cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import ibis
import ibis.expr.types as ir
import numpy as np

from leadline.cells.fill import Cells, fill
from leadline.cells.plan import binned, refuse_too_many
from leadline.cells.series import Series
from leadline.engine import Engine, open_engine
from leadline.estimate.few_labels import Sampled, of_sample
from leadline.estimate.maturity import inferred, label_names
from leadline.estimate.selective import selective, too_early
from leadline.evaluation.choice import choose
from leadline.evaluation.estimates import BASELINE, Evaluation, latest_window
from leadline.evaluation.leaves import leaf_cells
from leadline.evaluation.looks import look_pieces, seen, watched
from leadline.evaluation.losses import loss_cells
from leadline.evaluation.nowcasts import whole_ages
from leadline.evaluation.of_losses import OfLosses
from leadline.evaluation.plan import DISAGREES, EARLY, OF_BASELINE, Plan
from leadline.log.calendar import Grain
from leadline.log.chance import CHANCE, require_usable
from leadline.log.delays import label_delays
from leadline.log.facts import Facts, facts
from leadline.log.features import FEATURE
from leadline.log.labels import Codes, codes
from leadline.log.profile import Profile, as_of, profile
from leadline.log.reading import LABEL, Log, known_by, open_log, sources
from leadline.log.reference import MOST_VALUES, Reference, coded, reference
from leadline.report.words import counted, share
from leadline.spec.model import Spec
from leadline.values import (
    InputError,
    Labels,
    Note,
    Undefined,
)

#: mature labels that a version needs for a reference of its own
OWN_REFERENCE = 1_000
#: hours, days or months that a log may span; one wrong year would else make a million empty windows
MOST_GRAINS = 100_000


def evaluate_log(
    spec: Spec,
    asked: datetime | None = None,
    all_slices: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Evaluation:
    """Read the spec's log once for its ranges and once for its cells.

    asked       knowledge time; the newest that the data know where None
    all_slices  whether slices get every metric, not only those of the objectives and the defaults
    progress    is told in a few words what is being done
    """
    told = progress or _silent
    with open_engine(sources(spec)) as engine:
        return _evaluate(spec, engine, asked, all_slices, told)


def _silent(_: str) -> None:
    """Progress that nobody wants to hear of."""


def _evaluate(
    spec: Spec, engine: Engine, asked: datetime | None, all_slices: bool, told: Callable[[str], None]
) -> Evaluation:
    told("reading the log's ranges")
    log = open_log(spec, engine)
    spans = [spec.window, *(objective.window for objective in spec.objectives)]
    grain = Grain.dividing(spans, spec.timezone)
    found = profile(log, spec)
    moment = as_of(asked, found, log)
    later = labels_later = 0
    if any(time is not None and time > moment for time in (found.newest, found.last)):
        everything, log = found, known_by(log, moment)
        found = profile(log, spec)
        later, labels_later = everything.rows - found.rows, everything.label_rows - found.label_rows
    if spec.label is not None and spec.label.label_probability is not None:
        require_usable(found.chances, spec.label.label_probability)
    coding, notes = codes(log, spec, found)
    spec, guessed = _settled(spec, log, found, coding, moment)
    metrics, slice_metrics, by_objective = choose(spec, log, found, coding, all_slices)
    watch = watched(spec, by_objective, found, grain, moment)
    told("joining predictions and outcomes")
    known = facts(log, spec, found, coding, moment, grain, [each.calendar for each in watch])
    told("reading the reference")
    fixed = reference(log, spec, found, known.predictions, moment, grain)
    if spec.baseline is not None and BASELINE in fixed.versions:
        raise InputError(f"a version is called {BASELINE!r}, as the baseline is: give it another name")
    first, last = _range(grain, found, moment)

    def planned(rows: ir.Table, lag: str = "lag") -> Plan:
        unread = [name for name in rows.columns if name == "id" or name.startswith(FEATURE)]
        codes_of_rows = coded(engine, rows.drop(*unread), fixed.partitions, fixed.versions)
        shown = metrics, slice_metrics
        return Plan(spec, log, found, coding, known, fixed, codes_of_rows, first, last, *shown, grain, latest, lag)

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
        for lag, sign in (("lag", 1), ("until_lag", -1)):
            again = planned(known.corrected, lag)
            looked = look_pieces(again.rows, watch, fixed, coding, len(plan.thresholds), before=sign < 0)
            for name, cells in fill(engine, again.rows, [*again.counts(), *looked]).items():
                filled[name] = filled[name] + (cells if sign > 0 else -cells)
    k = {"binary": 2, "regression": 1}.get(spec.task, len(coding.classes))
    series = Series(_own(filled), first, last, k)
    baseline = _baseline(filled, first, last, k)
    sampled = None
    if CHANCE in known.table.columns:
        told("weighing the labels that are a sample")
        chosen = planned(of_sample(known.table))
        of_chosen = fill(engine, chosen.rows, chosen.pieces())
        of_baseline = _baseline(of_chosen, first, last, k)
        sampled = Sampled(series, Series(_own(of_chosen), first, last, k), of_baseline)
    labels = _labels(series, known)
    every = (
        *([] if asked is not None else _future(moment)),
        *log.notes,
        *notes,
        *guessed,
        *fixed.notes,
        *(Note("openslo_skipped", f"{text}.") for text in spec.left_out),
        *_data_notes(spec, log, found, known, series, later),
        *_version_notes(fixed, series),
        *_late_notes(spec, series, fixed, coding, grain, moment, bool(guessed)),
        *_known_later(labels_later),
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
        seen(watch, filled, k),
        sampled,
    )
    return _with_leaves(evaluation, log, known.table, plan.thresholds, told)


def _with_leaves(
    evaluation: Evaluation, log: Log, rows: ir.Table, thresholds: Sequence[float], told: Callable[[str], None]
) -> Evaluation:
    """The evaluation with the rows by leaf, for estimates without labels: a second reading, where they ask for it."""
    without, place = evaluation.without_labels, (evaluation.series.first, evaluation.series.grains)
    if isinstance(without, OfLosses):
        if not without.to_fit:
            return evaluation
        told("looking for kinds of rows whose errors are larger")
        fitted = without.fitted_until, without.fitted_rows
        losses = loss_cells(log.engine, rows, log.features, without.to_fit, *fitted, *place)
        return replace(evaluation, losses=losses)
    fit = without.to_refine if log.features else None
    if fit is None:
        return evaluation
    told("looking for kinds of rows whose scores mean something else")
    scored = binned(rows, {"score": "score"}, thresholds, None)
    fitted = without.fitted_until, without.fitted_rows
    leaves = leaf_cells(log.engine, scored, log.features, fit, *fitted, *place)
    return evaluation if isinstance(leaves, Undefined) else replace(evaluation, leaves=leaves)


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


def _known_later(labels: int) -> Iterator[Note]:
    if labels:
        text = f"{counted(labels, 'label')} became known later than the time of this evaluation"
        yield Note("labels_later_than_as_of", f"{text}: not known yet.")


def _late_notes(
    spec: Spec, series: Series, fixed: Reference, coding: Codes, grain: Grain, moment: datetime, guessed: bool
) -> Iterator[Note]:
    """Labels that come later than declared, never come, or come before their prediction."""
    if spec.label is None or spec.label.label_probability is not None:
        return  # of a sample most rows have no label, and that says nothing
    names = label_names(spec.task, coding.classes)
    slices = {
        (place, code): str(partition.slice(code))
        for place, partition in enumerate(fixed.partitions)
        for code in np.unique(series.ledger(place).keys["slice"]).tolist()
    }
    if not guessed and "lag" in series.ledger().keys:
        unit = {"h": 1, "d": grain.count}.get(grain.unit, 31) * timedelta(days=1)
        ages = whole_ages(series, grain, moment.replace(tzinfo=UTC))
        yield from too_early(series, ages, spec.label.matures_after, unit, names, slices)
    if coding.absent(LABEL) is None:
        yield from selective(series, names, slices)
    total = series.pieces["total",]
    early = int(total.losses[EARLY][:, 0].sum()) if EARLY in total.losses else 0
    if early:
        text = f"{counted(early, 'label')} {'is' if early == 1 else 'are'} dated before the prediction"
        yield Note("labels_before_predictions", f"{text}: counted as known from the start. Check the clocks.")


def _future(moment: datetime) -> Iterator[Note]:
    """One wrong time makes every row look old."""
    if moment > datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1):
        text = f"The newest time in the data, {moment:%Y-%m-%d %H:%M} UTC, lies in the future"
        yield Note("as_of_in_the_future", f"{text}, and all is evaluated as of then: correct it, or say `as_of`.")


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


def _version_notes(fixed: Reference, series: Series) -> Iterator[Note]:
    """Which versions have too few labels for a reference of their own (DESIGN §3)."""
    total = series.pieces["total",]
    if len(fixed.versions) < 2:
        return
    nameless = int(total.rows[total.keys["version"] == len(fixed.versions)].sum())
    if nameless:
        text = f"{_have(nameless)} no version, or not one of the {MOST_VALUES} most frequent: in no version's figures."
        yield Note("without_version", text)
    mature = (total.keys["mature"] == 1) & (total.keys["actual"] < series.classes)
    for code, version in enumerate(fixed.versions):
        labelled = int(total.rows[mature & (total.keys["version"] == code)].sum())
        if labelled < OWN_REFERENCE:
            text = (
                f"Version {version!r} has {labelled:,} mature labels: up to {OWN_REFERENCE:,} it shares the reference."
            )
            yield Note("version_shares_reference", text)


def _have(count: int) -> str:
    """A number of predictions and what they have."""
    return f"{counted(count, 'prediction')} {'has' if count == 1 else 'have'}"


def _sample_notes(found: Profile) -> Iterator[Note]:
    """That labels are a sample, where they are, and how many are none."""
    if found.chances:
        text = (
            "The labels are of rows that were chosen for labelling with known probabilities: figures that need labels"
        )
        yield Note("labels_are_a_sample", f"{text} are estimated from them for all rows.")
    if found.chances.get("without"):
        labels = counted(found.chances["without"], "label")
        text = (
            f"{labels} do not say with which probability their row was chosen for labelling: left out of all figures,"
        )
        yield Note("without_label_probability", f"{text} as nobody knows which rows they stand for.")


def _data_notes(spec: Spec, log: Log, found: Profile, known: Facts, series: Series, later: int) -> Iterator[Note]:
    """What is odd about the deliveries, in sentences."""
    timeless = [table.name for table in spec.outcome_tables if table.name not in log.timed]
    if timeless:
        whose = " and ".join("outcomes" if kind == LABEL else f"outcomes of {kind!r}" for kind in timeless)
        text = f"The {whose} do not say when they became known: all of them count from the start."
        yield Note("knowledge_time_unknown", text)
    yield from _sample_notes(found)
    if found.without_id:
        yield Note("without_id", f"{_have(found.without_id)} no id: left out.")
    if found.without_time:
        yield Note("without_time", f"{_have(found.without_time)} no readable time: left out.")
    if later:
        are = f"{counted(later, 'prediction')} {'is' if later == 1 else 'are'}"
        yield Note("later_than_as_of", f"{are} later than the time of this evaluation: left out.")
    for name, count in found.missing.items():
        if count and name == "weight":
            text = f"{_have(count)} no finite weight from 0 on: nothing is added to weighted figures."
            yield Note("missing_weights", text)
        elif count:
            yield Note("missing_numbers", f"{_have(count)} no finite {name}.")
    total = series.pieces["total",]
    differing = int(total.losses[DISAGREES][:, 0].sum()) if DISAGREES in total.losses else 0
    if differing:
        yield Note(
            "disagrees",
            f"In {share(differing, int(total.rows.sum()))} of the predictions ({differing:,}) the prediction is not"
            f" what a score of {spec.predictions.threshold:g} or more says; the prediction counts.",
        )
    if known.conflicting:
        shown_ids = ", ".join(known.examples)
        yield Note(
            "conflicting",
            f"{known.conflicting:,} {'deliveries repeat' if known.conflicting > 1 else 'delivery repeats'} a prediction"
            f" with other content, such as {shown_ids}; the first delivery counts.",
        )
    low, high = found.low.get("score"), found.high.get("score")
    if low is not None and high is not None and not (low >= 0 and high <= 1):
        yield Note(
            "not_probabilities",
            f"Scores go from {low:g} to {high:g}: they are no probabilities, so only rank metrics are read from them.",
        )
