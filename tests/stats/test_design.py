from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t

from leadline.stats.design import Design, design, student
from leadline.stats.groups import Spread


def spread(phi: float, groups: int, size: float = 200.0, effective: float | None = None) -> Spread:
    return Spread(phi, groups, float(groups) if effective is None else effective, size)


@given(st.floats(1, 1000))
def test_student_against_scipy(df):
    assert student(df) == pytest.approx(float(t.ppf(0.975, df)), rel=1e-9)


def test_student_refuses_no_freedom():
    with pytest.raises(ValueError, match="freedom"):
        student(0)


def test_seven_grains_speak_for_themselves():
    assert design(spread(3.0, 7), spread(9.0, 28)) == Design(3.0, student(6), "clustered")


def test_grains_that_agree_by_chance_do_not_shrink_the_interval_away():
    assert design(spread(0.01, 7)) == Design(0.5, student(6), "clustered")


def test_fewer_grains_borrow_from_the_history_and_keep_the_formula_name():
    found = design(spread(0.1, 4), spread(3.0, 28))
    assert found == Design(3.0, student(27), None)
    assert found.named("wilson") == "wilson"
    assert design(None, spread(0.5, 14)) == Design(1.0, student(13), None)


def test_the_history_is_fitted_to_the_size_of_the_windows_grains():
    assert design(spread(1.0, 4, size=100.0), spread(3.0, 28)).deff == 2.0
    assert design(None, spread(3.0, 28), size=400.0).deff == 5.0


def test_without_a_history_the_name_says_so():
    for short in (None, spread(3.0, 13)):
        found = design(spread(3.0, 6), short)
        assert found == Design(1.0, pytest.approx(norm.ppf(0.975)), "within_grain")
        assert found.named("wilson") == "within_grain"


def test_seven_grains_of_which_one_is_nearly_all_borrow_too_if_they_can():
    lopsided = spread(2.0, 7, effective=1.5)
    assert design(lopsided, spread(3.0, 28)).method is None
    assert design(lopsided) == Design(2.0, student(1), "clustered")  # half a degree of freedom is one at least


def test_users_add_their_excess():
    assert design(None, None, spread(1.2, 16)).method == "within_grain"
    assert design(None, None, spread(3.0, 16)) == Design(3.0, student(15), "entity")
    assert design(spread(2.0, 28), None, spread(1.5, 16)) == Design(2.5, student(27), "clustered")
    assert design(spread(2.0, 28), None, spread(4.0, 16)) == Design(5.0, student(15), "entity")


phis = st.floats(0, 50)


@given(phis, st.integers(2, 60), phis, st.integers(2, 60), phis)
def test_no_design_is_narrower_than_half_the_rows_variance(own, grains, past, earlier, users):
    found = design(spread(own, grains), spread(past, earlier), spread(users, 16))
    assert found.deff >= 0.5
    assert found.critical >= norm.ppf(0.975) - 1e-9
    assert found.deff * found.critical**2 >= 0.5 * norm.ppf(0.975) ** 2
