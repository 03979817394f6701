"""Figures where labels are missing or few: estimates, and how sure they are."""
