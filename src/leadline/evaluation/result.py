"""What `leadline.check` returns, and `check` itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from leadline.engine import open_engine
from leadline.evaluation.calibrated import advice, reliabilities
from leadline.evaluation.causes import Causes
from leadline.evaluation.drift_findings import drift_findings, latest_drift
from leadline.evaluation.estimates import Evaluation
from leadline.evaluation.fairness import Fairness
from leadline.evaluation.findings import findings, nothing_found
from leadline.evaluation.judging import Judging
from leadline.evaluation.reasons import reasons
from leadline.evaluation.representation import representation
from leadline.evaluation.run import evaluate_log
from leadline.evaluation.why import Why
from leadline.report.answers import exit_code, summary
from leadline.report.document import Content, document, drift_rows
from leadline.report.html import html, notebook
from leadline.report.text import Report
from leadline.spec.fields import Files, Memory, TableSource
from leadline.spec.frames import spec_of_frames
from leadline.spec.infer import SAMPLE_ROWS
from leadline.spec.load import from_mapping, load, told_with_lines
from leadline.spec.model import Spec
from leadline.values import Finding, InputError, Judgement, Labels, Note


class Table(Sequence[dict[str, Any]]):
    """Flat rows, in the words of the JSON document.

    `for row in table`, `table[0]`, `len(table)`; `to_arrow()` and `to_frame()` for whole columns.
    """

    def __init__(self, rows: Sequence[dict[str, Any]], schema: pa.Schema) -> None:
        self._rows, self._schema = tuple(rows), schema

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return self._rows[index]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._rows)

    def to_arrow(self) -> pa.Table:
        """One column a key; `slice`, `target` and `breaches` as JSON text, times as timestamps in UTC."""
        columns = {field.name: [_cell(row[field.name], field.type) for row in self._rows] for field in self._schema}
        return pa.table(columns, schema=self._schema)

    def to_frame(self) -> Any:
        """The same as a pandas frame. Raises InputError where pandas is not installed; Polars reads `to_arrow()`."""
        try:
            return self.to_arrow().to_pandas()
        except ImportError as problem:
            raise InputError("to_frame() needs pandas: pip install pandas, or use to_arrow()") from problem

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return f"<{len(self)} rows: {', '.join(self._schema.names)}>"


def _cell(value: Any, kind: pa.DataType) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if pa.types.is_timestamp(kind) and value is not None:
        return datetime.fromisoformat(value)
    return value


_TIME = pa.timestamp("us", "UTC")
_COMMON = {"metric": pa.string(), "slice": pa.string()}
_NUMBERS = {"value": pa.float64(), "low": pa.float64(), "high": pa.float64()}
ESTIMATES = pa.schema(
    {
        **_COMMON,
        "version": pa.string(),
        "window_start": _TIME,
        "window_end": _TIME,
        **_NUMBERS,
        "n": pa.int64(),
        "labelled": pa.int64(),
        "status": pa.string(),
        "why": pa.string(),
        "interval": pa.string(),
        "bound": pa.float64(),
        "estimator": pa.string(),
    }
)
TRACK_RECORD = pa.schema(
    {
        **_COMMON,
        "version": pa.string(),
        "estimator": pa.string(),
        "status": pa.string(),
        "reference_end": _TIME,
        "reference_value": pa.float64(),
        "windows": pa.int64(),
        "mean_error": pa.float64(),
        "constant_error": pa.float64(),
        "band": pa.float64(),
        "band_windows": pa.int64(),
        "band_covered": pa.float64(),
        "why": pa.string(),
    }
)
OBJECTIVES = pa.schema(
    {
        **_COMMON,
        "target": pa.string(),
        "window": pa.string(),
        "window_end": _TIME,
        "status": pa.string(),
        **_NUMBERS,
        "since": _TIME,
        "n": pa.int64(),
        "why": pa.string(),
        "interval": pa.string(),
        "rule": pa.string(),
        "breaches": pa.string(),
        "budget_spent": pa.float64(),
        "burn_rate": pa.float64(),
    }
)
DRIFT = pa.schema(
    {
        "column": pa.string(),
        "role": pa.string(),
        "window_start": _TIME,
        "window_end": _TIME,
        "rows": pa.int64(),
        "verdict": pa.string(),
        "since": _TIME,
        "distance": pa.string(),
        "value": pa.float64(),
        "floor": pa.float64(),
        "floor_p99": pa.float64(),
        "excess": pa.float64(),
        "limit": pa.float64(),
        "metric": pa.string(),
        "impact": pa.float64(),
        "impact_low": pa.float64(),
        "impact_high": pa.float64(),
        "impacts": pa.string(),
        "missing": pa.float64(),
        "unseen": pa.float64(),
        "unseen_low": pa.float64(),
        "unseen_high": pa.float64(),
        "why": pa.string(),
    }
)


@dataclass(frozen=True, repr=False)
class Result:
    """The answer of one check: estimates, objectives, labels and notes. Made from cells when first asked for."""

    _evaluation: Evaluation

    @cached_property
    def content(self) -> Content:
        """The values that all forms are made from."""
        found = self._evaluation
        why, judging = self._why, self._judging
        return Content(
            model=found.spec.model,
            task=found.spec.task,
            zone=found.spec.timezone,
            as_of=found.as_of,
            estimates=found.estimates(),
            estimated=found.estimated,
            track_record=found.without_labels.track_record(),
            changes=why.changes(),
            mix_rates=why.mix_rates(),
            events=self._causes.events(),
            representation=representation(found),
            parities=self._fairness.parities(),
            leaf_changes=found.leaf_changes(),
            proxies=found.proxies,
            findings=self.findings,
            drift=(*latest_drift(found), *(found.joint.of_latest if found.joint else ())),
            objectives=self._judgements,
            labels=found.labels,
            notes=(
                *found.notes,
                *found.notes_of_windows(),
                *judging.notes(),
                *found.without_labels.notes(),
                *advice(found),
                *self._fairness.notes(),
                *(found.joint.notes() if found.joint else ()),
                *((nothing_found(found, found.found),) if found.found and not self._slices else ()),
            ),
            calibration=tuple(reliabilities(found)),
            better={metric.name: metric.better for metric in (*found.metrics, *found.slice_metrics)},
            fingerprint=found.reference.fingerprint,
        )

    @cached_property
    def _why(self) -> Why:
        return Why(self._evaluation)

    @cached_property
    def _causes(self) -> Causes:
        return Causes(self._why)

    @cached_property
    def _fairness(self) -> Fairness:
        return Fairness(self._evaluation)

    @cached_property
    def _slices(self) -> Sequence[Finding]:
        found = self._evaluation
        return () if found.found is None else findings(found, found.found)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What somebody may want to look into: slices that the model fails for, groups that are served differently,
        why metrics changed, faults of the data, columns that drifted, components."""
        found = self._evaluation
        slices = self._slices
        components = () if found.pipeline is None else found.pipeline.findings(found.spec.zone, self._judgements)
        why = reasons(self._causes.findings(), found.data_faults, drift_findings(found), components)
        return (*slices, *self._fairness.findings(), *why)

    @cached_property
    def drift(self) -> Table:
        """One row a column, window after the reference, and distance; the document has the latest window only."""
        drifts, joint = self._evaluation.drifts, self._evaluation.joint
        every = (*(drifts.every if drifts else ()), *(joint.every if joint else ()))
        return Table([row for each in every for row in drift_rows(each)], DRIFT)

    @cached_property
    def _judging(self) -> Judging:
        return Judging(self._evaluation)

    @cached_property
    def _judgements(self) -> Sequence[Judgement]:
        return self._judging.judgements()

    @cached_property
    def _document(self) -> dict[str, Any]:
        return document(self.content)

    @property
    def evaluation(self) -> Evaluation:
        """The cells and all else that the values are made from."""
        return self._evaluation

    @property
    def spec(self) -> Spec:
        """What was evaluated, with everything that was inferred filled in."""
        return self._evaluation.spec

    @property
    def as_of(self) -> datetime:
        """The knowledge time, with a zone."""
        return self._evaluation.as_of

    @property
    def estimates(self) -> Table:
        """One row a metric, slice, version and window; a second one with an `estimator` where it was estimated."""
        return Table(self._document["estimates"], ESTIMATES)

    @property
    def track_record(self) -> Table:
        """One row a metric that can be estimated without labels: how far its estimates were from what labels showed."""
        return Table(self._document["track_record"], TRACK_RECORD)

    @property
    def objectives(self) -> Table:
        """One row an objective and slice."""
        return Table(self._document["objectives"], OBJECTIVES)

    @property
    def labels(self) -> Labels:
        """How many labels are in, missing, repeated, orphaned."""
        return self._evaluation.labels

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """What is odd about the data, what was guessed, and what is advised."""
        return tuple(self.content.notes)

    def to_json(self, path: str | Path | None = None, *, indent: int | None = None) -> str:
        """The JSON document (docs/reference/document.md), written to `path` too where one is given."""
        text = json.dumps(self._document, indent=indent, ensure_ascii=False, allow_nan=False)
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text

    def to_html(self, path: str | Path | None = None) -> str:
        """The report as one HTML file that needs nothing else, written to `path` too where one is given."""
        text = html(self.content)
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def __repr__(self) -> str:
        """Its summary in one line; `rich.print(result)` prints the report.

        `check` names the model, the time, and how many objectives have which verdict.
        """
        content = self.content
        return f"<Result of {content.model!r} as of {content.as_of:%Y-%m-%d %H:%M} UTC: {summary(content.objectives)}>"

    def _repr_html_(self) -> str:
        return notebook(self.content)

    def __rich__(self) -> Report:
        return Report(self.content)

    def exit_code(self, *, allow_no_data: bool = False) -> int:
        """What `leadline check` exits with: 1 some breached, 4 some could not be judged, else 0 (DESIGN §7)."""
        return exit_code(self.content.objectives, allow_no_data)


def check(
    spec: Any = None,
    *,
    predictions: Any = None,
    outcomes: Any = None,
    as_of: datetime | date | str | None = None,
    all_slices: bool = False,
    progress: Callable[[str], None] | None = None,
    **declared: Any,
) -> Result:
    """Evaluate a model once: its log of predictions and outcomes against what was promised.

    spec          a path of a leadline.yaml, a mapping of the same form, or a `Spec`; or a frame of predictions
    predictions   instead of a spec: a frame of any library that speaks Arrow, the path of a file, or an Ibis table
                  (evaluated on its own backend); all that is not declared is inferred and told in the notes
    outcomes      the same for labels; leave it out where they stand in the predictions' rows
    as_of         knowledge time: a datetime with a zone, ISO 8601 text, or "now"; the newest in the data where None
    all_slices    every metric for every slice, not only those of the objectives and the cheap ones
    progress      is told in a few words what is being done
    declared      anything of the declaration, such as task="binary", slices=["carrier"], window="1w", label="late"

    Raises InputError where the input cannot be used: what, where, and what to do.
    """
    return Result(evaluated(spec, predictions, outcomes, declared, as_of, all_slices, progress, search=True))


def evaluated(
    spec: Any,
    predictions: Any,
    outcomes: Any,
    declared: Mapping[str, Any],
    as_of: datetime | date | str | None,
    all_slices: bool = False,
    progress: Callable[[str], None] | None = None,
    search: bool = False,
    by_version: bool = False,
) -> Evaluation:
    """The evaluation behind `check`, which looks for slices, too, `backtest` and `compare`, which take these alike.

    by_version   whether slices are told apart by version, too
    """
    notes: tuple[Note, ...] = ()
    if isinstance(spec, str | Path) and predictions is None and outcomes is None and not declared:
        with told_with_lines(spec):
            return evaluated(load(spec), None, None, {}, as_of, all_slices, progress, search, by_version)
    if spec is not None and not isinstance(spec, str | Path | Mapping | Spec):
        spec, predictions = None, spec if predictions is None else predictions
    if spec is None:
        if predictions is None:
            raise InputError("give a declaration (a path, a mapping or a Spec), or predictions=...")
        spec, sentences = spec_of_frames(predictions, outcomes, declared, sample)
        # a guess that was not needed is not told
        notes = tuple(Note("inferred", each) for each in sentences if each.partition(":")[0] not in declared)
    elif predictions is not None or outcomes is not None or declared:
        raise InputError("give either a declaration, or predictions with what is to be declared; not both")
    elif not isinstance(spec, Spec):
        spec = from_mapping(spec)
    found = evaluate_log(spec, moment(as_of, spec), all_slices, progress, search, by_version)
    return replace(found, notes=(*notes, *found.notes))


def sample(source: Files | TableSource | Memory) -> pa.Table:
    """The first rows of a source, on its own engine: enough to infer what its columns are."""
    with open_engine([source]) as engine:
        return engine.run(engine.read(source).limit(SAMPLE_ROWS))


def moment(text: datetime | date | str | None, spec: Spec) -> datetime | None:
    """A knowledge time as people write it. A time without a zone is clock time in the spec's."""
    if text is None:
        return None
    if isinstance(text, str):
        if text == "now":
            return datetime.now(UTC)
        try:
            text = datetime.fromisoformat(text)
        except ValueError:
            raise InputError(
                f"as of {text!r}: write a time such as 2013-12-30 or 2013-12-30T12:00:00Z, or now"
            ) from None
    if not isinstance(text, datetime):
        if not isinstance(text, date):
            raise InputError(f"as of {text!r}: give a datetime, a date or text such as 2013-12-30")
        text = datetime.combine(text, time())
    return text if text.tzinfo is not None else text.replace(tzinfo=spec.zone)
