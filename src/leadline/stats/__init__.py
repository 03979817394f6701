"""Mathematics on arrays: no input or output, no engine, no metric names. One idea a file; import from the file."""
