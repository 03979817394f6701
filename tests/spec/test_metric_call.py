from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from leadline.metrics import MetricCall

names = st.from_regex(r"[a-z_][a-z0-9_]*", fullmatch=True)
values = st.integers(-99, 99) | st.floats(-1e6, 1e6) | st.text(max_size=8)
parameters = st.dictionaries(names.filter(lambda name: name != "class"), values, max_size=3)


@given(names, parameters, st.none() | st.text(max_size=8))
def test_what_is_written_out_is_read_back(name: str, given_: dict[str, object], label: str | None) -> None:
    if label is not None:
        given_ = {**given_, "class": label}
    call = MetricCall(name, tuple(given_.items()))  # type: ignore[arg-type]
    assert MetricCall.parse(str(call)) == call


@pytest.mark.parametrize(
    ("text", "parameters_"),
    [
        ("recall", {}),
        ("recall()", {}),
        ("f_beta(beta=2)", {"beta": 2}),
        (" f_beta ( beta = 0.5 , ) ", {"beta": 0.5}),
        ("pinball(quantile=.9)", {"quantile": 0.9}),
        ("cost(tp=0, fp=1, fn=5e0, tn=-1)", {"tp": 0, "fp": 1, "fn": 5.0, "tn": -1}),
        ("recall(class=cat)", {"class": "cat"}),
        ("recall(class=return to owner)", {"class": "return to owner"}),
        ("recall(class='it''s, (a) \"dog\"')", {"class": 'it\'s, (a) "dog"'}),
        ("recall(class=1)", {"class": "1"}),
    ],
)
def test_forms(text: str, parameters_: dict[str, object]) -> None:
    assert dict(MetricCall.parse(text).parameters) == parameters_


@pytest.mark.parametrize(
    "text",
    ["", "2", "f(", "f)", "f(1)", "f(a=)", "f(a=1 b=2)", "f(a=1,,b=2)", "f(a='x)", "f(a=1)(b=2)", "a-b", "f(a==1)"],
)
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        MetricCall.parse(text)


def test_a_parameter_is_given_once() -> None:
    with pytest.raises(ValueError, match="'beta' is given twice"):
        MetricCall.parse("f_beta(beta=1, beta=2)")
