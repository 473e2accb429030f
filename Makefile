# Each target sets itself up: the first run makes .venv and installs the pinned versions.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Quiet libraries: the terminal is for what the zoo says.
export TF_CPP_MIN_LOG_LEVEL ?= 3
# Threads that wait for each other sleep: spinning doubles the CPU time on a busy machine.
export OMP_WAIT_POLICY ?= passive

.PHONY: demo docs test test-all long lanes faults mutants bench publish readme lint release jax beam dask cloud clean clean-kernels

demo: $(VENV)/installed
	$(BIN)/zoo demo --out demo

# docs/_build/html: pages, cards, API, the gallery with its figures; a warning, a broken link or a script that fails is an error
docs: $(VENV)/docs
	MPLBACKEND=agg $(BIN)/python -m sphinx -W --keep-going -q -b html -d docs/_build/doctrees docs docs/_build/html

# Two processes; the tests of one file stay together, since they share what they have prepared.
test: $(VENV)/installed
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

test-all: $(VENV)/installed
	$(BIN)/python -m pytest -q -m "slow or not slow"

# what takes ten seconds or more, and is no matter of minutes
long: $(VENV)/installed
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "long and not slow"

# every kill, thousands of mutated files for each reader; about half an hour
faults: $(VENV)/installed
	ZOO_FUZZ=3000 $(BIN)/python -m pytest -q -m "slow or not slow" tests/faults

# what continuous integration runs after the tests: the longer ones, optional extras, every kill, some hundred mutated
# files a reader, Ctrl-C where a command is one process (all: make faults), two processes that train one model, the
# pages with their gallery
lanes: long jax beam dask cloud
	ZOO_FUZZ=300 $(BIN)/python -m pytest -q -n 2 -k mutated tests/faults/test_fuzz.py
	$(BIN)/python -m pytest -q -n 2 -m slow -k "not any_step and not (ends_at_once and by)" tests/faults
	$(BIN)/python -m pytest -q -m slow tests/training/test_workers.py
	$(MAKE) docs

# how many small changes of the modules that handle faults no test notices; hours for all
mutants: $(VENV)/installed
	$(BIN)/python benchmarks/mutants.py --count 10

bench: $(VENV)/installed
	$(BIN)/python benchmarks/run.py

# make publish RUN="crust.py --models mdn*": measure, and keep the figures that the pages quote
publish: $(VENV)/installed
	ZOO_PUBLISH=1 $(BIN)/python benchmarks/$(RUN)

# the tables of the pages and of `zoo info`, from docstrings, cards, settings and measured figures
readme: $(VENV)/installed
	$(BIN)/python benchmarks/pages.py

# dist/: the packages, and a mirror with the weights that they leave out (ZOO_MIRRORS=file://.../dist/mirror)
release: $(VENV)/installed
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	$(BIN)/python benchmarks/release.py --out dist/mirror --archives

# the extras jax, beam, dask and cloud beside the pins, in an environment that the four lanes share
EXTRAS := $(VENV)-extras
# an object store on loopback, for the lane of cloud alone
S3_SERVER := "moto[s3]" flask flask-cors
$(EXTRAS)/installed: pyproject.toml constraints.txt
	rm -rf $(EXTRAS)
	$(PYTHON) -m venv $(EXTRAS)
	$(EXTRAS)/bin/python -m pip install --quiet --upgrade pip
	$(EXTRAS)/bin/python -m pip install --quiet --constraint constraints.txt --editable ".[test,jax,beam,dask,cloud]" $(S3_SERVER)
	touch $@

# every checkpoint's stored answers under JAX, and waves by XLA
jax: $(EXTRAS)/installed
	KERAS_BACKEND=jax JAX_PLATFORMS=cpu $(EXTRAS)/bin/python -m pytest -q -n 2 tests/test_jax.py tests/fwi/test_xla_engine.py

# shards made by Apache Beam in two processes
beam: $(EXTRAS)/installed
	$(EXTRAS)/bin/python -m pytest -q -k "beam or appear" tests/data/test_shards.py tests/datasets/test_prem_dispersion.py

# the same results from the workers of a Dask cluster, some of them killed
dask: $(EXTRAS)/installed
	$(EXTRAS)/bin/python -m pytest -q -m "slow or not slow" tests/test_cluster.py

# an archive in an object store (moto's server on loopback) gives the same picks
cloud: $(EXTRAS)/installed
	$(EXTRAS)/bin/python -m pytest -q tests/seismograms/test_addresses.py

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 13) or sys.exit(f'zoo is tested on Python 3.11 to 3.13, this is {v[0]}.{v[1]}: make PYTHON=python3.12 ...')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[test]"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[eikonal]" || echo "scikit-fmm could not be built (is there a C++ compiler?): location by arrival times is left out."
	touch $@

$(VENV)/docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[docs]"
	touch $@

clean-kernels:
	find zoo -name "*.nb[ci]" -delete
	rm -rf "$${ZOO_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/seismic-zoo}/kernels"

clean: clean-kernels
	rm -rf $(VENV) $(EXTRAS) demo docs/_build docs/made
