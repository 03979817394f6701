"""Counts, sums and histograms of facts: which are needed, how they are filled, and how they add (DESIGN §2)."""
