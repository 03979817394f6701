"""Tells whether a model in production works for its users, for whom it does not, why, and what to do next.

Names load their module when first asked for, so that `import leadline` costs nothing:

>>> import leadline
>>> leadline.Undefined("no actual positives").why
'no actual positives'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leadline.evaluation.backtest import Backtest, backtest
    from leadline.evaluation.compare import Comparison, compare
    from leadline.evaluation.discrepancy import discrepancy
    from leadline.evaluation.planning import plan
    from leadline.evaluation.result import Result, check
    from leadline.evaluation.row_parity import row_parity
    from leadline.quality.tables import Discrepancy, RowParity
    from leadline.spec import Spec, load
    from leadline.values import Estimate, InputError, Interval, Judgement, LeadlineError, Slice, Undefined, Window

__version__ = "0.1.0.dev0"

# Name -> module that has it. A name must not be a module's too: importing the module would replace the name.
EXPORTS = {
    "Backtest": "leadline.evaluation.backtest",
    "Comparison": "leadline.evaluation.compare",
    "Discrepancy": "leadline.quality.tables",
    "Estimate": "leadline.values",
    "InputError": "leadline.values",
    "Interval": "leadline.values",
    "Judgement": "leadline.values",
    "LeadlineError": "leadline.values",
    "Result": "leadline.evaluation.result",
    "RowParity": "leadline.quality.tables",
    "Slice": "leadline.values",
    "Spec": "leadline.spec",
    "Undefined": "leadline.values",
    "Window": "leadline.values",
    "backtest": "leadline.evaluation.backtest",
    "check": "leadline.evaluation.result",
    "compare": "leadline.evaluation.compare",
    "discrepancy": "leadline.evaluation.discrepancy",
    "load": "leadline.spec",
    "plan": "leadline.evaluation.planning",
    "row_parity": "leadline.evaluation.row_parity",
}

__all__ = [
    "Backtest",
    "Comparison",
    "Discrepancy",
    "Estimate",
    "InputError",
    "Interval",
    "Judgement",
    "LeadlineError",
    "Result",
    "RowParity",
    "Slice",
    "Spec",
    "Undefined",
    "Window",
    "__version__",
    "backtest",
    "check",
    "compare",
    "discrepancy",
    "load",
    "plan",
    "row_parity",
]


def __getattr__(name: str) -> Any:
    """Load an exported name (PEP 562) and keep it, so that the next look-up is an ordinary one."""
    if name not in EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(EXPORTS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *EXPORTS})
