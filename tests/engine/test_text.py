"""What conditions ask of text is what Python says, on every engine; all functions in one statement."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from homes import ENGINES, Home
from leadline.spec.text import PHRASE, TEXT_FUNCTIONS
from leadline.spec.where import Condition, to_ibis

LOOP = "the same thing again and " * 12
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
    return [each for each in text if each.isalpha() or each in "\u30fc\ue000"]


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


def ends_openly(text: str) -> bool:
    last = text.strip(BLANK)[-1:]
    return last.isalnum() or last in ",;:([{/&+=-\u2013\u2014" if last else False


REFUSALS = {13, 14, 15}
ASKED: dict[str, Callable[[str, int], Any]] = {
    "words(t)": lambda text, _: len(words(text)),
    "repeated_words(t)": lambda text, _: repeated(words(text)) if words(text) else None,
    "repeated_phrases(t)": lambda text, _: phrases(text) if words(text) else None,
    "repeated_lines(t)": lambda text, _: repeated(lines(text)) if lines(text) else None,
    "links(t)": lambda text, _: text.count("://"),
    "citations(t)": lambda text, _: len(re.findall(r"\[[0-9]+\]", text)),
    "refuses(t)": lambda _, place: place in REFUSALS,
    "cut_off(t)": lambda text, _: ends_openly(text),
    "in_script(t, 'latin')": lambda text, _: of_script("LATIN")(text),
    "in_script(t, 'cyrillic')": lambda text, _: of_script("CYRILLIC")(text),
    "in_script(t, 'arabic')": lambda text, _: of_script("ARABIC")(text),
    "in_script(t, 'japanese')": lambda text, _: of_script("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA")(text),
}


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
        values = {each: _value(each, rows) for each in (*ASKED, "empty(t)", "overlap(t, o)")}
        found = opened.run(rows.select("place", **values, **{f"is {name}": each for name, each in asked.items()}))
    for row in found.to_pylist():
        text = TEXTS[row["place"]]
        assert row["empty(t)"] == (text is None or not text.strip(BLANK)), text
        assert row["overlap(t, o)"] == pytest.approx(overlap(text, OTHERS[row["place"]])), (text, OTHERS[row["place"]])
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
    tried = {each.partition("(")[0] for each in ASKED} | {"empty", "overlap"}
    assert tried == TEXT_FUNCTIONS.keys()
