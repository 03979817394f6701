"""How the values of columns changed, in sentences and in a table: which drifted, and what that does to a metric."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from leadline.report.answers import OF_COLUMNS
from leadline.report.document import Content
from leadline.report.words import day, days, interval, listed, named, numbers, percent, printable
from leadline.values import Distance, Drift, DriftVerdict, Finding, counted

#: columns with a sentence of their own, beside the one for all that drifted harmlessly
TOLD = 2
#: distances of the table, and what they are called
SHOWN = (("js_distance", "Jensen-Shannon"), ("wasserstein", "Wasserstein"))

DRIFT_HEAD = (
    "column",
    "verdict",
    "since",
    *(head for _, name in SHOWN for head in (f"#{name}", "#by chance", "#excess", "#quiet below")),
    "#missing",
    "#new values",
    "metric",
    "#effect",
    "95 % interval",
)
"""The columns of drift; # stands over numbers."""

TOGETHER, EMBEDDING = "together", "embedding"
"""The roles of features as one, and of a column of vectors."""

JOINT = {
    "reconstruction_change": "Numeric features go together as they did: the error of putting them together changed no"
    " more than in quiet windows",
    "classifier_auc": "A classifier cannot tell the rows of this window from the reference's: area under the ROC curve",
}
"""What is said of features together that did not drift, by the name of the distance."""

VERDICTS = {
    DriftVerdict.EXPLAINS: "drifted",
    DriftVerdict.UNCLEAR: "drifted, effect unclear",
    DriftVerdict.HARMLESS: "drifted, harmless",
    DriftVerdict.NOT_DRIFTED: "",
    DriftVerdict.NO_DATA: "no rows",
}
"""What is said of a column in its row, those first that matter most."""


def found_drifts(content: Content) -> list[Finding]:
    """The columns that drifted, those first that do most to a metric; all that are harmless in one, the last."""
    return [each for each in content.findings if each.kind == OF_COLUMNS]


def told_drifts(content: Content) -> list[Finding]:
    """The few of them that are told: the first, and the last, which may be the harmless ones."""
    found = found_drifts(content)
    return [*found[:TOLD], *found[TOLD:][-1:]]


def _of_columns(content: Content) -> list[Drift]:
    """The columns one by one, without what is told of them together."""
    return [each for each in content.drift if each.role not in (TOGETHER, EMBEDDING)]


def joint_sentences(content: Content) -> list[str]:
    """What is told of features together, where nothing was found."""
    found = []
    for each in content.drift:
        if each.role == EMBEDDING and each.verdict is DriftVerdict.NOT_DRIFTED:
            found.append(f"The vectors in {printable(each.column)} lie where they lay, as far as quiet windows do.")
        if each.role == TOGETHER and each.verdict is DriftVerdict.NOT_DRIFTED:
            (one,) = each.distances
            said = JOINT[one.name]
            limit = "" if one.limit is None else f"; quiet windows stay below {numbers(one.limit)[0]}"
            found.append(f"{said} ({numbers(one.value)[0]}{limit}).")
    return found


def drift_heading(content: Content) -> str | None:
    """How many columns drifted, as a heading of the rest; None where no column was looked at."""
    looked = [each for each in _of_columns(content) if each.verdict is not DriftVerdict.NO_DATA]
    if not looked:
        return None
    drifted, window = sum(each.drifted for each in looked), days(looked[0].window, ZoneInfo(content.zone))
    columns = counted(len(looked), "column")
    if not drifted:
        return f"None of {columns} lies further from the reference than its own windows do, {window}."
    lie, end = "lies" if drifted == 1 else "lie", ":" if found_drifts(content) else "."
    return f"{drifted:,} of {columns} {lie} further from the reference than its own windows do, {window}{end}"


def told_above(content: Content) -> str | None:
    """Which columns drifted of which more is said with other findings."""
    told = {column for each in found_drifts(content) for column in each.columns}
    names = [printable(each.column) for each in _of_columns(content) if each.drifted and each.column not in told]
    return f"Of {listed(names)} more is said above." if names else None


def drift_sentence(content: Content) -> str | None:
    """What else drifted, where not all is told."""
    left = len(found_drifts(content)) - len(told_drifts(content))
    return f"… and {left:,} more." if left > 0 else None


def ranked_drifts(content: Content) -> list[Drift]:
    """The columns as they stand in the table: by verdict, then by how far they lie above what chance does."""
    order = list(VERDICTS)

    def above(each: Drift) -> float:
        return max((one.excess for one in each.distances if one.name == SHOWN[0][0]), default=0.0)

    return sorted(_of_columns(content), key=lambda each: (order.index(each.verdict), -above(each)))


def drift_cells(each: Drift, zone: ZoneInfo) -> tuple[str, ...]:
    """The cells of a column below `DRIFT_HEAD`."""
    by_name = {one.name: one for one in each.distances}
    effect = each.effects[0] if each.effects else None
    value, between = ("–", "") if effect is None else interval(effect.value, effect.low, effect.high)
    return (
        named(each.column),
        VERDICTS[each.verdict],
        "" if each.since is None else day(each.since, zone),
        *(cell for name, _ in SHOWN for cell in _distance(by_name.get(name))),
        _share(each.missing),
        _share(each.unseen),
        "" if effect is None else named(effect.metric),
        value,
        between,
    )


def _distance(each: Distance | None) -> Sequence[str]:
    if each is None:
        return ("–",) * 4
    return tuple("–" if one is None else numbers(one)[0] for one in (each.value, each.floor, each.excess, each.limit))


def _share(value: float | None) -> str:
    return "–" if value is None else percent(value)


EXPLAINED = (
    "By chance is what the distance is on average where nothing changed, the excess what lies above it; quiet windows"
    " stay below the limit, as far as those of the reference tell. Wasserstein's distance is in interquartile ranges."
    " The effect: by how much the metric changes when this column alone comes as it does now. Effects of columns that"
    " say the same do not add up."
)
