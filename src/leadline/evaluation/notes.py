"""What a reader must know of the data, in sentences: what is odd, what was left out, what comes too late."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from leadline.cells.series import Series
from leadline.estimate.maturity import label_names
from leadline.estimate.selective import selective, too_early
from leadline.evaluation.looks import Seen
from leadline.evaluation.nowcasts import whole_ages
from leadline.evaluation.plan import DISAGREES, EARLY
from leadline.log.calendar import Grain
from leadline.log.facts import Facts
from leadline.log.labels import Codes
from leadline.log.profile import Profile
from leadline.log.reading import LABEL, Log
from leadline.log.reference import MISSING, MOST_VALUES, Reference
from leadline.report.words import share
from leadline.spec.model import BinSlice, Spec
from leadline.values import Note, counted

#: mature labels that a version needs for a reference of its own
OWN_REFERENCE = 1_000
#: share of the rows of looks whose label changed afterwards, from which on it is said
REVISED = 0.01
#: share of scores outside [0, 1] below which they are taken for mistakes
FEW_OUTSIDE = 0.05


def future(newest: datetime | None, moment: datetime) -> Iterator[Note]:
    """That there are times later than now, which would make every row look old."""
    if newest is not None:
        text = (
            f"The newest time in the data, {newest:%Y-%m-%d %H:%M} UTC, lies in the future. What is later than now is"
        )
        as_of = f"left out, and all is evaluated as of {moment:%Y-%m-%d %H:%M} UTC"
        yield Note("as_of_in_the_future", f"{text} {as_of}: correct such times, or say `as_of`.")


def data_notes(
    spec: Spec, log: Log, found: Profile, known: Facts, fixed: Reference, series: Series, later: int
) -> Iterator[Note]:
    """What is odd about the deliveries, in sentences."""
    timeless = [table.name for table in spec.outcome_tables if table.name not in log.timed]
    if timeless:
        whose = " and ".join("outcomes" if kind == LABEL else f"outcomes of {kind!r}" for kind in timeless)
        text = f"The {whose} do not say when they became known: all of them count from the start."
        yield Note("knowledge_time_unknown", text)
    yield from _sample_notes(found)
    yield from _entity_notes(spec, series)
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
            least = " from 0 on" if name == "latency_s" else ""
            text = f"{_have(count)} no finite {name}{least}: left out of all figures that need it."
            yield Note("missing_numbers", text)
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
    yield from _score_notes(spec, log, found)
    yield from _bin_notes(spec, fixed, series)


def _score_notes(spec: Spec, log: Log, found: Profile) -> Iterator[Note]:
    """That scores are no probabilities, because of how many rows, and what is done with them all the same."""
    low, high = found.low.get("score"), found.high.get("score")
    if low is None or high is None or (low >= 0 and high <= 1):
        return
    scores = log.predictions.score
    (counts,) = log.engine.scalars(log.predictions.aggregate(n=((scores < 0) | (scores > 1)).sum(), of=scores.count()))
    outside = int(counts["n"])
    lie = "lies" if outside == 1 else "lie"
    few = " Correct them, or leave these rows out." if outside < FEW_OUTSIDE * counts["of"] else ""
    yield Note(
        "not_probabilities",
        f"Scores go from {low:g} to {high:g}: {outside:,} of {counts['of']:,} {lie} outside [0, 1], so they are no"
        " probabilities, and calibration, log loss and estimates without labels are not read from any of them."
        f"{few}",
    )
    predictions = spec.predictions
    if (
        spec.task == "binary"
        and predictions.columns.prediction is None
        and "threshold" not in predictions.model_fields_set
    ):
        at = f"{predictions.threshold:g}"
        yield Note(
            "threshold_not_declared",
            f"The threshold {at}, which is not declared, is applied to scores from {low:g} to {high:g}: predictions may"
            " not be the model's. Declare `threshold` under `predictions`, or the column of the `prediction`.",
        )


def _bin_notes(spec: Spec, fixed: Reference, series: Series) -> Iterator[Note]:
    """Bins of a column that holds no numbers."""
    named = {part.name: part for entry in spec.slices for part in spec.parts(entry)}
    for place, partition in enumerate(fixed.partitions):
        part = named[partition.parts[0]] if len(partition.parts) == 1 else None
        codes = series.pieces["slice", place].keys["slice"]
        if isinstance(part, BinSlice) and len(codes) and not (codes != MISSING).any():
            text = f"Slice {partition.name!r} puts all rows into (missing): column {part.bin.column!r} holds no numbers"
            yield Note("bin_without_numbers", f"{text}. Name it as it is, without `bin`, if it holds categories.")


def _entity_notes(spec: Spec, series: Series) -> Iterator[Note]:
    """That the declared entity does not tell users apart."""
    if series.few_entities and int(series.pieces["total",].rows.sum()) > 1:
        text = (
            f"The rows have one or a few values of the entity `{spec.predictions.columns.entity}`: nobody can tell from"
            " them how much entities differ, and intervals allow for days only. Name a column that differs from user to"
            " user, or leave `entity` out."
        )
        yield Note("few_entities", text)


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


def _have(count: int) -> str:
    """A number of predictions and what they have."""
    return f"{counted(count, 'prediction')} {'has' if count == 1 else 'have'}"


def version_notes(fixed: Reference, series: Series) -> Iterator[Note]:
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
            labels = counted(labelled, "mature label")
            text = f"Version {version!r} has {labels}: up to {OWN_REFERENCE:,} it shares the reference."
            yield Note("version_shares_reference", text)


def late_notes(
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


def known_later(labels: int) -> Iterator[Note]:
    """Labels that came after the time that was asked for."""
    if labels:
        text = f"{counted(labels, 'label')} became known later than the time of this evaluation"
        yield Note("labels_later_than_as_of", f"{text}: not known yet.")


def revised(looks: Sequence[Seen]) -> Iterator[Note]:
    """Labels that changed after detectors had taken them in."""
    for each in looks:
        rows = int(each.sums().rows.sum()) if each.of.looks and each.counts.pieces else 0
        if each.revised > REVISED * rows:
            text = (
                f"{counted(each.revised, 'outcome')} of {counted(rows, 'row')} that detectors took in"
                f" ({share(each.revised, rows)}) came or changed afterwards: verdicts rest on what was known then."
            )
            yield Note("looks_revised", f"{text} Declare a longer `matures_after` where that is usual.")
