"""The record log: reading it, and what was known of it as of a time (DESIGN §3)."""
