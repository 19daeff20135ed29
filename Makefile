# What there is to run. `make` lists it.
#
# Everything happens in a virtual environment, .venv, made with PYTHON. The files .venv/.done-* say what is already
# in it, so that only the first run takes long.

PYTHON ?= python3
DEBUG_PYTHON ?= python3.11-dbg
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
NATIVE := pyproject.toml setup.py build_ffi.py $(wildcard cdefs/*.h csrc/*.c csrc/*.h)

.NOTPARALLEL:
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: bench bench-all bench-calls bench-loop bench-instructions bench-copies bench-threads bench-imports
.PHONY: help demo test test-matrix fuzz lint imagenet models check-models clean runtime
.PHONY: test-frameworks sanitize sanitize-frameworks valgrind debug

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
	@for framework in torch jax; do for core in fast pure; do for library in "$${TVMBIND_LIBRARY:-}" tvm-ffi; do \
		TVMBIND_CORE=$$core TVMBIND_LIBRARY=$$library $(SANITIZED) $(VENV)-sanitize-$$framework/bin/python -m pytest -x \
			-p no:cacheprovider tests/frameworks.py $(ARGS) || exit 1; \
	done; done; done

valgrind: $(VENV)-valgrind/.done  ## run the tests of arrays, values and callbacks on the fast core under valgrind (15 minutes)
	@for library in "$${TVMBIND_LIBRARY:-}" tvm-ffi; do \
		TVMBIND_CORE=fast TVMBIND_LIBRARY=$$library $(MEMCHECK) $(VENV)-valgrind/bin/python -m pytest -x -p no:cacheprovider \
			$(VALGRIND_TESTS) $(ARGS) || exit 1; \
	done

debug: $(VENV)-debug/.done  ## count references, and run the tests, with a debug build of Python (15 minutes to make it)
	@for core in fast pure; do for library in "$${TVMBIND_LIBRARY:-}" tvm-ffi; do \
		TVMBIND_CORE=$$core TVMBIND_LIBRARY=$$library $(VENV)-debug/bin/python tests/reference_loop.py 1000 || exit 1; \
	done; done
	@for library in "$${TVMBIND_LIBRARY:-}" tvm-ffi; do \
		PYTHONWARNINGS='ignore:argument,ignore::ResourceWarning' TVMBIND_CORE=fast TVMBIND_LIBRARY=$$library \
			$(VENV)-debug/bin/python -m pytest -x -p no:cacheprovider \
			$(NOT_DEBUGGED) $(ARGS) || exit 1; \
	done

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

# CPython's own memory comes from malloc, which valgrind watches; tests that start a process, take long, or fill the memory
# are for make sanitize.
VALGRIND_TESTS := $(patsubst %,tests/test_%.py,closing zero_copy dlpack callback values ndarray array_arguments function \
	container error) -k 'not another_thread and not 2_gib and not recursion and not very_many and not huge and not any_'
MEMCHECK := PYTHONMALLOC=malloc valgrind --quiet --error-exitcode=99 --num-callers=30 --suppressions=tools/valgrind.supp

# What is not sanitized itself asks for the sanitizer's memory first of all. CPython's own memory comes from malloc, which
# the sanitizer watches; what CPython keeps until the end is no leak (tests/test_leaks.py counts those). What is freed is
# overwritten: code that is not sanitized, numpy's, reads it no more unseen.
SANITIZED = LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libstdc++.so.6)" PYTHONMALLOC=malloc \
	ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:max_free_fill_size=1000000 UBSAN_OPTIONS=print_stacktrace=1
# Of the network, of browsers, of time.
ELSEWHERE := install cli examples bench profile_page
# Of how much memory or stack there is. After a fork while other threads are busy, the sanitizer's own allocator may be
# locked for ever.
NOT_SANITIZED := $(ELSEWHERE:%=--ignore-glob='tests/test_%*.py') \
	-k 'not 2_gib and not recursion and not very_many and not huge and not memory_is_given_back and not grow_the_process \
	and not fork_while_other_threads'
# A debug build prints which files Python closed, also where no test can keep it from that. (CPython refuses tars with
# negative sizes from 3.11.4 on.)
NOT_DEBUGGED := $(patsubst %,--ignore-glob='tests/test_%*.py',$(ELSEWHERE) library) -k 'not sizes_that_cannot_be'

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
SOURCES = $(NATIVE) $(shell find src -name '*.py')
define own_build
	@echo "building tvmbind for $(@D) ..."
	@rm -rf build/lib.* build/temp.*
	@CFLAGS="$(1)" $(@D)/bin/python -m pip --disable-pip-version-check --quiet install '.[test]' $(2)
	@rm -rf build/lib.* build/temp.*
	@touch $@
endef
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -O1 -g

$(VENV)-sanitize/.done: $(SOURCES)
	@$(PYTHON) -m venv $(@D)
	$(call own_build,$(SANITIZERS))

$(VENV)-sanitize-%/.done: $(SOURCES)
	@$(PYTHON) -m venv $(@D)
	$(call own_build,$(SANITIZERS),ml_dtypes $($*))

$(VENV)-valgrind/.done: $(SOURCES)
	@$(PYTHON) -m venv $(@D)
	$(call own_build,-O1 -g)

$(VENV)-debug/.done: $(SOURCES) | $(VENV)-debug/.done-numpy
	$(call own_build,-O0 -g)

# References are counted where the code that handles them was compiled for it: that of CFFI and of numpy too.
$(VENV)-debug/.done-numpy:
	@echo "building CFFI and numpy for $(DEBUG_PYTHON) (Debian has it: apt-get install python3.11-dbg python3.11-venv) ..."
	@$(DEBUG_PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip --disable-pip-version-check --quiet install --upgrade pip
	@CFLAGS=-O0 CXXFLAGS=-O0 $(@D)/bin/python -m pip --disable-pip-version-check --quiet install --no-binary cffi,numpy \
		cffi numpy $(patsubst %,-Csetup-args=-D%,cpu-dispatch=none cpu-baseline=none allow-noblas=true blas= lapack=)
	@touch $@

$(VENV)-%/.done: $(NATIVE)
	@echo "installing tvmbind and $($*) ..."
	@$(PYTHON) -m venv $(VENV)-$*
	@$(VENV)-$*/bin/python -m pip --disable-pip-version-check --quiet install --editable . pytest ml_dtypes $($*)
	@touch $@
