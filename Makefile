# One command for each thing that one does here; `make` alone lists them.

VENV ?= .venv
RUN = $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test slow fmt docs bench resolutions lock clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

demo: ## install the package and run it on the log of flights that it ships
	@scripts/setup.sh demo
	@$(RUN)/leadline demo

test: ## set everything up, then check and test everything, as CI does
	@start=$$(date +%s); scripts/setup.sh dev && \
	SETUP_S=$$(( $$(date +%s) - start )) $(RUN)/python scripts/check.py

slow: ## the tests that take long, with more examples each
	@scripts/setup.sh dev
	@HYPOTHESIS_PROFILE=thorough $(RUN)/pytest -m slow

fmt: ## format the code and mend what can be mended by itself
	@scripts/setup.sh dev
	@$(RUN)/ruff format
	@$(RUN)/ruff check --fix

docs: ## build the documentation into docs/_build/html
	@scripts/setup.sh dev
	@$(RUN)/sphinx-build --fail-on-warning --keep-going -q -E docs docs/_build/html
	@echo docs/_build/html/index.html

bench: ## measure against others and a floor; writes bench/README.md's table
	@scripts/setup.sh dev
	@$(RUN)/python bench/run.py

resolutions: ## try the newest and the lowest dependencies (needs uv)
	@scripts/resolutions.sh

lock: ## choose anew the versions that development and CI install (needs uv)
	@uv pip compile --quiet --universal --upgrade --no-header --no-annotate --no-emit-index-url \
		--all-extras --group dev pyproject.toml --output-file scripts/constraints.txt

clean: ## remove what can be made again, .venv too
	rm -rf $(VENV) .resolutions .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache \
		dist docs/_build docs/reference/_generated
