"""Facts: one row a prediction, with what is known of its outcomes as of a time (DESIGN §2, §3).

Facts never leave the engine. Their columns are small integers and finite doubles, the same on every engine:

    grain        number of the grain of the event time
    mature       whether the row is old enough that its label should have come
    lag          code of the days (or coarser grains) after which the label became known, 0 for unlabelled rows
    predicted    class code of the prediction; the number of classes where it is missing
    actual       class code of the label; the number of classes where there is none
    score, score_0.., prediction_value, label_value, weight, baseline    doubles or NULL
    group        0..15 from the entity's md5
    early        whether the label is dated before its prediction, where labels have times
    hit_KIND     1, 0 or NULL for a kind of feedback
    proxy_NAME   1, 0 or NULL for a proxy
    latency_s    finite, from 0 on, or NULL; failed 1, 0 or NULL
    matched_KIND whether an outcome of that kind came at all
    look_PLACE.. what the looks of objectives knew (`looks.look_columns`)
    label_probability   where declared: with which probability a labelled row was chosen, in (0, 1]. A label that does
                 not say it stands for nobody knows which rows: its row counts as one without a label
    id, feature_0..   as delivered, for samples of rows; no cell is made of them
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import ibis
import ibis.expr.types as ir

from leadline.log.calendar import Grain
from leadline.log.chance import CHANCE, chance
from leadline.log.columns import failed
from leadline.log.features import FEATURE
from leadline.log.labels import Codes
from leadline.log.looks import Looks, hash_group, look_columns
from leadline.log.profile import Profile, cutoff
from leadline.log.reading import LABEL, PROXY, Log
from leadline.spec.model import Spec

#: lags 0..32 are exact, then (32, 64], (64, 128], ...: the upper edges of the buckets, in days or coarser grains
LAG_EDGES = (*range(33), *(2**power for power in range(6, 16)))
GROUPS = 16


@dataclass(frozen=True)
class Facts:
    """Facts as of a time, and what happened to deliveries on the way.

    predictions the deliveries that count, with the raw columns of slices, unevaluated
    table       the facts, unevaluated
    outcome_ids by kind with a table of its own: ids that have an outcome of that kind
    corrected   rows of labels that were known for a while and then replaced, with `lag` and `until_lag`; or None
    moment      the knowledge time, naive UTC
    cutoff      rows with an event time at or before this are mature
    """

    predictions: ir.Table
    table: ir.Table
    corrected: ir.Table | None
    moment: datetime
    cutoff: datetime
    repeated: int
    conflicting: int
    examples: tuple[str, ...]
    withdrawn: int
    outcome_ids: Mapping[str, int]


def facts(
    log: Log,
    spec: Spec,
    found: Profile,
    codes: Codes,
    moment: datetime,
    grain: Grain,
    looks: Sequence[Looks] = (),
) -> Facts:
    """The facts of a log as of `moment` (naive UTC); it holds nothing later (`reading.known_by`).

    looks  calendars of looks, for which facts say what each look knew (`looks.look_columns`)
    """
    engine = log.engine
    conditions = _usable(log.predictions, found)
    known = log.predictions.filter(*conditions) if conditions else log.predictions
    if "predictions" in found.repeated:
        known = known.drop(
            *(
                f"{name}_{kind}"
                for kind in _own_kinds(log)
                for name in ("value", "known_at", "observed_at", "label_probability")
                if f"{name}_{kind}" in known.columns
            )
        )
    predictions, came_again = _first_deliveries(log, known, found.repeated)
    predictions = predictions.mutate(**codes.of_predictions(predictions))
    counts: dict[tuple[str, str], ir.Table] = {}
    if came_again is not None:
        counts["deliveries", ""] = _deliveries(came_again)
    mature_until = cutoff(spec, moment)
    corrected: ir.Table | None = None
    outcome_tables = dict(log.outcomes)
    if "predictions" in found.repeated:
        # a row that came again may bring the label that the first delivery did not have yet
        outcome_tables |= {kind: table for kind in _own_kinds(log) for table in [_from_own_rows(log, kind)]}
        repeated_kinds = {**found.repeated, **dict.fromkeys(_own_kinds(log), found.repeated["predictions"])}
    else:
        repeated_kinds = dict(found.repeated)
    outcome_ids: dict[str, int] = {}
    joined = predictions
    for declared in spec.outcome_tables:
        kind = declared.name
        if kind not in outcome_tables:
            joined = joined.mutate(**codes.of_outcomes(joined, kind, f"value_{kind}"))
            joined = joined.mutate(**{f"matched_{kind}": joined[f"{kind}_code"].notnull()})
            continue
        outcomes = outcome_tables[kind]
        outcomes = outcomes.filter(outcomes.id.notnull())
        if kind not in log.outcomes:  # a row of a prediction that has no label says nothing of it
            outcomes = outcomes.filter(codes.of_outcomes(outcomes, kind, "value")[f"{kind}_code"].notnull())
        latest, superseded, counted = _latest(log, outcomes, kind, codes, repeated_kinds)
        counts |= {(name, kind): table for name, table in counted.items()}
        if kind in found.outcome_rows:
            outcome_ids[kind] = found.outcome_rows[kind]
        else:
            counts["ids", kind] = latest.aggregate(ids=latest.count())
        renamed = {"other_id": "id", f"{kind}_code": f"{kind}_code"} | {
            f"{name}_{kind}": name for name in ("known_at", CHANCE) if name in latest.columns
        }
        right = latest.select(
            **{new: latest[old] for new, old in renamed.items()}, **{f"matched_{kind}": ibis.literal(True)}
        )
        if kind == LABEL and superseded is not None:
            corrected = superseded
        joined = joined.left_join(right, joined.id == right.other_id).drop("other_id")
    table = _finished(joined, log, spec, found, codes, moment, mature_until, grain, looks)
    rows = None
    if corrected is not None:
        old = predictions.join(corrected, predictions.id == corrected.other_id).drop("other_id")
        if looks:
            now = joined.select(current_id="id", current_code=joined[f"{LABEL}_code"])
            old = old.join(now, old.id == now.current_id).drop("current_id")
        until = "until_label"
        rows = engine.keep(_finished(old, log, spec, found, codes, moment, mature_until, grain, looks, until))
    read = dict(zip(counts, engine.scalars(*counts.values()), strict=True))
    said = {(name, kind): n or 0 for (_, kind), row in read.items() for name, n in row.items()}
    return Facts(
        predictions,
        table,
        rows,
        moment,
        mature_until,
        # own rows are counted as predictions
        sum(n for (name, kind), n in said.items() if name == "repeated" and (not kind or kind in log.outcomes)),
        said.get(("conflicting", ""), 0),
        _examples(log, came_again) if came_again is not None and said["conflicting", ""] else (),
        said.get(("withdrawn", LABEL), 0),
        {kind: n - said.get(("surplus", kind), 0) for kind, n in outcome_ids.items()}
        | {kind: n for (name, kind), n in said.items() if name == "ids"},
    )


def _own_kinds(log: Log) -> list[str]:
    return [name.removeprefix("value_") for name in log.predictions.columns if name.startswith("value_")]


def _from_own_rows(log: Log, kind: str) -> ir.Table:
    """The outcomes that stand in the predictions' rows, as a table of their own."""
    table = log.predictions
    names = {f"{name}_{kind}": name for name in ("value", "observed_at", "known_at", CHANCE)}
    return table.select(id="id", **{new: table[old] for old, new in names.items() if old in table.columns})


def _literal(moment: datetime) -> ir.Value:
    return ibis.literal(moment, "timestamp(6)")


def _usable(table: ir.Table, found: Profile) -> list[ir.BooleanValue]:
    """Rows with an id and a time; no condition where all have, so that the ids need not be read again."""
    conditions = [table.id.notnull()] if found.without_id else []
    return conditions + ([table.timestamp.notnull()] if found.without_time else [])


def _first_deliveries(
    log: Log, known: ir.Table, repeated: Mapping[str, ir.Table | None]
) -> tuple[ir.Table, ir.Table | None]:
    """Of several deliveries of a prediction the first counts: least (known_at, timestamp), then the content's order.

    Also the ids that came several times, with how many variants and deliveries each has.
    """
    if "predictions" not in repeated:
        return known, None
    once, several = _split(log, known, repeated["predictions"])
    # what the model was given is no part of what was delivered: it only settles which of equal deliveries is read
    plain = [name for name in several.columns if not name.startswith(FEATURE)]
    named = [*plain, *(name for name in several.columns if name.startswith(FEATURE))]
    content = [several[name] for name in named if name not in ("id", "known_at", "timestamp")]
    order = [several.known_at, several.timestamp, *_canonical(log, content)]
    ranked = several.mutate(delivery=ibis.row_number().over(ibis.window(group_by=several.id, order_by=order)))
    variant = [name for name in plain if name not in ("id", "known_at")]
    variants = several.group_by(["id", *variant]).aggregate(deliveries=lambda t: t.count())
    by_id = variants.group_by("id").aggregate(variants=lambda t: t.count(), deliveries=lambda t: t.deliveries.sum())
    return once.union(ranked.filter(ranked.delivery == 0).drop("delivery")), by_id


def _deliveries(by_id: ir.Table) -> ir.Table:
    return by_id.aggregate(conflicting=(by_id.variants - 1).sum(), repeated=(by_id.deliveries - by_id.variants).sum())


def _examples(log: Log, by_id: ir.Table) -> tuple[str, ...]:
    """Ids of predictions that came again with other content."""
    shown = by_id.filter(by_id.variants > 1).select(text=by_id.id.cast("string"))
    # by md5, for engines order text differently
    shown = shown.order_by(log.engine.md5(shown.text)).limit(3)
    return tuple(row["text"] for row in log.engine.run(shown).to_pylist())


def _split(log: Log, table: ir.Table, hashes: ir.Table | None) -> tuple[ir.Table, ir.Table]:
    """Rows whose id surely comes once, and the others. By hashes, which are small: the ids themselves need not be kept.

    hashes  of the ids that may come several times, where they are known already
    """
    several = log.engine.several(table, "id") if hashes is None else hashes
    of_several = log.engine.hash(table.id) == several.several_hash
    return table.anti_join(several, of_several), log.engine.keep(table.semi_join(several, of_several))


def _canonical(log: Log, values: Sequence[ir.Value]) -> list[ir.Value]:
    """An order of rows by their content that is the same on every engine: numbers by value, text by md5, NULL last."""
    order: list[ir.Value] = []
    for value in values:
        kind = value.type()
        plain = value if kind.is_numeric() or kind.is_temporal() else log.engine.md5(value.cast("string"))
        plain = value.cast("int8") if kind.is_boolean() else plain
        order += [value.isnull().cast("int8"), plain]
    return order


def _latest(
    log: Log, outcomes: ir.Table, kind: str, codes: Codes, repeated: Mapping[str, ir.Table | None]
) -> tuple[ir.Table, ir.Table | None, dict[str, ir.Table]]:
    """Of several outcomes of a prediction the last counts: greatest (observed_at, known_at, value); NULL withdraws.

    Also the labels that counted for a while before a later delivery replaced them: id, code, known_at, until.
    And tables of one row that count what came again and what was taken back.
    """

    def coded(rows: ir.Table) -> ir.Table:
        return rows.mutate(**codes.of_outcomes(rows, kind, "value")).drop("value")

    if kind not in repeated:
        return coded(outcomes), None, {}
    engine = log.engine
    once, several = map(coded, _split(log, outcomes, repeated[kind]))
    code = f"{kind}_code"
    keys = [name for name in ("observed_at", "known_at") if name in several.columns]
    order = [value for name in keys for value in (several[name].notnull().cast("int8"), several[name])]
    order += [several[code].notnull().cast("int8"), several[code]]
    order += [chance(several[CHANCE]).fill_null(0.0)] if CHANCE in several.columns else []
    ranked = several.mutate(place=ibis.row_number().over(ibis.window(group_by=several.id, order_by=order)))
    ranked = ranked.mutate(last=ranked.place.max().over(ibis.window(group_by=ranked.id)))
    ranked = engine.keep(ranked)
    variants = several.group_by(several.columns).aggregate(deliveries=lambda t: t.count())
    had = ranked.group_by("id").aggregate(
        ever=lambda t: t[code].notnull().cast("int8").max(),
        now=lambda t: (t[code].notnull() & (t.place == t["last"])).cast("int8").max(),
        deliveries=lambda t: t.count(),
    )
    counted = {
        "repeated": variants.aggregate(repeated=(variants.deliveries - 1).sum()),
        "withdrawn": had.aggregate(
            withdrawn=((had.ever == 1) & (had.now == 0)).sum(), surplus=(had.deliveries - 1).sum()
        ),
    }
    winners = ranked.filter(ranked.place == ranked["last"]).drop("place", "last")
    superseded = None
    if "known_at" in several.columns:
        # in order of knowledge, a delivery counts from its known_at on if it beats all that were known before;
        # one that does not say when it came to be known always was
        ranked = ranked.mutate(since=ranked.known_at.coalesce(_literal(datetime.min)))
        by_knowledge = [ranked.since, ranked.place]
        in_order = ibis.window(group_by=ranked.id, order_by=by_knowledge, preceding=None, following=0)
        counting = ranked.mutate(best=ranked.place.max().over(in_order))
        counting = counting.filter(counting.place == counting.best)
        following = ibis.window(group_by=counting.id, order_by=[counting.since, counting.place])
        counting = counting.mutate(until_label=counting.since.lead().over(following))
        replaced = counting.filter(counting.place != counting["last"], counting.until_label.notnull())
        superseded = engine.keep(
            replaced.filter(replaced[code].notnull(), *_chosen(replaced)).select(
                "until_label",
                code,
                other_id="id",
                **{f"{name}_{kind}": replaced[name] for name in ("known_at", CHANCE) if name in replaced.columns},
                **{f"matched_{kind}": ibis.literal(True)},
            )
        )
    return once.union(winners), superseded, counted


def _chosen(rows: ir.Table) -> list[ir.BooleanValue]:
    """Where labels are a sample: that a label says with which probability its row was chosen."""
    return [chance(rows[CHANCE]).notnull()] if CHANCE in rows.columns else []


def _finished(
    rows: ir.Table,
    log: Log,
    spec: Spec,
    found: Profile,
    codes: Codes,
    moment: datetime,
    mature_until: datetime,
    grain: Grain,
    looks: Sequence[Looks],
    until: str | None = None,
) -> ir.Table:
    """The columns of facts from joined rows."""
    span = (found.first or moment, max(found.last or moment, moment, found.newest or moment))
    number = grain.number(rows.timestamp, *span)
    mature = rows.timestamp <= _literal(mature_until)
    columns: dict[str, ir.Value] = {"grain": number, "mature": mature}
    for declared in spec.outcome_tables:
        kind = declared.name
        code = rows[f"{kind}_code"] if f"{kind}_code" in rows.columns else ibis.null("int8")
        matched = rows[f"matched_{kind}"].fill_null(False) if f"matched_{kind}" in rows.columns else ibis.literal(False)
        due = declared.matures_after
        absent = codes.absent(kind)
        if absent is not None and until is None:
            old_enough = mature if kind == LABEL else rows.timestamp <= _literal(max(moment, datetime.min + due) - due)
            code = ibis.ifelse(old_enough & ~matched, ibis.literal(absent, code.type()), code)
        columns[f"matched_{kind}"] = matched
        if f"{CHANCE}_{kind}" in rows.columns:
            chosen = chance(rows[f"{CHANCE}_{kind}"])
            code = ibis.ifelse(chosen.notnull(), code, ibis.null(code.type()))
            columns[CHANCE] = ibis.ifelse(code.notnull(), chosen, ibis.null("float64"))
        columns |= codes.finished(kind, code)
        if kind == LABEL and LABEL in log.timed:
            known = rows[f"known_at_{LABEL}"]
            if absent is not None and until is None:
                assumed = rows.timestamp + ibis.interval(microseconds=int(due / timedelta(microseconds=1)))
                known = ibis.ifelse(matched, known, assumed)
            columns["early"] = (known < rows.timestamp) & code.notnull() if until is None else ibis.literal(False)
            columns["lag"] = ibis.ifelse(code.notnull(), _late(rows.timestamp, known, span, grain), 0)
            if until is not None:
                columns["until_lag"] = _late(rows.timestamp, rows[until], span, grain)
    for name in rows.columns:
        if name in (
            "predicted",
            "score",
            "weight",
            "baseline_predicted",
            "baseline",
            "prediction_value",
            "disagrees",
            "latency_s",
            "version",
            "id",
        ) or name.startswith(("score_", "slice_", PROXY, FEATURE)):
            columns[name] = rows[name]
    if "error" in rows.columns:
        columns["failed"] = failed(rows.error, str(spec.predictions.columns.error))
    columns |= look_columns(rows, log, spec, found, codes, moment, looks, until)
    if "entity" in rows.columns:
        columns["group"] = hash_group(log.engine, rows.entity)
    table = rows.select(**columns)
    return table.mutate(**{name: _bucket(table[name]) for name in ("lag", "until_lag") if name in columns})


def _late(timestamp: ir.Value, known: ir.Value, span: tuple[datetime, datetime], grain: Grain) -> ir.Value:
    """Days, or coarser grains, from the row's grain to the one in which its label became known."""
    unit = replace(grain, unit="d") if grain.unit == "h" else grain
    return unit.number(known, *span) - unit.number(timestamp, *span)


def _bucket(late: ir.Value) -> ir.Value:
    """The code of a lag."""
    exact = [edge for edge in LAG_EDGES if edge <= 32][-1]
    wider = [(late <= edge, ibis.literal(code, "int64")) for code, edge in enumerate(LAG_EDGES) if edge > exact]
    return ibis.cases(
        ((late <= 0) | late.isnull(), ibis.literal(0, "int64")),
        (late <= exact, late),
        *wider,
        else_=ibis.literal(len(LAG_EDGES), "int64"),
    )
