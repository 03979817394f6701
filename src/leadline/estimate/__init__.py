"""Estimates without labels, fitted on the reference, and the score that is kept of them."""
