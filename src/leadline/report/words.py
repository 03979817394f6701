"""Numbers, dates and names as people read them. The JSON document keeps full precision; these are for eyes."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from leadline.values import Judgement, Plan, Relative, Replay, Slice, Span, Target, Undefined, Verdict, Window, counted

#: no more decimals than this are shown
MOST_DECIMALS = 6
LONGEST_NAME = 120

VERDICTS = {
    Verdict.BREACHED: "breached",
    Verdict.AT_RISK: "at risk",
    Verdict.UNCERTAIN: "uncertain",
    Verdict.NO_DATA: "no data",
    Verdict.UNDEFINED: "undefined",
    Verdict.HOLDS: "holds",
}
#: read without colour, and on paper
SYMBOLS = {
    Verdict.BREACHED: "✗",
    Verdict.AT_RISK: "!",
    Verdict.UNCERTAIN: "~",
    Verdict.NO_DATA: "?",
    Verdict.UNDEFINED: "?",
    Verdict.HOLDS: "✓",
}


_SIGNS = {"at_least": "≥", "at_most": "≤"}


# Numbers ------------------------------------------------------------------------------------------------------------


def numbers(value: float, low: float | None = None, high: float | None = None) -> tuple[str, ...]:
    """The value, and its interval where there is one, with the same decimals.

    Three significant digits of the largest, more where the interval is narrower than that.

    >>> numbers(0.65362, 0.55994, 0.73675)
    ('0.654', '0.560', '0.737')
    >>> numbers(12345.6, 12000.2, 12700.9), numbers(0.98765, 0.98755, 0.98775)[0], numbers(-0.0001)
    (('12,346', '12,000', '12,701'), '0.98765', ('-0.000100',))
    """
    known = [each for each in (value, low, high) if each is not None]
    width = high - low if low is not None and high is not None else 0.0
    return alike(known, width / 2)


def alike(values: Sequence[float | None], half_width: float = 0.0) -> tuple[str, ...]:
    """Numbers that stand beside one another, with the same decimals; a dash for none.

    half_width   of the interval of one of them, 0 for none

    >>> alike([0.3021, 0.3241, -0.00331, None], 0.043)
    ('0.302', '0.324', '-0.003', '–')
    """
    known = [each for each in values if each is not None]
    places = decimals(known, half_width)
    largest = max((abs(each) for each in known), default=0.0)
    if largest >= 1e9 or 0 < largest < 10.0**-MOST_DECIMALS:
        return tuple("–" if each is None else f"{each:.3g}" for each in values)
    return tuple("–" if each is None else _written(each, places) for each in values)


def signed(number: str) -> str:
    """A written change, with its sign; none where it is 0 as far as it is written.

    >>> signed("0.017"), signed("-0.013"), signed("0.000")
    ('+0.017', '-0.013', '0.000')
    """
    return number if number.startswith("-") or not number.strip("0.,") else f"+{number}"


def decimals(known: Sequence[float], half_width: float = 0.0) -> int:
    """How many decimals tell these numbers apart; see `numbers`."""
    largest = max((abs(each) for each in known), default=0.0)
    places = 3 - math.ceil(math.log10(largest)) if largest else 3
    if half_width > 0:
        places = max(places, -math.floor(math.log10(half_width)))
    return min(max(places, 0), MOST_DECIMALS)


def _written(number: float, places: int) -> str:
    text = f"{number:,.{places}f}"
    return text.removeprefix("-") if not float(text.replace(",", "")) else text


def difference(value: float, low: float | None = None, high: float | None = None, places: int | None = None) -> str:
    """A change with its sign, and its interval in brackets where there is one.

    places   decimals; as many as `numbers` chooses where None

    >>> difference(0.2443, 0.111, 0.3777), difference(-0.00409, places=3)
    ('+0.244 [0.111 to 0.378]', '-0.004')
    """
    known = [each for each in (value, low, high) if each is not None]
    shown = numbers(value, low, high) if places is None else tuple(_written(each, places) for each in known)
    return signed(shown[0]) + (f" [{shown[1]} to {shown[2]}]" if len(shown) == 3 else "")


def margin(value: str, half: str) -> str:
    """A written change and half its interval; without the latter where that is a dash.

    >>> margin("-0.013", "0.004"), margin("0.005", "–"), margin("–", "–")
    ('-0.013 ± 0.004', '+0.005', '–')
    """
    if value == "–":
        return value
    return signed(value) + ("" if half == "–" else f" ± {half}")


def interval(value: float | None, low: float | None, high: float | None) -> tuple[str, str]:
    """The value and its interval in brackets; a dash for no value, nothing for no interval.

    >>> interval(0.65362, 0.55994, 0.73675), interval(None, None, None)
    (('0.654', '[0.560–0.737]'), ('–', ''))
    """
    if value is None:
        return "–", ""
    shown = numbers(value, low, high)
    return (shown[0], bracketed(*shown[1:])) if len(shown) == 3 else (shown[0], "")


def bracketed(low: str, high: str) -> str:
    """The ends of an interval, which are written already.

    >>> bracketed("0.560", "0.737"), bracketed("-0.024", "0.090")
    ('[0.560–0.737]', '[-0.024 to 0.090]')
    """
    return f"[{low}{' to ' if '-' in low + high else '–'}{high}]"


def limit(target: Target) -> str:
    """The promised side, in signs.

    >>> limit(Target("at_least", 0.6)), limit(Target("at_most", 12000))
    ('≥ 0.6', '≤ 12,000')
    """
    shown = f"{target.limit:,.10g}"
    return f"{_SIGNS[target.side]} {shown}"


def promised(each: Judgement | Plan | Replay) -> str:
    """The promise of a judged objective, in signs; where it was made from something else, what that is."""
    if each.relative is None or each.relative.than == "baseline" or isinstance(each.target, Undefined):
        return declared(each)
    # such a limit is read from data and has all the digits of a double
    return f"{_SIGNS[each.target.side]} {numbers(each.target.limit)[0]} ({_made(each.relative)})"


def declared(each: Judgement | Plan | Replay) -> str:
    """The promise of a judged objective as it was declared: the same from one day to the next."""
    if isinstance(each.target, Target) and (each.relative is None or each.relative.than == "baseline"):
        return limit(each.target)
    return "" if each.relative is None else f"{_SIGNS[each.relative.side]} {_made(each.relative)}"


def _made(relative: Relative) -> str:
    return f"{relative.than} {'-' if relative.side == 'at_least' else '+'} {relative.by:,.10g}"


def share(part: int, whole: int) -> str:
    """A share in per cent, never 0 % for some nor 100 % for not quite all.

    >>> share(6499, 252541), share(1, 100000), share(99999, 100000), share(0, 10)
    ('2.6 %', 'under 0.1 %', 'over 99.9 %', '0 %')
    """
    if not whole:
        return "none"
    if part in (0, whole):
        return "0 %" if not part else "100 %"
    percent = 100 * part / whole
    if percent < 0.1:
        return "under 0.1 %"
    return "over 99.9 %" if percent > 99.9 else f"{percent:.1f} %"


def listed(names: Sequence[str]) -> str:
    """Names, at least one, as a sentence has them.

    >>> listed(["recall"]), listed(["recall", "precision", "f1"])
    ('recall', 'recall, precision and f1')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def percent(value: float, low: float | None = None, high: float | None = None) -> str:
    """A share from sums in per cent, with its interval where there is one.

    >>> percent(0.3417, 0.2634, 0.4298), percent(0.0123), percent(0.00042), percent(1.0, 0.98, 1.0)
    ('34 % [26–43]', '1.2 %', '0.042 %', '100 % [98–100]')
    """
    known = [100 * each for each in (value, low, high) if each is not None]
    half = (known[2] - known[1]) / 2 if len(known) == 3 else 0.0
    smallest = min((each for each in known if each > 0), default=100.0)
    places = 0 if smallest >= 10 and (not half or half >= 1) else min(max(1 - math.floor(math.log10(smallest)), 1), 4)
    if half:
        places = min(places, max(1 - math.floor(math.log10(half)), 0))
    shown = [f"{each:.{places}f}" for each in known]
    return f"{shown[0]} %" + (f" [{shown[1]}–{shown[2]}]" if len(shown) == 3 else "")


# Times --------------------------------------------------------------------------------------------------------------


def day(moment: datetime, zone: ZoneInfo) -> str:
    """A start as a local date, with the clock where it is not midnight."""
    local = moment.astimezone(zone)
    return local.strftime("%Y-%m-%d") if _midnight(local) else local.strftime("%Y-%m-%d %H:%M")


def last_day(end: datetime, zone: ZoneInfo) -> str:
    """The last day before a half-open end; the end itself where that is not midnight.

    >>> last_day(datetime(2013, 12, 28, 5, tzinfo=ZoneInfo("UTC")), ZoneInfo("America/New_York"))
    '2013-12-27'
    """
    local = end.astimezone(zone)
    return (local.date() - timedelta(days=1)).isoformat() if _midnight(local) else day(end, zone)


def day_after(moment: datetime, zone: ZoneInfo) -> datetime:
    """The midnight that ends a moment's local day.

    >>> day_after(datetime(2013, 12, 28, 5, tzinfo=ZoneInfo("UTC")), ZoneInfo("UTC")).isoformat()
    '2013-12-29T00:00:00+00:00'
    """
    return datetime.combine(moment.astimezone(zone).date() + timedelta(days=1), time(), zone)


def judged_over(window: Span | None, end: datetime, as_of: datetime, zone: ZoneInfo) -> str:
    """Over which time objectives are judged; windows of days and months may not be over. None: each over its own."""
    ends = "a time that is not over yet" if end > day_after(as_of, zone) else "the last day whose labels should be in"
    span = "its window" if window is None else f"the {length(window)}"
    return f"{'Each over' if window is None else 'Over'} {span} to {last_day(end, zone)}, {ends}."


def clock(moment: datetime, zone: ZoneInfo) -> str:
    """A moment as people of the zone say it."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"


def days(window: Window, zone: ZoneInfo) -> str:
    """A window by its first and last day, or the one day that it is."""
    first, last = day(window.start, zone), last_day(window.end, zone)
    return first if first == last else f"{first} to {last}"


def length(span: Span) -> str:
    """A span in words.

    >>> length(Span(28, "d")), length(Span(1, "mo"))
    ('28 days', '1 month')
    """
    return counted(span.count, {"h": "hour", "d": "day", "w": "week", "mo": "month"}[span.unit])


def elapsed(time: timedelta) -> str:
    """A stretch of time in the unit in which it has few digits.

    >>> elapsed(timedelta(hours=5)), elapsed(timedelta(hours=30.6)), elapsed(timedelta(days=1)), elapsed(timedelta(0))
    ('5 hours', '31 hours', '1 day', '0 seconds')
    """
    seconds = time.total_seconds()
    for unit, length, least in (("day", 86_400, 2), ("hour", 3_600, 1), ("minute", 60, 1), ("second", 1, 0)):
        if seconds >= least * length or seconds == length:
            count = seconds / length
            shown = f"{count:.0f}" if count >= 10 or count == round(count) else f"{count:.1f}".removesuffix(".0")
            return f"{shown} {unit}{'' if shown == '1' else 's'}"
    return f"{seconds:.1f} seconds"


def _midnight(local: datetime) -> bool:
    return not (local.hour or local.minute or local.second or local.microsecond)


# Names --------------------------------------------------------------------------------------------------------------

# Controls, marks that turn the direction of text, private and unpaired ones: they move a cursor or hide what is there.
_HIDDEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}


def printable(text: str) -> str:
    r"""`text` on one line, with what would steer a terminal or a page written as an escape.

    >>> print(printable("B6\x1b[31m\n\u202e"))
    B6\x1b[31m\n\u202e
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        each.encode("unicode_escape").decode("ascii")
        if unicodedata.category(each) in _HIDDEN or each in "\ufffe\uffff"
        else each
        for each in text
    )


def named(where: Slice | str, longest: int = LONGEST_NAME) -> str:
    """The name of a slice or a model, printable; of one that is very long the middle is left out.

    >>> named("a_rather_long_name=and its value", 20)
    'a_rather_…its value'
    """
    text = printable(str(where))
    half = (longest - 1) // 2
    return text if len(text) <= longest else f"{text[:half]}…{text[-half:]}"
