"""The JSON document: a versioned contract (docs/reference/document.md). Additions keep the number, changes raise it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from leadline.values import (
    Breach,
    Change,
    Drift,
    Estimate,
    EventEffect,
    Finding,
    Judgement,
    Labels,
    LeafChange,
    MixRate,
    Note,
    Parity,
    Plan,
    ProxyGrade,
    Reliability,
    Replay,
    Representation,
    Target,
    TrackRecord,
)

SCHEMA: Final = 1


@dataclass(frozen=True)
class Content:
    """What a report is made from: values only.

    model, task, zone      as declared; zone is the IANA name in which people are shown times
    as_of                  the knowledge time of the evaluation
    estimates, objectives  in the order in which they are shown
    estimated              estimates without labels, of the same or of younger windows
    track_record           the score that is kept of them
    proxies                how well proxies tell of wrong predictions
    changes, leaf_changes  what changed since the reference, told apart by its cause
    mix_rates              the same change split over declared slices
    parities               sensitive groups beside the others
    representation         who comes: every declared slice, week by week
    events                 what happened around the model, with what the metrics did before and after
    better                 metric → "higher", "lower" or None
    fingerprint            of the spec and of what the reference fixed
    drift                  every column in the latest whole window
    findings               what somebody may want to look into, in the order in which it is shown
    calibration            of a binary model whose scores are probabilities: all rows first, then slices
    """

    model: str
    task: str
    zone: str
    as_of: datetime
    estimates: Sequence[Estimate]
    objectives: Sequence[Judgement]
    labels: Labels
    notes: Sequence[Note]
    better: dict[str, str | None]
    fingerprint: str
    calibration: Sequence[Reliability] = ()
    estimated: Sequence[Estimate] = ()
    track_record: Sequence[TrackRecord] = ()
    proxies: Sequence[ProxyGrade] = ()
    changes: Sequence[Change] = ()
    leaf_changes: Sequence[LeafChange] = ()
    findings: Sequence[Finding] = ()
    mix_rates: Sequence[MixRate] = ()
    events: Sequence[EventEffect] = ()
    parities: Sequence[Parity] = ()
    representation: Representation = field(default_factory=lambda: Representation((), ()))
    drift: Sequence[Drift] = ()


def document(content: Content) -> dict[str, Any]:
    """The result as JSON's own types. Times are RFC 3339 in UTC; unknown is null with a `why`, never NaN."""
    return {
        "schema": SCHEMA,
        "model": content.model,
        "task": content.task,
        "timezone": content.zone,
        "as_of": rfc3339(content.as_of),
        "fingerprint": content.fingerprint,
        "estimates": [estimate_document(each) for each in (*content.estimates, *content.estimated)],
        "track_record": [_record(each) for each in content.track_record],
        "proxies": [_proxy(each) for each in content.proxies],
        "changes": [_change(each) for each in content.changes],
        "leaf_changes": [_leaf_change(each) for each in content.leaf_changes],
        "mix_rates": [mix_rate_document(each) for each in content.mix_rates],
        "events": [_event(each) for each in content.events],
        "representation": _representation(content.representation),
        "parities": [_parity(each) for each in content.parities],
        "objectives": [_objective(each) for each in content.objectives],
        "findings": [_finding(each) for each in content.findings],
        "drift": [row for each in content.drift for row in drift_rows(each)],
        "labels": asdict(content.labels),
        "calibration": [_reliability(each) for each in content.calibration],
        "notes": [asdict(note) for note in content.notes],
    }


def estimate_document(each: Estimate) -> dict[str, Any]:
    """An estimate, in the words of the document."""
    return {
        "metric": each.metric,
        "slice": each.slice.as_dict(),
        "version": each.version,
        "window_start": rfc3339(each.window.start),
        "window_end": rfc3339(each.window.end),
        "value": each.value,
        "low": each.low,
        "high": each.high,
        "n": each.n,
        "labelled": each.labelled,
        "status": each.status.value,
        "why": each.why,
        "interval": each.interval,
        "bound": each.bound,
        "estimator": each.estimator,
    }


def _record(each: TrackRecord) -> dict[str, Any]:
    return {
        "metric": each.metric,
        "slice": each.slice.as_dict(),
        "version": each.version,
        "estimator": each.estimator,
        "status": each.status.value,
        "reference_end": None if each.reference_end is None else rfc3339(each.reference_end),
        "reference_value": each.reference_value,
        "windows": each.windows,
        "mean_error": each.mean_error,
        "constant_error": each.constant_error,
        "band": each.band,
        "band_windows": each.band_windows,
        "band_covered": each.band_covered,
        "why": each.why,
    }


def _proxy(each: ProxyGrade) -> dict[str, Any]:
    figures = {name: value for name, value in asdict(each).items() if name not in ("proxy", "window")}
    return {
        "proxy": each.proxy,
        "window_start": rfc3339(each.window.start),
        "window_end": rfc3339(each.window.end),
        **figures,
    }


def _change(each: Change) -> dict[str, Any]:
    return {
        "metric": each.metric,
        "slice": each.slice.as_dict(),
        "window_start": rfc3339(each.window.start),
        "window_end": rfc3339(each.window.end),
        "reference_value": each.reference_value,
        "value": each.value,
        "by_inputs": each.by_inputs,
        "by_labels": each.by_labels,
        "low": each.low,
        "high": each.high,
        "by_unseen": each.by_unseen,
        "inputs_low": each.inputs_low,
        "inputs_high": each.inputs_high,
        "unseen_low": each.unseen_low,
        "unseen_high": each.unseen_high,
        "unseen_share": each.unseen_share,
        "estimator": each.estimator,
    }


def mix_rate_document(each: MixRate) -> dict[str, Any]:
    """A change split over slices, in the words of the document."""
    plain = asdict(each)
    windows = {
        "reference_start": rfc3339(each.reference.start),
        "reference_end": rfc3339(each.reference.end),
        "window_start": rfc3339(each.window.start),
        "window_end": rfc3339(each.window.end),
    }
    terms = [asdict(term) | {"slice": term.slice.as_dict()} for term in each.terms]
    named = {name: plain[name] for name in ("metric", "by")}
    rest = {name: value for name, value in plain.items() if name not in (*named, "reference", "window", "terms")}
    return {**named, **windows, **rest, "terms": terms}


def _leaf_change(each: LeafChange) -> dict[str, Any]:
    return {
        "rows": each.rows,
        "window_start": rfc3339(each.window.start),
        "window_end": rfc3339(each.window.end),
        "n": each.n,
        "reference": each.reference,
        "value": each.value,
        "change": each.change,
        "low": each.low,
        "high": each.high,
    }


def _finding(each: Finding) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "what": each.what,
        "slice": each.slice.as_dict(),
        "where": each.where,
        "columns": list(each.columns),
        "window_start": rfc3339(each.window.start),
        "window_end": rfc3339(each.window.end),
        "since": None if each.since is None else rfc3339(each.since),
        "effect": None if each.effect is None else asdict(each.effect),
        "rows": each.rows,
        "evidence": [estimate_document(one) for one in each.evidence],
        "examples": list(each.examples),
        "next": each.next,
    }


def _representation(found: Representation) -> dict[str, Any]:
    return {
        "windows": [{"start": rfc3339(each.start), "end": rfc3339(each.end)} for each in found.windows],
        "slices": [
            {
                "slice": each.slice.as_dict(),
                "share": list(each.share),
                "predicted_positive_rate": list(each.predicted_positive_rate),
                "metric": each.metric,
                "values": list(each.values),
            }
            for each in found.slices
        ],
    }


def _event(each: EventEffect) -> dict[str, Any]:
    windows = {
        f"{side}_{edge}": None if window is None else rfc3339(getattr(window, edge))
        for side, window in (("before", each.before), ("after", each.after))
        for edge in ("start", "end")
    }
    return {
        "name": each.name,
        "kind": each.kind,
        "at": rfc3339(each.at),
        "until": None if each.until is None else rfc3339(each.until),
        "metric": each.metric,
        **windows,
        "before": each.value_before,
        "after": each.value_after,
        "difference": each.difference,
        "low": each.low,
        "high": each.high,
        "as_large": each.as_large,
        "why": each.why,
    }


def _parity(each: Parity) -> dict[str, Any]:
    return {
        "metric": each.metric,
        "slice": each.slice.as_dict(),
        "against": None if each.against is None else each.against.as_dict(),
        "value": estimate_document(each.value),
        "other": each.other,
        "gap": each.gap,
        "gap_low": each.gap_low,
        "gap_high": each.gap_high,
        "ratio": each.ratio,
        "ratio_low": each.ratio_low,
        "ratio_high": each.ratio_high,
    }


def drift_rows(each: Drift) -> list[dict[str, Any]]:
    """A column in a window, one row a distance; one without a distance where the window has no rows."""
    first = each.effects[0] if each.effects else None
    common = {
        "column": each.column,
        "role": each.role,
        "window_start": rfc3339(each.window.start),
        "window_end": rfc3339(each.window.end),
        "rows": each.rows,
        "verdict": each.verdict.value,
        "since": None if each.since is None else rfc3339(each.since),
    }
    effects = {
        "metric": None if first is None else first.metric,
        "impact": None if first is None else first.value,
        "impact_low": None if first is None else first.low,
        "impact_high": None if first is None else first.high,
        "impacts": [asdict(one) for one in each.effects],
        "missing": each.missing,
        "unseen": each.unseen,
        "unseen_low": each.unseen_low,
        "unseen_high": each.unseen_high,
        "why": each.why,
    }
    return [
        {
            **common,
            "distance": None if one is None else one.name,
            "value": None if one is None else one.value,
            "floor": None if one is None else one.floor,
            "floor_p99": None if one is None else one.high,
            "excess": None if one is None else one.excess,
            "limit": None if one is None else one.limit,
            **effects,
        }
        for one in each.distances or (None,)
    ]


def _objective(each: Judgement) -> dict[str, Any]:
    return {
        "metric": each.metric,
        "slice": each.slice.as_dict(),
        "target": target(each),
        "window": str(each.window),
        "window_end": None if each.window_end is None else rfc3339(each.window_end),
        "status": each.status.value,
        "value": each.value,
        "low": each.low,
        "high": each.high,
        "since": None if each.since is None else rfc3339(each.since),
        "n": each.n,
        "why": each.why,
        "interval": each.interval,
        "rule": each.rule,
        "breaches": [breach_document(breach) for breach in each.breaches],
        "budget_spent": None if each.budget is None else each.budget.spent,
        "burn_rate": None if each.budget is None else each.budget.burn,
    }


def target(each: Judgement | Plan | Replay) -> dict[str, Any]:
    """The promise in numbers, and how it was declared where that is something else."""
    found: dict[str, Any] = {}
    if isinstance(each.target, Target):
        found[each.target.side] = each.target.limit
    if each.relative is not None:
        found |= {"no_worse_than": each.relative.than, "by": each.relative.by}
    return found


def breach_document(each: Breach) -> dict[str, Any]:
    """A breach, in the words of the document."""
    return {
        "since": rfc3339(each.since),
        "found": rfc3339(each.found),
        "cleared": None if each.cleared is None else rfc3339(each.cleared),
        "value": each.value,
        "low": each.low,
        "high": each.high,
    }


def _reliability(each: Reliability) -> dict[str, Any]:
    return {
        "slice": each.slice.as_dict(),
        "window_start": rfc3339(each.window.start),
        "window_end": rfc3339(each.window.end),
        "bins": [asdict(one) for one in each.bins],
        "reference": [asdict(one) for one in each.reference],
    }


def rfc3339(moment: datetime) -> str:
    """A moment with a time zone, in UTC.

    >>> rfc3339(datetime(2013, 5, 1, tzinfo=UTC))
    '2013-05-01T00:00:00Z'
    """
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
