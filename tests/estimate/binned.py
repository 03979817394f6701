"""Counts by prediction, label and score bin, as `Scored` rows and as a reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from leadline.metrics.expected import Scored
from leadline.metrics.sums import Array, Histogram


def grid(packed: Sequence[int]) -> Array:
    """Bins written as 1,024 · linear + logit, as the three numbers of a histogram."""
    numbers = np.array(packed)
    return np.stack([numbers // 1024, numbers % 1024, np.zeros(len(numbers))], axis=1).astype(float)


def histogram(counts: Any, bins: Array) -> Histogram:
    """Of counts by prediction, label and bin, shape (..., 2, 2, bins)."""
    by_label = np.asarray(counts, float).sum(-3)
    negatives, positives = by_label[..., 0, :], by_label[..., 1, :]
    return Histogram(negatives, positives, negatives, positives, np.zeros_like(positives), bins)


def scored(counts: Any, bins: Array) -> Scored:
    """The same without their labels."""
    rows = np.asarray(counts, float).sum(-2)
    rows = np.concatenate([rows, np.zeros_like(rows[..., :1, :])], axis=-2)
    return Scored(rows, rows, rows, np.zeros_like(rows), {}, bins)
