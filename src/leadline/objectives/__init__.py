"""Judging what was promised."""
