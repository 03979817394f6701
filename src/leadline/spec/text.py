"""What conditions may ask of text: words, repetition, refusals, scripts. No model and no dictionary: expressions that
an engine computes, the same on all of them.

Every function is of one row's text. What needs more than a row (a text that repeats an earlier one, the share of
different phrases in a window) or a parser that engines do not share (JSON, zlib, edit distance) is not here.
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
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
#: characters that stand between words: the same without digits, which are part of words
_BETWEEN: Final = _NEUTRAL.replace(" -@", " -/:-@")
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
#: words of a phrase, words of one that is compared with another text's, characters of a piece
PHRASE: Final = 4
SHARED: Final = 3
PIECE: Final = 8


@dataclass(frozen=True, slots=True)
class TextFunction:
    """A function of conditions.

    kind       of its result: "number" or "boolean"
    texts      how many texts it takes
    names      a last argument in quotes is one of these, where there are some
    words      whether any number of words in quotes, at least one, come last
    summary    a line for the reference
    """

    kind: str
    texts: int
    build: Callable[..., Any]
    summary: str
    names: tuple[str, ...] = ()
    words: bool = False

    @property
    def arguments(self) -> int:
        """How many arguments it takes, at least."""
        return self.texts + bool(self.names) + self.words


def _held(text: ir.StringValue, function: Callable[[ir.StringValue], ir.Value]) -> ir.Value:
    """A value made of a text that an engine works out once, however often the function names it."""
    return ibis.array([text]).map(function).maxs()


def _plain(text: ir.StringValue) -> ir.StringValue:
    """The words of a text with a blank between them."""
    return text.strip().re_replace(_BLANK, " ")


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


def _again(text: ir.StringValue, between: str) -> ir.Value:
    """The share of the parts of a text that stood before in it; 0 where there is none."""
    count = _count(text, between).cast("float64") + 1.0
    different = text.split(between).unique().length().cast("float64")
    return (count - ibis.greatest(different, 1.0)) / count  # engines part "" into one part or none


def _repeated_words(text: ir.StringValue) -> ir.Value:
    return _some(text, _held(_plain(text), lambda plain: _again(plain, " ")))


def _repeated_lines(text: ir.StringValue) -> ir.Value:
    return _some(text, _held(_lines(text), lambda lines: _again(lines, "\n")))


def _runs(part: str, length: int, shifts: Sequence[ir.StringValue]) -> ir.StringValue:
    """All runs of so many neighbouring parts of a text, with a line feed between them; "" where there are too few.

    part    a regular expression
    shifts  the text, and without its first part, its first two parts, ...: from each, runs side by side are cut

    Lists would be simpler, but engines make a list anew for each of its elements that a function looks at.
    """
    cut = ((each.re_replace(f"(({part}){{{length}}})", "\\1\n") + _MARK) for each in shifts)
    ended = functools.reduce(operator.add, (each.re_replace(f"[^\n]*{_MARK}", "") for each in cut))
    return ended.substr(0, ibis.greatest(ended.length() - 1, 0))


def _phrases(plain: ir.StringValue, length: int) -> ir.StringValue:
    """All runs of so many words."""
    text, word = plain.replace(_MARK, "x") + " ", "[^ ]+ "
    without = [text.re_replace(f"^({word}){{{shift}}}", "") for shift in range(1, length)]
    return _runs(word, length, [text, *without])


def _pieces(text: ir.StringValue) -> ir.StringValue:
    """All runs of `PIECE` characters."""
    line = text.strip().replace("\n", " ").replace(_MARK, "x")
    return _runs("[^\n]", PIECE, [line.substr(shift) for shift in range(PIECE)])


def _repeated_phrases(text: ir.StringValue) -> ir.Value:
    return _some(
        text,
        _held(_plain(text), lambda plain: _held(_phrases(plain, PHRASE), lambda phrases: _again(phrases, "\n"))),
    )


def _repeated_pieces(text: ir.StringValue) -> ir.Value:
    return _some(text, _held(_pieces(text), lambda pieces: _again(pieces, "\n")))


_LINE_END: Final = r"[ \t]*[\r\n]+[ \t\r\n]*"


def _lines(text: ir.StringValue) -> ir.StringValue:
    """The lines of a text that are not empty, with a line feed between them."""
    return text.strip().re_replace(_LINE_END, "\n")


def _most_repeated_line(text: ir.StringValue) -> ir.Value:
    def most(apart: ir.StringValue) -> ir.Value:
        # between two line feeds of its own, each line is found as a part of the text
        lines = apart.strip().split("\n\n")
        return lines.map(lambda line: _count(apart, ibis.literal("\n") + line + "\n")).maxs()

    return _some(text, _held(ibis.literal("\n") + _lines(text).replace("\n", "\n\n") + "\n", most), 0)


def _count(text: ir.StringValue, part: str | ir.StringValue) -> ir.Value:
    """How often a part stands in a text."""
    length = len(part) if isinstance(part, str) else part.length()
    return ((text.length() - text.replace(part, "").length()) / length).round().cast("int64")


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


#: what stands for a string and for any value while the parts of JSON are read away
_STRING, _VALUE = "\ue001", "\ue002"
_ANY: Final = f"[{_STRING}{_VALUE}]"
_ESCAPE: Final = r"\\(\\|[\"/bfnrt]|u[0-9a-fA-F]{4})"
_NUMBER: Final = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?"
_INNERMOST: Final = (
    rf"\[({_ANY}(,{_ANY})*)?\]" + "|" + rf"\{{({_STRING}:{_ANY}(,{_STRING}:{_ANY})*)?\}}"  # an array, or an object
)
#: levels of arrays and objects in one another
JSON_LEVELS: Final = 16


def _is_json(text: ir.StringValue) -> ir.BooleanValue:
    """From the strings and numbers outwards: what is left of JSON is one value."""
    left = text.replace(_STRING, "x").replace(_VALUE, "x").re_replace(_ESCAPE, "x")
    left = left.re_replace('"[^"\\\\\x01-\x1f]*"', _STRING)
    for value in (_NUMBER, "true|false|null"):
        left = left.re_replace(value, _VALUE)
    left = left.re_replace("[ \t\r\n]", "")
    for _ in range(JSON_LEVELS):
        left = left.re_replace(_INNERMOST, _VALUE)
    return left.isin([_STRING, _VALUE])


def _said(text: str) -> str:
    """Words in lower case with one blank around each."""
    return f" {' '.join(re.sub(_BETWEEN, ' ', text.lower()).split())} "


def _mentions(text: ir.StringValue, *words: str) -> ir.BooleanValue:
    said = ibis.literal(" ") + text.lower().re_replace(f"{_BETWEEN}+", " ") + " "
    found = _held(said, lambda held: _any(held.find(_said(word)) >= 0 for word in words).cast("int8"))
    return found == 1


def _any(conditions: Iterable[ir.BooleanValue]) -> ir.BooleanValue:
    return functools.reduce(operator.or_, conditions)


def _overlap(text: ir.StringValue, other: ir.StringValue) -> ir.Value:
    return _shared(text, other, lambda plain: plain, " ")


def _overlap_phrases(text: ir.StringValue, other: ir.StringValue) -> ir.Value:
    return _shared(text, other, _few_phrases, "\n")


def _few_phrases(plain: ir.StringValue) -> ir.StringValue:
    """The runs of `SHARED` words, with a line feed between them; of fewer words all of them."""
    return _held(_phrases(plain, SHARED), lambda phrases: ibis.ifelse(phrases == "", plain, phrases))


def _shared(
    text: ir.StringValue, other: ir.StringValue, parts: Callable[[ir.StringValue], ir.StringValue], between: str
) -> ir.Value:
    """The share of different parts that both texts have, of those that either has."""

    def share(one: ir.StringValue, two: ir.StringValue) -> ir.Value:
        each = (one, two, one + between + two)
        of_one, of_two, of_either = (text.split(between).unique().length().cast("float64") for text in each)
        return (of_one + of_two - of_either) / of_either

    one, two = (_held(_plain(each), parts) for each in (text, other))
    found = _held(one, lambda held: _held(two, lambda beside: share(held, beside)))
    return _some(text, _some(other, found, 0.0), 0.0)


TEXT_FUNCTIONS: Final[Mapping[str, TextFunction]] = {
    "empty": TextFunction("boolean", 1, _is_empty, "No text, or only blanks; true for NULL."),
    "words": TextFunction(
        "number", 1, lambda text: _some(text, _count(_plain(text), " ") + 1, 0), "Words between blanks."
    ),
    "repeated_words": TextFunction(
        "number",
        1,
        _repeated_words,
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
        _repeated_lines,
        "Share of the lines that stood before in the same text; empty lines do not count.",
    ),
    "repeated_pieces": TextFunction(
        "number",
        1,
        _repeated_pieces,
        f"Share of the runs of {PIECE} characters that stood before in the same text, in place of a compression ratio.",
    ),
    "most_repeated_line": TextFunction(
        "number", 1, _most_repeated_line, "How often the line stands in a text that stands in it most often."
    ),
    "is_json": TextFunction(
        "boolean", 1, _is_json, f"Is one value of JSON (RFC 8259), of at most {JSON_LEVELS} levels in one another."
    ),
    "mentions": TextFunction(
        "boolean",
        1,
        _mentions,
        "Has one of the words or phrases in quotes, as whole words; case and what stands between words do not matter.",
        words=True,
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
    "overlap_phrases": TextFunction(
        "number",
        2,
        _overlap_phrases,
        f"Different runs of {SHARED} words that two texts share, of those that either has (Jaccard).",
    ),
}


#: shares from which on a text counts as repeating itself, as an echo of its prompt, as being in another script
REPEATS, ECHOES, OFF_SCRIPT = 0.3, 0.8, 0.5


def text_conditions(
    column: str,
    prompt: str | None = None,
    script: str | None = None,
    is_json: bool = False,
    blocked: Sequence[str] = (),
) -> dict[str, str]:
    """By name the conditions of the ready-made proxies of a text column, as a declaration would write them.

    prompt    the column that the text answers, where there is one
    script    the script that it should be in, one of `SCRIPTS`
    is_json   whether it should be JSON
    blocked   words or phrases that it should not have

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
    if is_json:
        found["not_json"] = f"NOT is_json({text})"
    if blocked:
        words = ", ".join("'" + word.replace("'", "''") + "'" for word in blocked)
        found["blocked"] = f"mentions({text}, {words})"
    return found


def _quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
