"""What every answer is made of: frozen values that know no engine, no file and no drawing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Undefined:
    """No value, and why. Not NaN, not 0: a caller has to look at it.

    >>> Undefined("no actual positives").why
    'no actual positives'
    """

    why: str


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval and the method that made it (`wilson`, `clustered`, `within_grain`, ...)."""

    low: float
    high: float
    method: str


class Status(StrEnum):
    """How an estimate came to be (DESIGN §7)."""

    REALISED = "realised"
    PROVISIONAL = "provisional"
    ESTIMATED = "estimated"
    FEW_LABELS = "few_labels"
    UNDEFINED = "undefined"


class Verdict(StrEnum):
    """What is said of an objective (DESIGN §7)."""

    HOLDS = "holds"
    AT_RISK = "at_risk"
    BREACHED = "breached"
    UNCERTAIN = "uncertain"
    NO_DATA = "no_data"
    UNDEFINED = "undefined"


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open stretch of time [start, end), both with a time zone."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows that share a value: `(("carrier", "B6"),)`; a cross has several parts, all rows have none.

    >>> Slice((("carrier", "B6"), ("origin", None))).as_dict()
    {'carrier': 'B6', 'origin': None}
    >>> str(Slice((("carrier", "B6"), ("origin", None)))), str(ALL_ROWS)
    ('carrier=B6, origin=(missing)', 'all rows')
    """

    parts: tuple[tuple[str, Scalar], ...] = ()

    def as_dict(self) -> dict[str, Scalar] | None:
        """The form of the JSON document: null for all rows."""
        return dict(self.parts) if self.parts else None

    def __str__(self) -> str:
        shown = (f"{name}={'(missing)' if value is None else value}" for name, value in self.parts)
        return ", ".join(shown) or "all rows"


ALL_ROWS = Slice()


@dataclass(frozen=True, slots=True)
class Span:
    """The length of a window in calendar units of the declared time zone: `1h`, `Nd`, `1w`, `1mo`.

    >>> Span.parse("28d")
    Span(count=28, unit='d')
    >>> Span.parse("1w").days, Span.parse("1mo").days
    (7, None)
    """

    count: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> Span:
        """Read `1h`, `Nd`, `1w` or `1mo`. Raises ValueError that says which forms there are."""
        found = re.fullmatch(r"\s*(\d+)\s*(h|d|w|mo)\s*", text)
        if not found or int(found[1]) == 0 or (found[2] != "d" and int(found[1]) != 1):
            raise ValueError(f"{text!r} is not a window: write 1h, a number of days such as 28d, 1w or 1mo")
        return cls(int(found[1]), found[2])

    @property
    def days(self) -> int | None:
        """Whole days, or None for an hour or a month."""
        return {"d": self.count, "w": 7}.get(self.unit)

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number that somebody may act on: value, 95 % interval, rows, and how it came to be.

    n          rows of the window and slice, labelled or not
    labelled   rows whose outcome counts in `value`
    value      None exactly when `status` is undefined; then `why` says why
    bound      the value from rows lies within `value` ± `bound` (0 where the sums are exact;
               more for figures read from binned scores or errors)
    interval   name of the interval's method; None where there is no interval
    estimator  how it was estimated: `cbpe`, `leaf_cbpe`, `leaf_pape`, `leaf_dle`, `nowcast`; None for a figure of
               labels
    """

    metric: str
    slice: Slice
    version: str | None
    window: Window
    value: float | None
    low: float | None
    high: float | None
    n: int
    labelled: int
    status: Status
    why: str | None = None
    interval: str | None = None
    bound: float = 0.0
    estimator: str | None = None


class Standing(StrEnum):
    """Whether an estimator is used."""

    IN_USE = "in_use"
    WITHDRAWN = "withdrawn"
    UNDEFINED = "undefined"


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """The score that is kept of estimates without labels, over the last 40 windows whose labels are in by now.

    estimator        how the estimates are made: `cbpe`, ...
    status           withdrawn where the constant, the reference's figure, is better; undefined where nothing could be
                     fitted; then `why` says why
    reference_end    it was fitted on the mature, labelled rows before this; None where nothing was fitted
    reference_value  the metric over these rows
    windows          windows with both an estimate and a figure of labels, up to 40
    mean_error       mean of |estimate - figure| over them, in the metric's unit
    constant_error   the same for the constant
    band             half width of the 90 % band of the next estimate; None before 20 windows have matured
    band_windows     windows that had such a band when they were estimated, up to 40
    band_covered     share of them whose figure lay in it; None for none
    """

    metric: str
    slice: Slice
    version: str | None
    estimator: str
    status: Standing
    reference_end: datetime | None = None
    reference_value: float | None = None
    windows: int = 0
    mean_error: float | None = None
    constant_error: float | None = None
    band: float | None = None
    band_windows: int = 0
    band_covered: float | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What changed since the reference in the latest window whose labels are in, told apart by its cause.

    reference_value  the metric over the reference
    value            the metric over the window, of labels
    by_inputs        because other rows came: the data changed
    by_labels        because like rows come out differently: the world changed
    by_unseen        because of rows that the reference hardly knows; None where they are not told apart
    low, high        95 % interval of `by_labels`; None where there is none. Where it leaves out 0, a score no longer
                     means what it meant, or rows of a kind are no longer predicted as well as they were.
    inputs_low, inputs_high, unseen_low, unseen_high   the same of the two other parts
    unseen_share     share of the window's rows that the reference hardly knows; None where they are not told apart
    estimator        None where labels of like rows were compared; else the estimate without labels that `by_inputs` is
    """

    metric: str
    slice: Slice
    window: Window
    reference_value: float
    value: float
    by_inputs: float
    by_labels: float
    low: float | None
    high: float | None
    by_unseen: float | None = None
    inputs_low: float | None = None
    inputs_high: float | None = None
    unseen_low: float | None = None
    unseen_high: float | None = None
    unseen_share: float | None = None
    estimator: str | None = None

    @property
    def shown(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True)
class LeafChange:
    """How far labels of a kind of rows moved away from what is predicted of them since the reference.

    rows          the kind of rows in words: a leaf of a tree over features
    n             labelled rows of the window
    reference     mean of label - calibrated chance over the reference; of several classes the label is whether the
                  prediction was right, and of a regression it is the mean absolute error
    value         the same over the window
    change        value - reference
    low, high     its interval: 95 % for all leaves together (Bonferroni). Leaves of labels less chances were chosen for
                  what these are in the reference, in which chance has a part: it allows for that
    """

    rows: str
    window: Window
    n: int
    reference: float
    value: float
    change: float
    low: float
    high: float

    @property
    def shown(self) -> bool:
        """Whether the interval leaves out 0."""
        return not self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True)
class Effect:
    """What something does to a metric, in the metric's own unit, with a 95 % interval where there is one."""

    metric: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class MixRateTerm:
    """What one slice adds to a change, in the metric's own unit: it is served differently, or comes more or less often.

    share_before, share_after   its share of what the metric is taken of (of recall: of the actual positives)
    before, after               the metric for the slice; None where it has nothing there
    rate, mix                   what it adds by being served differently, and by another share
    rate_low, ..., mix_high     95 % intervals
    """

    slice: Slice
    share_before: float
    share_after: float
    before: float | None
    after: float | None
    rate: float
    rate_low: float
    rate_high: float
    mix: float
    mix_low: float
    mix_high: float


@dataclass(frozen=True, slots=True)
class MixRate:
    """The change of a metric between two windows, split over slices: who comes (mix), how well they are served (rate).

    by                    name of the declared slices, or in words the slice that was found
    reference, window     what is compared
    before, after         the metric in both; after - before = rate + mix
    rate, mix             the sums of the terms, with 95 % intervals
    frozen_mix            the metric in the window if the slices had the reference's shares, with its 95 % interval;
                          None where no slice of the reference has a figure in the window
    noise                 share of the sum of |terms| that belongs to terms within two standard errors of 0
    small                 slices with too few rows that stand together as the last term; 0 for none
    terms                 of each slice, as they add up
    found                 whether it is a slice that was found, and all other rows; it was chosen because it is served
                          worst, so that a part of its rate may be the luck of the window
    """

    metric: str
    by: str
    reference: Window
    window: Window
    before: float
    after: float
    rate: float
    rate_low: float
    rate_high: float
    mix: float
    mix_low: float
    mix_high: float
    frozen_mix: float | None
    frozen_mix_low: float | None
    frozen_mix_high: float | None
    noise: float
    small: int
    terms: tuple[MixRateTerm, ...]
    found: bool = False


@dataclass(frozen=True, slots=True)
class Represented:
    """A slice over the windows of a `Representation`; None where a figure has no value.

    share                     rows of the slice in all rows
    predicted_positive_rate   rows of the slice that are predicted positive; empty where that is not told
    metric, values            how well the slice is served; no values where there is no metric that tells it
    """

    slice: Slice
    share: tuple[float | None, ...]
    predicted_positive_rate: tuple[float | None, ...]
    metric: str | None
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Representation:
    """Who comes over time: every declared slice over the same successive windows."""

    windows: tuple[Window, ...]
    slices: tuple[Represented, ...]


@dataclass(frozen=True, slots=True)
class EventEffect:
    """What a metric did around something that happened.

    name, kind, at, until  what happened, of which kind where that was said, and when; `until` of one that lasted
    before, after          windows before and after it, of equal length; of an event that lasted `after` is what it
                           lasted. Of rows whose labels should be in; None where `why` tells
    value_before, value_after   the metric in both
    difference             value_after - value_before, with its 95 % interval
    as_large               share of other moments of the log at which it moved at least as much by itself; None where
                           there are too few
    """

    name: str
    kind: str | None
    at: datetime
    until: datetime | None
    metric: str
    before: Window | None = None
    after: Window | None = None
    value_before: float | None = None
    value_after: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    as_large: float | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Parity:
    """A metric of one group beside the others, over the latest window with all labels in.

    against          the group that it is compared with; None for all others together
    value            the estimate for the group
    other            the metric of those that it is compared with
    gap              value - other, with its 95 % interval; what moves both on a day is no difference
    ratio            value / other, with its 95 % interval; None where one of them is not above 0
    """

    metric: str
    slice: Slice
    against: Slice | None
    value: Estimate
    other: float
    gap: float
    gap_low: float | None
    gap_high: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None


class Trend(StrEnum):
    """What became of a slice between the two sides of a comparison."""

    WORSE = "worse"
    BETTER = "better"
    CHANGED = "changed"
    UNCLEAR = "unclear"
    NEW = "new"
    VANISHED = "vanished"


@dataclass(frozen=True, slots=True)
class Compared:
    """A metric of one slice on both sides of a comparison.

    before, after   the estimates; undefined ones have no value
    difference      after - before; None where one of them has no value
    low, high       its 95 % interval; None where there is none
    trend           worse, better, or of a metric that has no better side changed: certain among all that is compared
                    (.05 for all together); unclear: not certain; new or vanished: rows on one side only
    paired          whether both sides judged the same rows, so that the difference is a mean of differences of rows
    """

    metric: str
    slice: Slice
    before: Estimate
    after: Estimate
    difference: float | None
    low: float | None
    high: float | None
    trend: Trend
    paired: bool = False


@dataclass(frozen=True, slots=True)
class Distance:
    """How far the values of a column in a window lie from those of the reference, by one distance.

    floor    what it is on average where nothing changed and rows are independent
    high     what it then exceeds in one window of a hundred
    excess   what of it is above the floor: sqrt(max(0, value² - floor²)), or for divergences max(0, value - floor)
    limit    what quiet windows stay below, which differ as those of the reference do; None where it does not decide
    """

    name: str
    value: float
    floor: float
    high: float
    excess: float
    limit: float | None = None


class DriftVerdict(StrEnum):
    """What is said of a column in a window: whether it drifted, and what that does to what was promised."""

    NOT_DRIFTED = "not_drifted"
    HARMLESS = "harmless"
    EXPLAINS = "explains"
    UNCLEAR = "unclear"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Drift:
    """A column in a window beside the reference.

    role       what the column is to the model: "feature", "score" or "prediction"; "together" for features as one,
               "embedding" for a column of vectors
    rows       rows of the window
    distances  none for a window without rows
    effects    what the column alone does to a metric: by how much it changes when the reference is weighed so that
               the column is distributed as in the window. First the one that counts most
    missing    share of the rows without a value
    unseen     share of the rows with a value that the reference does not have, with its 95 % interval; None where
               that cannot be told
    since      where it drifted, the begin of the first of the drifted windows that end with this one
    why        what is to be said of the effects, or why there are none
    """

    column: str
    role: str
    window: Window
    rows: int
    verdict: DriftVerdict
    distances: tuple[Distance, ...] = ()
    effects: tuple[Effect, ...] = ()
    missing: float | None = None
    unseen: float | None = None
    unseen_low: float | None = None
    unseen_high: float | None = None
    since: datetime | None = None
    why: str | None = None

    @property
    def drifted(self) -> bool:
        """Whether its distance is more than chance and the reference's own windows account for."""
        return self.verdict not in (DriftVerdict.NOT_DRIFTED, DriftVerdict.NO_DATA)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that somebody may want to look into: what, where, since when, what it does, and what to look at next.

    kind      its name: `slice`, `mix`, `unit_change`, ...
    what      a sentence for people
    slice     the rows that it is about
    window    the stretch of time in which it was looked for
    next      what to look at next, a sentence
    columns   the user's columns that it is about
    since     when it began; None where it has been so in all of the log
    effect    None where it was not measured
    rows      rows of the window that it touches
    evidence  the figures that it rests on
    where     a condition for exactly these rows that can be pasted into the declaration; None where there is none
    examples  ids of a few of the rows
    """

    kind: str
    what: str
    slice: Slice
    window: Window
    next: str
    columns: tuple[str, ...] = ()
    since: datetime | None = None
    effect: Effect | None = None
    rows: int = 0
    evidence: tuple[Estimate, ...] = ()
    where: str | None = None
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """The promised side of a number: at least or at most `limit`.

    >>> str(Target("at_least", 0.6)), Target("at_most", 0.1).met(0.05)
    ('at least 0.6', True)
    """

    side: str
    limit: float

    def met(self, value: float) -> bool:
        """True where `value` keeps the promise; the limit itself does."""
        return value >= self.limit if self.side == "at_least" else value <= self.limit

    def rewards_worse(self, better: str | None) -> bool:
        """Whether doing worse keeps the promise, where it is known which side of the metric is better.

        >>> Target("at_most", 0.9).rewards_worse("higher"), Target("at_most", 0.9).rewards_worse(None)
        (True, False)
        """
        return better == ("lower" if self.side == "at_least" else "higher")

    def __str__(self) -> str:
        return f"{self.side.replace('_', ' ')} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Relative:
    """A promise to be no worse than something else by more than `by`, in the metric's own unit.

    side   on which its limit lies: "at_least" where more is better, else "at_most"
    than   what it is compared with: "reference" or "baseline"
    """

    side: str
    than: str
    by: float


@dataclass(frozen=True, slots=True)
class Breach:
    """One time that a promise was broken, as its detector found it.

    since    event time from which on the evidence counts
    found    when the evidence was enough
    cleared  when there was as much evidence that the promise is kept again, or the breach was acknowledged; else None
    value    the figure of the rows since then (until it was cleared), with an interval that holds at any time
    """

    since: datetime
    found: datetime
    cleared: datetime | None
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Budget:
    """How much of the errors that a promise allows were made, in the words of site reliability engineering.

    spent   errors of the window over those that the promise allows in it; above 1 there is nothing left
    burn    the same for the latest look alone: at 1 the budget is spent just when the window ends
    """

    spent: float
    burn: float | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is said of one objective and slice at `window_end`, the last grain whose rows are all mature.

    target    the promise in numbers; `Undefined` where it is relative and there is nothing to be compared with
    since     where breached, event time from which on it is; else None
    rule      "detector" or "interval": what decided
    breaches  what the detector found so far, in the order of time
    budget    None where the promise is no share, or there is no figure
    relative  how the promise was declared, where its target was made from something else
    """

    metric: str
    slice: Slice
    target: Target | Undefined
    window: Span
    window_end: datetime | None
    status: Verdict
    value: float | None
    low: float | None
    high: float | None
    since: datetime | None
    n: int
    why: str | None = None
    interval: str | None = None
    rule: str = "interval"
    breaches: tuple[Breach, ...] = ()
    budget: Budget | None = None
    relative: Relative | None = None


#: why a drop is not found that is none
KEEPS = "keeps the promise"


@dataclass(frozen=True, slots=True)
class Drop:
    """A drop that a detector might meet, and how long it would take to find it.

    size   by how much the metric falls ("-0.05") or grows ("×1.5")
    after  the figure that it comes to
    days   on average, from the first prediction after the drop to the day it is found
    """

    size: str
    after: float
    days: float | Undefined


@dataclass(frozen=True, slots=True)
class Plan:
    """How long it would take to find out that a promise is broken, for one slice.

    look            how much the detector takes in at once
    value           the usual figure, over the looks in which the promise was kept; None where `why` says why not
    rows            rows that count, in a look
    overdispersion  how much more looks vary than independent rows would (at least 1), as the detector assumes it
    wait            days until a label is due
    false_alarms    the most false alarms a year to expect
    drops           from the smallest to the largest
    advice          what would shorten the time, for the smallest drop that is found
    """

    metric: str
    slice: Slice
    target: Target | Undefined
    relative: Relative | None
    window: Span
    look: Span
    value: float | None
    rows: float
    overdispersion: float
    wait: float
    false_alarms: float
    drops: tuple[Drop, ...]
    advice: tuple[str, ...]
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """A look at which a rule fired.

    at           when the look closed
    cried_wolf   whether all windows of the objective with the look in them kept the promise, as it is known today;
                 None while some have not closed and none is known to have broken it
    """

    at: datetime
    cried_wolf: bool | None


@dataclass(frozen=True, slots=True)
class RuleReplay:
    """What a usual rule would have said of one objective and slice.

    rule       "mean_3_sigma", "p_below_05" or "fixed_threshold"
    reference  looks with a figure that it was made from; 0 where it needs none
    looks      looks with a figure on which it could fire
    alarms     of these, where it did
    why        why it could say nothing; else None
    """

    rule: str
    reference: int
    looks: int
    alarms: tuple[Alarm, ...]
    why: str | None = None


@dataclass(frozen=True, slots=True)
class BreachReplay:
    """A breach, and what the window of the objective said meanwhile.

    window_wrong  when the first look since it began closed with the window's figure, as it was known then, on the wrong
                  side; None where that never came while the breach lasted
    cried_wolf    as of an alarm at the look that found it
    """

    breach: Breach
    window_wrong: datetime | None
    cried_wolf: bool | None

    @property
    def lead(self) -> timedelta | None:
        """How long before the window went wrong it was found; negative where the window was first."""
        return None if self.window_wrong is None else self.window_wrong - self.breach.found


@dataclass(frozen=True, slots=True)
class Replay:
    """What would have been said of one objective and slice while its history became known.

    look      length of a look; None where there is no detector
    looks     looks that have closed
    start     when the first of them began; None where none has closed
    end       when the last of them closed
    broken    at how many closes the window broke the promise, as it is known today
    breaches  in the order of time
    rules     of the usual rules, always the same ones in the same order; none where there are no looks
    why       why nothing can be replayed; else None
    """

    metric: str
    slice: Slice
    target: Target | Undefined
    window: Span
    look: Span | None
    looks: int
    start: datetime | None
    end: datetime | None
    broken: int
    breaches: tuple[BreachReplay, ...]
    rules: tuple[RuleReplay, ...]
    why: str | None = None
    relative: Relative | None = None


@dataclass(frozen=True, slots=True)
class Labels:
    """How many labels are in. All counts are of rows, as known on the `as_of` of the result.

    predictions   predictions with an id of their own
    mature        of these, old enough that their label should have come
    labelled      of all predictions, those with a label
    missing       mature ones without a label
    repeated      deliveries of a prediction or outcome that were the same as an earlier one
    conflicting   deliveries of a prediction that differed from the one that counts
    orphaned      outcomes without a prediction
    withdrawn     predictions whose label was taken back
    """

    predictions: int
    mature: int
    labelled: int
    missing: int
    repeated: int
    conflicting: int
    orphaned: int
    withdrawn: int


@dataclass(frozen=True, slots=True)
class ProxyGrade:
    """How well a proxy tells that a prediction is wrong, over rows whose labels are in.

    n           rows with a prediction, a label, and what the condition needs; 0 where it could not be graded
    wrong       share of these whose prediction is wrong: the precision that chance would have
    flagged     share of these that meet the condition: the recall that chance would have
    precision   share of those that meet the condition whose prediction is wrong, and its 95 % interval
    recall      share of the wrong ones that meet the condition, and its 95 % interval
    kept        whether the lower ends of both beat chance; None where it is not graded, and `why` says why
    """

    proxy: str
    window: Window
    n: int
    wrong: float | None = None
    flagged: float | None = None
    precision: float | None = None
    precision_low: float | None = None
    precision_high: float | None = None
    recall: float | None = None
    recall_low: float | None = None
    recall_high: float | None = None
    kept: bool | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Labelled rows of neighbouring scores, and how often what was said of them came true.

    low, high   ends of the scores, in [0, 1]
    n           rows, or the sum of their weights
    predicted   mean score
    observed    share of positives, and its 95 % interval
    """

    low: float
    high: float
    n: float
    predicted: float
    observed: float
    observed_low: float
    observed_high: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """Whether the scores of a slice come true, over a window whose labels are in.

    reference   the same bins over the reference; empty where it has no labels
    """

    slice: Slice
    window: Window
    bins: tuple[ReliabilityBin, ...]
    reference: tuple[ReliabilityBin, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """Something about the data or the guesses that a reader must know. `code` is stable, `text` is a sentence."""

    code: str
    text: str


class LeadlineError(Exception):
    """An error of the user's input or surroundings, told in a sentence; `exit_code` is the command's (DESIGN §7)."""

    exit_code = 3


class InputError(LeadlineError):
    """What was declared or handed over cannot be used: says what, where, and what to do.

    at   the part of the declaration that it is about, as keys and indexes from the top, where it is about one
    """

    exit_code = 2

    def __init__(self, text: str = "", at: tuple[str | int, ...] = ()) -> None:
        super().__init__(text)
        self.at = at


class EngineError(LeadlineError):
    """The engine could not run what it was asked."""

    exit_code = 3


def counted(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun, for sentences.

    >>> counted(1, "slice"), counted(1200, "slice"), counted(2, "is", "are")
    ('1 slice', '1,200 slices', '2 are')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def duration(text: str) -> timedelta:
    """Read a length of exact time: `90s`, `30m`, `36h`, `2d`, `1w`.

    >>> duration("36h")
    datetime.timedelta(days=1, seconds=43200)
    """
    units: Mapping[str, str] = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw])\s*", text)
    if not found:
        raise ValueError(f"{text!r} is not a length of time: write 90s, 30m, 36h, 2d or 1w")
    return timedelta(**{units[found[2]]: float(found[1])})
