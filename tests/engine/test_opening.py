"""Which engine a set of sources lives on, and what is refused."""

import pytest

from leadline.engine import open_engine
from leadline.spec.fields import TableSource
from leadline.values import InputError


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (TableSource(engine="spark", table="t", url="sc://127.0.0.1"), "Spark takes no `url`"),
        (TableSource(engine="duckdb", table="t", url="a.duckdb", catalog="c"), "duckdb has no catalogs"),
        (TableSource(engine="postgres", table="t", catalog="c"), "postgres has no catalogs"),
    ],
)
def test_what_an_engine_cannot_use_is_refused(source, said):
    with pytest.raises(InputError, match=said):
        open_engine([source])


def test_sources_on_two_engines_are_refused():
    two = [TableSource(engine="duckdb", table="t", url="a.duckdb"), TableSource(engine="postgres", table="t", url="u")]
    with pytest.raises(InputError, match="different engines"):
        open_engine(two)
