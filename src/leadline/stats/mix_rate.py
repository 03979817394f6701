"""The change of a ratio of sums between two windows: who comes (mix), and how well they are served (rate)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leadline.stats.arrays import Floats, floats, require


@dataclass(frozen=True, slots=True)
class MixRate:
    """The terms of a change, shape (slices,) each, in the ratio's own unit; Σ rate + Σ mix is the change.

    rate   what a slice adds because it is served differently: its mean share times the change of its own ratio
    mix    what it adds because its share changed: more of what lies above the whole, or less of what lies below
    """

    rate: Floats
    mix: Floats


@dataclass(frozen=True, slots=True)
class Slope:
    """How the terms change with the sums of one window, shape (slices, slices) each: term by slice whose sum grows."""

    rate_a: Floats
    rate_b: Floats
    mix_a: Floats
    mix_b: Floats


def mix_rate(a0: ArrayLike, b0: ArrayLike, a1: ArrayLike, b1: ArrayLike) -> MixRate:
    """Split the change of R = ΣA / ΣB over slices into rate and mix, exactly.

    a0, b0   A and B of each slice in the first window, shape (slices,); b0 >= 0, not all 0, and A is 0 where B is
    a1, b1   the same in the second window

    With share w = B_g / ΣB and ratio r = A_g / B_g of a slice: rate is (w0 + w1)/2 (r1 - r0), and mix
    (w1 - w0) ((r0 + r1)/2 - (R0 + R1)/2). A slice without B in one window has its ratio of the other: all of it is
    mix. Terms of slices that are put together add: a coarser view is the sum of the finer one's terms. (It is not
    what the coarser slices' own sums would give, for a change of mix within them counts as mix.)
    Raises ValueError outside those ranges.
    Source: Kitagawa (1955), JASA 50, 1168-1194; the midpoint is the Shapley value of two players.

    >>> found = mix_rate([90, 20], [900, 100], [97, 10.5], [970, 30])  # .110 → .1075
    >>> found.rate.round(5).tolist(), found.mix.round(5).tolist()
    ([0.0, 0.00975], [-0.00061, -0.01164])
    >>> bool(abs(found.rate.sum() + found.mix.sum() - (0.1075 - 0.11)) < 1e-15)
    True
    """
    window0, window1 = _Window.of(a0, b0), _Window.of(a1, b1)
    ratio0, ratio1, _, _ = _ratios(window0, window1)
    mean = (window0.whole + window1.whole) / 2
    return MixRate(
        rate=(window0.share + window1.share) / 2 * (ratio1 - ratio0),
        mix=(window1.share - window0.share) * ((ratio0 + ratio1) / 2 - mean),
    )


def mix_rate_slopes(a0: ArrayLike, b0: ArrayLike, a1: ArrayLike, b1: ArrayLike) -> tuple[Slope, Slope]:
    """How the terms of `mix_rate` change with the sums of the first and of the second window.

    Arguments and errors as there. A row with A and B in slice k moves term g by slope_a[g, k] A + slope_b[g, k] B, to
    first order; over all rows of the window that adds up to 0.

    >>> _, second = mix_rate_slopes([90, 20], [900, 100], [97, 10.5], [970, 30])
    >>> second.rate_a.round(5).tolist()
    [[0.00096, 0.0], [0.0, 0.00217]]
    """
    window0, window1 = _Window.of(a0, b0), _Window.of(a1, b1)
    ratio0, ratio1, part0, part1 = _ratios(window0, window1)
    share = (window0.share + window1.share) / 2
    above = (ratio0 + ratio1) / 2 - (window0.whole + window1.whole) / 2
    step, grown = ratio1 - ratio0, window1.share - window0.share
    both = (window0.b > 0) & (window1.b > 0)

    def slope(window: _Window, part: Floats, sign: float) -> Slope:
        own = np.eye(len(window.b))
        share_b = (own - window.share[:, None]) / window.total
        safe = np.where(window.b > 0, window.b, 1.0)
        ratio_a = own * np.where(window.b > 0, 1 / safe, 0.0)
        ratio_b = -ratio_a * window.ratio
        # a slice that one window lacks has one ratio: no rate, and mix moves with that ratio alone
        weight = np.where(both, sign * share, 0.0)[:, None]
        return Slope(
            rate_a=weight * ratio_a,
            rate_b=weight * ratio_b + step[:, None] / 2 * share_b,
            mix_a=grown[:, None] * (part[:, None] * ratio_a - 0.5 / window.total),
            mix_b=sign * above[:, None] * share_b
            + grown[:, None] * (part[:, None] * ratio_b + 0.5 * window.whole / window.total),
        )

    return slope(window0, part0, -1.0), slope(window1, part1, 1.0)


def frozen_mix(share: ArrayLike, a: ArrayLike, b: ArrayLike) -> float:
    """What R = ΣA / ΣB would be if slices had kept their shares: Σ share_g A_g / B_g.

    share   of each slice in ΣB of the window whose mix is kept, or B itself; shape (slices,), >= 0 and not all 0
    a, b    sums of the other window; b >= 0

    Slices that it lacks are left out, and the others' shares are stretched to 1; NaN where nothing is left.
    Raises ValueError outside those ranges. (Epidemiology calls it a directly standardised rate.)

    >>> round(frozen_mix([900, 100], [97, 10.5], [970, 30]), 4)
    0.125
    """
    kept, top, bottom = floats(share), floats(a), floats(b)
    require((kept >= 0).all() and kept.sum() > 0 and (bottom >= 0).all(), "shares and B must be >= 0, not all shares 0")
    some = (bottom > 0) & (kept > 0)
    if not some.any():
        return float("nan")
    return float((kept[some] * top[some] / bottom[some]).sum() / kept[some].sum())


def pooled(before: ArrayLike, after: ArrayLike, least: float) -> NDArray[np.int64]:
    """Number of the group of each slice: its own where there is enough of it to tell its terms, else the last one.

    before, after   how much of each slice there is in the two windows, shape (slices,), >= 0
    least           a slice needs so much in one of them; in the other a twentieth of that, or nothing at all

    >>> pooled([500, 300, 40, 0, 7], [400, 12, 60, 250, 0], 200).tolist()
    [0, 1, 3, 2, 3]
    """
    more = np.maximum(floats(before), floats(after))
    less = np.minimum(floats(before), floats(after))
    enough = (more >= least) & ((less == 0) | (less >= least / 20))
    return np.where(enough, np.cumsum(enough) - 1, enough.sum()).astype(np.int64)


@dataclass(frozen=True, slots=True)
class _Window:
    a: Floats
    b: Floats
    total: float
    share: Floats
    ratio: Floats
    whole: float

    @classmethod
    def of(cls, a: ArrayLike, b: ArrayLike) -> _Window:
        top, bottom = floats(a), floats(b)
        require(top.shape == bottom.shape and top.ndim == 1, "A and B must have one place for each slice")
        require((bottom >= 0) & np.isfinite(top), "A must be finite and B >= 0")
        require(((bottom > 0) | (top == 0)).all() and bottom.sum() > 0, "B must not be 0 in all slices, nor where A is")
        total = float(bottom.sum())
        ratio = np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
        return cls(top, bottom, total, bottom / total, ratio, float(top.sum()) / total)


def _ratios(first: _Window, second: _Window) -> tuple[Floats, Floats, Floats, Floats]:
    """The slices' ratios in both windows, and the part of their mean that each window's own ratio is."""
    ratio0 = np.where(first.b > 0, first.ratio, second.ratio)
    ratio1 = np.where(second.b > 0, second.ratio, first.ratio)
    part0 = np.where(second.b > 0, np.where(first.b > 0, 0.5, 0.0), 1.0)
    return ratio0, ratio1, part0, 1 - part0
