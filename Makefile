# What there is to run. `make` lists it.
#
# Everything happens in a virtual environment, .venv, made with PYTHON. The files .venv/.done-* say what is already
# in it, so that only the first run takes long.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
NATIVE := pyproject.toml setup.py build_ffi.py $(wildcard cdefs/*.h csrc/*.c csrc/*.h)

.NOTPARALLEL:
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: bench bench-all bench-calls bench-loop bench-instructions bench-copies bench-threads bench-imports
.PHONY: help demo test test-matrix fuzz lint imagenet models check-models clean runtime
.PHONY: test-frameworks sanitize sanitize-frameworks

help:  ## list what there is
	@echo "make TARGET, one of:"
	@sed -n 's/^\([a-z-]*\):.*## /  \1 /p' Makefile | awk '{ name = $$1; $$1 = ""; printf "  %-20s%s\n", name, $$0 }'
	@echo "with PYTHON=python3.12 for another Python, ARGS='...' for more arguments to test and bench"

demo: $(VENV)/.done-plot runtime  ## read 360 pictures of digits with a compiled model; saves out/digits.png
	@echo
	@$(BIN)/python examples/digits.py
	@test -n "$$TVMBIND_LIBRARY" || $(BIN)/tvmbind runtime install 0.27 >/dev/null
	@echo
	@test -n "$$TVMBIND_LIBRARY" || \
		TVMBIND_LIBRARY=tvm-ffi $(BIN)/python examples/digits.py --picture out/digits-modern.png

test: $(VENV)/.done-test $(VENV)/.done-plot  ## run the tests, on TVM 0.16 (0.9, 0.8) and on tvm-ffi with TVM 0.27
	@$(BIN)/tvmbind runtime install 0.16 0.9 0.8 0.27 >/dev/null
	@$(BIN)/python -m pytest $(ARGS)
	@TVMBIND_LIBRARY=tvm-ffi $(BIN)/python -m pytest $(ARGS)

test-matrix: $(VENV)/.done-test $(VENV)/.done-plot  ## run them on every runtime that can be had; makes README's table
	@$(BIN)/tvmbind runtime install 0.16 0.9 0.8 0.27 >/dev/null
	@$(BIN)/python tools/test_matrix.py $(ARGS)

fuzz: $(VENV)/.done-test  ## load 10,000 corrupted models on each of TVM 0.16 and tvm-ffi; keeps what is bad in out/fuzz
	@$(BIN)/tvmbind runtime install 0.16 0.27 >/dev/null
	@$(BIN)/python tools/fuzz_artifacts.py $(ARGS)
	@TVMBIND_LIBRARY=tvm-ffi $(BIN)/python tools/fuzz_artifacts.py $(ARGS)
test-frameworks: $(VENV)-torch/.done $(VENV)-jax/.done  ## share arrays with torch and with jax, each in an environment of its own
	@for framework in torch jax; do for library in "$${TVMBIND_LIBRARY:-}" tvm-ffi; do \
		TVMBIND_LIBRARY=$$library $(VENV)-$$framework/bin/python -m pytest tests/frameworks.py $(ARGS) || exit 1; \
	done; done

sanitize: $(VENV)-sanitize/.done  ## run the tests under gcc's address and undefined behaviour sanitizers (15 minutes)
	@for core in fast pure; do for library in "$${TVMBIND_LIBRARY:-}" tvm-ffi; do \
		TVMBIND_CORE=$$core TVMBIND_LIBRARY=$$library $(SANITIZED) $(VENV)-sanitize/bin/python -m pytest -x \
			-p no:cacheprovider $(NOT_SANITIZED) $(ARGS) || exit 1; \
	done; done

sanitize-frameworks: $(VENV)-sanitize-torch/.done $(VENV)-sanitize-jax/.done  ## the same of test-frameworks
	@for framework in torch jax; do for library in "$${TVMBIND_LIBRARY:-}" tvm-ffi; do \
		TVMBIND_LIBRARY=$$library $(SANITIZED) $(VENV)-sanitize-$$framework/bin/python -m pytest -x \
			-p no:cacheprovider tests/frameworks.py $(ARGS) || exit 1; \
	done; done

lint: $(VENV)/.done-lint  ## check style (ruff) and types (mypy)
	@$(BIN)/ruff check .
	@$(BIN)/mypy

bench: $(VENV)/.done-package runtime  ## measure quickly what calls and copies cost, beside TVM's own Python (2 minutes)
	@$(BIN)/python benchmarks/call_overhead.py --quick $(ARGS)
	@$(BIN)/python benchmarks/copy_vs_zero_copy.py --quick

bench-all: bench-calls bench-loop bench-instructions bench-copies bench-threads bench-imports  ## make all of benchmarks/results again

bench-calls: $(VENV)/.done-package runtime  ## nanoseconds of calls, callbacks and other small operations (some minutes)
	@$(BIN)/python benchmarks/call_overhead.py $(ARGS)

bench-loop: $(VENV)/.done-package runtime  ## what a loop costs beyond run(), beside TVM's Python and onnxruntime
	@$(BIN)/python benchmarks/inference_loop.py $(ARGS)

bench-instructions: $(VENV)/.done-package runtime  ## instructions of the same (ARGS=--compare: against the kept counts)
	@$(BIN)/python benchmarks/instructions.py $(ARGS)

bench-copies: $(VENV)/.done-package runtime  ## arrays from 1 KB to 1 GB in and out, copied and not (some minutes)
	@$(BIN)/python benchmarks/copy_vs_zero_copy.py $(ARGS)

bench-threads: $(VENV)/.done-package runtime  ## what 2, 4 and 8 threads bring
	@$(BIN)/python benchmarks/threads.py $(ARGS)

bench-imports: $(VENV)/.done-package runtime  ## time and memory of import, of a first call, of a model's first answer
	@$(BIN)/tvmbind runtime install 0.16 0.27 >/dev/null
	@$(BIN)/python benchmarks/import_cost.py $(ARGS)

imagenet: $(VENV)/.done-imagenet runtime  ## compile EfficientNet-Lite0 (needs Python 3.11), name what is on photographs
	@$(BIN)/python tools/build_imagenet.py
	@echo
	@$(BIN)/python examples/imagenet.py $(ARGS)
	@$(BIN)/python benchmarks/imagenet.py

.PHONY: newcomer pictures
newcomer:  ## time a newcomer's way, in a fresh clone: from pip install to a first prediction
	@PYTHON=$(PYTHON) tools/first_prediction

pictures: $(VENV)/.done-cli runtime  ## draw the pictures of the command line in docs/ again
	@$(BIN)/python tools/terminal_pictures.py

models: $(VENV)/.done-venv  ## compile everything in models/ again (needs Python 3.10 or 3.11)
	@$(BIN)/python tools/build_models.py

check-models: $(VENV)/.done-venv  ## compile it, and compare with what models/ has, byte for byte
	@$(BIN)/python tools/build_models.py --check

.PHONY: screenshots
screenshots: pictures  ## draw these, and those of a profile's page (needs Chromium)
	@$(BIN)/python tools/screenshots.py

clean:  ## remove what was made here (installed runtimes stay: tvmbind runtime remove)
	@rm -rf $(VENV) $(VENV)-* build out
	@rm -rf src/*.egg-info src/tvmbind/_tvm.c src/tvmbind/*.so
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What is not sanitized itself asks for the sanitizer's memory first of all. CPython's own memory comes from malloc, which
# the sanitizer watches; what CPython keeps until the end is no leak (tests/test_leaks.py counts those).
SANITIZED = LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libstdc++.so.6)" PYTHONMALLOC=malloc \
	ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
# Of the network, of browsers, of time and of how much memory or stack there is. After a fork while other threads are busy,
# the sanitizer's own allocator may be locked for ever.
NOT_SANITIZED := $(patsubst %,--ignore-glob='tests/test_%*.py',install cli examples bench profile_page) \
	-k 'not 2_gib and not recursion and not very_many and not huge and not memory_is_given_back and not grow_the_process \
	and not fork_while_other_threads'

runtime: $(VENV)/.done-package
	@test -n "$$TVMBIND_LIBRARY" || $(BIN)/tvmbind runtime install >/dev/null

$(VENV)/.done-venv:
	@$(PYTHON) tools/preflight.py
	@echo "making $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.done-package: $(NATIVE) | $(VENV)/.done-venv
	@echo "building and installing tvmbind ..."
	@$(PIP) install --editable .
	@touch $@

# tvmbind itself is installed by now: pip adds what this extra of it needs.
$(VENV)/.done-%: pyproject.toml | $(VENV)/.done-package
	@echo "installing what tvmbind[$*] needs ..."
	@$(PIP) install 'tvmbind[$*]'
	@touch $@

torch := torch==2.13.0
jax := jax jaxlib

# tvmbind with its C code compiled in some other way, in an environment of its own. setuptools keeps what it compiled: no
# build may take that of another.
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -O1 -g
define own_build
	@echo "building tvmbind for $(1) ..."
	@rm -rf build/lib.* build/temp.* && $(PYTHON) -m venv $(1)
	@CFLAGS="$(2)" $(1)/bin/python -m pip --disable-pip-version-check --quiet install '.[test]' $(3)
	@rm -rf build/lib.* build/temp.* && touch $(1)/.done
endef

$(VENV)-sanitize/.done: $(NATIVE)
	$(call own_build,$(VENV)-sanitize,$(SANITIZERS))

$(VENV)-sanitize-%/.done: $(NATIVE)
	$(call own_build,$(VENV)-sanitize-$*,$(SANITIZERS),ml_dtypes $($*))

$(VENV)-%/.done: $(NATIVE)
	@echo "installing tvmbind and $($*) ..."
	@$(PYTHON) -m venv $(VENV)-$*
	@$(VENV)-$*/bin/python -m pip --disable-pip-version-check --quiet install --editable . pytest ml_dtypes $($*)
	@touch $@
