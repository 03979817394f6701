"""Rows of a model, and each metric computed from them by somebody else: scikit-learn, or a formula in numpy."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from scipy.special import logit
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

CLASSES = ("cat", "dog", "eel", "fox")


@dataclass(frozen=True)
class Rows:
    """A model's rows as arrays: a label of -1 (classes) or NaN (numbers) is missing, and likewise a prediction.

    day     number of the day
    score   binary: shape (rows,), NaN where missing; multiclass: (rows, classes)
    """

    task: str
    day: np.ndarray
    predicted: np.ndarray
    actual: np.ndarray
    weight: np.ndarray
    score: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.day)

    def where(self, chosen) -> Rows:
        """Some of the rows, or all of them in another order."""
        score = None if self.score is None else self.score[chosen]
        return Rows(
            self.task, self.day[chosen], self.predicted[chosen], self.actual[chosen], self.weight[chosen], score
        )

    def _known(self, values: np.ndarray) -> np.ndarray:
        return np.isfinite(values) if self.task == "regression" else values >= 0

    @property
    def labelled(self) -> Rows:
        """Those with a label."""
        return self.where(self._known(self.actual))

    @property
    def decided(self) -> Rows:
        """Those with label and prediction."""
        return self.where(self._known(self.actual) & self._known(self.predicted))

    @property
    def scored(self) -> Rows:
        """Those with label and all scores."""
        score = self.score if self.score.ndim == 1 else self.score.sum(axis=1)
        return self.where(self._known(self.actual) & np.isfinite(score))

    def table(self, weighted: bool) -> pa.Table:
        """As a log with predictions and labels in one table."""
        start = np.datetime64("2025-01-06T00:00:00", "us")
        seconds = self.day * 86400 + np.arange(len(self)) % 86000
        columns = {
            "id": pa.array(np.arange(len(self)), pa.int64()),
            "ts": pa.array(start + seconds.astype("timedelta64[s]"), pa.timestamp("us", "UTC")),
        }
        if weighted:
            columns["w"] = pa.array(self.weight)
        if self.task == "regression":
            columns |= {"p": _numbers(self.predicted), "y": _numbers(self.actual)}
        elif self.task == "binary":
            columns |= {"s": _numbers(self.score), "y": pa.array([None if y < 0 else int(y) for y in self.actual])}
        else:
            columns |= {f"s{code}": _numbers(self.score[:, code]) for code in range(len(CLASSES))}
            for name, codes in (("p", self.predicted), ("y", self.actual)):
                columns[name] = pa.array([None if code < 0 else CLASSES[code] for code in codes], pa.string())
        return pa.table(columns)

    def columns(self, weighted: bool) -> dict:
        """The columns of that log by their roles."""
        roles = {"id": "id", "timestamp": "ts"} | ({"weight": "w"} if weighted else {})
        if self.task == "binary":
            return roles | {"score": "s"}
        if self.task == "regression":
            return roles | {"prediction": "p"}
        return roles | {"prediction": "p", "scores": {name: f"s{code}" for code, name in enumerate(CLASSES)}}


def _numbers(values: np.ndarray) -> pa.Array:
    return pa.array([None if not np.isfinite(value) else float(value) for value in values], pa.float64())


def draw(task: str, seed: int, days: int = 12, most: int = 60) -> Rows:
    """Days of every kind: many rows, few, none, one class only, perfect, ties, missing labels and scores."""
    rng = np.random.default_rng(seed)
    kinds = ("usual", "one_class", "perfect", "tied", "none", "unlabelled", "single", "unscored")
    found = []
    for day in range(days):
        kind = kinds[day] if day < len(kinds) else "usual"
        n = {"none": 0, "single": 1}.get(kind, int(rng.integers(20, most)))
        found.append(_day(task, rng, day, n, kind))
    whole = Rows(task, *(np.concatenate([getattr(each, name) for each in found]) for name in _FIELDS[task]))
    return replace(whole, day=whole.day.astype(np.int64))


_FIELDS = {
    "binary": ("day", "predicted", "actual", "weight", "score"),
    "multiclass": ("day", "predicted", "actual", "weight", "score"),
    "regression": ("day", "predicted", "actual", "weight"),
}


def _day(task: str, rng: np.random.Generator, day: int, n: int, kind: str) -> Rows:
    days, weight = (
        np.full(n, day),
        rng.choice([0.25, 1.0, 3.75], n),
    )  # whose sums are exact: so is where a quantile lies
    missing = rng.random(n) < (1.0 if kind == "unlabelled" else 0.1)
    if task == "regression":
        actual = rng.lognormal(1, 1, n) * rng.choice([1, 1, 1, 0], n) if kind != "one_class" else np.full(n, 2.5)
        predicted = actual * rng.lognormal(0, 0.3, n) + rng.choice([0, 0.1], n)
        predicted = actual.copy() if kind == "perfect" else predicted
        predicted[rng.random(n) < (1.0 if kind == "unscored" else 0.05)] = np.nan
        return Rows(task, days, predicted, np.where(missing, np.nan, actual), weight)
    k = 2 if task == "binary" else len(CLASSES)
    shares = rng.dirichlet(np.ones(k), n).reshape(n, k)
    if kind == "tied":
        shares = np.round(shares * 4) / 4
    actual = np.array([rng.choice(k, p=(0.7 * row + 0.3 / k) / (0.7 * row + 0.3 / k).sum()) for row in shares], int)
    actual = np.zeros(n, int) if kind == "one_class" else shares.argmax(1) if kind == "perfect" else actual
    unscored = rng.random(n) < (1.0 if kind == "unscored" else 0.05)
    if task == "binary":
        score = np.where(unscored, np.nan, shares[:, 1])
        predicted = np.where(unscored, -1, score >= 0.5).astype(int)
    else:
        score = shares.copy()
        score[unscored, 0] = np.nan
        predicted = np.where(rng.random(n) < 0.1, rng.integers(-1, k, n), shares.argmax(1))
        score[predicted < 0] = np.nan  # else the log takes the class with the best score
    return Rows(task, days, predicted, np.where(missing, -1, actual), weight, score)


# Oracles --------------------------------------------------------------------------------------------------------

Oracle = Callable[[Rows], float | None]
"""From the rows of a window to the figure; None where it has to be undefined."""


def _quietly(function, *values, **more) -> float | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = float(function(*values, **more))
    return found if np.isfinite(found) else None


def of_classes(function, **more) -> Oracle:
    """A scikit-learn metric of labels and predictions."""

    def oracle(rows: Rows) -> float | None:
        rows = rows.decided
        if not len(rows):
            return None
        return _quietly(function, rows.actual, rows.predicted, sample_weight=rows.weight, **more)

    return oracle


def share(hits: Callable[[Rows], np.ndarray], of: Callable[[Rows], np.ndarray]) -> Oracle:
    """Weight of some rows in the weight of others."""

    def oracle(rows: Rows) -> float | None:
        total = (rows.weight * of(rows)).sum()
        return float((rows.weight * (hits(rows) & of(rows))).sum() / total) if total > 0 else None

    return oracle


def both_classes(oracle: Oracle, rows_of: Callable[[Rows], Rows] = lambda rows: rows.decided) -> Oracle:
    """None where only one class occurs."""
    return lambda rows: oracle(rows) if len(set(rows_of(rows).actual)) > 1 else None


def mcc(rows: Rows) -> float | None:
    decided = rows.decided
    one = len(set(decided.actual)) < 2 or len(set(decided.predicted)) < 2
    return None if one else of_classes(sk.matthews_corrcoef)(rows)


def cost(tp=0.0, fp=0.0, fn=0.0, tn=0.0, threshold: float | None = None) -> Oracle:
    def oracle(rows: Rows) -> float | None:
        rows = rows.decided if threshold is None else at(rows, threshold).decided
        prices = np.array([[tn, fp], [fn, tp]])[rows.actual, rows.predicted]
        return float(np.average(prices, weights=rows.weight)) if len(rows) else None

    return oracle


def at(rows: Rows, threshold: float) -> Rows:
    """The rows with the decisions of another threshold."""
    with np.errstate(invalid="ignore"):
        return replace(rows, predicted=np.where(np.isnan(rows.score), -1, rows.score >= threshold).astype(int))


def what_if(oracle: Oracle, threshold: float) -> Oracle:
    return lambda rows: oracle(at(rows, threshold))


def auc(rows: Rows) -> float | None:
    rows = rows.scored
    if len(set(rows.actual)) < 2:
        return None
    return float(sk.roc_auc_score(rows.actual, rows.score, sample_weight=rows.weight))


def average_precision(rows: Rows) -> float | None:
    rows = rows.scored
    if len(set(rows.actual)) < 2:
        return None
    return float(sk.average_precision_score(rows.actual, rows.score, sample_weight=rows.weight))


def class_auc(code: int) -> Oracle:
    """One class against the rest. Rows that lack this class's score, and no other ones, are left out."""

    def oracle(rows: Rows) -> float | None:
        rows = rows.labelled
        known = np.isfinite(rows.score[:, code])
        hit, score, weight = rows.actual[known] == code, rows.score[known, code], rows.weight[known]
        return float(sk.roc_auc_score(hit, score, sample_weight=weight)) if len(set(hit)) > 1 else None

    return oracle


def macro_auc(rows: Rows) -> float | None:
    each = [found for code in range(len(CLASSES)) if (found := class_auc(code)(rows)) is not None]
    return float(np.mean(each)) if each else None


def log_loss(rows: Rows) -> float | None:
    rows = rows.scored if rows.task == "binary" else of_own_score(rows)
    if not len(rows):
        return None
    if rows.task == "binary":
        return _quietly(sk.log_loss, rows.actual, rows.score, sample_weight=rows.weight, labels=[0, 1])
    filled = np.where(np.isnan(rows.score), 0.0, rows.score)
    return _quietly(sk.log_loss, rows.actual, filled, sample_weight=rows.weight, labels=range(len(CLASSES)))


def of_own_score(rows: Rows) -> Rows:
    """Rows that have the score of their own class."""
    rows = rows.labelled
    return rows.where(np.isfinite(rows.score[np.arange(len(rows)), rows.actual]))


def top_k(k: int) -> Oracle:
    def oracle(rows: Rows) -> float | None:
        rows = rows.scored
        if not len(rows):
            return None
        labels = range(len(CLASSES))
        return _quietly(sk.top_k_accuracy_score, rows.actual, rows.score, k=k, sample_weight=rows.weight, labels=labels)

    return oracle


def brier(rows: Rows) -> float | None:
    rows = rows.scored
    return float(np.average((rows.score - rows.actual) ** 2, weights=rows.weight)) if len(rows) else None


def _by_bin(rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    place = np.minimum((rows.score * 16).astype(int), 15)
    sums = (rows.weight, rows.weight * rows.score, rows.weight * rows.actual)
    return tuple(np.bincount(place, weights=each, minlength=16) for each in sums)


def calibration_error(rows: Rows) -> float | None:
    rows = rows.scored
    if not len(rows):
        return None
    weight, score, actual = _by_bin(rows)
    return float(np.abs(score - actual).sum() / weight.sum())


def calibration_floor(rows: Rows) -> float | None:
    rows = rows.scored
    if not len(rows):
        return None
    weight, _, actual = _by_bin(rows)
    p = actual[weight > 0] / weight[weight > 0]
    rows_of = weight[weight > 0] * weight.sum() / (rows.weight**2).sum()
    return float(np.sqrt(2 / np.pi * rows_of * p * (1 - p)).sum() / rows_of.sum())


def _cells(rows: Rows) -> list[Rows]:
    """The rows of each of the 16 bins that has some."""
    place = np.minimum((rows.score * 16).astype(int), 15)
    return [rows.where(place == each) for each in np.unique(place)]


def calibration_error_squared(rows: Rows) -> float | None:
    total = top = 0.0
    for each in _cells(rows.scored):
        y, w = each.actual, each.weight
        worth = w.sum() ** 2 / (w**2).sum()
        if worth > 1.5:
            share = np.average(y, weights=w)
            noise = np.average((y - share) ** 2, weights=w) / (worth - 1)
            top += w.sum() * ((share - np.average(each.score, weights=w)) ** 2 - noise)
            total += w.sum()
    return float(top / total) if total else None


def brier_part(part: Callable[[Rows, float], float]) -> Oracle:
    """Mean over rows of something that is the same in a whole bin, given the share of positives of all."""

    def oracle(rows: Rows) -> float | None:
        rows = rows.scored
        if not len(rows):
            return None
        mean = np.average(rows.actual, weights=rows.weight)
        return float(sum(each.weight.sum() * part(each, mean) for each in _cells(rows)) / rows.weight.sum())

    return oracle


def _gap(rows: Rows, _mean: float) -> float:
    return (np.average(rows.actual, weights=rows.weight) - np.average(rows.score, weights=rows.weight)) ** 2


def _apart(rows: Rows, mean: float) -> float:
    return (np.average(rows.actual, weights=rows.weight) - mean) ** 2


def calibration_ratio(rows: Rows) -> float | None:
    rows = rows.scored
    expected = (rows.weight * rows.score).sum()
    return float((rows.weight * rows.actual).sum() / expected) if expected > 0 else None


def calibration_slope(rows: Rows) -> float | None:
    """scikit-learn's logistic regression without a penalty, on the rows; None where no finite slope fits best."""
    rows = rows.scored
    x = np.clip(logit(rows.score), -15, 15)
    low, high = (x[rows.actual == label] for label in (0, 1))
    if not len(low) or not len(high) or high.min() >= low.max() or low.min() >= high.max():
        return None
    fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000, solver="newton-cholesky")
    fitted.fit(x[:, None], rows.actual, sample_weight=rows.weight)
    return float(fitted.coef_[0, 0])


def of_numbers(function: Callable[[np.ndarray, np.ndarray, np.ndarray], float]) -> Oracle:
    """A formula of label, prediction and weight."""

    def oracle(rows: Rows) -> float | None:
        rows = rows.decided
        return None if not len(rows) else _quietly(function, rows.actual, rows.predicted, rows.weight)

    return oracle


def sklearn_numbers(function, **more) -> Oracle:
    return of_numbers(lambda y, p, w: function(y, p, sample_weight=w, **more))


def mape(y, p, w) -> float:
    some = y != 0
    return sk.mean_absolute_percentage_error(y[some], p[some], sample_weight=w[some]) if some.any() else np.nan


def smape(y, p, w) -> float:
    size = np.abs(y) + np.abs(p)
    return np.average(np.divide(2 * np.abs(p - y), size, out=np.zeros_like(y), where=size > 0), weights=w)


def wape(y, p, w) -> float:
    return (w * np.abs(p - y)).sum() / (w * np.abs(y)).sum() if np.abs(y).sum() > 0 else np.nan


def r2(y, p, w) -> float:
    return sk.r2_score(y, p, sample_weight=w) if len(set(y)) > 1 else np.nan


def quantile(q: float) -> Oracle:
    return of_numbers(lambda y, p, w: np.quantile(np.abs(p - y), q, weights=w, method="inverted_cdf"))


def _actual(code: int) -> Callable[[Rows], np.ndarray]:
    return lambda rows: rows.actual == code


def _predicted(code: int) -> Callable[[Rows], np.ndarray]:
    return lambda rows: rows.predicted == code


def _labelled(rows: Rows) -> np.ndarray:
    return rows.actual >= 0


def _said(rows: Rows) -> np.ndarray:
    return rows.predicted >= 0


def _decided(rows: Rows) -> np.ndarray:
    return _labelled(rows) & _said(rows)


def _both(first, second) -> Callable[[Rows], np.ndarray]:
    return lambda rows: first(rows) & second(rows)


NAN = {"zero_division": np.nan}
one = {"pos_label": 1}
recall = of_classes(sk.recall_score, **NAN)
BINARY: dict[str, Oracle] = {
    "accuracy": of_classes(sk.accuracy_score),
    "precision": of_classes(sk.precision_score, **NAN),
    "recall": recall,
    "recall(threshold=0.3)": what_if(recall, 0.3),
    "specificity": of_classes(sk.recall_score, pos_label=0, **NAN),
    "false_positive_rate": share(_predicted(1), _both(_actual(0), _said)),
    "false_negative_rate": share(_predicted(0), _both(_actual(1), _said)),
    "f1": of_classes(sk.f1_score, **NAN),
    "f1(threshold=0.75)": what_if(of_classes(sk.f1_score, **NAN), 0.75),
    "f_beta(beta=2)": of_classes(sk.fbeta_score, beta=2, **NAN),
    "f_beta(beta=0.5, threshold=0.3)": what_if(of_classes(sk.fbeta_score, beta=0.5, **NAN), 0.3),
    "balanced_accuracy": both_classes(of_classes(sk.balanced_accuracy_score)),
    "mcc": mcc,
    "mcc(threshold=0.75)": what_if(mcc, 0.75),
    "positive_rate": share(_actual(1), _labelled),
    "predicted_positive_rate": share(_predicted(1), _said),
    "cost(fp=1, fn=5)": cost(fp=1, fn=5),
    "cost(fp=1, fn=5, threshold=0.3)": cost(fp=1, fn=5, threshold=0.3),
    "value(tp=10, fp=-1)": cost(tp=10, fp=-1),
    "roc_auc": auc,
    "average_precision": average_precision,
    "brier": brier,
    "log_loss": log_loss,
    "calibration_error": calibration_error,
    "calibration_floor": calibration_floor,
    "calibration_error_squared": calibration_error_squared,
    "calibration_ratio": calibration_ratio,
    "calibration_slope": calibration_slope,
    "brier_reliability": brier_part(_gap),
    "brier_resolution": brier_part(_apart),
    "brier_uncertainty": brier_part(lambda _, mean: mean * (1 - mean)),
}

MULTICLASS: dict[str, Oracle] = {
    "accuracy": of_classes(sk.accuracy_score),
    "balanced_accuracy": of_classes(sk.balanced_accuracy_score),
    **{
        f"{average}_{name}": of_classes(function, average=average, **NAN)
        for average in ("macro", "micro", "weighted")
        for name, function in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score))
    },
    "mcc": mcc,
    **{f"recall(class={name})": share(_predicted(c), _both(_actual(c), _said)) for c, name in enumerate(CLASSES)},
    **{
        f"precision(class={name})": share(_actual(c), _both(_predicted(c), _labelled)) for c, name in enumerate(CLASSES)
    },
    "f1(class=dog)": of_classes(sk.f1_score, labels=[1], average="macro", **NAN),
    "predicted_rate(class=dog)": share(_predicted(1), _said),
    "class_rate(class=dog)": share(_actual(1), _labelled),
    "confusion(predicted=cat, actual=dog)": share(_both(_predicted(0), _actual(1)), _decided),
    "roc_auc": macro_auc,
    "roc_auc(class=eel)": class_auc(2),
    "log_loss": log_loss,
    "top_k_accuracy(k=1)": top_k(1),
    "top_k_accuracy(k=2)": top_k(2),
}

REGRESSION: dict[str, Oracle] = {
    "mae": sklearn_numbers(sk.mean_absolute_error),
    "rmse": sklearn_numbers(sk.root_mean_squared_error),
    "mse": sklearn_numbers(sk.mean_squared_error),
    "bias": of_numbers(lambda y, p, w: np.average(p - y, weights=w)),
    "mape": of_numbers(mape),
    "smape": of_numbers(smape),
    "wape": of_numbers(wape),
    "rmsle": sklearn_numbers(sk.root_mean_squared_log_error),
    "r2": of_numbers(r2),
    "median_absolute_error": quantile(0.5),
    "p90_absolute_error": quantile(0.9),
    "absolute_error_quantile(quantile=0.25)": quantile(0.25),
    "pinball(quantile=0.9)": sklearn_numbers(sk.mean_pinball_loss, alpha=0.9),
}

_weighted_precision = MULTICLASS["weighted_precision"]
# scikit-learn says 0 where all weights are 0
MULTICLASS["weighted_precision"] = lambda rows: (
    _weighted_precision(rows) if set(rows.decided.actual) & set(rows.decided.predicted) else None
)

ORACLES = {"binary": BINARY, "multiclass": MULTICLASS, "regression": REGRESSION}
#: metrics that have no oracle on the rows of a window, and where they are tested
NO_ORACLE = {
    "share": "needs the rows of a slice and of all: test_oracles.py::test_share_of_a_slice",
    **dict.fromkeys(
        ("latency_p50", "latency_p95", "latency_p99", "latency_quantile", "error_rate", "throughput", "freshness"),
        "needs other columns: evaluation/test_service.py",
    ),
    **dict.fromkeys(
        ("run_failure_rate", "run_late_rate", "run_long_rate", "run_stale_rate", "run_success_age"),
        "needs runs: evaluation/test_components.py",
    ),
}
