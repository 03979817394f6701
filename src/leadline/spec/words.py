"""Small helpers for messages about what was declared: the nearest name, what was found, a path as text."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

LISTED = 12  # more names than this are not read, only scrolled past


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that was probably meant, or None.

    Differences of case, `_`, `-` and spaces do not count.

    >>> nearest("timestmap", ["id", "timestamp"])
    'timestamp'
    >>> nearest("ROC-AUC", ["recall", "roc_auc"])
    'roc_auc'
    >>> nearest("x", ["id", "timestamp"]) is None
    True
    """
    by_key: dict[str, str] = {}
    for candidate in names:
        by_key.setdefault(_key(candidate), candidate)
    close = difflib.get_close_matches(_key(name), list(by_key), n=1, cutoff=0.6)
    return by_key[close[0]] if close else None


def _key(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")


def instead(name: str, names: Sequence[str]) -> str:
    """The end of a sentence about an unknown name: the nearest one, else all of them if they are few.

    >>> instead("bnary", ["binary", "regression"])
    "; did you mean 'binary'?"
    >>> instead("x", ["binary", "regression"])
    '; there are: binary, regression'
    """
    found = nearest(name, names)
    if found is not None:
        return f"; did you mean {found!r}?"
    if not names:
        return ""
    rest = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"; there are: {', '.join(names[:LISTED])}{rest}"


def shown(value: object) -> str:
    """What was found, short enough for a message.

    >>> shown(7), shown("7"), shown(True), shown(None), shown({"a": 1}), shown([])
    ('7', "'7'", 'true', 'nothing', 'a mapping', 'a list')
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple | set | frozenset):
        return "a list"
    text = repr(value) if isinstance(value, str | int | float) else type(value).__name__
    return text if len(text) <= 60 else text[:57] + "..."


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them.

    >>> listed(["a", "b"]), listed(["a", "b", "c"])
    ('a and b', 'a, b and c')
    """
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def dotted(path: Sequence[str | int]) -> str:
    """A place in the declaration as people write it.

    >>> dotted(("slices", 3, "bin", "width")), dotted(())
    ('slices[3].bin.width', '')
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.isidentifier():
            text += f".{part}" if text else part
        else:
            text += f"[{part!r}]"
    return text
