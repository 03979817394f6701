"""From Arrow to numpy and back without pandas, which Arrow imports for its own ways where that is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from leadline.estimate.leaves import Values, Words


def column(values: NDArray[Any]) -> pa.Array:
    """An array as a column of Arrow. From its memory: `pa.array` imports pandas where that is installed."""
    kind = pa.int64() if values.dtype.kind == "i" else pa.float64()
    buffer = pa.py_buffer(np.ascontiguousarray(values).tobytes())
    return pa.Array.from_buffers(kind, len(values), [None, buffer])


def array(table: pa.Table, name: str) -> NDArray[Any]:
    """A column's own memory. By DLPack: `to_numpy` imports pandas where that is installed."""
    column = table.column(name).combine_chunks()
    return np.asarray(np.from_dlpack(column) if len(column) else np.zeros(0))


def values(table: pa.Table, name: str) -> Values:
    """A column of doubles, NaN where NULL, or of words."""
    column = table.column(name).combine_chunks()
    if pa.types.is_floating(column.type):
        return _filled(column, np.nan)
    coded = column.cast(pa.string()).dictionary_encode()
    return Words(_filled(coded.indices, -1).astype(np.int64), tuple(coded.dictionary.to_pylist()))


def _filled(column: pa.Array, missing: float) -> NDArray[Any]:
    """A column of numbers with a value for NULL. From its memory: Arrow's own way to fill imports pandas."""
    size = column.type.bit_width // 8
    kind = np.dtype(f"{'f' if pa.types.is_floating(column.type) else 'i'}{size}")
    if not len(column):
        return np.zeros(0, kind)
    values = np.frombuffer(column.buffers()[1], kind, len(column), column.offset * size)
    if not column.null_count:
        return values
    known = np.from_dlpack(column.is_valid().cast(pa.int8()))
    return np.where(known == 1, values, kind.type(missing))
