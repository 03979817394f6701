"""The law of DESIGN §2: however rows are split, ordered, repeated or late, and whenever we look, cells are the same."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laws import logs, oracle
from leadline.evaluation.estimates import Evaluation
from leadline.evaluation.run import evaluate_log


def evaluated(example: logs.Example, as_of: datetime) -> Evaluation:
    return evaluate_log(logs.declaration(logs.tables(example), example.settings), as_of)


def same_as_oracle(found: Evaluation, question: oracle.Question) -> None:
    counts = logs.counted(found)
    assert counts == logs.projected(oracle.cells(question), counts)
    labels = oracle.labels(question)
    assert {name: getattr(found.labels, name) for name in labels} == labels


@given(logs.examples(logs.SETTINGS), st.sampled_from([logs.AS_OF, logs.AS_OF - timedelta(days=30)]))
@settings(max_examples=60)
def test_cells_are_what_the_design_says(example: logs.Example, as_of: datetime) -> None:
    same_as_oracle(evaluated(example, as_of), logs.question(example, as_of))
