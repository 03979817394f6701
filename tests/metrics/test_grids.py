"""The two fixed grids: every engine chooses the same bin, as no value that is binned is near an edge."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import duckdb
import ibis
import numpy as np
import pyarrow as pa

from leadline.metrics.errors import ERROR_BINS, INNER, LEAST, MOST, WIDTH, error_bin, error_edges
from leadline.metrics.sums import LOGIT_BINS, LOGIT_RANGE, SCORE_UNIT

#: how far the logarithms of an engine err at most, in logit units: some units in the last place of 15, and of a ratio
ENGINES_ERR = 2e-14


def test_no_score_is_near_a_logit_edge():
    """Scores are multiples of 2^-32. At p = 1/2 the logit is exactly 0 and so is the edge, on every engine."""
    nearest = []
    with localcontext() as context:
        context.prec = 50
        for edge in range(1, LOGIT_BINS):
            if edge == LOGIT_BINS // 2:
                continue
            logit = Decimal(int(2 * LOGIT_RANGE)) * edge / LOGIT_BINS - Decimal(int(LOGIT_RANGE))
            share = 1 / (1 + (-logit).exp())
            below = int(share * SCORE_UNIT)
            for units in (below, below + 1):
                own = (Decimal(units) / (SCORE_UNIT - units)).ln()
                nearest.append(abs(own - logit))
    print(f"the nearest is {min(nearest):.2e} logit units from an edge")
    assert min(nearest) > 20 * ENGINES_ERR
    assert (math.log(1.0) + LOGIT_RANGE) * LOGIT_BINS / (2 * LOGIT_RANGE) == LOGIT_BINS // 2


def test_no_error_is_near_an_edge():
    """Errors are rounded to single precision. Distances in bins; an engine's logarithm errs by some 1e-12 bins."""
    edges = LEAST * WIDTH ** np.arange(1, INNER)
    single = edges.astype(np.float32)
    near = np.concatenate([np.nextafter(single, np.float32(0)), single, np.nextafter(single, np.float32(np.inf))])
    with localcontext() as context:
        context.prec = 40
        ln = Decimal(WIDTH).ln()
        distance = [abs((place := (Decimal(float(value)) / Decimal(LEAST)).ln() / ln) - round(place)) for value in near]
    print(f"the nearest is {min(distance):.2e} bins from an edge")
    assert min(distance) > Decimal("3e-11")


def test_an_engine_puts_errors_where_numpy_does():
    rng = np.random.default_rng(0)
    errors = np.concatenate(
        [10.0 ** rng.uniform(-11, 14, 2000), error_edges()[1:-1], 2.0 ** np.arange(-40, 50), [0.0, 1e-300, 1e300]]
    )
    single = np.clip(errors, LEAST / 2, MOST * 2).astype(np.float32).astype(np.float64)
    wanted = 1 + np.minimum(np.floor(np.log(single / LEAST) / math.log(WIDTH)), INNER - 1)
    wanted = np.where(single < LEAST, 0, np.where(single >= MOST, ERROR_BINS - 1, wanted)).astype(int)
    rows = pa.table({"place": np.arange(len(errors)), "prediction_value": errors, "label_value": 0 * errors})
    table = ibis.table({"place": "int64", "prediction_value": "float64", "label_value": "float64"}, name="rows")
    query = ibis.to_sql(table.select("place", bin=error_bin(table)).order_by("place"), dialect="duckdb")
    with duckdb.connect() as connection:
        connection.register("rows", rows)
        found = connection.sql(query).to_arrow_table()
    assert found.column("bin").to_pylist() == wanted.tolist()
    edges = error_edges()
    assert np.all(edges[wanted] <= errors * (1 + 2.0**-23))
    assert np.all(errors <= edges[wanted + 1] * (1 + 2.0**-23))


def test_bins_are_one_per_cent_wide():
    edges = error_edges()
    ratio = edges[2:-1] / edges[1:-2]
    assert ratio.max() <= 1.01 + 1e-12
    assert len(edges) == ERROR_BINS + 1
