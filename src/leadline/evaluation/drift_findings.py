"""Columns that drifted, as findings: what changed, since when, and what that does to a metric, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np

from leadline.cells.bins import Bins, Kind
from leadline.evaluation.drifts import Compared, Drifts, distance_figure, tolerated
from leadline.evaluation.estimates import Evaluation
from leadline.metrics.sums import Array
from leadline.report.words import day, interval, numbers, percent, printable
from leadline.values import ALL_ROWS, Distance, Drift, DriftVerdict, Effect, Estimate, Finding, Status, counted

#: columns that have a finding of their own, at most
MOST_SHOWN = 10
#: harmless columns that are named
NAMED = 8
#: what distances are called
CALLED = {
    "js_distance": "Jensen-Shannon distance {}",
    "wasserstein": "Wasserstein distance {} interquartile ranges",
    "l_infinity": "largest change of a share {}",
}
ROLES = {"feature": "", "score": "The score ", "prediction": "The prediction "}


def latest_drift(evaluation: Evaluation) -> tuple[Drift, ...]:
    """Every column in the latest window, with the time since which its windows drifted."""
    drifts = evaluation.latest_drifts
    return () if drifts is None else tuple(_dated(evaluation, each) for each in drifts.every)


def _dated(evaluation: Evaluation, latest: Drift) -> Drift:
    """`since` is told by the windows of the declaration, which are shorter."""
    drifts = evaluation.drifts
    if drifts is None or not latest.drifted:
        return latest
    return replace(latest, since=drifts.since(latest.column, latest.window))


def drift_findings(evaluation: Evaluation) -> list[Finding]:
    """The columns that drifted in the latest window; first the one that does most to a metric.

    Those that are harmless share one finding, which comes last.
    """
    drifts = evaluation.latest_drifts
    if drifts is None or not drifts.windows:
        return []
    pairs = zip(drifts.compared, latest_drift(evaluation), strict=True)
    ranked = sorted((pair for pair in pairs if pair[1].drifted), key=lambda pair: _rank(drifts, pair[1]))
    apart = [pair for pair in ranked if pair[1].verdict is not DriftVerdict.HARMLESS]
    found = [_finding(evaluation, drifts, *pair) for pair in apart[:MOST_SHOWN]]
    others = [each for _, each in apart[MOST_SHOWN:]]
    if others:
        what = f"{counted(len(others), 'more column')} drifted: {_listed([each.column for each in others])}."
        columns = tuple(each.column for each in others)
        found.append(Finding("drift", what, ALL_ROWS, others[0].window, "They are in the table of drift.", columns))
    harmless = [each for _, each in ranked if each.verdict is DriftVerdict.HARMLESS]
    if evaluation.joint is not None:
        found += evaluation.joint.findings()
    return [*found, *([_harmless(drifts, harmless)] if harmless else [])]


def _rank(drifts: Drifts, each: Drift) -> tuple[int, float]:
    """Columns that explain something first, then by the size of the effect beside what would be harmless."""
    order = (DriftVerdict.EXPLAINS, DriftVerdict.UNCLEAR, DriftVerdict.HARMLESS)
    size = max((abs(effect.value) / tolerated(drifts, effect.metric) for effect in each.effects), default=0.0)
    return order.index(each.verdict), -size


def _finding(evaluation: Evaluation, drifts: Drifts, of: Compared, each: Drift) -> Finding:
    zone = ZoneInfo(evaluation.spec.timezone)
    since = "" if each.since is None else f" since {day(each.since, zone)}"
    decisive = _decisive(each)
    shown = _called(decisive)
    limit = "" if decisive.limit is None else f"; quiet windows stay below {numbers(decisive.limit)[0]}"
    what = f"{_named(each)} drifted{since}: {_change(of)} ({shown}{limit})."
    effect = each.effects[0] if each.effects else None
    return Finding(
        kind="drift",
        what=f"{what} {_effect_said(evaluation, drifts, each, effect)}",
        slice=ALL_ROWS,
        window=each.window,
        next=_next(of, effect),
        columns=(each.column,),
        since=each.since,
        effect=effect,
        rows=each.rows,
        evidence=(*(distance_figure(each, one) for one in each.distances if one.limit is not None), *_unseen(each)),
    )


def _named(each: Drift) -> str:
    name = printable(each.column)
    return f"{ROLES[each.role]}{name}" if each.column != each.role else ROLES[each.role].strip()


def _decisive(each: Drift) -> Distance:
    """The distance that is furthest above its limit."""
    deciding = [one for one in each.distances if one.limit is not None]
    return max(deciding, key=lambda one: one.value / one.limit if one.limit else float("inf"))


def _called(distance: Distance) -> str:
    return CALLED[distance.name].format(numbers(distance.value)[0])


def _change(of: Compared) -> str:
    """What changed, in a few words: a share that rose or fell, or where the middle of the numbers lies."""
    bins, p, q = of.cells.bins, of.reference.shares[0], of.shown.shares[0]
    widest = int(np.abs(q - p).argmax())
    ordinary = bins.kinds[widest] in (Kind.RANGE, Kind.BELOW, Kind.ABOVE)
    if bins.numeric and ordinary:
        before, now = _median(bins, p), _median(bins, q)
        if before is not None and now is not None and before != now:
            return f"its median went from {before} to {now}"
    return f"{_bin_name(of, widest)} went from {percent(float(p[widest]))} to {percent(float(q[widest]))} of the rows"


def _bin_name(of: Compared, place: int) -> str:
    kind, name = of.cells.bins.kinds[place], printable(of.cells.bins.names[place])
    words = {
        Kind.MISSING: "rows without a value",
        Kind.UNSEEN: "values that the reference does not have",
        Kind.REST: "rare values",
    }
    if kind is Kind.CATEGORY:
        return f"{name!r}"
    if kind is Kind.RANGE:
        return f"values in {name}" if name.startswith("[") else f"the value {name}"
    return words.get(kind, f"values {name}")


def _median(bins: Bins, shares: Array) -> str | None:
    """The centre of the bin that holds the middle row of those with a number; its end where it has only one."""
    some = np.flatnonzero(np.isfinite(bins.centre))
    inside = np.cumsum(shares[some])
    if not len(inside) or inside[-1] <= 0:
        return None
    place = int(some[np.searchsorted(inside, inside[-1] / 2)])
    if bins.kinds[place] in (Kind.BELOW, Kind.ABOVE):
        return bins.names[place]
    return numbers(float(bins.centre[place]))[0]


def _effect_said(evaluation: Evaluation, drifts: Drifts, each: Drift, effect: Effect | None) -> str:
    """What the column does to a metric, and how much of its change that is."""
    if effect is None:
        return f"{(each.why or 'What it does to a metric cannot be told').capitalize()}."
    if each.verdict is DriftVerdict.UNCLEAR:
        value, between = interval(effect.value, effect.low, effect.high)
        because = "" if each.why is None else f": {each.why}"
        return (
            f"What it does by itself to {effect.metric} is not clear{because} ({value}{' ' * bool(between)}{between})."
        )
    changed = _changed(evaluation, drifts, effect.metric)
    of = ""
    if changed is not None and changed * effect.value > 0 and abs(changed) > abs(effect.value):
        of = f" of the {numbers(abs(changed))[0]} that it {'fell' if changed < 0 else 'rose'}"
    return f"{by_itself(effect)}{of}."


def by_itself(effect: Effect) -> str:
    """What a column does to a metric where all else is as in the reference; a sentence without its end."""
    size, between = _size(effect)
    direction = "lowers" if effect.value < 0 else "raises"
    return f"By itself that {direction} {effect.metric} by {size}{' ' * bool(between)}{between}"


def _size(effect: Effect) -> tuple[str, str]:
    """The size of an effect and its interval, without the sign."""
    if effect.low is None or effect.high is None or effect.low * effect.high < 0:
        return numbers(abs(effect.value))[0], ""
    return interval(abs(effect.value), *sorted((abs(effect.low), abs(effect.high))))


def _changed(evaluation: Evaluation, drifts: Drifts, name: str) -> float | None:
    """How much a metric of labels changed from the reference to the window; None where labels are not all in."""
    (begin, after, _), columns = drifts.windows[0], drifts.columns
    if columns.grain != evaluation.grain or columns.reference is None or after > evaluation.mature_until:
        return None
    metric = next(metric for metric in drifts.metrics if metric.name == name)
    parts = metric.parts(evaluation.total)
    both = np.stack([parts[slice(*columns.reference)].sum(axis=0), parts[begin:after].sum(axis=0)])
    before, now = metric.value(both)
    return float(now - before) if np.isfinite(now - before) else None


def _next(of: Compared, effect: Effect | None) -> str:
    """The rows to look at: those of the bin that does most to the metric, or else whose share changed most."""
    p, q = of.reference.shares[0], of.shown.shares[0]
    more = q - p
    impact = next((impact for metric, impact in of.impacts if effect and metric.name == effect.metric), None)
    widest = int(np.abs(more).argmax())
    if impact is None or effect is None or not np.isfinite(impact.of_bins[widest]):
        return f"Ask where the values come from; most changed are {_bin_name(of, widest)}."
    each = more * (impact.of_bins - impact.reference) * np.sign(effect.value)
    most = int(np.nan_to_num(each, nan=-np.inf).argmax())  # of a bin that is known, as the widest is
    shares = f"{percent(float(p[most]))} → {percent(float(q[most]))} of the rows"
    value = numbers(float(impact.of_bins[most]))[0]
    usual = numbers(impact.reference)[0]
    rows = f"{printable(of.cells.column.name)}: {_bin_name(of, most)}"
    return (
        f"Most of it comes from {rows} ({shares}), where {effect.metric} was {value} in the reference and {usual} over"
        " all. Ask whether the values are right, or whether other rows come now."
    )


def _unseen(each: Drift) -> tuple[Estimate, ...]:
    """The share of values that the reference does not have, where there are any."""
    if not each.unseen:
        return ()
    return (
        Estimate(
            metric=f"unseen values of {each.column}",
            slice=ALL_ROWS,
            version=None,
            window=each.window,
            value=each.unseen,
            low=each.unseen_low,
            high=each.unseen_high,
            n=each.rows,
            labelled=0,
            status=Status.REALISED,
            interval="wilson",
        ),
    )


def _harmless(drifts: Drifts, harmless: Sequence[Drift]) -> Finding:
    """All columns that drifted and do little, in one sentence."""
    moves = [f"{each.name} by less than {numbers(tolerated(drifts, each.name))[0]}" for each in drifts.metrics]
    it = "it" if len(harmless) == 1 else "each"
    what = (
        f"{counted(len(harmless), 'column')} drifted, harmlessly: by itself {it} moves {' and '.join(moves)}"
        f" ({_listed([each.column for each in harmless])})."
    )
    since = [each.since for each in harmless if each.since is not None]
    return Finding(
        kind="drift",
        what=what,
        slice=ALL_ROWS,
        window=harmless[0].window,
        next="Nothing has to be done about it.",
        columns=tuple(each.column for each in harmless),
        since=min(since) if since else None,
        rows=harmless[0].rows,
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:NAMED])
    return shown + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
