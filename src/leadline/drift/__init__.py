"""Whether columns drifted, and what that does to a metric: pure functions of histograms."""
