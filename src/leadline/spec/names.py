"""Names that people give their columns, the surest first, compared by their words (`columns.key`)."""

from __future__ import annotations

ID = ("prediction_id", "id", "uuid", "request_id", "inference_id", "event_id", "row_id", "record_id", "trace_id")
TIMESTAMP = [
    "timestamp",
    "prediction_timestamp",
    "predicted_at",
    "prediction_time",
    "scored_at",
    "inference_time",
    "event_time",
    "event_timestamp",
    "ts",
    "scheduled_at",
    "requested_at",
    "request_time",
    "created_at",
    "occurred_at",
    "datetime",
    "time",
    "date",
]
RECEIVED = ("received_at", "ingested_at", "ingestion_time", "loaded_at", "arrived_at")
OBSERVED = [
    "observed_at",
    "label_timestamp",
    "label_time",
    "labeled_at",
    "labelled_at",
    "outcome_at",
    "outcome_time",
    "outcome_date",
    "resolved_at",
    "feedback_at",
    "known_at",
    "closed_at",
]
OBSERVED_WORDS = {"observed", "label", "labeled", "labelled", "outcome", "resolved", "closed", "status", "feedback"}
NOT_TIMESTAMP_WORDS = {"birth", "birthday", "dob", "born", "updated", "expires", "expiry"}
SCORE = [
    "score",
    "proba",
    "probability",
    "prob",
    "y_score",
    "y_prob",
    "y_proba",
    "y_pred_proba",
    "predicted_probability",
    "predicted_proba",
    "pred_proba",
    "prediction_score",
    "prediction_probability",
    "predicted_score",
    "pred_score",
    "model_score",
    "confidence",
]
SCORE_WORDS = {"score", "proba", "probability", "prob"}
PREDICTION = [
    "prediction",
    "predicted",
    "y_pred",
    "pred",
    "y_hat",
    "yhat",
    "predicted_label",
    "predicted_class",
    "predicted_value",
    "prediction_label",
    "forecast",
    "model_prediction",
]
LABEL = [
    "label",
    "target",
    "y_true",
    "ground_truth",
    "truth",
    "actual",
    "y",
    "outcome",
    "true_label",
    "true_class",
    "actual_value",
    "class",
]
LABEL_WORDS = {"label", "target", "truth", "outcome"}
VERSION = ("model_version", "version", "model_name", "model_id")
WEIGHT = ("weight", "sample_weight", "row_weight")
LATENCY_WORDS = (
    "latency",
    "prediction_latency",
    "model_latency",
    "request_latency",
    "response_time",
    "inference_time",
    "processing_time",
    "elapsed",
    "elapsed_time",
)
SECONDS = ("s", "sec", "secs", "second", "seconds")
OTHER_UNITS = {
    "milliseconds": ("ms", "msec", "millis", "milliseconds"),
    "microseconds": ("us", "usec", "micros", "microseconds"),
    "nanoseconds": ("ns", "nanos", "nanoseconds"),
}
ERROR = ("error", "is_error", "has_error", "errored", "error_message", "error_text", "exception", "prediction_failed")
ENTITY = [
    "entity_id",
    "user_id",
    "customer_id",
    "account_id",
    "client_id",
    "patient_id",
    "driver_id",
    "merchant_id",
    "device_id",
    "session_id",
]
SCORES_PREFIXES = (
    "p_",
    "proba_",
    "prob_",
    "probability_",
    "score_",
    "y_pred_proba_",
    "predicted_proba_",
    "pred_proba_",
)
POSITIVE_WORDS = {
    "yes",
    "y",
    "true",
    "t",
    "positive",
    "pos",
    "fraud",
    "churn",
    "churned",
    "spam",
    "default",
    "late",
    "bad",
}
NEGATIVE_WORDS = {
    "no",
    "n",
    "false",
    "f",
    "negative",
    "neg",
    "none",
    "normal",
    "ok",
    "good",
    "ham",
    "stayed",
    "on time",
}
