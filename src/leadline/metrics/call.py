"""A metric as it is written in a declaration: `recall`, `f_beta(beta=2)`, `recall(class=cat)`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from leadline.values import Scalar

FORM = "write a name such as recall, or a name with parameters such as f_beta(beta=2)"
_CALL = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\((.*)\))?\s*", re.ASCII | re.DOTALL)
# One parameter: a name, then text in quotes (doubled inside), or anything without a comma, quote or bracket.
_PARAMETER = re.compile(
    r"""\s*([A-Za-z_]\w*)\s*=\s*(?:'((?:[^']|'')*)'|"((?:[^"]|"")*)"|([^,'"()=]*[^,'"()=\s]))\s*(?:,|$)"""
)
_NUMBER = re.compile(r"[-+]?(\d+)|[-+]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][-+]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class MetricCall:
    """A metric's name and its parameters, in the order they were written.

    Numbers are read as numbers, everything else as text; `class` is always text, for labels are compared as text.

    >>> MetricCall.parse("f_beta(beta=2)")
    MetricCall(name='f_beta', parameters=(('beta', 2),))
    >>> MetricCall.parse("recall(class=7, threshold=.3)").parameters
    (('class', '7'), ('threshold', 0.3))
    >>> str(MetricCall.parse("recall( class = 'not, adopted' )"))
    "recall(class='not, adopted')"
    """

    name: str
    parameters: tuple[tuple[str, Scalar], ...] = ()

    @classmethod
    def parse(cls, text: str) -> MetricCall:
        """Read a name with or without parameters. Raises ValueError that says the form."""
        call = _CALL.fullmatch(text)
        if not call:
            raise ValueError(f"{text!r} is not a metric: {FORM}")
        name, inside = call[1], call[2]
        if inside is None:
            return cls(name)
        parameters: dict[str, Scalar] = {}
        position = 0
        while position < len(inside.rstrip()):
            found = _PARAMETER.match(inside, position)
            if not found:
                raise ValueError(f"{text!r}: {inside[position:].strip()!r} is not a parameter: {FORM}")
            key = found[1]
            if key in parameters:
                raise ValueError(f"{text!r}: parameter {key!r} is given twice")
            parameters[key] = _value(key, found)
            position = found.end()
        return cls(name, tuple(parameters.items()))

    def __str__(self) -> str:
        if not self.parameters:
            return self.name
        return f"{self.name}({', '.join(f'{key}={_written(value)}' for key, value in self.parameters)})"


def _value(key: str, found: re.Match[str]) -> Scalar:
    if found[2] is not None:
        return found[2].replace("''", "'")
    if found[3] is not None:
        return found[3].replace('""', '"')
    text = found[4]
    number = _NUMBER.fullmatch(text)
    if number is None or key == "class" or len(text) > 40:
        return text
    return int(text) if number[1] else float(text)


def _written(value: Scalar) -> str:
    if isinstance(value, str) and (not re.fullmatch(r"[^\W\d]\w*", value)):
        return "'" + value.replace("'", "''") + "'"
    return str(value)
