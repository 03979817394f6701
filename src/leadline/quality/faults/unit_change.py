"""All values in another unit: multiplied by a number, or moved and multiplied as degrees are."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from leadline.quality.comparison import Comparison, Pair
from leadline.quality.fault import Fault
from leadline.quality.grid import LEVELS
from leadline.quality.summary import Column
from leadline.quality.words import number
from leadline.stats.arrays import Floats

#: what a number is multiplied by where its unit changes, and between which units that may be
FACTORS: tuple[tuple[float, tuple[tuple[str, str], ...]], ...] = (
    (1000.0, (("kilometres", "metres"), ("kilograms", "grams"), ("seconds", "milliseconds"))),
    (100.0, (("metres", "centimetres"), ("euros", "cents"), ("shares", "per cent"))),
    (10.0, (("centimetres", "millimetres"),)),
    (1e6, (("seconds", "microseconds"), ("millions", "ones"))),
    (1e9, (("seconds", "nanoseconds"),)),
    (60.0, (("minutes", "seconds"), ("hours", "minutes"))),
    (3600.0, (("hours", "seconds"),)),
    (24.0, (("days", "hours"),)),
    (1440.0, (("days", "minutes"),)),
    (86400.0, (("days", "seconds"),)),
    (7.0, (("weeks", "days"),)),
    (12.0, (("years", "months"),)),
    (2.20462, (("kilograms", "pounds"),)),
    (3.28084, (("metres", "feet"),)),
    (1.609344, (("miles", "kilometres"),)),
    (2.54, (("inches", "centimetres"),)),
    (25.4, (("inches", "millimetres"),)),
    (3.6, (("metres per second", "kilometres per hour"),)),
    (1.852, (("knots", "kilometres per hour"),)),
    (1.94384, (("metres per second", "knots"),)),
    (28.3495, (("ounces", "grams"),)),
    (3.78541, (("gallons", "litres"),)),
    (4.184, (("calories", "joules"),)),
    (57.2958, (("radians", "degrees"),)),
)
#: the same with a shift: x → factor · x + shift
AFFINE: tuple[tuple[float, float, str], ...] = (
    (1.8, 32.0, "degrees Celsius to Fahrenheit"),
    (1 / 1.8, -32 / 1.8, "degrees Fahrenheit to Celsius"),
    (1.0, 273.15, "degrees Celsius to kelvin"),
    (1.0, -273.15, "kelvin to degrees Celsius"),
)
#: the logarithms of the quantiles' ratios may differ by this from their median (median absolute deviation), which has
#: to be this far from 0; and a named factor may be off by so much (METHODS §8)
ALIKE, LEAST_CHANGE, OFF_FACTOR = 0.03, 0.05, 0.03
#: how far the median has to lie, in units of how much it varies between partitions; of a factor without a name, more
UNUSUAL, UNUSUAL_UNNAMED = 5.0, 8.0
#: a change by a factor without a name has to be this large, either way
LEAST_UNNAMED = 1.5
#: of a change with a shift: share of the variance of the quantiles that a line explains, how far off slope and undone
#: quantiles may be, and how far off they have to be as they are (`Pair.away`)
STRAIGHT, OFF_SLOPE, USUAL, OFF = 0.995, 0.05, 2.0, 6.0
#: a column with more zeros than this has no quantiles to be compared
MOST_ZEROS = 0.2
#: how far the range of a column far from zero may be off what the factor makes of it
SAME_RANGE = 3.0
#: rows, and different values of them that are not zero; where the factor has no name, more
LEAST_ROWS, LEAST_BINS, LEAST_BINS_UNNAMED = 20, 5, 10


def unit_change(found: Comparison) -> Iterator[Fault]:
    """The quantiles of a column have all been multiplied by the same number, or are those of other degrees."""
    for pair in found.numbers():
        # a column far from zero, as years are, falls into one bin when it is multiplied
        bins = _bins(pair.past) if pair.column.origin != 0 else min(_bins(pair.past), _bins(pair.now))
        if pair.n >= LEAST_ROWS and bins >= LEAST_BINS:
            fault = _far(pair) if pair.column.origin != 0 else _multiplied(pair)
            fault = fault or _moved(pair)
            if fault is not None:
                yield fault


def _bins(column: Column) -> int:
    """How many bins have values other than zero."""
    return int(np.count_nonzero(column.counts[0, (column.bins != 0) | (column.origin != 0)]))


def _far(pair: Pair) -> Fault | None:
    """A column far from zero, of which the middle and the range are multiplied by about the same known factor."""
    factor, range_ = pair.stretched
    if factor <= 0 or abs(math.log(factor)) < LEAST_CHANGE or not factor / SAME_RANGE <= range_ <= factor * SAME_RANGE:
        return None
    named = _named(math.log(factor), OFF_FACTOR)
    return None if named is None else _fault(pair, f"all values {_times(named[0])}, as from {named[1]}")


def _multiplied(pair: Pair) -> Fault | None:
    """By a known factor, or by another one where nothing else has changed."""
    usual, now = pair.past.sizes[0], pair.sizes
    same = usual * now > 0
    if same.mean() < 0.9:
        return None
    ratio = np.log(now[same] / usual[same])
    middle = float(np.median(ratio))
    error = _relative_error(pair, usual)
    if float(np.median(np.abs(ratio - middle))) > max(ALIKE, error) or abs(middle) < LEAST_CHANGE:
        return None
    away = abs(middle) / max(_varies(pair, usual), error, 1e-9)
    named = _named(middle, OFF_FACTOR + 2 * error)
    if away < (UNUSUAL if named else UNUSUAL_UNNAMED):
        return None
    if named is not None:
        factor, words = named
        return _fault(pair, f"all values {_times(factor)}, as from {words}")
    if abs(middle) < math.log(LEAST_UNNAMED) or min(_bins(pair.past), _bins(pair.now)) < LEAST_BINS_UNNAMED:
        return None
    return _fault(pair, f"all values {_times(math.exp(middle))}")


def _relative_error(pair: Pair, usual: Floats) -> float:
    """The standard error that a quantile of as many rows has, as a share of it: the median of the nineteen."""
    slope = np.gradient(usual, LEVELS)
    error = slope * np.sqrt(LEVELS * (1 - LEVELS) / pair.n)
    some = usual != 0
    return float(np.median(np.abs(error[some] / usual[some]))) if some.any() else 0.0


def _varies(pair: Pair, usual: Floats) -> float:
    """How much the partitions before differ in scale: the deviation of the median ratio of their quantiles."""
    before = pair.sizes_before
    same = before * usual > 0
    known = np.where(same, before / np.where(usual == 0, 1.0, usual), np.nan)
    enough = same.mean(axis=1) >= 0.9
    if enough.sum() <= 3:
        return 0.0
    medians = np.nanmedian(np.log(known[enough]), axis=1)
    n = len(medians)
    return float(medians.std(ddof=1)) * math.sqrt((n + 1) / n * (n - 1) / (n - 3))


def _named(logarithm: float, off: float) -> tuple[float, str] | None:
    """The known factor that is nearest, where one is near enough."""
    sign = 1 if logarithm > 0 else -1
    factor, units = min(FACTORS, key=lambda each: abs(sign * logarithm - math.log(each[0])))
    if abs(sign * logarithm - math.log(factor)) > min(off, 0.1):
        return None
    words = [f"{one} to {other}" if sign > 0 else f"{other} to {one}" for one, other in units]
    return factor**sign, f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


def _moved(pair: Pair) -> Fault | None:
    """By a known line, such as that from degrees Celsius to Fahrenheit."""
    zeros = pair.past.counts[0, pair.past.bins == 0].sum() if pair.column.origin == 0 else 0
    if zeros > MOST_ZEROS * pair.past.known[0] or pair.is_away < OFF:
        return None
    usual, now = pair.past.quantiles[0], pair.quantiles
    centred = usual - usual.mean()
    square = float(centred @ centred)
    if square <= 0 or now.std() == 0:
        return None
    slope = float(centred @ (now - now.mean())) / square
    if float(np.corrcoef(usual, now)[0, 1]) ** 2 < STRAIGHT:
        return None
    for factor, shift, words in AFFINE:
        if abs(slope / factor - 1) <= OFF_SLOPE + 2 / math.sqrt(pair.n) and pair.away((now - shift) / factor) <= USUAL:
            return _fault(pair, f"all values {_line(factor, shift)}, as from {words}")
    return None


def _times(factor: float) -> str:
    return f"× {number(factor)}" if factor >= 1 else f"÷ {number(1 / factor)}"


def _line(factor: float, shift: float) -> str:
    sign = "+" if shift > 0 else "−"
    return f"{'' if factor == 1 else f'× {number(factor)} '}{sign} {number(abs(shift))}"


def _fault(pair: Pair, what: str) -> Fault:
    usual, now = float(pair.past.sizes[0][9]), float(pair.sizes[9])
    return Fault(
        "unit_change",
        (pair.name,),
        what,
        f"the median was {number(usual)} and is {number(now)}",
        "Look at the unit in which the column is delivered, and at what changed there at that time.",
        pair.n / int(pair.now.rows[0]),
    )
