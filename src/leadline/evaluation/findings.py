"""Slices that were found, as findings: how they are served and since when, and in sentences."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from leadline.evaluation.estimates import Evaluation, interval_of
from leadline.evaluation.found import Basis, FoundSlice, FoundSlices
from leadline.metrics.evaluate import evaluate_windows
from leadline.metrics.row_errors import RowError
from leadline.metrics.sums import Array
from leadline.report.words import day, days, interval, named, numbers, percent, printable
from leadline.slices.since import Began, began
from leadline.stats.comparison import Difference, grouped_difference
from leadline.values import ALL_ROWS, Effect, Estimate, Finding, Note, Slice, Status, Undefined, Window, counted

#: slices that are shown, at most
MOST_SHOWN = 10
#: ids that are named in a sentence
NAMED = 3
#: of which rows how many are what, and what these are called, by metric
SAID = {
    "accuracy": ("{errors} of {size} wrong", "errors"),
    "recall": ("{errors} of {size} actual positives missed", "misses"),
    "false_negative_rate": ("{errors} of {size} actual positives missed", "misses"),
    "precision": ("{errors} of {size} predicted positives wrong", "false positives"),
    "specificity": ("{errors} of {size} actual negatives predicted positive", "false positives"),
    "false_positive_rate": ("{errors} of {size} actual negatives predicted positive", "false positives"),
    "f1": ("{errors} of {size} rows that are positive by prediction or label wrong", "errors"),
}


@dataclass(frozen=True, slots=True)
class _Side:
    """How some rows are served.

    size, error, square   by grain of the log: rows that count (or their weight), Σ of their errors, and of the squares
    value                 the metric over the window
    low, high, method     its interval
    rows, labelled        of the window
    """

    size: Array
    error: Array
    square: Array
    value: float
    low: float | None
    high: float | None
    method: str | None
    rows: int
    labelled: int

    def over(self, begin: int, after: int) -> tuple[float, float]:
        """Size and errors of some grains."""
        return float(self.size[begin:after].sum()), float(self.error[begin:after].sum())


@dataclass(frozen=True, slots=True)
class _Served:
    """A slice beside all others, and beside all rows.

    excess   errors of the window that there would be fewer, if the slice were like the others
    least    the same at its lower end
    effect   what the slice does to the metric of all rows
    """

    found: FoundSlice
    inside: _Side
    others: _Side
    whole: _Side
    excess: float
    least: float
    effect: Effect


def findings(evaluation: Evaluation, found: FoundSlices) -> list[Finding]:
    """The slices that are worse than all others over the window; first where the most errors of all would vanish.

    A slice that is worse by several metrics is told once, by the one of which it has the most.
    """
    every = [_served(found, place) for place in range(len(found.slices))]
    served = [each for each in every if each is not None]
    told: dict[Slice, list[_Served]] = {}
    for each in sorted(served, key=lambda each: -each.least / each.whole.over(*found.window)[1]):
        told.setdefault(each.found.slice, []).append(each)
    return [_finding(evaluation, found, *each) for each in list(told.values())[:MOST_SHOWN]]


def nothing_found(evaluation: Evaluation, found: FoundSlices) -> Note:
    """That slices were looked for and none was found, in what and when."""
    window = days(evaluation.window(*found.window), ZoneInfo(evaluation.spec.timezone))
    held = "" if found.basis is None else ", by the errors that are expected of them"
    one, *others = found.features
    combined = f"all combinations of {len(found.features):,} features" if others else f"the values of {named(one)}"
    looked = f"{combined}, {counted(found.rows, 'row')} of {window}"
    return Note("no_slice_found", f"Among {looked}: no slice is clearly worse than the other rows{held}.")


def _served(found: FoundSlices, place: int) -> _Served | None:
    """None where, over all rows and with days that differ by themselves, it cannot be told from the others."""
    one, window = found.slices[place], found.window
    sides = [_side(found, one.error, each) for each in (place, -1 - place, None)]
    if None in sides:
        return None
    inside, others, whole = (side for side in sides if side is not None)
    difference = _difference(inside, others, *window)
    if difference.least <= 0:
        return None
    (size, error), (other_size, other_error) = inside.over(*window), others.over(*window)
    gap = error / size - other_error / other_size
    effect = whole.value - others.value
    # a difference within days, where the slice has few of them, is a little apart from the one over all
    low, high = sorted(effect / gap * (gap + end - difference.value) for end in difference.ends)
    least = size * difference.least
    return _Served(one, inside, others, whole, size * gap, least, Effect(one.error.metric.name, effect, low, high))


def _difference(inside: _Side, others: _Side, begin: int, after: int) -> Difference:
    """How much larger the errors of a slice are than all others', over some grains."""
    size, error, square = (
        np.stack([getattr(side, name)[begin:after] for side in (inside, others)])
        for name in ("size", "error", "square")
    )
    return grouped_difference(size, error, square)


def _side(found: FoundSlices, error: RowError, place: int | None) -> _Side | None:
    """A slice, all others, or all rows; None where the metric has no figure there."""
    sums, entities = found.series.sums(place), found.series.entities(place)
    (evaluated,) = evaluate_windows(error.metric, sums, [found.window], entities)
    if isinstance(evaluated.value, Undefined):
        return None
    size, summed, square = _with_squares(*error.sums(sums))
    rows, labelled = (int(each[slice(*found.window)].sum()) for each in (sums.rows, sums.labelled))
    return _Side(size, summed, square, evaluated.value, *interval_of(evaluated), rows, labelled)


def _with_squares(size: Array, error: Array, square: Array) -> tuple[Array, Array, Array]:
    """The same without the grains whose errors are too large for their squares: means of them tell nothing else."""
    with np.errstate(over="ignore", invalid="ignore"):
        known = np.isfinite(len(size) * size.sum() * square)
    return np.where(known, size, 0.0), np.where(known, error, 0.0), np.where(known, square, 0.0)


# Since when ---------------------------------------------------------------------------------------------------------


def _since(found: FoundSlices, served: _Served) -> Began | None:
    """When it grew worse, over all of the log up to the end of the window."""
    after = found.window[1]
    n, m, e, f = (
        each[:after] for each in (served.inside.size, served.others.size, served.inside.error, served.others.error)
    )
    both = (n > 0) & (m > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap, weight = np.where(both, e / n - f / m, np.nan), np.where(both, n * m / (n + m), 0.0)
    size, error = served.whole.over(0, after)
    square = float(served.whole.square[:after].sum())
    return began(gap, weight, max(square / size - (error / size) ** 2, 0.0))


# In words -----------------------------------------------------------------------------------------------------------


def _finding(evaluation: Evaluation, found: FoundSlices, served: _Served, *others: _Served) -> Finding:
    """A slice in words; `others` is the same by further metrics."""
    one, zone = served.found, ZoneInfo(evaluation.spec.timezone)
    dated = found.basis is None or found.basis.of_time
    start = _since(found, served) if dated else None
    since = None if start is None else evaluation.window(start.place, start.place + 1).start
    by = " (by weight)" if evaluation.spec.predictions.columns.weight or evaluation.sampled is not None else ""
    what = _said(served, found.window, found.basis, by)
    if start is not None and since is not None:
        at = day(since, zone)
        version = _version(evaluation, start)
        then = f"{at}, with version {printable(version)}" if version else at
        what += f" It was worse before, too, and is more so since {then}." if start.worse else f" New since {then}."
    elif dated and _difference(served.inside, served.others, 0, found.window[0]).least > 0:
        what += " It was so before, too."
    what += "".join(f" Also {_also(each, found.window, by)}." for each in others)
    look = f"Rows to look at: {', '.join(one.examples[:NAMED])}." if one.examples else ""
    watch = f"To watch it, declare a slice with where: {one.where}" if one.where else ""
    window = evaluation.window(*found.window)
    return Finding(
        kind="slice",
        what=what,
        slice=one.slice,
        window=window,
        next=" ".join(each for each in (look, watch) if each),
        columns=one.columns,
        since=since,
        effect=served.effect,
        rows=served.inside.rows,
        evidence=tuple(
            _estimate(each.found.error, found.basis, side, where, window)
            for each in (served, *others)
            for side, where in ((each.inside, one.slice), (each.whole, ALL_ROWS))
        ),
        where=one.where,
        examples=one.examples,
    )


def _said(served: _Served, window: tuple[int, int], basis: Basis | None, by: str) -> str:
    """How the slice is served beside all others, and what it costs.

    by   what sums of rows are called beside them where they are weights
    """
    error, rows = served.found.error, f"Rows with {printable(served.found.said)}"
    rest, expected = _rest(served), "" if basis is None else "by their scores " if error.binary else "expected "
    labels = "" if basis is None else f" Labels are not in: errors are {basis.said}."
    if not error.binary:
        size, whole = served.inside.over(*window)[0], numbers(served.whole.value)[0]
        return (
            f"{rows}: {expected}{_figure(served, window, by)} over {size:,.0f} rows{by} where all others have {rest};"
            f" without the difference it would be {rest} instead of {whole} for all.{labels}"
        )
    of_all = percent(served.excess / served.whole.over(*window)[1])
    fewer = f"{served.excess:,.0f} {_words(error)[1]} fewer ({of_all} of all)"
    return (
        f"{rows}: {expected}{_figure(served, window, by)} where all others have {rest};"
        f" without the difference there would be {fewer}.{labels}"
    )


def _also(served: _Served, window: tuple[int, int], by: str) -> str:
    """The same by a further metric."""
    return f"{_figure(served, window, by)} where all others have {_rest(served)}"


def _figure(served: _Served, window: tuple[int, int], by: str) -> str:
    """The slice's figure, or its errors and their share."""
    error, inside = served.found.error, served.inside
    if not error.binary:
        value, between = interval(inside.value, inside.low, inside.high)
        return f"{error.metric.name} {value}{' ' * bool(between)}{between}"
    size, summed = inside.over(*window)
    ends = [error.share(end) for end in (inside.low, inside.high) if end is not None]
    rate = percent(summed / size, *sorted(ends))
    return f"{_words(error)[0].format(errors=f'{summed:,.0f}', size=f'{size:,.0f}{by}')} ({rate})"


def _rest(served: _Served) -> str:
    error, value = served.found.error, served.others.value
    return percent(error.share(value)) if error.binary else numbers(value)[0]


def _words(error: RowError) -> tuple[str, str]:
    """Of which rows how many are what, and what these are called."""
    name = error.metric.name
    return SAID.get(name, (f"{name}: {{errors}} of {{size}} rows wrong", "errors"))


def _version(evaluation: Evaluation, start: Began) -> str | None:
    """The version whose first predictions came when a slice grew worse; None where there is none, or several."""
    total, versions = evaluation.series.pieces["total",], evaluation.reference.versions
    if "version" not in total.keys:
        return None
    began_then = []
    for code, version in enumerate(versions):
        grains = total.keys["grain"][total.keys["version"] == code]
        if len(grains) and start.first <= grains.min() <= start.last:
            began_then.append(version)
    return began_then[0] if len(began_then) == 1 else None


def _estimate(error: RowError, basis: Basis | None, side: _Side, where: Slice, window: Window) -> Estimate:
    return Estimate(
        metric=error.metric.name,
        slice=where,
        version=None,
        window=window,
        value=side.value,
        low=side.low,
        high=side.high,
        n=side.rows,
        labelled=side.labelled if basis is None else 0,
        status=Status.REALISED if basis is None else Status.ESTIMATED,
        why=None if basis is None else basis.assumes,
        interval=side.method,
        estimator=None if basis is None else basis.estimator,
    )
