"""Why a metric changed: who comes and how well they are served, whether the data or the world changed, and events."""
