"""What explains the changes of metrics, as findings: ranked, a handful, and rarely anything where nothing changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial

import numpy as np

from leadline.evaluation.estimates import interval_of
from leadline.evaluation.events import NEAR, Around, Happenings
from leadline.evaluation.kinds import HISTORY
from leadline.evaluation.why import Divided, Range, Why
from leadline.evaluation.wrong_model import Mistaken, WrongModel
from leadline.log.events import Happened
from leadline.log.reference import FIRST
from leadline.metrics.evaluate import evaluate_windows
from leadline.metrics.frozen_mix import FrozenMix
from leadline.metrics.metric import Metric
from leadline.metrics.rates import slice_share
from leadline.metrics.sums import Array, Sums
from leadline.report.words import day, days, difference, named, numbers
from leadline.spec.model import BinSlice
from leadline.stats.change_point import change_point
from leadline.stats.difference import Errors
from leadline.stats.shift import DATA, UNSEEN, WORLD, Shift
from leadline.values import ALL_ROWS, Effect, Estimate, EventEffect, Finding, Slice, Status, Undefined, Window
from leadline.why.before_after import Step, before_after
from leadline.why.feedback_loop import leaving
from leadline.why.shares import share_changes

#: chance that anything is found of a log in which nothing changed, over all that is looked at
CHANCE = 0.05
#: metrics that causes are looked for where no objective is declared: the first ones
MOST_METRICS = 4
#: findings at most, and of a kind
MOST, MOST_OF_KIND = 6, 2
#: an effect is told from this part of the metric's change on, or of what chance alone would change it by
LEAST_PART = 0.1
#: a change of a slice's share is told from this factor and this share of all rows on
LEAST_FACTOR, LEAST_SHARE = 1.25, 0.01
#: events that are named beside a change
MOST_NEAR = 3
#: what need not be said once the other is said of the same rows
REPEATED = {
    ("share", "mix"),
    *((kind, "feedback_loop") for kind in ("rate", "mix", "share")),
    *((kind, "wrong_model") for kind in ("world_changed", "never_seen", "data_changed")),
}
#: kinds of findings in the order in which they are shown
KINDS = (
    "feedback_loop",
    "wrong_model",
    "world_changed",
    "never_seen",
    "data_changed",
    "event",
    "rate",
    "mix",
    "share",
)
#: an event is told where the metric moves as much at no more than this share of other moments
LARGE = 0.05


@dataclass(frozen=True)
class Candidate:
    """Something that may turn out certain.

    effect       what it does to the metric
    tested       what has to be certain: the effect, or how far it is more than its share of all slices' effects; 0
                 where there is nothing to tell
    se, df       standard error of that, and its degrees of freedom
    least        an effect below this is not worth telling
    rank         among those of its kind the largest come first
    tell         makes the finding
    """

    kind: str
    effect: Effect
    tested: float
    se: float
    df: float
    least: float
    rank: float
    tell: Callable[[], Finding]


@dataclass(frozen=True)
class Causes:
    """The findings of why metrics changed between the reference and the latest window with all labels in.

    All that is looked at shares one chance of .05 of finding anything where nothing changed (Bonferroni). A feedback
    loop has bars of its own.
    """

    why: Why

    def findings(self) -> list[Finding]:
        """The most telling first; none where there is nothing to compare."""
        found = [*self._loops(), *self._mistaken()]
        of_kind = Counter(each.kind for each in found)
        certain = self._certain()
        for kind in KINDS[1:]:
            some = (each for each in certain if each.kind == kind)
            for each in sorted(some, key=lambda each: -each.rank):
                if of_kind[kind] == MOST_OF_KIND:
                    break
                finding = each.tell()
                if not any(_repeats(finding, other) for other in found):
                    found.append(finding)
                    of_kind[kind] += 1
        return found[:MOST]

    def events(self) -> list[EventEffect]:
        """What the same metrics did around each event, in the order of time."""
        return [self.happenings.effect(*each) for each in self._steps]

    def _certain(self) -> list[Candidate]:
        """The candidates that are certain among all that were looked at, and large enough to be told."""
        every = [*self._of_events()]
        if self.why.ranges is not None:
            every += [*self._of_shifts(), *self._of_slices(), *self._of_shares()]
        sure = Errors(np.array([each.se for each in every]), np.array([each.df for each in every]))
        certain = sure.certain(np.array([each.tested for each in every]), CHANCE)
        return [
            each for each, told in zip(every, certain, strict=True) if told and abs(each.effect.value) >= each.least
        ]

    # What is looked at -------------------------------------------------------------------------------------------

    @cached_property
    def _metrics(self) -> dict[str, Metric]:
        """The metrics of objectives, or the first that are shown."""
        of = self.why.of
        inner = (each.inner if isinstance(each, FrozenMix) else each for each in of.objective_metrics.values())
        promised = {metric.name for metric in inner}
        found = [metric for metric in self.why.metrics if metric.name in promised]
        return {metric.name: metric for metric in found or self.why.metrics[:MOST_METRICS]}

    @cached_property
    def _divided(self) -> list[Divided]:
        return [each for each in self.why.divided if each.metric.name in self._metrics]

    @cached_property
    def _ranges(self) -> tuple[Range, Range]:
        assert self.why.ranges is not None  # noqa: S101  # `findings` asks first
        return self.why.ranges

    def _of_shifts(self) -> Iterator[Candidate]:
        kinds = (("data_changed", DATA), ("world_changed", WORLD), ("never_seen", UNSEEN))
        for metric, told, sure in self.why.shifts:
            if metric.name not in self._metrics:
                continue
            least = max(LEAST_PART * abs(told.after - told.before), 1e-12)
            half = sure.half()
            for kind, place in kinds:
                effect = _effect(metric.name, told.terms[place], half[place])
                tell = partial(self._shift_finding, kind, metric, told, effect)
                rank = abs(effect.value) / least
                yield Candidate(kind, effect, effect.value, sure.se[place], sure.df[place], least, rank, tell)

    def _of_slices(self) -> Iterator[Candidate]:
        for each in self._divided:
            told, half = each.split, each.split.errors.half()
            change = told.of("change").start
            least = max(LEAST_PART * max(abs(told.figures[change]), half[change]), 1e-12)
            for kind, tested in (("rate", "excess"), ("mix", "mix")):
                for group in range(told.groups):
                    at, by = told.of(kind).start + group, told.of(tested).start + group
                    effect = _effect(each.metric.name, told.figures[at], half[at])
                    # a slice is named for its rate where that is more than its share of what all slices add
                    clear = each.code(group) is not None and told.figures[by] * effect.value > 0
                    clear = clear and abs(effect.value) > half[at] and (kind == "mix" or bool(told.known[group]))
                    tell = partial(self._slice_finding, kind, each, group, effect)
                    figure = float(told.figures[by]) if clear else 0.0
                    rank = abs(effect.value) / least
                    yield Candidate(kind, effect, figure, told.errors.se[by], told.errors.df[by], least, rank, tell)

    def _of_shares(self) -> Iterator[Candidate]:
        for place, partition in enumerate(self.why.of.reference.partitions):
            codes = self.why.of.codes_with_rows(place)
            before, after, change, sure = self._shares(place, [[code] for code in codes])
            half = sure.half()
            for at, code in enumerate(codes):
                effect = _effect("share", change[at], half[at])
                low, high = sorted((before[at], after[at]))
                factor = high / low if low > 0 else np.inf
                clear = factor >= LEAST_FACTOR and not (partition.condition and code != FIRST)
                tell = partial(self._share_finding, place, code, (before[at], after[at]), effect)
                figure = effect.value if clear else 0.0
                rank = abs(effect.value) * float(np.log(factor))
                yield Candidate("share", effect, figure, sure.se[at], sure.df[at], LEAST_SHARE, rank, tell)

    def _shares(self, place: int, groups: Sequence[Sequence[int]]) -> tuple[Array, Array, Array, Errors]:
        """Shares of all rows of groups of slices in both windows, their changes, and how sure these are."""
        series = self.why.of.series
        rows = [np.sum([series.ledger_sums(place, code).rows for code in codes], axis=0) for codes in groups]
        by_grain = np.stack(rows, axis=1)
        (start, fitted), (begin, after) = self._ranges
        return share_changes(by_grain[start:fitted], by_grain[begin:after], by_grain[max(begin - HISTORY, 0) : begin])

    def _of_events(self) -> Iterator[Candidate]:
        for around, metric, step in self._steps:
            if step is None or not step.sure.se[0] > 0:
                continue
            effect = _effect(metric.name, step.after - step.before, step.sure.half()[0])
            clear = step.as_large is None or step.as_large <= LARGE
            tell = partial(self._event_finding, around, metric, step, effect)
            figure, (se,), (df,) = effect.value if clear else 0.0, step.sure.se, step.sure.df
            rank = abs(figure) / se / (1 + self._ago(around))
            yield Candidate("event", effect, figure, se, df, 0.0, rank, tell)

    def _ago(self, around: Around) -> float:
        """How long before the evaluated window an event was, in windows: the longer, the less it explains of today."""
        if self.why.ranges is None:
            return 0.0
        _, (begin, after) = self.why.ranges
        return max(begin - around.after[0], 0) / (after - begin)

    @cached_property
    def _steps(self) -> list[tuple[Around, Metric, Step | None]]:
        return list(self.happenings.steps(list(self._metrics.values())))

    @cached_property
    def happenings(self) -> Happenings:
        """What happened around the model."""
        return Happenings(self.why.of)

    def _loops(self) -> Iterator[Finding]:
        for each in self._divided:
            groups = [each.members(group) for group in range(each.split.groups)]
            before, after, change, sure = self._shares(each.place, groups)
            for group in leaving(each.split, each.metric.better, change, sure):
                yield self._loop_finding(each, group, (before[group], after[group]))

    # What is said of it ------------------------------------------------------------------------------------------

    def _shift_finding(self, kind: str, metric: Metric, told: Shift, effect: Effect) -> Finding:
        moved = f"which moved {named(metric.name)} by {_told(effect)}"
        like = "of the same kind" if self.why.of.spec.task == "regression" else "of the same kind and score"
        what, then = {
            "data_changed": (
                f"Other rows come than in the reference, {moved}; like rows are those {like}.",
                "See which slices come more or less often, and which features drifted.",
            ),
            "world_changed": (
                f"Rows {like} come out differently than in the reference, {moved}.",
                "Look at the kinds of rows whose labels moved most; recalibrate, or refit on rows since then.",
            ),
            "never_seen": (
                f"{_percent(told.new)} of the rows are of a kind that the reference hardly knows, {moved}.",
                "Look at these rows, and at whether the model was given any like them when it learnt.",
            ),
        }[kind]
        about = _About(ALL_ROWS, metric, self.why.of.total)
        return self._finding(kind, what, then, effect, about, self._since(about))

    def _slice_finding(self, kind: str, each: Divided, group: int, effect: Effect) -> Finding:
        told, code, metric = each.split, each.members(group)[0], named(each.metric.name)
        about = self._about(each.metric, each.place, code)
        name = named(about.slice)
        before, after = float(told.values_before[group]), float(told.values_after[group])
        moved = f"{metric} of all rows by {_told(effect)}"
        if kind == "rate":
            went = " to ".join(numbers(end)[0] for end in (before, after))
            what = f"{metric} of {name} went from {went}: that alone moved {moved}."
            then = f"Look at rows of {name}: what those that fail have in common, and since when."
            return self._finding(kind, what, then, effect, about, self._since(about))
        own, whole = after if np.isfinite(after) else before, (told.before + told.after) / 2
        side = "higher" if own > whole else "lower"
        often = "more" if told.shares_after[group] > told.shares_before[group] else "less"
        ends = " to ".join(_percent(float(part[group])) for part in (told.shares_before, told.shares_after))
        what = (
            f"{name}, where {metric} is {side} ({numbers(own)[0]}) than elsewhere, comes {often} often ({ends} of what"
            f" {metric} is taken of): that moved {moved}."
        )
        mix = f"the reference's mix of {named(each.partition.name)}"
        then = f"See why, and promise {metric} at {mix} as well (frozen_mix)."
        return self._finding(kind, what, then, effect, about, self._since_share(about))

    def _share_finding(self, place: int, code: int, shares: tuple[float, float], effect: Effect) -> Finding:
        about = self._about(slice_share(), place, code)
        ends = " to ".join(_percent(each) for each in shares)
        what = f"{named(about.slice)} went from {ends} of all rows."
        then = "See whether that was meant, and how well these rows are served."
        return self._finding("share", what, then, effect, about, self._since_share(about))

    def _loop_finding(self, each: Divided, group: int, shares: tuple[float, float]) -> Finding:
        told, metric = each.split, named(each.metric.name)
        about = self._about(each.metric, each.place, each.members(group)[0])
        frozen = float(told.figures[told.of("frozen")][0])
        whole = [numbers(end)[0] for end in (told.before, told.after, frozen)]
        own = " to ".join(numbers(float(part[group]))[0] for part in (told.values_before, told.values_after))
        better = 1 if each.metric.better == "higher" else -1
        verb = "improves" if better * (told.after - told.before) > 0 else "hardly changes,"
        ends = " to ".join(_percent(end) for end in shares)
        what = (
            f"{metric} {verb} from {whole[0]} to {whole[1]} because rows of {named(about.slice)}, served worse and ever"
            f" worse ({own}), are leaving ({ends} of all rows). At the reference's mix it would be {whole[2]}."
        )
        at = told.of("mix").start + group
        effect = _effect(each.metric.name, told.figures[at], told.errors.half()[at])
        then = (
            f"Ask why they leave, and promise {metric} at the reference's mix of {named(each.partition.name)}"
            " as well (frozen_mix)."
        )
        return self._finding("feedback_loop", what, then, effect, about, self._since_share(about))

    def _event_finding(self, around: Around, metric: Metric, step: Step, effect: Effect) -> Finding:
        of, zone, event = self.why.of, self.why.of.spec.zone, around.event
        windows = of.window(*around.before), of.window(*around.after)
        went = " to ".join(numbers(step.before, step.after))
        lasted = day(event.at, zone) if event.until is None else days(Window(event.at, event.until), zone)
        when = f"{'After' if event.until is None else 'During'} {named(event.name)!r} ({lasted})"
        what = f"{when} {named(metric.name)} went from {went}: {_told(effect)}"
        if step.as_large is not None:
            often = f"at {_percent(step.as_large)} of other moments" if step.as_large else "at no other moment"
            what += f"; it moved as much {often} of this log"
        periods = " ".join(f"{day(each.start, zone)}..{day(each.end, zone)}" for each in windows)
        return Finding(
            kind="event",
            what=f"{what}.",
            slice=ALL_ROWS,
            window=windows[1],
            next=f"See for whom it mattered: leadline compare --periods {periods}."
            + self._around(event.at, event, "Also around that time"),
            since=event.at,
            effect=effect,
            rows=int(of.total.rows[slice(*around.after)].sum()),
            evidence=tuple(self._evidence(_About(ALL_ROWS, metric, of.total), (around.before, around.after))),
        )

    def _mistaken(self) -> Iterator[Finding]:
        of, models = self.why.of, WrongModel(self.why.of)
        unless = "" if models.has_features else " Other rows that came all at once would look alike: no features tell."
        for each in models.mistaken():
            window = of.window(each.begin, each.after)
            names = of.reference.versions
            apart = each.version is not None and len(names) > 1
            rows = of.series.sums(version=names.index(each.version)).rows if apart else of.total.rows
            yield Finding(
                kind="wrong_model",
                what=f"{_mistaken_sentence(each)} Since {day(window.start, of.spec.zone)}.",
                slice=ALL_ROWS,
                window=window,
                next="See which model was really deployed, and whether its features are made as they were."
                + unless
                + self._around(window.start),
                since=window.start,
                effect=self._since_then(each.begin),
                rows=int(rows[each.begin : each.after].sum()),
            )

    def _since_then(self, begin: int) -> Effect | None:
        """What the first metric that is a ratio did at a grain, in the weeks before and after it."""
        of, weeks = self.why.of, 2 * self.why.of.grain.in_a_week
        after = min(begin + weeks, of.mature_until)
        for metric in self._metrics.values():
            ratio = metric.as_ratio(metric.parts(of.total))
            if ratio is not None and after > begin > 0:
                step = before_after(ratio, (max(begin - weeks, 0), begin), (begin, after), [], metric.rooted)
                if step is not None:
                    return _effect(metric.name, step.after - step.before, step.sure.half()[0])
        return None

    def _about(self, metric: Metric, place: int, code: int) -> _About:
        partition = self.why.of.reference.partitions[place]
        return _About(self.why.of.slice_of(partition, code), metric, self.why.of.series.ledger_sums(place, code))

    def _finding(
        self, kind: str, what: str, then: str, effect: Effect, about: _About, since: datetime | None
    ) -> Finding:
        begin, after = self._ranges[1]
        began = "" if since is None else f" Since about {day(since, self.why.of.spec.zone)}."
        return Finding(
            kind=kind,
            what=what + began,
            slice=about.slice,
            window=self.why.of.window(begin, after),
            next=then + self._around(since),
            columns=self._columns(about.slice),
            since=since,
            effect=effect,
            rows=int(about.sums.rows[begin:after].sum()),
            evidence=tuple(self._evidence(about, self._ranges)),
        )

    def _around(self, since: datetime | None, but: Happened | None = None, said: str = "Around that time") -> str:
        """What happened about when a change began, but for one event: the nearest first, of those of a day the one
        with the largest effect; with the effect where it is certain."""
        near = [] if since is None else [each for each in self.happenings.near(since) if each[1] != but]
        if not near:
            return ""
        zone, moved = self.why.of.spec.zone, self._moved
        near.sort(key=lambda each: (each[0].days, -moved[each[1]][0] if each[1] in moved else 0.0))
        names = []
        for _, each in near[:MOST_NEAR]:
            effect = f", {moved[each][1]}" if each in moved else ""
            names.append(f"{named(each.name)!r} ({day(each.at, zone)}{effect})")
        return f" {said}: {', '.join(names)}."

    @cached_property
    def _moved(self) -> dict[Happened, tuple[float, str]]:
        """What moved the most at each event, of what moved for certain: how far beside its interval, and in words."""
        found: dict[Happened, tuple[float, str]] = {}
        for around, metric, step in self._steps:
            half = 0.0 if step is None else float(step.sure.half()[0])
            if step is None or not 0 < half < abs(step.after - step.before):
                continue
            change = step.after - step.before
            if abs(change) / half > found.get(around.event, (0.0, ""))[0]:
                found[around.event] = abs(change) / half, f"{named(metric.name)} {difference(change)}"
        return found

    def _columns(self, where: Slice) -> tuple[str, ...]:
        """The user's columns that a slice is made of; of a condition none."""
        named_parts = {part.name: part for entry in self.why.of.spec.slices for part in self.why.of.spec.parts(entry)}
        found = (named_parts.get(name) for name, _ in where.parts)
        columns = [each.bin.column if isinstance(each, BinSlice) else getattr(each, "column", None) for each in found]
        return tuple(column for column in columns if column is not None)

    def _evidence(self, about: _About, ranges: Sequence[Range]) -> Iterator[Estimate]:
        """The metric in two windows."""
        for (begin, after), found in zip(ranges, evaluate_windows(about.metric, about.sums, ranges), strict=True):
            if isinstance(found.value, Undefined):
                continue
            low, high, method = interval_of(found)
            rows, labelled = (int(part[begin:after].sum()) for part in (about.sums.rows, about.sums.labelled))
            window = self.why.of.window(begin, after)
            yield Estimate(
                about.metric.name, about.slice, None, window, found.value, low, high, rows, labelled, Status.REALISED,
                interval=method,
            )  # fmt: skip

    def _since(self, about: _About) -> datetime | None:
        """When the metric changed its level, as far as one step tells it."""
        ratio = about.metric.as_ratio(about.metric.parts(about.sums))
        return None if ratio is None else self._stepped(ratio[..., 0], ratio[..., 1])

    def _since_share(self, about: _About) -> datetime | None:
        """When the slice's share of all rows did."""
        return self._stepped(about.sums.rows, about.sums.all_rows)

    def _stepped(self, top: Array, bottom: Array) -> datetime | None:
        (_, fitted), (_, after) = self._ranges
        place = change_point(top[:after], bottom[:after], fitted)  # the reference is the level before
        return None if place is None else self.why.of.grain.start(self.why.of.series.first + place)


@dataclass(frozen=True)
class _About:
    """A metric of a slice, and the slice's sums by grain."""

    slice: Slice
    metric: Metric
    sums: Sums


def _mistaken_sentence(each: Mistaken) -> str:
    """Whose answers they are, or that they are nobody's."""
    answers = "scores" if each.kind == "scores" else "predictions"
    of = "the model" if each.version is None else f"version {named(each.version)!r}"
    if each.like is not None:
        than = "its own in the reference" if each.last is None else f"those of {named(each.last)!r} before it"
        return f"The {answers} of {of} are spread as those of {named(each.like)!r} were, not as {than}."
    assert each.strange is not None  # noqa: S101  # what is like no other version is strange
    side = "more" if each.strange.residual > 0 else "fewer"
    apart, by = _percent(each.strange.distance), numbers(100 * abs(each.strange.residual))[0]
    other = f"The {answers} of {of} are not those that were validated: {apart} of the rows lie elsewhere than before"
    if each.kind == "numbers":
        way, by = "lower" if each.strange.residual > 0 else "higher", numbers(abs(each.strange.residual))[0]
        return f"{other}, and of such predictions the error, prediction less label, is {by} {way} than it was."
    if each.kind == "classes":
        return f"{other}, and of 100 rows with a class that became more frequent {by} {side} are right than before."
    return f"{other}, and of 100 rows with such scores {by} {side} are positive than they meant."


def _effect(metric: str, value: float, half: float) -> Effect:
    known = bool(np.isfinite(half))
    ends = (float(value - half), float(value + half)) if known else (None, None)
    return Effect(metric, float(value), *ends)


def _told(effect: Effect) -> str:
    return difference(effect.value, effect.low, effect.high)


def _percent(part: float) -> str:
    return f"{100 * part:.1f} %"


def _repeats(finding: Finding, other: Finding) -> bool:
    """Whether a finding says again what another said: of the same rows, or of some of them."""
    if finding.kind != other.kind and (finding.kind, other.kind) not in REPEATED:
        return False
    if other.kind == "wrong_model":  # what scores mean tells nothing of data and world while another model scores
        return other.window.end > finding.window.start
    if finding.kind == "event":
        # two that happened within days of each other cannot be told apart: the other is named beside it
        return finding.since is None or other.since is None or abs(finding.since - other.since) <= NEAR
    mine, others = dict(finding.slice.parts), dict(other.slice.parts)
    if finding.kind == other.kind == "share" and mine.keys() == others.keys():
        # what one value gains others lose
        return finding.effect is None or other.effect is None or finding.effect.value * other.effect.value < 0
    return mine.items() <= others.items() or others.items() <= mine.items()
