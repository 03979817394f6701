"""Which rows a model fails for: conjunctions of conditions over features, found, confirmed, and told apart."""
