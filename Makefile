# A bare machine needs python3 (3.11 or newer) and nothing else; everything lands in .venv.
PYTHON ?= python3
PIP = .venv/bin/pip --disable-pip-version-check
RUN = HF_HUB_OFFLINE=1 .venv/bin/

.PHONY: demo test check style slow clean

demo: .venv/core
	$(RUN)mamebert run recipes/demo.toml

# One worker for each processor; a file's tests stay together, since they share what they make.
test: .venv/dev
	$(RUN)pytest -n logical --maxprocesses 8 --dist loadfile -m "not slow and not gpu"

slow: .venv/dev
	$(RUN)pytest -m "not gpu"

check: style test

style: .venv/dev
	$(RUN)ruff format --check .
	$(RUN)ruff check .
	$(RUN)lint-imports
	$(RUN)mypy

.venv/core: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) install -q -c constraints.txt -e .
	touch $@

.venv/dev: .venv/core
	$(PIP) install -q -c constraints.txt -e '.[ja,wiki,unigram,filters,dedup,hub,tensorboard,tune,onnx,serve,docs,dev]'
	touch $@

clean:
	rm -rf .venv runs
