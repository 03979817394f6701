"""Reading the executions of a pipeline's components: a small table, of which the newest rows are fetched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import ibis

from leadline.engine import open_engine
from leadline.log.columns import CANCELLED, SKIPPED, as_text, has_status, succeeded
from leadline.log.reading import Times, require
from leadline.spec.model import Spec
from leadline.values import Note

#: the newest runs that are read
MOST_RUNS = 20_000


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a component. All times have a zone.

    finished    None while it runs, or where that was not said
    succeeded   None while it runs, or where it was cancelled
    inputs_at   time of the newest input that it read
    cancelled   whether it was ended by hand, which is neither success nor failure
    """

    component: str
    started: datetime
    finished: datetime | None = None
    succeeded: bool | None = None
    inputs_at: datetime | None = None
    id: str | None = None
    cancelled: bool = False

    @property
    def runs(self) -> bool:
        """Whether nobody has said that it ended."""
        return self.finished is None and self.succeeded is None and not self.cancelled


def read_runs(spec: Spec, moment: datetime) -> tuple[tuple[Run, ...], tuple[Note, ...]]:
    """The runs that a spec declares as they were known at `moment` (naive UTC), in the order of time.

    One that had not ended by then goes on; one that was skipped is none. Rows without a component or a beginning are
    left out and said.
    Raises InputError naming a column that is missing or of no usable type.
    """
    declared = spec.runs
    if declared is None:
        return (), ()
    columns = declared.columns
    with open_engine([declared.source]) as engine:
        table = engine.read(declared.source)
        for role, name in columns.model_dump().items():
            if name is not None:
                require(table, role, name, "runs", ("runs", "columns", role))
        clocks = [columns.started_at, columns.finished_at, columns.inputs_at]
        times = Times(engine, spec.timezone, table, clocks, "runs")
        selected = {
            "component": as_text(table[columns.component]),
            "started": times.instant(columns.started_at),
            "succeeded": succeeded(table[columns.status], declared.succeeded, columns.status),
            "cancelled": has_status(table[columns.status], CANCELLED, declared.succeeded),
            "skipped": has_status(table[columns.status], SKIPPED, declared.succeeded),
        }
        for role, name in (("finished", columns.finished_at), ("inputs_at", columns.inputs_at)):
            selected[role] = ibis.null("timestamp(6)") if name is None else times.instant(name)
        selected["id"] = ibis.null("string") if columns.id is None else as_text(table[columns.id])
        rows = table.select(**selected)
        rows = rows.filter(~rows.skipped)
        usable = rows.component.notnull() & rows.started.notnull()
        counted = engine.scalars(rows.aggregate(unusable=(~usable).sum(), runs=rows.count()))[0]
        known = rows.filter(usable, rows.started <= ibis.literal(moment, "timestamp(6)"))
        newest = known.order_by(ibis.desc("started")).limit(MOST_RUNS)
        found = [_run(row, moment) for row in engine.run(newest).to_pylist()]
    notes = []
    if counted["unusable"]:
        have = f"{counted['unusable']:,} {'run has' if counted['unusable'] == 1 else 'runs have'}"
        notes.append(Note("runs_unusable", f"{have} no component or no readable start: left out."))
    if len(found) == MOST_RUNS and counted["runs"] > MOST_RUNS:
        notes.append(Note("runs_cut", f"Of {counted['runs']:,} runs the newest {MOST_RUNS:,} are read."))
    return tuple(sorted(found, key=lambda run: (run.started, run.component, run.id or ""))), tuple(notes)


def _run(row: dict[str, object], moment: datetime) -> Run:
    """A run as it was known at a time: one that ended later went on then."""
    started, finished, inputs_at = (_zoned(row[name]) for name in ("started", "finished", "inputs_at"))
    assert started is not None  # noqa: S101  # rows without are filtered out
    later = finished is not None and finished > moment.replace(tzinfo=UTC)
    return Run(
        component=str(row["component"]),
        started=started,
        finished=None if later else finished,
        succeeded=None if later or row["succeeded"] is None else bool(row["succeeded"]),
        inputs_at=inputs_at,
        cancelled=bool(row["cancelled"]) and not later,
        id=None if row["id"] is None else str(row["id"]),
    )


def _zoned(time: object) -> datetime | None:
    return time.replace(tzinfo=UTC) if isinstance(time, datetime) else None
