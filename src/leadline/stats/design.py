"""Which design effect and which critical value an interval gets, when rows of one day or user move together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from leadline.stats.arrays import Floats, require
from leadline.stats.groups import Spread, Spreads
from leadline.stats.proportion import Z95

MIN_GRAINS = 7
MIN_EFFECTIVE = 4.0
MIN_HISTORY = 14
ENTITY_PHI = 1.2
"""Below this, 16 groups cannot be told from independent rows, and their phi is left out. (With METHODS' 1.5, users with
a true phi of 1.5 to 2 are left out so often that coverage falls to .929; with 1.2 it is .943.)"""
FLOOR = 0.5
"""A few grains that agree by chance must not shrink an interval below sqrt(1/2) of that of independent rows."""


@dataclass(frozen=True, slots=True)
class Design:
    """What every interval formula needs besides its own sums.

    deff      > 0: multiply the row variance by it, or divide rows and hits by it
    critical  quantile of the t or normal distribution, two-sided 95 %
    method    `clustered`, `entity` or `within_grain`; None: the interval keeps its formula's own name
    """

    deff: float
    critical: float
    method: str | None

    def named(self, formula: str) -> str:
        """The name that the interval carries: the design's, or that of its formula (`wilson`, `sandwich`, ...).

        >>> Design(1.0, 1.96, None).named("wilson"), Design(1.0, 1.96, "within_grain").named("wilson")
        ('wilson', 'within_grain')
        """
        return formula if self.method is None else self.method


def student(df: float) -> float:
    """Two-sided 95 % quantile of Student's t with df > 0 degrees of freedom, whole or not.

    >>> round(student(6), 3), round(student(27), 3)
    (2.447, 2.052)
    """
    require(df > 0, "degrees of freedom must be > 0")
    return float(stdtrit(df, 0.975))


def design(
    grains: Spread | None, history: Spread | None = None, entity: Spread | None = None, size: float | None = None
) -> Design:
    """Choose how a window's interval allows for rows that move together (DESIGN §7).

    grains    spread over the window's own grains; None where there is one grain or nothing varies
    history   spread over earlier grains
    entity    spread over the window's hash groups of users
    size      `own_size` of the window's grains; left out, that of `grains`, else that of the history

    At least 7 grains: their own variance, t with the effective number of grains less 1 (`clustered`).
    Fewer: the row variance times the history's phi, at this size and at least 1, t with the history's degrees of
    freedom (None); it must have 14 grains. So too where one grain outweighs the others (fewer than 4 effective ones).
    Without a history: row variance, normal (`within_grain`).
    On top: where the users' phi exceeds 1.2, its excess over 1 is added (the two-way clustered variance of Cameron,
    Gelbach, Miller (2011), with rows as the intersection); `entity` if it is the larger part. To take the larger
    instead of the sum covers .928 where days and users both matter, the sum .96.

    Coverage .93 to .985 for windows of 1 to 28 grains, grain correlation 0 and .02, equal and unequal grains is
    simulated in tests/stats; `within_grain` has .95 only where rows do not move together.

    >>> window = Spread(phi=2.0, groups=7, effective=7.0, size=200.0)
    >>> found = design(window)
    >>> found.deff, round(found.critical, 3), found.method
    (2.0, 2.447, 'clustered')
    """
    past = history if history is not None and history.groups >= MIN_HISTORY else None
    if grains is not None and grains.groups >= MIN_GRAINS and (past is None or grains.effective >= MIN_EFFECTIVE):
        chosen = Design(max(grains.phi, FLOOR), _critical(grains), "clustered")
    elif past is not None:
        here = past.size if grains is None else grains.size
        chosen = Design(past.at(here if size is None else size), _critical(past), None)
    else:
        chosen = Design(1.0, Z95, "within_grain")
    if entity is None or entity.phi <= ENTITY_PHI:
        return chosen
    deff = chosen.deff + entity.phi - 1
    if entity.phi > chosen.deff:
        return Design(deff, _critical(entity), "entity")
    return Design(deff, chosen.critical, chosen.method)


def _critical(spread: Spread) -> float:
    """Student's t for these groups; two groups' worth at least, as t has no variance to speak of below."""
    return student(max(spread.effective - 1, 1.0))


@dataclass(frozen=True, slots=True)
class Designs:
    """`Design` of many intervals at once: arrays and a tuple of their number.

    df   degrees of freedom of `critical`, infinite where it is normal; None where nobody has told
    """

    deff: Floats
    critical: Floats
    methods: tuple[str | None, ...]
    df: Floats | None = None


def designs(grains: Spreads, history: Spreads, entity: Spreads, size: Floats) -> Designs:
    """`design` of many intervals at once: the same rule, on arrays.

    grains, history, entity   each not `known` where `design` would get None
    size                      `own_size` of each window's grains
    """
    past = history.known & (history.groups >= MIN_HISTORY)
    clustered = grains.known & (grains.groups >= MIN_GRAINS) & (~past | (grains.effective >= MIN_EFFECTIVE))
    user = entity.known & (entity.phi > ENTITY_PHI)
    with np.errstate(divide="ignore", invalid="ignore"):
        inflated = history.at(size)
        deff = np.where(clustered, np.maximum(grains.phi, FLOOR), np.where(past, inflated, 1.0))
        larger = user & (entity.phi > deff)
        effective = np.where(larger, entity.effective, np.where(clustered, grains.effective, history.effective))
        df = np.where(larger | clustered | past, np.maximum(effective - 1, 1.0), np.inf)
        critical = np.where(np.isfinite(df), stdtrit(df, 0.975), Z95)
        deff = np.where(user, deff + entity.phi - 1, deff)
    methods = np.where(larger, "entity", np.where(clustered, "clustered", np.where(past, "", "within_grain")))
    return Designs(deff, critical, tuple(str(method) or None for method in methods), df)
