"""Data quality: what a column usually looks like, which rows break a declared rule, and faults called by name."""
