"""One evaluation: a spec and its log become a `Result` (DESIGN §6 calls this layer `check`)."""
