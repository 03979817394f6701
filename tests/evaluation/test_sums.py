"""DESIGN §2: every answer is a function of sums that are the same everywhere. Each test is named after its rule."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from evaluation.small import check, evaluation, found, notes, one, row, slices
from leadline.cells import plan
from leadline.cells.plan import Piece, refuse_too_many
from leadline.evaluation.estimates import Evaluation
from leadline.metrics.sums import LINEAR_BINS, LOGIT_BINS
from leadline.values import InputError

EARLY = {"until": "2024-02-01"}


def random_rows(count: int, seed: int = 7) -> pa.Table:
    r = np.random.default_rng(seed)
    score = r.random(count)
    seconds = r.integers(0, 5 * 86400, count)
    times = np.datetime64("2024-01-01", "us") + seconds.astype("timedelta64[s]")
    return pa.table(
        {
            "id": np.arange(count),
            "timestamp": pa.array(times, pa.timestamp("us")).cast(pa.timestamp("us", "UTC")),
            "score": score,
            "label": r.random(count) < score,
            "carrier": pa.array(np.array(["A", "B", "C"])[r.integers(0, 3, count)].tolist()),
        }
    )


def test_sums_are_the_same_bit_for_bit_however_many_threads_and_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_rows(150_000)
    turned = rows.take(pa.array(np.random.default_rng(1).permutation(len(rows))))
    declared: dict[str, Any] = {"metrics": ["brier", "log_loss", "roc_auc", "calibration_error"], "slices": ["carrier"]}
    answers = []
    for threads, source in (("1", rows), ("2", rows), ("2", turned)):
        monkeypatch.setenv("LEADLINE_THREADS", threads)
        answers.append(check(source, reference=EARLY, **declared).to_json())
    fingerprints = [answer.partition('"estimates"')[2] for answer in answers]
    assert fingerprints[0] == fingerprints[1] == fingerprints[2]


def test_bounded_losses_are_summed_as_multiples_of_2_to_the_minus_32() -> None:
    cells = evaluation(random_rows(500), metrics=["brier"]).series.pieces["total",]
    (sums,) = [values for name, values in cells.losses.items() if not name.startswith("matched")]
    units = sums[:, 3] * 2.0**32
    assert np.array_equal(units, np.floor(units))
    assert units.any()


# md5 groups ---------------------------------------------------------------------------------------------------------

GOLDEN = {"u1": 13, "Zoë": 3, "7": 15, "": 9}  # md5 of nothing begins with d41d8cd9


def test_hash_groups_come_from_the_first_eight_digits_of_the_md5_of_the_text() -> None:
    assert {text: int(hashlib.md5(text.encode()).hexdigest()[:8], 16) % 16 for text in GOLDEN} == GOLDEN  # noqa: S324
    rows = [row(f"p{n}", f"2024-01-0{n + 1}", 0.9, True, entity=text) for n, text in enumerate(GOLDEN)]
    cells = evaluation(rows).series.pieces["total",]
    assert dict(zip(cells.keys["grain"].tolist(), cells.keys["group"].tolist(), strict=True)) == dict(
        enumerate(GOLDEN.values())
    )


def test_entities_that_are_numbers_are_grouped_by_their_text() -> None:
    cells = evaluation([row("a", "2024-01-01", 0.9, True, entity=7)]).series.pieces["total",]
    assert cells.keys["group"].tolist() == [GOLDEN["7"]]


@pytest.mark.parametrize("users", [1, 2, 50])
def test_too_few_entities_widen_no_interval_and_are_said(users: int) -> None:
    random = np.random.default_rng(0)
    rows = [row(f"p{n}", f"2024-01-{1 + n % 28:02}", random.random(), bool(random.random() < 0.4)) for n in range(2000)]
    plain = one(check(rows, window="1mo"))
    found = check([{**each, "entity": f"u{random.integers(users)}"} for each in rows], window="1mo")
    assert ("few_entities" in notes(found)) == (users < 50)
    mine = one(found)
    if users < 50:
        assert (mine["low"], mine["high"], mine["interval"]) == (plain["low"], plain["high"], plain["interval"])
    assert mine["high"] - mine["low"] < 2 * (plain["high"] - plain["low"])


# Grids --------------------------------------------------------------------------------------------------------------


def grid(found_: Evaluation, name: tuple[Any, ...] = ("scores", "")) -> set[tuple[int, ...]]:
    keys = found_.series.pieces[name].keys
    return set(zip(*(keys[axis].tolist() for axis in ("linear", "logit", "step")), strict=True))


def test_bins_of_probabilities_do_not_depend_on_the_data_at_hand() -> None:
    mine = [row(f"p{n}", "2024-01-01", score, n % 2 == 0) for n, score in enumerate([0.0, 1e-6, 0.3, 0.5, 1.0])]
    others = [row(f"q{n}", "2024-01-01", n / 97, True) for n in range(97)]
    alone, among = (evaluation(rows, metrics=["roc_auc"]) for rows in (mine, mine + others))
    assert grid(alone) <= grid(among)
    assert len(grid(alone)) == 5


def test_the_grid_is_512_linear_and_512_logit_edges_and_the_thresholds() -> None:
    scores = [0.0, 0.5, 0.5 + 1 / 512, 1.0]
    rows = [row(f"p{n}", "2024-01-01", score, n % 2 == 0) for n, score in enumerate(scores)]
    found_ = evaluation(rows, metrics=["roc_auc"], thresholds=[0.2, 0.501])
    assert grid(found_) == {(0, 0, 0), (256, 256, 1), (257, 256, 2), (511, 511, 2)}
    assert (LINEAR_BINS, LOGIT_BINS) == (512, 512)


def test_scores_outside_0_and_1_get_edges_of_the_reference_and_rank_metrics_only() -> None:
    rows = [row(f"p{n}", "2024-01-01", float(n - 5), n > 5) for n in range(11)]
    later = [row(f"q{n}", "2024-03-01", 1000.0 + n, True) for n in range(3)]
    found_ = evaluation(rows + later, metrics=["roc_auc", "brier"], reference=EARLY, window="1w")
    edges = found_.reference.edges
    assert edges is not None
    assert (min(edges), max(edges)) == (-5.0, 5.0)
    result = check(rows + later, metrics=["roc_auc", "brier"], reference=EARLY, window="1w")
    assert found(result, "roc_auc")[0]["value"] == 1.0
    assert {each["why"] for each in found(result, "brier") if each["n"]} == {"scores are not probabilities"}
    said = notes(result)
    assert "from -5 to 1002: 12 of 14 lie outside [0, 1]" in said["not_probabilities"]
    assert said["threshold_not_declared"].startswith("The threshold 0.5, which is not declared, is applied to scores")
    assert "threshold_not_declared" not in notes(check(rows, threshold=1.0))


def test_edges_are_fixed_with_the_reference_and_do_not_follow_later_scores() -> None:
    rows = [row(f"p{n}", "2024-01-01", float(n), n > 5) for n in range(11)]
    later = [row(f"q{n}", "2024-03-01", 50.0 * n, True) for n in range(9)]
    first, second = (evaluation(each, metrics=["roc_auc"], reference=EARLY) for each in (rows, rows + later))
    assert first.reference.edges == second.reference.edges


# Tiers --------------------------------------------------------------------------------------------------------------

TIERS = [row(f"p{n}", "2024-01-01", n / 20, n % 2 == 0, carrier="AB"[n % 2]) for n in range(20)]


def names(**declared: Any) -> set[tuple[Any, ...]]:
    return set(evaluation(TIERS, slices=["carrier"], reference=EARLY, **declared).series.pieces)


def test_histograms_are_made_only_where_a_metric_or_an_estimate_needs_scores() -> None:
    counts = {("total",), ("slice", 0)}
    assert names(metrics=["predicted_positive_rate"]) == counts
    assert names(metrics=["accuracy", "brier"]) == counts | {("scores", "")}
    assert names(metrics=["roc_auc"]) == counts | {("scores", ""), ("slice_scores", 0, "")}
    assert names(metrics=None) == counts | {("scores", "")}  # the usual metrics: none of slices reads scores
    objective = {"metric": "roc_auc", "at_least": 0.4, "window": "1d", "slices": ["carrier"]}
    assert names(objectives=[objective]) == counts | {("scores", ""), ("slice_scores", 0, "")}


def test_slices_have_64_bins_that_nest_in_those_of_all_rows() -> None:
    found_ = evaluation(TIERS, metrics=["roc_auc"], slices=["carrier"], reference=EARLY)
    coarse = {(linear, logit) for linear, logit, _ in grid(found_, ("slice_scores", 0, ""))}
    assert coarse == {(linear // plan.COARSE, logit // plan.COARSE) for linear, logit, _ in grid(found_)}
    assert max(linear for linear, _ in coarse) < 64 / 2


def test_no_slice_is_crossed_with_another_that_is_not_declared() -> None:
    rows = [row(f"p{n}", "2024-01-01", 0.9, True, carrier="AB"[n % 2], origin="JK"[n // 2 % 2]) for n in range(8)]
    pieces = evaluation(rows, slices=["carrier", "origin"], reference=EARLY).series.pieces
    assert {name for name in pieces if name[0] == "slice"} == {("slice", 0), ("slice", 1)}


def test_histograms_carry_no_lag() -> None:
    rows = [{**each, "observed_at": "2024-01-05"} for each in TIERS]
    pieces = evaluation(rows, metrics=["roc_auc"]).series.pieces
    assert "lag" in pieces["total",].keys
    assert "lag" not in pieces["scores", ""].keys


# The planner --------------------------------------------------------------------------------------------------------


def test_the_planner_refuses_too_many_cells_and_names_the_culprit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MOST_CELLS", 50)
    rows = [row(f"p{n}", "2024-01-01", 0.9, True, flight=f"f{n}", carrier="A") for n in range(60)]
    with pytest.raises(InputError, match=r"more than 50; the slices by 'flight' \(60 values × 1 grains\) alone"):
        check(rows, slices=["carrier", "flight"], reference=EARLY)
    # without slices there is room, if nothing is estimated: that is no reason to refuse
    monkeypatch.setattr(plan, "MOST_CELLS", 9)
    result = check(rows, reference=EARLY)
    assert slices(result) == {}
    assert "too many cells" in result.track_record[0]["why"]


def test_the_planner_allows_five_million_cells() -> None:
    assert plan.MOST_CELLS == 5_000_000
    pieces = [Piece(("total",), (), (), None, 4_000_000), Piece(("slice", 0), (), (), None, 1_000_000)]
    words = {("total",): "all rows", ("slice", 0): "the slices by 'c'"}
    assert refuse_too_many(pieces, words) == 5_000_000
    with pytest.raises(InputError, match="about 5,000,001 cells, more than 5,000,000; all rows alone makes about 4,0"):
        refuse_too_many([*pieces, Piece(("slice", 0), (), (), None, 1)], words)


# Addition -----------------------------------------------------------------------------------------------------------


def test_windows_slices_and_versions_add_up_to_all_rows() -> None:
    rows = [
        row(f"p{n}", f"2024-01-{1 + n % 9:02d}", n % 7 / 7, n % 3 == 0, carrier="ABC"[n % 3], version=f"m{n % 2}")
        for n in range(63)
    ]
    sums = evaluation(rows, slices=["carrier"], reference=EARLY).series
    total = sums.sums().counts
    assert np.array_equal(sum(sums.sums(version=code).counts for code in range(2)), total)
    codes = sorted(set(sums.pieces["slice", 0].keys["slice"].tolist()))
    assert np.array_equal(sum(sums.sums(0, code).counts for code in codes), total)
    month = one(check(rows, window="1mo"))
    assert month["n"] == int(total.sum()) == 63
    assert month["value"] == total.sum(axis=0)[[0, 1], [0, 1]].sum() / 63
