# demo    open the built-in model on the built-in depth sequence; without a display: fit it and write out/demo
# test    lint, types, and all tests with the lines that they cover
# quick   the tests but for the slow ones
# studio  open the application
# imports print which room imports which, and check that no arrow points the wrong way
# bench   measure and compare with the alternatives; writes out/benchmarks
# dist    build a wheel for this machine and an archive of the sources into dist/
#
# Each target first makes or updates .venv. Another Python: make PYTHON=python3.12 demo

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
XVFB := xvfb-run -a -s "-screen 0 1600x1000x24 -noreset"

.PHONY: help demo test quick studio imports bench system

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

demo: $(READY)
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ]; then \
	  exec $(BIN)/npm-studio gui --sequence assets/sequences/anny-demo; \
	else \
	  exec $(BIN)/npm-studio demo; \
	fi

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	QT_QPA_PLATFORM=xcb $(XVFB) $(BIN)/python -m pytest --cov --cov-report= --cov-fail-under=0
	@$(BIN)/python scripts/coverage_by_package.py

quick: $(READY)
	QT_QPA_PLATFORM=xcb $(XVFB) $(BIN)/python -m pytest -m "not slow"

studio: $(READY)
	@exec $(BIN)/npm-studio gui

imports: $(READY)
	@$(BIN)/python scripts/import_graph.py

bench: $(READY)
	$(BIN)/python -m pip install --quiet --editable ".[bench]"
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/open_project.py
	$(BIN)/python benchmarks/depth_kernels.py
	$(BIN)/python benchmarks/depth_rendering.py
	$(BIN)/python benchmarks/partial_sdf.py
	$(BIN)/python benchmarks/voxels.py
	$(BIN)/python benchmarks/sdf_pools.py
	$(BIN)/python benchmarks/repair.py
	$(BIN)/python benchmarks/dataset_store.py
	$(BIN)/python benchmarks/batch.py --fits 6 --frames 4
	$(BIN)/python benchmarks/live.py --codes 20 --compared 8 --json out/benchmarks/live.json
	$(BIN)/python benchmarks/resume_after_kill.py --json out/benchmarks/resume_after_kill.json
	$(BIN)/python benchmarks/model_quality.py --model assets/models/anny-compact.npm --split configs/anny/quality-small.yaml --fits 4 --json out/benchmarks/model_quality.json

dist: $(READY)
	rm -rf dist
	$(BIN)/python -m build --outdir dist

system:
	@PYTHON="$(PYTHON)" scripts/install_system_packages.sh

$(READY): pyproject.toml setup.py $(wildcard csrc/*.pyx) | system
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --editable ".[gui,dev]"
	@touch $@
