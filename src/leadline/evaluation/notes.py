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
from leadline.log.reference import MOST_VALUES, Reference
from leadline.report.words import counted, share
from leadline.spec.model import Spec
from leadline.values import Note

#: mature labels that a version needs for a reference of its own
OWN_REFERENCE = 1_000
#: share of the rows of looks whose label changed afterwards, from which on it is said
REVISED = 0.01


def future(moment: datetime) -> Iterator[Note]:
    """One wrong time makes every row look old."""
    if moment > datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1):
        text = f"The newest time in the data, {moment:%Y-%m-%d %H:%M} UTC, lies in the future"
        yield Note("as_of_in_the_future", f"{text}, and all is evaluated as of then: correct it, or say `as_of`.")


def data_notes(spec: Spec, log: Log, found: Profile, known: Facts, series: Series, later: int) -> Iterator[Note]:
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
            text = (
                f"Version {version!r} has {labelled:,} mature labels: up to {OWN_REFERENCE:,} it shares the reference."
            )
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
                f"{counted(each.revised, 'outcome')} of {rows:,} rows that detectors took in"
                f" ({share(each.revised, rows)}) came or changed afterwards: verdicts rest on what was known then."
            )
            yield Note("looks_revised", f"{text} Declare a longer `matures_after` where that is usual.")
