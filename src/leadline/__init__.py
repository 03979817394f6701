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
    from leadline.evaluation.discrepancy import Discrepancy, discrepancy
    from leadline.evaluation.parity import Parity, parity
    from leadline.evaluation.planning import plan
    from leadline.evaluation.result import Result, check
    from leadline.spec import Spec, load
    from leadline.values import Estimate, InputError, Interval, Judgement, LeadlineError, Slice, Undefined, Window

__version__ = "0.1.0.dev0"

# Name -> module that has it. A name must not be a module's too: importing the module would replace the name.
EXPORTS = {
    "Backtest": "leadline.evaluation.backtest",
    "Comparison": "leadline.evaluation.compare",
    "Discrepancy": "leadline.evaluation.discrepancy",
    "Estimate": "leadline.values",
    "InputError": "leadline.values",
    "Interval": "leadline.values",
    "Judgement": "leadline.values",
    "LeadlineError": "leadline.values",
    "Parity": "leadline.evaluation.parity",
    "Result": "leadline.evaluation.result",
    "Slice": "leadline.values",
    "Spec": "leadline.spec",
    "Undefined": "leadline.values",
    "Window": "leadline.values",
    "backtest": "leadline.evaluation.backtest",
    "check": "leadline.evaluation.result",
    "compare": "leadline.evaluation.compare",
    "discrepancy": "leadline.evaluation.discrepancy",
    "load": "leadline.spec",
    "parity": "leadline.evaluation.parity",
    "plan": "leadline.evaluation.planning",
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
    "Parity",
    "Result",
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
    "parity",
    "plan",
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
