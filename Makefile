# SPDX-License-Identifier: MIT
# The commands of the project; `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
export BYZCCL_VENV ?= $(CURDIR)/.venv
ifndef BYZCCL_START
export BYZCCL_START := $(shell date +%s)
endif
BIN := $(BYZCCL_VENV)/bin
CORES := $(shell nproc)
CONFIGURE := $(BIN)/cmake -DCMAKE_MAKE_PROGRAM=$(BIN)/ninja -DPython_EXECUTABLE=$(BIN)/python
CXX_FILES = git ls-files --cached --others --exclude-standard '*.hpp' '*.cpp' '*.cu' '*.cuh'
# What threads run through; the rest of the C++ tests has nothing for TSan to see.
PARALLEL_TESTS := local_transport_test collective_test exchange_test mismatch_test fault_test \
                  lying_header_test equivocation_test judge_test presence_test sentry_test \
                  in_order_test node_test node_faults_test \
                  measuring_test memory_pool_test pairwise_distances_test \
                  device_double_test pairwise_kernels_test steps_cuda_test \
                  nccl_double_test nccl_transport_test nccl_faults_test \
                  nccl_collective_test nccl_collective_faults_test nccl_abort_test beside_capture_test
# gcc's TSan cannot start under more address randomisation than it knows; where the machine lets
# us, it runs without any.
NO_ASLR := $(shell setarch $$(uname -m) -R true 2>/dev/null && echo setarch $$(uname -m) -R)
# Each stage of a run is also a line (start of the run, now, its name), for the table at the end.
STAGES := build/stages.tsv
stage = @mkdir -p $(dir $(STAGES)); now=$$(date +%s); \
	printf '%s\t%s\t%s\n' $(BYZCCL_START) $$now '$(1)' >>$(STAGES); \
	printf '\n=== %s  [%d s]\n' '$(1)' $$((now - $(BYZCCL_START)))
STAGE_TABLE = awk -F '\t' '$$1 == $(BYZCCL_START) { if (name) printf "%6d s  %s\n", $$2 - at, name; \
	at = $$2; name = $$3 }' $(STAGES)

# The newest torch that is tested; the oldest is the one that .ci/setup installs.
VERSION := 2.15.0
# What differs most between versions of torch: operators, torch.compile, c10d, DDP's hooks.
QUICK_TESTS := $(addprefix tests/python/test_,ops.py vectors.py stubs.py all_reduce.py functional.py \
               faults.py ddp.py ddp_programs.py previous.py)

.PHONY: help demo test test-torch test-torch-quick nightly setup build package ctest pytest install-test \
        lint lint-quick sanitize asan tsan tsan-whole schedules bench mutants gpu-build gpu-bundle gpu-suite clean

help:
	@echo 'make demo       train with Byzantine workers, with and without byzccl; ARGS="--help" for more'
	@echo 'make test       build, all tests, style, sanitizers'
	@echo 'make test-torch VERSION=$(VERSION)'
	@echo '                installs and tests beside that torch, in an environment of its own'
	@echo 'make nightly    what takes too long for every change: the newest torch, mutants, TSan, schedules, mypy'
	@echo 'make build      the library and the PyTorch extension, into build/ and torch_ext/byzccl/'
	@echo 'make lint       ruff, clang-format, mypy'
	@echo 'make sanitize   C++ tests under ASan and UBSan, the parallel ones under TSan'
	@echo 'make bench      speed against the machine and against peers; ARGS=--quick for a minute'
	@echo 'make mutants    changes the kernels in small ways and shows that the tests notice; ARGS="--part csrc": the guards of collectives'
	@echo 'make gpu-build  the kernels for all architectures (80, 90, 100, 120)'
	@echo 'make gpu-suite  builds, tests and measures everything CUDA; without a GPU on the double'
	@echo 'make gpu-bundle the same, built here to be run elsewhere: gpu-suite ARGS="--bundle FOLDER"'
	@echo 'make clean      remove build folders, demo-out/ and lab-out/'
	@echo 'make setup      only install what all of them need (they do it by themselves)'

demo: package
	$(call stage,Demo)
	@$(BIN)/python -m byzccl demo $(ARGS)

test: setup build ctest pytest install-test lint-quick sanitize
	$(call stage,make test passed)
	@$(STAGE_TABLE)

test-torch:
	$(call stage,Python tests beside torch $(VERSION))
	@.ci/test-torch $(VERSION) $(TESTS)

test-torch-quick:
	$(call stage,Some Python tests beside torch $(VERSION))
	@.ci/test-torch $(VERSION) $(QUICK_TESTS)

nightly: setup lint test-torch tsan-whole schedules mutants
	$(call stage,make nightly passed)
	@$(STAGE_TABLE)

setup:
	$(call stage,Setup)
	@.ci/setup

build: setup
	$(call stage,Build)
	@$(CONFIGURE) --preset default
	@$(BIN)/cmake --build build

# What Python needs, without the C++ tests.
package: setup
	$(call stage,Build)
	@$(CONFIGURE) --preset default -DBYZCCL_TESTS=AUTO
	@$(BIN)/cmake --build build --target byzccl_python

ctest: build
	$(call stage,C++ tests)
	@$(BIN)/ctest --test-dir build --output-on-failure -j $(CORES)

pytest: build
	$(call stage,Python tests)
	@$(BIN)/python -m pytest -q --durations=5 tests/python

# The library as others get it: installed for CMake projects, and as a wheel.
install-test: build
	$(call stage,Installed library and wheel)
	@$(BIN)/python -m pytest -q --durations=5 tests/install

lint-quick: setup
	$(call stage,Style)
	@$(BIN)/ruff check
	@$(CXX_FILES) | xargs -r $(BIN)/clang-format --dry-run -Werror

lint: lint-quick
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

sanitize: asan tsan

asan: setup
	$(call stage,C++ tests under ASan and UBSan)
	@$(CONFIGURE) --preset asan
	@$(BIN)/cmake --build build-asan
	@$(BIN)/ctest --test-dir build-asan --output-on-failure -j $(CORES)

tsan: setup
	$(call stage,Parallel C++ tests under TSan)
	@$(CONFIGURE) --preset tsan
	@$(BIN)/cmake --build build-tsan --target $(PARALLEL_TESTS)
	@for test in $(PARALLEL_TESTS); do echo "$$test"; $(NO_ASLR) build-tsan/tests/$$test; done

tsan-whole: setup
	$(call stage,All C++ tests under TSan)
	@$(CONFIGURE) --preset tsan
	@$(BIN)/cmake --build build-tsan
	@$(NO_ASLR) $(BIN)/ctest --test-dir build-tsan --output-on-failure -j $(CORES)

schedules: build
	$(call stage,10000 schedules of nodes)
	@BYZCCL_SCHEDULES=10000 build/tests/node_schedules_test

bench: package
	$(call stage,Benchmarks)
	@$(BIN)/cmake --build build --target byzccl_kernels_bench
	@benchmarks/run $(ARGS)

mutants: setup
	$(call stage,Mutants)
	@PYTHONPATH=tests $(BIN)/python -m mutants $(ARGS)

gpu-build: setup
	$(call stage,Kernels for every architecture)
	@$(CONFIGURE) --preset default -B build-archs -DBYZCCL_TORCH=OFF -DBYZCCL_TESTS=OFF \
	  -DBYZCCL_CUDA=ON '-DBYZCCL_CUDA_ARCHITECTURES=80;90;100;120'
	@$(BIN)/cmake --build build-archs --target byzccl_cuda

# Without the setup: on a machine with a GPU there may be nothing to download from.
PYTHON3 = $(shell test -x $(BIN)/python && echo $(BIN)/python || echo python3)
gpu-suite:
	@$(PYTHON3) -m benchmarks.gpu_suite run $(ARGS)

gpu-bundle: setup
	@$(BIN)/python -m benchmarks.gpu_suite bundle $(ARGS)

clean:
	rm -rf build build-wheel build-asan build-tsan build-gpu build-archs build-torch-* demo-out lab-out
