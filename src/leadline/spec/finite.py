"""Whether a double is a finite number: asked of the engine by a function, not by comparisons."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir


@ibis.udf.scalar.builtin(name="isfinite", signature=(("float64",), "boolean"))
def is_finite(number):  # type: ignore[no-untyped-def]  # a declaration that Ibis reads, not a function
    """Neither NaN nor infinite; NULL for NULL. DuckDB has it, other engines write it their way (`leadline.engine`).

    DuckDB takes the range that a Parquet file states for the range of all values, but pyarrow leaves NaN out of it:
    then `x < inf` is always true and `isnan(x)` never. https://github.com/duckdb/duckdb/issues/25521
    """


def without_nan(number: ir.Value) -> ir.Value:
    """A double with NULL for NaN; infinity stays."""
    return ibis.ifelse(is_finite(number) | (number.abs() == float("inf")), number, ibis.null("float64"))


def is_infinite(number: ir.Value) -> ir.BooleanValue:
    """Whether a number is infinite; NULL for NULL, and not true for NaN."""
    return without_nan(number.cast("float64")).abs() == float("inf")
