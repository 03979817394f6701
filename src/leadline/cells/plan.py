"""Which cells an evaluation needs, and how many they will be (DESIGN §2)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from leadline.log.facts import GROUPS, LAG_EDGES
from leadline.metrics.sums import LINEAR_BINS, LOGIT_BINS, LOGIT_RANGE, SCORE_UNIT, Measure
from leadline.values import InputError

MOST_CELLS = 5_000_000
#: 512 + 512 bins for all rows, every 16th edge for slices
COARSE = 16


@dataclass(frozen=True)
class Key:
    """One number of a cell's key: an expression over facts with values 0..size - 1.

    filled  how many of these values occur, about; None where all may
    parts   the keys that it packs, where it is not one of its own
    """

    name: str
    expression: ir.Value
    size: int
    filled: int | None = None
    parts: tuple[Key, ...] = ()

    def plain(self) -> tuple[Key, ...]:
        """The keys that it packs, or itself."""
        return self.parts or (self,)


@dataclass(frozen=True)
class Piece:
    """One GROUP BY over the facts.

    name      what it is: ("total",), ("slice", place), ("scores", class), ("slice_scores", place, class), ("errors",)
    where     rows that it takes, None for all
    measures  what it sums beside rows (and weights)
    expected  how many cells it will have, about
    """

    name: tuple[str | int, ...]
    keys: tuple[Key, ...]
    measures: tuple[Measure, ...]
    where: ir.BooleanValue | None = None
    expected: int = 0


def packed(keys: Sequence[Key]) -> ir.Value:
    """All keys as one integer, which engines group several times as fast as a tuple. Raises where it overflows."""
    size = math.prod(key.size for key in keys)
    if size >= 2**63:
        raise InputError(
            f"the cells' key does not fit: {', '.join(f'{key.name} has {key.size:,}' for key in keys)} values"
        )
    kind = "int64" if size >= 2**31 else "int32"  # half as wide is faster to make and to compare
    found: ir.Value | None = None
    for key in keys:
        expression = key.expression.cast(kind)
        found = expression if found is None else found * key.size + expression
    if found is None:
        raise ValueError("a piece needs a key")
    return found


def pack(keys: Sequence[Key], where: ir.BooleanValue | None = None) -> Key:
    """Keys as one, NULL where a condition does not hold."""
    whole = packed(keys)
    expression = whole if where is None else ibis.ifelse(where, whole, ibis.null(whole.type()))
    return Key("packed", expression, math.prod(key.size for key in keys), parts=tuple(keys))


def fit(pieces: Sequence[Piece]) -> bool:
    """Whether these are not too many cells, as far as can be told before."""
    return sum(piece.expected for piece in pieces) <= MOST_CELLS


def refuse_too_many(pieces: Sequence[Piece], describe: Mapping[tuple[str | int, ...], str]) -> int:
    """The expected number of cells. Raises InputError naming the largest piece above `MOST_CELLS`."""
    total = sum(piece.expected for piece in pieces)
    if total > MOST_CELLS:
        worst = max(pieces, key=lambda piece: piece.expected)
        raise InputError(
            f"this would make about {total:,} cells, more than {MOST_CELLS:,}; {describe[worst.name]} alone makes about"
            f" {worst.expected:,}: choose a coarser window, fewer slice values, or fewer metrics for slices"
        )
    return total


def binned(
    rows: ir.Table, scores: Mapping[str, str], thresholds: Sequence[float], edges: Sequence[float] | None
) -> ir.Table:
    """Rows with the bin of each score: linear_NAME, logit_NAME and step_NAME, for NAME → column in `scores`.

    The fixed grid is the union of linear and logit edges and of the thresholds, told by three numbers that rise with
    the score. The score is first cut to a multiple of 2^-32: none of them is nearer to a logit edge than any engine's
    logarithm errs (a test goes through all edges), so that all engines choose the same bin.
    `edges` are given for scores that are no probabilities: then the first number counts the edges at or below.
    """
    if edges is None:
        rows = rows.mutate(
            **{f"units_{name}": (rows[column] * SCORE_UNIT + 0.5).floor() for name, column in scores.items()}
        )
    bins: dict[str, ir.Value] = {}
    for name, column in scores.items():
        steps = [(rows[column] >= threshold).cast("int64") for threshold in thresholds]
        bins[f"step_{name}"] = sum(steps[1:], steps[0]) if steps else ibis.literal(0, "int64")
        if edges is not None:
            bins[f"linear_{name}"] = count_edges(rows[column], edges)
            bins[f"logit_{name}"] = ibis.literal(0, "int16")
            continue
        units = rows[f"units_{name}"]
        last = LOGIT_BINS - 1
        inner = ((units / (SCORE_UNIT - units)).ln() + LOGIT_RANGE) * LOGIT_BINS / (2 * LOGIT_RANGE)
        inside = ibis.greatest(ibis.least(inner.floor(), last), 0)
        linear = ibis.least((units / (SCORE_UNIT // LINEAR_BINS)).floor(), LINEAR_BINS - 1)
        logit = ibis.cases((units <= 0, 0), (units >= SCORE_UNIT, last), else_=inside)
        bins |= {f"linear_{name}": linear.cast("int16"), f"logit_{name}": logit.cast("int16")}
    return rows.mutate(**bins).drop(*(f"units_{name}" for name in scores if edges is None))


def bin_keys(rows: ir.Table, name: str, thresholds: int, edges: int | None, coarse: bool) -> tuple[Key, ...]:
    """The keys of a score's bin; coarse ones hold 16 of the fine edges' bins each."""
    share = COARSE if coarse else 1
    linear, logit = rows[f"linear_{name}"], rows[f"logit_{name}"]
    if coarse:
        linear, logit = (linear / share).floor(), (logit / share).floor()
    sizes = (LINEAR_BINS, LOGIT_BINS) if edges is None else (edges + 1, 1)
    return (
        Key("linear", linear, -(-sizes[0] // share)),
        Key("logit", logit, -(-sizes[1] // share)),
        Key("step", rows[f"step_{name}"], thresholds + 1),
    )


def count_edges(score: ir.Value, edges: Sequence[float]) -> ir.Value:
    """How many of the sorted edges are at or below a number: a balanced tree of comparisons."""

    def tree(low: int, high: int) -> ir.Value:
        if low == high:
            return ibis.literal(low, "int64")
        middle = (low + high) // 2
        return ibis.ifelse(score >= edges[middle], tree(middle + 1, high), tree(low, middle))

    return tree(0, len(edges))


def lag_sizes(timed: bool) -> int:
    """How many codes a lag has."""
    return len(LAG_EDGES) + 1 if timed else 1


def group_size(clustered: bool) -> int:
    """How many hash groups of entities there are."""
    return GROUPS if clustered else 1


@dataclass(frozen=True)
class Wanted:
    """What the cells have to answer.

    measures         of the metrics of all rows
    slice_measures   of the metrics of slices
    classes          names of the classes whose score histograms are wanted for all rows; "" for a binary model
    slice_classes    the same for slices, in 64 bins and without grains but those in `slice_runs`
    clustered        partitions whose objectives want hash groups of entities; None stands for all rows
    errors           whether quantiles of absolute errors are wanted
    """

    measures: tuple[Measure, ...] = ()
    slice_measures: tuple[Measure, ...] = ()
    classes: tuple[str, ...] = ()
    slice_classes: tuple[str, ...] = ()
    errors: bool = False
    slice_errors: bool = False
