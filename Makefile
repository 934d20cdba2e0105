# recaudience: everything a person types. `make` alone prints the list.
SHELL := /bin/bash

DATASET     ?= sample
SOURCE      ?=
PRESET      ?=
LLM         ?= embedded
MAX_PROMPTS ?=
SET         ?=

PIPELINE := .venv/.installed
SERVER   := .venv-llm/.installed
MODEL    := .venv-llm/.model
LOCKS    := deployments/locks

# A file's tests share what is slow to make, and the longest files come first.
TWO_AT_ONCE := -n 2 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup reproduce test test-all lint format llm llm-stop serve lock clean distclean

help: ## print this list
	@echo 'recaudience: simulated users for recommender systems. Targets:'
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20
	@echo
	@echo 'Variables of make reproduce (any may be left out):'
	@echo '  DATASET=sample           dataset profile; .venv/bin/recaudience datasets lists them'
	@echo '  SOURCE=path              the publisher'"'"'s files, where the dataset is not generated'
	@echo '  PRESET=paper             settings to reproduce somebody'"'"'s configuration, over the dataset'"'"'s own: paper'
	@echo '  LLM=embedded             language-model profile of deployments/llm, or the path of one'
	@echo '  MAX_PROMPTS=1000         cap on prompts to the language model, or all'
	@echo '  SET="a.b=1 c.d=2"        any settings'

setup: $(PIPELINE) $(MODEL) ## make the environments .venv and .venv-llm and the embedded model

reproduce: setup ## run the whole pipeline on a dataset and print its report
	.venv/bin/recaudience reproduce '$(DATASET)' --llm '$(LLM)' \
	  $(if $(SOURCE),--source '$(SOURCE)') $(if $(PRESET),--preset '$(PRESET)') $(if $(MAX_PROMPTS),--max-prompts '$(MAX_PROMPTS)') \
	  $(foreach assignment,$(SET),--set '$(assignment)')

test: setup ## run the tests, end-to-end runs included, without the long campaigns
	.venv/bin/python -m pytest $(TWO_AT_ONCE) -m 'not long'

test-all: setup ## run every test, long campaigns included
	.venv/bin/python -m pytest $(TWO_AT_ONCE)

lint: $(PIPELINE) ## check style, types and the layers between the packages
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/pyright
	.venv/bin/lint-imports

format: $(PIPELINE) ## rewrite the code in the house format
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

llm: setup ## start the language-model server and wait until it is healthy
	.venv/bin/recaudience llm up '$(LLM)'

llm-stop: $(PIPELINE) ## stop the language-model server
	.venv/bin/recaudience llm down '$(LLM)'

serve: setup ## start a Prefect server with its UI and the deployments
	.venv/bin/recaudience serve

lock: $(PIPELINE) ## resolve the lock files again; UPGRADE=1 takes the newest versions that fit
	@deployments/setup.sh lock $(if $(UPGRADE),--upgrade)

clean: ## remove caches; environments and data/ stay
	rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache build recaudience.egg-info
	find flows tasks models storage tests benchmarks deployments -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove the environments too; data/ stays (delete it by hand)
	rm -rf .venv .venv-llm

# The stamps are written last: an interrupted installation is gone on with, a finished one costs nothing.
$(PIPELINE): $(LOCKS)/pipeline.lock pyproject.toml deployments/setup.sh
	@deployments/setup.sh pipeline

$(SERVER): $(wildcard $(LOCKS)/llm-*.lock) deployments/setup.sh
	@deployments/setup.sh server

$(MODEL): $(SERVER) deployments/llm/prepare_embedded.py
	@deployments/setup.sh model
