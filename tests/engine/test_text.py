"""What conditions ask of text is what Python says, on every engine; all functions in one statement."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pytest

from homes import ENGINES, Home
from leadline.spec.text import JSON_LEVELS, PHRASE, TEXT_FUNCTIONS
from leadline.spec.where import Condition, to_ibis

LOOP = "the same thing again and " * 12
JSON = [
    '{"a": [1, -2.5e+3, true, null, {"b": "c \\"d\\" \\u00e9 \\\\"}], "": []}',
    " [1, 2]\n",
    '"only text"',
    "-0",
    "{}",
    '{"a": 1,}',
    "[1,, 2]",
    "[1 2]",
    "{'a': 1}",
    '{"a" 1}',
    '{1: "a"}',
    "[01]",
    "[1.]",
    "[.5]",
    "[NaN]",
    "nulltrue",
    '{"a": "new\nline"}',
    '{"a": "bad \\x escape"}',
    "[" * 17 + "]" * 17,
    "[" * 16 + "]" * 16,
    "```json\n{}\n```",
    '{"cut": "off',
    "\\n[]",
    '"\ue001"',
    "\ue001",
]
TEXTS = [
    None,
    "",
    "  \t\r\n ",
    "Yes",
    "Yes.",
    "one two three",
    "one two three four",
    "one two three four five",
    LOOP,
    "a b c d a b c d",
    "first line\n\n  first line  \r\nsecond, and last",
    "\nx\nx\n x\n",
    "see https://example.org/a and http://b.example [1], [23] or [x] and [4",
    "I'm sorry, but I can\u2019t help with that.",
    "As an AI language model I do not have access to that",
    "I AM UNABLE TO do so",
    'The villain said: "I know!"',
    "Пример текста на русском языке",
    "half русский half",
    "日本語のテキストです。",
    "日本語のテキスト",
    "مرحبا بالعالم",
    "1234 !? \u2014 \U0001f642\U0001f642",
    "caf\u00e9 na\u00efve \u00c5ngstr\u00f6m (",
    "ends with a comma,",
    "ends with code `x`",
    "tab\tbetween\fwords  and   blanks",
    'percent % under_score \\ back\'slash "quote" $1 \\1 ${x}',
    "\ue000 stands for itself [7]",
    "\u305d\u308c\u306f\u3088\u3044\u3053\u3068\u3067\u3059" * 4,  # a loop without blanks
    "Line.\nLine.\n\nOther line.\nLine.",
    *JSON,
]
OTHERS = [
    None,
    "",
    "one two",
    "Yes",
    "no",
    "three two one",
    "one one one",
    "four five six",
    LOOP,
    "d c b a",
    *TEXTS[:19],
    *["Line."] * (len(TEXTS) - 29),
]

BLANK = " \t\r\n\f\v"


def words(text: str) -> list[str]:
    return re.split(r"[ \t\r\n\f]+", text.strip(BLANK)) if text.strip(BLANK) else []


def repeated(parts: list[Any]) -> float:
    return 1 - len(set(parts)) / len(parts)


def phrases(text: str) -> float:
    every = words(text)
    found = [tuple(every[place : place + PHRASE]) for place in range(len(every) - PHRASE + 1)]
    return repeated(found) if found else 0.0


def lines(text: str) -> list[str]:
    return [each.strip(BLANK) for each in re.split(r"[\r\n]+", text) if each.strip(BLANK)]


def letters(text: str) -> list[str]:
    """By Unicode's own names, not by the ranges that the expression has."""
    return [each for each in text if each.isalpha() or each in "\u30fc\ue000\ue001"]


def of_script(*names: str) -> Callable[[str], float | None]:
    import unicodedata

    def share(text: str) -> float | None:
        every = letters(text)
        mine = [each for each in every if unicodedata.name(each, "").split(" ")[0] in names]
        return len(mine) / len(every) if every else None

    return share


def overlap(one: str | None, other: str | None) -> float | None:
    if one is None or (other is None and words(one)):
        return None
    if not words(one) or not words(other or ""):
        return 0.0
    first, second = set(words(one)), set(words(other or ""))
    return len(first & second) / len(first | second)


def overlap_phrases(one: str | None, other: str | None) -> float | None:
    if one is None or (other is None and words(one)):
        return None
    if not words(one) or not words(other or ""):
        return 0.0
    first, second = ({tuple(each) for each in runs(words(text or ""), 3)} for text in (one, other))
    return len(first & second) / len(first | second)


def runs(parts: Sequence[Any], length: int) -> list[Sequence[Any]]:
    return [parts[place : place + length] for place in range(max(len(parts) - length, 0) + 1)]


def pieces(text: str) -> float:
    return repeated(runs(text.strip(BLANK).replace("\n", " "), 8))


def is_json(text: str, levels: int = JSON_LEVELS) -> bool:
    def refused(constant: str) -> None:
        raise ValueError(constant)

    def depth(value: Any) -> int:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    try:
        return depth(json.loads(text, parse_constant=refused)) <= levels
    except ValueError:
        return False


def mentions(text: str, *asked: str) -> bool:
    """By what Python calls a letter or a digit."""
    said = re.findall(r"[^\W_]+", text.lower())
    every = [re.findall(r"[^\W_]+", each.lower()) for each in asked]
    return any(said[at : at + len(each)] == each for each in every for at in range(len(said)))


def ends_openly(text: str) -> bool:
    last = text.strip(BLANK)[-1:]
    return last.isalnum() or last in ",;:([{/&+=-\u2013\u2014" if last else False


REFUSALS = {13, 14, 15}
ASKED: dict[str, Callable[[str, int], Any]] = {
    "words(t)": lambda text, _: len(words(text)),
    "repeated_words(t)": lambda text, _: repeated(words(text)) if words(text) else None,
    "repeated_phrases(t)": lambda text, _: phrases(text) if words(text) else None,
    "repeated_lines(t)": lambda text, _: repeated(lines(text)) if lines(text) else None,
    "repeated_pieces(t)": lambda text, _: pieces(text) if words(text) else None,
    "most_repeated_line(t)": lambda text, _: max(Counter(lines(text)).values(), default=0),
    "is_json(t)": lambda text, _: is_json(text),
    "mentions(t, 'know')": lambda text, _: mentions(text, "know"),
    "mentions(t, 'ONE  two', 'can\u2019t', 'naïve')": lambda text, _: mentions(text, "ONE  two", "can\u2019t", "naïve"),
    "links(t)": lambda text, _: text.count("://"),
    "citations(t)": lambda text, _: len(re.findall(r"\[[0-9]+\]", text)),
    "refuses(t)": lambda _, place: place in REFUSALS,
    "cut_off(t)": lambda text, _: ends_openly(text),
    "in_script(t, 'latin')": lambda text, _: of_script("LATIN")(text),
    "in_script(t, 'cyrillic')": lambda text, _: of_script("CYRILLIC")(text),
    "in_script(t, 'arabic')": lambda text, _: of_script("ARABIC")(text),
    "in_script(t, 'japanese')": lambda text, _: of_script("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA")(text),
}
OF_TWO = {"overlap(t, o)": overlap, "overlap_phrases(t, o)": overlap_phrases}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.usefixtures("engine")
def test_text_is_read_alike(home: Home) -> None:
    count = len(TEXTS)
    table = pa.table({"place": range(count), "t": pa.array(TEXTS, pa.string()), "o": pa.array(OTHERS, pa.string())})
    source = home.sources(texts=table)["texts"]
    with home.open() as opened:
        from leadline.spec.load import from_mapping

        columns = {"id": "place", "timestamp": "t", "score": "o"}
        declared = {"version": 1, "model": "m", "task": "binary", "predictions": {"source": source, "columns": columns}}
        rows = opened.read(from_mapping(declared).predictions.source)
        numbers = [each for each in ASKED if TEXT_FUNCTIONS[each.partition("(")[0]].kind == "number"]
        asked = {each: to_ibis(Condition.parse(f"{each} >= 0"), rows) for each in numbers}
        values = {each: _value(each, rows) for each in (*ASKED, *OF_TWO, "empty(t)")}
        found = opened.run(rows.select("place", **values, **{f"is {name}": each for name, each in asked.items()}))
    for row in found.to_pylist():
        text = TEXTS[row["place"]]
        assert row["empty(t)"] == (text is None or not text.strip(BLANK)), text
        for name, shared in OF_TWO.items():
            other = OTHERS[row["place"]]
            assert row[name] == pytest.approx(shared(text, other)), (name, text, other)
        for name, oracle in ASKED.items():
            wanted = None if text is None else oracle(text, row["place"])
            assert row[name] == (pytest.approx(wanted) if isinstance(wanted, float) else wanted), (name, text)
            if name in numbers:
                assert row[f"is {name}"] == (None if wanted is None else True), (name, text)


def _value(call: str, rows: Any) -> Any:
    """The expression of a call, without a condition around it."""
    name, _, rest = call.partition("(")
    arguments = [each.strip(" ')") for each in rest.split(",")]
    function = TEXT_FUNCTIONS[name]
    texts = [rows[each] for each in arguments[: function.texts]]
    return function.build(*texts, *arguments[function.texts :])


def test_every_function_is_tried() -> None:
    tried = {each.partition("(")[0] for each in (*ASKED, *OF_TWO)} | {"empty"}
    assert tried == TEXT_FUNCTIONS.keys()
