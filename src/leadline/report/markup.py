"""Elements of HTML and SVG whose text is always escaped: a value from somebody's data is text and nothing else."""

from __future__ import annotations

from html import escape
from typing import Final

from leadline.report.words import printable

VOID: Final = {"meta", "path", "circle", "line", "rect", "col"}  # those that we use and that have no content


class Markup(str):
    """Markup that is done. Only `tag` and `raw` make it."""

    __slots__ = ()


def tag(name: str, /, *children: str | None, **attributes: object) -> Markup:
    """An element. Children that are no `Markup` are escaped; so are attributes. None is left out.

    Attributes are written with `_` for `-`; one at the end is dropped (`class_`).

    >>> tag("td", "<b>", tag("b", "B6"), class_="n", data_x='"')
    '<td class="n" data-x="&quot;">&lt;b&gt;<b>B6</b></td>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(printable(str(value)))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{join(*children)}</{name}>")


def join(*children: str | None) -> Markup:
    """Children one after the other, text escaped."""
    return Markup("".join(_done(each) for each in children if each is not None))


def raw(text: str) -> Markup:
    """Our own constant markup or styles. Never for anything that comes from outside."""
    return Markup(text)


def _done(child: str) -> str:
    return child if isinstance(child, Markup) else escape(printable(child))
