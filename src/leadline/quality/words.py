"""Numbers in the sentences of findings."""

from __future__ import annotations

import math
from collections.abc import Sequence

from leadline.values import Scalar


def percent(share: float) -> str:
    """A share as people say it.

    >>> percent(0.6149), percent(0.021), percent(0.0004), percent(0), percent(0.9999), percent(1)
    ('61 %', '2.1 %', '0.04 %', 'none', 'over 99.9 %', 'all')
    """
    if share in (0, 1):
        return "all" if share else "none"
    if share > 0.999:
        return "over 99.9 %"
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.1f} %"


def number(value: float) -> str:
    """A number with three digits that count.

    >>> number(1234.5), number(0.04567), number(17), number(-999.0)
    ('1,230', '0.0457', '17', '-999')
    """
    if value == round(value) and abs(value) < 1e6:
        return f"{value:,.0f}" if abs(value) >= 10000 else f"{value:.0f}"
    if not math.isfinite(value) or not 1e-4 <= abs(value) < 1e9:
        return f"{value:.3g}"
    places = max(2 - math.floor(math.log10(abs(value))), 0)
    return f"{round(value, 2 - math.floor(math.log10(abs(value)))):,.{places}f}"


def quoted(value: Scalar) -> str:
    """A value of a column.

    >>> quoted("PRT"), quoted(-999.0), quoted("")
    ("'PRT'", '-999', 'an empty text')
    """
    if isinstance(value, str):
        shown = value if len(value) <= 40 else value[:39] + "…"
        return repr(shown) if value else "an empty text"
    return "none" if value is None else number(float(value))


def listed(names: Sequence[str], most: int = 3) -> str:
    """Some names, and how many more there are.

    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c", "d", "e"])
    ('a', 'a and b', 'a, b, c and 2 more')
    """
    if len(names) > most + 1:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
