"""Of which versions of a model the rows of a window are, beside those that the reference holds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from leadline.cells.series import Series
from leadline.estimate.calibrator import LEAST_ROWS
from leadline.metrics.sums import Array
from leadline.spec.words import listed
from leadline.values import counted

Range = tuple[int, int]


@dataclass(frozen=True)
class VersionRows:
    """Rows by version of the model.

    names      versions in the order of their codes; none where the log has one version or none
    rows       rows by grain and code, shape (grains, versions + 1); the last code is of rows without a version
    labelled   labelled rows of the reference by code, shape (versions + 1,)
    """

    names: tuple[str, ...]
    rows: Array
    labelled: Array

    @cached_property
    def held(self) -> tuple[str, ...]:
        """The versions that the reference holds: of which it has as many labelled rows as a calibrator needs."""
        return tuple(name for name, rows in zip(self.names, self.labelled, strict=False) if rows >= LEAST_ROWS)

    def new(self, span: Range) -> str | None:
        """The version that the reference does not hold, where more than half of a range's rows are of such versions.

        The most frequent of these. None where the reference holds those of the other half, or rows have no version.
        """
        counts = self.rows[span[0] : span[1]].sum(axis=0)
        strange = [code for code, name in enumerate(self.names) if name not in self.held and counts[code]]
        if not strange or 2 * counts[strange].sum() <= counts.sum():
            return None
        return self.names[max(strange, key=lambda code: (counts[code], -code))]

    @property
    def known(self) -> str:
        """The versions that the reference holds, in words."""
        return listed([repr(name) for name in self.held]) or "earlier versions"

    def unknown(self, name: str) -> str:
        """A version that the reference does not hold, in words."""
        rows = int(self.labelled[self.names.index(name)])
        return f"version {name!r}, " + (
            f"of which the reference has {counted(rows, 'label')}" if rows else "which the reference does not hold"
        )


def version_rows(series: Series, names: tuple[str, ...], fitted_until: int) -> VersionRows:
    """Rows by version, from the counts of all rows; `fitted_until` grains are the reference."""
    total, codes = series.pieces["total",], len(names) + 1
    if "version" not in total.keys:
        return VersionRows((), np.zeros((series.grains, 1)), np.zeros(1))
    at = total.keys["grain"] * codes + total.keys["version"]
    rows = np.bincount(at, weights=total.rows, minlength=series.grains * codes).reshape(series.grains, codes)
    fitted = (total.keys["grain"] < fitted_until) & (total.keys["actual"] < series.classes)
    labelled = np.bincount(total.keys["version"][fitted], weights=total.rows[fitted], minlength=codes)
    return VersionRows(names, rows.astype(np.float64), labelled.astype(np.float64))
