"""Drift of features together: how well principal components put rows together, whether a classifier tells rows of
the latest window from those of the reference, and whether vectors lie where they lay. All of it is evidence: what it
does to a metric is not told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

from leadline.drift.domain import Domain, domain
from leadline.drift.embeddings import compared
from leadline.drift.reconstruction import Reconstruction, components, reconstruction
from leadline.evaluation.drifts import Drifts, began, distance_figure, figure
from leadline.evaluation.joint_reading import MOST_COLUMNS, SAMPLE, Samples
from leadline.evaluation.vector_reading import VectorSums
from leadline.metrics.sums import Array
from leadline.report.drift import EMBEDDING, TOGETHER
from leadline.report.words import day, listed, numbers, printable
from leadline.values import ALL_ROWS, Distance, Drift, DriftVerdict, Finding, Note

#: what the features together are called in the place of a column
NUMERIC, EVERY = "numeric features", "features"
#: normal quantiles that one quiet window of a hundred exceeds, and one of a thousand
HIGH, LIMIT = 2.33, 3.09
#: columns that are named
NAMED = 4
VECTORS = {
    "mmd": "maximum mean discrepancy",
    "norm": "the mean of ln(1 + length) differs by",
    "cosine": "the mean direction differs by a cosine distance of",
}
NO_EFFECT = "what features together do to a metric cannot be told"


@dataclass(frozen=True)
class Told:
    """How well a classifier tells the latest rows from the reference's.

    of      the two of them
    own     area with which it tells later rows of the reference from earlier ones; .5 where these are too few
    limit   above which rows have drifted
    """

    of: Domain
    own: float
    limit: float


@dataclass(frozen=True)
class Joint:
    """What was asked for of features together.

    drifts   in windows of the declaration
    latest   in the latest window
    """

    drifts: Drifts
    latest: Drifts

    @cached_property
    def reconstruction(self) -> Reconstruction | None:
        """Of the windows of the declaration; None where not asked for, or it cannot be told."""
        return _reconstructed(self.drifts)

    @cached_property
    def latest_reconstruction(self) -> Reconstruction | None:
        """Of the latest window."""
        return _reconstructed(self.latest)

    @cached_property
    def told(self) -> Told | None:
        """The classifier; None where not asked for, or there are too few rows."""
        read = self.latest.columns.samples
        return None if read is None or not self.latest.windows else _told(read)

    @cached_property
    def every(self) -> tuple[Drift, ...]:
        """The error of reconstruction by window, and where vectors lie."""
        found = () if self.reconstruction is None else _by_window(self.drifts, self.reconstruction)
        return (
            *found,
            *(each for vectors in self.drifts.columns.vectors for each in _of_vectors(self.drifts, vectors)),
        )

    @cached_property
    def of_latest(self) -> tuple[Drift, ...]:
        """Of the latest window."""
        found = []
        if self.latest_reconstruction is not None and self.latest.windows:
            (each,) = _by_window(self.latest, self.latest_reconstruction)
            found.append(replace(each, since=self._since(each) if each.drifted else None))
        if self.told is not None:
            found.append(self._classified(self.told))
        for vectors in self.latest.columns.vectors if self.latest.windows else ():
            of_vectors = _of_vectors(self.latest, vectors)
            found += [replace(each, since=self._since(each) if each.drifted else None) for each in of_vectors]
        return tuple(found)

    def _since(self, latest: Drift) -> datetime | None:
        """When its drift began, as `began` says."""
        mine = (each for each in self.every if each.column == latest.column and each.role == latest.role)
        return began([(each.window, each.drifted) for each in mine if each.rows], latest.window)

    def _classified(self, told: Told) -> Drift:
        _, _, window = self.latest.windows[0]
        area, floor = told.of.auc, told.of.floor
        distance = Distance("classifier_auc", area, 0.5, 0.5 + HIGH * floor, max(area - 0.5, 0.0), told.limit)
        verdict = DriftVerdict.UNCLEAR if area > told.limit else DriftVerdict.NOT_DRIFTED
        rows = _rows(self.latest)[0]
        return Drift(EVERY, TOGETHER, window, rows, verdict, (distance,), why=NO_EFFECT)

    def findings(self) -> Iterator[Finding]:
        """What drifted."""
        columns = self.latest.columns
        for each in self.of_latest:
            if each.drifted and each.role == EMBEDDING:
                yield _vectors_found(each, ZoneInfo(self.latest.spec.timezone))
            elif each.drifted and each.column == NUMERIC and self.latest_reconstruction and columns.joint:
                yield self._reconstruction_found(each, self.latest_reconstruction, columns.joint.names)
            elif each.drifted and self.told and columns.samples:
                yield _classifier_found(each, self.told, columns.samples.names)

    def _reconstruction_found(self, each: Drift, of: Reconstruction, names: tuple[str, ...]) -> Finding:
        now, usual = float(of.error[0]), of.usual
        most = _most(names, np.abs(of.more[0]))
        since = "" if each.since is None else f" since {day(each.since, ZoneInfo(self.latest.spec.timezone))}"
        ends = numbers(max(usual - of.limit, 0.0), usual + of.limit)
        what = (
            f"Numeric features do not go together as they did{since}: put together from"
            f" {of.kept} principal {'component' if of.kept == 1 else 'components'} of the reference, rows are off by"
            f" {numbers(now)[0]} standard deviations, in the reference by {numbers(usual)[0]} (quiet windows"
            f" {ends[0]} to {ends[1]}). Most changed {listed([printable(name) for name in most])}."
        )
        following = "Ask what these columns have in common: a source, a unit, a step that makes them."
        return _finding(each, what, following, most)

    def notes(self) -> Iterator[Note]:
        """What was asked for and cannot be told, and what was left out."""
        asked, columns = self.drifts.spec.multivariate, self.drifts.columns
        if "reconstruction" in asked:
            if columns.joint is None or components(columns.joint.reference.total()) is None:
                yield _note("fewer than two numeric features vary in the reference: there is nothing to put together")
            elif self.latest.windows and self.latest_reconstruction is None:
                yield _note("the reference has fewer than four windows: how well rows are put together is not told")
            elif len(columns.joint.names) >= MOST_COLUMNS:
                yield _note(f"of the numeric features the first {MOST_COLUMNS} are looked at together")
        if "embeddings" in asked:
            if not columns.vectors:
                yield _note("no feature is a list of numbers: there are no vectors to look at")
            for each in columns.vectors:
                if self.latest.windows and not list(_of_vectors(self.latest, each)):
                    yield _note(
                        f"{printable(each.name)}: the reference has fewer than four windows with vectors of one length"
                        " that differ: where they lie is not told"
                    )
        if "classifier" in asked and self.latest.windows and columns.samples is None:
            yield _note("there are too few rows, or no features: a classifier has nothing to tell apart")


def _classifier_found(each: Drift, told: Told, names: tuple[str, ...]) -> Finding:
    importances = sorted(zip(names, map(float, told.of.importances), strict=True), key=lambda pair: -pair[1])
    most = [name for name, value in importances[:NAMED] if value > told.of.floor]
    what = (
        f"A classifier tells the rows of this window from the reference's with an AUC of {numbers(told.of.auc)[0]}"
        f" (.5: not at all; quiet windows stay below {numbers(told.limit)[0]})."
    )
    if most:
        what += f" It goes by {listed([printable(name) for name in most])}."
    following = "Look at these columns first; what of it they do alone stands among the columns that drifted."
    return _finding(each, what, following, most, importances)


def _finding(
    each: Drift, what: str, following: str, columns: list[str], importances: Sequence[tuple[str, float]] = ()
) -> Finding:
    lost = "by how much the area falls where the values of this column are shuffled among the rows"
    evidence = (
        *(distance_figure(each, one) for one in each.distances),
        *(figure(each, f"classifier_importance of {name}", value, lost) for name, value in importances),
    )
    return Finding(
        kind="drift",
        what=what,
        slice=ALL_ROWS,
        window=each.window,
        next=following,
        columns=tuple(columns),
        since=each.since,
        rows=each.rows,
        evidence=evidence,
    )


def _note(text: str) -> Note:
    return Note("multivariate", f"{text[0].upper()}{text[1:]}.")


def _rows(drifts: Drifts) -> list[int]:
    """Rows by window."""
    cells = drifts.columns.columns[0].rows
    counted = np.bincount(cells.keys["grain"], weights=cells.rows, minlength=drifts.columns.grains)
    return [int(counted[begin:after].sum()) for begin, after, _ in drifts.windows]


def _reconstructed(drifts: Drifts) -> Reconstruction | None:
    joint = drifts.columns.joint
    if joint is None or not drifts.windows:
        return None
    places, _ = drifts.own_places
    return reconstruction(joint.reference.of(places), joint.rows.of([window[:2] for window in drifts.windows]))


def _by_window(drifts: Drifts, of: Reconstruction) -> Iterator[Drift]:
    since = None
    for place, ((_, _, window), rows) in enumerate(zip(drifts.windows, _rows(drifts), strict=True)):
        away = float(of.away[place])
        if not rows:
            yield Drift(NUMERIC, TOGETHER, window, 0, DriftVerdict.NO_DATA, why="no rows")
            continue
        drifted = away > of.limit
        since = (since or window.start) if drifted else None
        excess = float(np.sqrt(max(away**2 - of.floor**2, 0.0)))
        distance = Distance("reconstruction_change", away, of.floor, of.high, excess, of.limit)
        verdict = DriftVerdict.UNCLEAR if drifted else DriftVerdict.NOT_DRIFTED
        yield Drift(NUMERIC, TOGETHER, window, rows, verdict, (distance,), since=since, why=NO_EFFECT)


def _of_vectors(drifts: Drifts, of: VectorSums) -> Iterator[Drift]:
    """A column of vectors by window; nothing where the reference does not tell."""
    if of.rows is None or of.reference is None:
        return
    places, _ = drifts.own_places
    own, shown = of.reference.of(places), of.rows.of([window[:2] for window in drifts.windows])
    since = None
    for place, ((begin, after, window), rows) in enumerate(zip(drifts.windows, _rows(drifts), strict=True)):
        if not rows:
            yield Drift(of.name, EMBEDDING, window, 0, DriftVerdict.NO_DATA, why="no rows")
            continue
        away = compared(own, shown.of([(place, place + 1)]))
        if away is None:
            continue
        drifted = any(each.value > each.limit for each in away.values())
        since = (since or window.start) if drifted else None
        read = float(of.read[begin:after].sum())
        missing = float(np.nansum(of.missing[begin:after] * of.read[begin:after])) / read if read else None
        distances = tuple(
            Distance(name, each.value, each.floor, each.high, max(each.value - each.floor, 0.0), each.limit)
            for name, each in away.items()
        )
        verdict = DriftVerdict.UNCLEAR if drifted else DriftVerdict.NOT_DRIFTED
        yield Drift(of.name, EMBEDDING, window, rows, verdict, distances, missing=missing, since=since, why=NO_EFFECT)


def _vectors_found(each: Drift, zone: ZoneInfo) -> Finding:
    since = "" if each.since is None else f" since {day(each.since, zone)}"
    passed = [one for one in each.distances if one.limit is not None and one.value > one.limit]
    shown = [
        f"{VECTORS[one.name]} {numbers(one.value)[0]}, quiet windows stay below {numbers(one.limit or 0.0)[0]}"
        for one in passed
    ]
    what = f"The vectors in {printable(each.column)} lie elsewhere{since}: {'; '.join(shown)}."
    following = "Ask whether they are still made by the same model, and from what kind of text or image."
    return _finding(each, what, following, [each.column])


def _told(read: Samples) -> Told:
    """The classifier on the window, and for comparison on the reference's own halves in time."""
    found = domain(read.before[:SAMPLE], read.after, read.ordered)
    own, floor = 0.5, found.floor
    middle = np.median(read.place)
    early, late = read.before[read.place < middle], read.before[read.place >= middle]
    if min(len(early), len(late)) * 2 >= len(read.after):
        halves = domain(early, late, read.ordered, importances=False)
        own, floor = max(halves.auc, 0.5), float(np.hypot(floor, halves.floor))
    return Told(found, own, min(own + LIMIT * floor, 1.0))


def _most(names: tuple[str, ...], size: Array) -> list[str]:
    """The columns for which it is largest."""
    order = np.argsort(-np.nan_to_num(size), kind="stable")[:NAMED]
    return [names[place] for place in order if size[place] > 0]
