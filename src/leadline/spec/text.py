"""What conditions may ask of text: words, repetition, refusals, scripts. No model and no dictionary: expressions that
an engine computes, the same on all of them.

Every function is of one row's text. What needs more than a row (a text that repeats an earlier one, the share of
different phrases in a window) or a parser that engines do not share (JSON, zlib, edit distance) is not here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import ibis
import ibis.expr.types as ir

_BLANK: Final = r"[ \t\r\n\f]+"
#: characters that stand between words and belong to no script: ASCII's, Latin-1's, and the blocks of punctuation,
#: symbols and emoji. Written out: the classes of regular expressions differ between engines
_NEUTRAL: Final = (
    "[\\t\\r\\n\\f -@\\[-`{-\u00bf\u00d7\u00f7\u2000-\u2bff\u3000-\u303f\ufe00-\ufe0f"
    "\uff01-\uff20\U0001f000-\U0001faff]"
)
#: blocks of letters, by the name of a script
SCRIPTS: Final[Mapping[str, str]] = {
    "arabic": "\u0600-\u06ff\u0750-\u077f",
    "cyrillic": "\u0400-\u052f",
    "devanagari": "\u0900-\u097f",
    "greek": "\u0370-\u03ff\u1f00-\u1fff",
    "han": "\u3400-\u4dbf\u4e00-\u9fff",
    "hangul": "\u1100-\u11ff\uac00-\ud7a3",
    "hebrew": "\u0591-\u05f4",
    "japanese": "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff",
    "latin": "A-Za-z\u00c0-\u024f\u1e00-\u1eff",
    "thai": "\u0e00-\u0e7f",
}
#: phrases of refusals in English, version 1: a change of this list changes figures, and raises its version
REFUSALS: Final = (
    "(^|[^a-z])("  # `\b` is a backspace to PostgreSQL
    "i('m| am) (sorry|unable|not able|afraid i can)"
    "|i (can't|cannot|can not|won't|am not allowed to) (help|assist|answer|provide|comply|fulfil|do that|discuss|share)"
    "|as an ai"
    "|i (do not|don't) (know|have (access|enough information|the ability|an answer))"
    "|i('m| am) just an? (ai|language model)"
    "|(unable|not able) to (help|assist|answer) (you )?with (that|this|your)"
    ")([^a-z]|$)"
)
REFUSALS_VERSION: Final = 1
#: what a text that was cut off ends with: a letter, a digit, or a sign that opens or joins
_OPEN_END: Final = (
    "[A-Za-z0-9,;:(\\[{/&+=\u2013\u2014\u00c0-\u024f"
    + "".join(ranges for name, ranges in SCRIPTS.items() if name not in ("latin", "han", "thai"))
    + "\u0e00-\u0e7f-]"
)
#: a letter of a private block, of which no text has many
_MARK: Final = "\ue000"
PHRASE: Final = 4


@dataclass(frozen=True, slots=True)
class TextFunction:
    """A function of conditions.

    kind       of its result: "number" or "boolean"
    texts      how many texts it takes
    names      a last argument in quotes is one of these, where there are some
    summary    a line for the reference
    """

    kind: str
    texts: int
    build: Callable[..., Any]
    summary: str
    names: tuple[str, ...] = ()

    @property
    def arguments(self) -> int:
        """How many arguments it takes."""
        return self.texts + bool(self.names)


def _words(text: ir.StringValue) -> ir.ArrayValue:
    """The words of a text that has one at least."""
    return text.strip().re_split(_BLANK)


def _is_empty(text: ir.StringValue) -> ir.BooleanValue:
    return text.fill_null("").strip() == ""


def _some(text: ir.StringValue, value: ir.Value, nothing: Any = None) -> ir.Value:
    """A value of texts that have a word; else `nothing`, and NULL for NULL."""
    blank = ibis.null(value.type()) if nothing is None else ibis.literal(nothing, value.type())
    return ibis.cases(
        (text.isnull(), ibis.null(value.type())),
        (text.strip() == "", blank),
        else_=value,
    )


def _repeated(parts: ir.ArrayValue) -> ir.Value:
    """The share of parts that stood before; parts are some."""
    count = parts.length().cast("float64")
    return (count - parts.unique().length().cast("float64")) / ibis.ifelse(count == 0, 1.0, count)


def _repeated_phrases(text: ir.StringValue) -> ir.Value:
    words = _words(text)
    many = words.length()
    enough = many >= PHRASE
    # of fewer words there is one phrase, which is all of them: engines count down in a range that ends before it begins
    starts = ibis.range(0, ibis.ifelse(enough, many - PHRASE + 1, 1).cast("int64"))
    phrases = starts.map(lambda start: words[start : start + PHRASE].join(" "))
    return _some(text, ibis.ifelse(enough, _repeated(phrases), 0.0))


def _lines(text: ir.StringValue) -> ir.ArrayValue:
    """The lines of a text that are not empty; there is one at least."""
    return text.strip().re_split(r"[ \t]*[\r\n]+[ \t\r\n]*")


def _count(text: ir.StringValue, part: str) -> ir.Value:
    """How often a part stands in a text."""
    return ((text.length() - text.replace(part, "").length()) / len(part)).round().cast("int64")


def _matches(text: ir.StringValue, pattern: str) -> ir.Value:
    marked = text.replace(_MARK, "").re_replace(pattern, _MARK)
    return _count(marked, _MARK)


def _refuses(text: ir.StringValue) -> ir.BooleanValue:
    return text.lower().replace("\u2019", "'").re_search(REFUSALS)


def _cut_off(text: ir.StringValue) -> ir.BooleanValue:
    return _some(text, text.strip().right(1).re_search(_OPEN_END), False)


def _in_script(text: ir.StringValue, name: str) -> ir.Value:
    letters = text.re_replace(_NEUTRAL, "")
    all_of = letters.length().cast("float64")
    others = letters.re_replace(f"[{SCRIPTS[name]}]", "").length().cast("float64")
    return (all_of - others) / all_of.nullif(0.0)


def _overlap(text: ir.StringValue, other: ir.StringValue) -> ir.Value:
    one, two = _words(text).unique(), _words(other).unique()
    common = one.intersect(two).length().cast("float64")
    every = one.length().cast("float64") + two.length().cast("float64") - common
    share = common / ibis.ifelse(every == 0, 1.0, every)
    return _some(text, _some(other, share, 0.0), 0.0)


TEXT_FUNCTIONS: Final[Mapping[str, TextFunction]] = {
    "empty": TextFunction("boolean", 1, _is_empty, "No text, or only blanks; true for NULL."),
    "words": TextFunction(
        "number", 1, lambda text: _some(text, _words(text).length().cast("int64"), 0), "Words between blanks."
    ),
    "repeated_words": TextFunction(
        "number",
        1,
        lambda text: _some(text, _repeated(_words(text))),
        "Share of the words that stood before in the same text (rep-1).",
    ),
    "repeated_phrases": TextFunction(
        "number",
        1,
        _repeated_phrases,
        f"Share of the runs of {PHRASE} words that stood before in the same text (rep-4).",
    ),
    "repeated_lines": TextFunction(
        "number",
        1,
        lambda text: _some(text, _repeated(_lines(text))),
        "Share of the lines that stood before in the same text; empty lines do not count.",
    ),
    "links": TextFunction("number", 1, lambda text: _count(text, "://"), "How often `://` stands in a text."),
    "citations": TextFunction(
        "number", 1, lambda text: _matches(text, r"\[[0-9]+\]"), "How many numbers in brackets it has, as in [12]."
    ),
    "refuses": TextFunction(
        "boolean", 1, _refuses, f"Has one of a list of phrases of refusals in English (version {REFUSALS_VERSION})."
    ),
    "cut_off": TextFunction(
        "boolean", 1, _cut_off, "Ends in a letter, a digit or a sign that opens or joins, not as a sentence does."
    ),
    "in_script": TextFunction(
        "number", 1, _in_script, "Share of the letters that are of a script; NULL without letters.", tuple(SCRIPTS)
    ),
    "overlap": TextFunction(
        "number", 2, _overlap, "Different words that two texts share, of those that either has (Jaccard)."
    ),
}


#: shares from which on a text counts as repeating itself, as an echo of its prompt, as being in another script
REPEATS, ECHOES, OFF_SCRIPT = 0.3, 0.8, 0.5


def text_conditions(column: str, prompt: str | None = None, script: str | None = None) -> dict[str, str]:
    """By name the conditions of the ready-made proxies of a text column, as a declaration would write them.

    prompt   the column that the text answers, where there is one
    script   the script that it should be in, one of `SCRIPTS`

    >>> text_conditions("answer")["repeats"]
    'repeated_phrases("answer") > 0.3 OR repeated_lines("answer") > 0.3'
    """
    text = _quoted(column)
    found = {
        "empty": f"empty({text})",
        "refuses": f"refuses({text})",
        "cut_off": f"cut_off({text})",
        "repeats": f"repeated_phrases({text}) > {REPEATS:g} OR repeated_lines({text}) > {REPEATS:g}",
    }
    if script is not None:
        found["off_script"] = f"in_script({text}, '{script}') < {OFF_SCRIPT:g}"
    if prompt is not None:
        found["echoes"] = f"overlap({text}, {_quoted(prompt)}) > {ECHOES:g}"
    return found


def _quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
