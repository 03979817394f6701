"""Estimates where labels are missing, few or late."""
