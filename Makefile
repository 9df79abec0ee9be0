# Each target makes .venv when it is missing or older than the files that say what goes into it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

.PHONY: demo test lint types install clean

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(INSTALLED)

install: $(INSTALLED)

demo: $(INSTALLED)
	rm -rf demo
	$(BIN)/faster-video make-motion demo/videos --set long --videos 18 --seed 2026
	$(BIN)/faster-video classify demo/videos/counterclockwise demo/videos/left --top 3 --plot demo/timeline.png

# One process per core, each with one thread: the networks in the tests are too small for more.
test: lint types
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(INSTALLED)
	$(BIN)/mypy

clean:
	rm -rf $(VENV) demo
