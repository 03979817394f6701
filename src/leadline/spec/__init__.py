"""What the user declares: YAML or Python to one frozen `Spec`, conditions to expressions, and the guesses of `init`."""

from leadline.spec.load import SpecError, SpecProblem, from_mapping, load
from leadline.spec.model import Spec
from leadline.spec.openslo import to_openslo
from leadline.spec.schema import json_schema
from leadline.spec.where import Condition, ConditionError, to_ibis

__all__ = [
    "Condition",
    "ConditionError",
    "Spec",
    "SpecError",
    "SpecProblem",
    "from_mapping",
    "json_schema",
    "load",
    "to_ibis",
    "to_openslo",
]
