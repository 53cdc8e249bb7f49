# The two commands of the README, and the steps they are made of. Everything is built below build/.
.PHONY: run test release dev tsan check format bench fuzz long clean

# Installs what is missing, builds, starts the server, loads the demo, prints where to look.
run: release
	tools/run_demo

# Installs what is missing, builds, runs every test, ends with a count.
test:
	tools/run_tests

release:
	tools/setup.sh demo
	cmake --preset release >/dev/null
	cmake --build --preset release

dev:
	tools/setup.sh test
	cmake --preset dev >/dev/null
	cmake --build --preset dev

tsan:
	tools/setup.sh test
	cmake --preset tsan >/dev/null
	cmake --build --preset tsan
	ctest --preset tsan

# Layers, format, static analysis.
check:
	tools/check_layers
	tools/check_format
	tools/check_docs
	tools/check_static

format:
	git ls-files 'src/*.[ch]' 'tests/*.[ch]' 'tools/*.c' | xargs clang-format -i

# Each libFuzzer target for FUZZ_SECONDS (default 60).
fuzz:
	tools/run_fuzz $(FUZZ_SECONDS)

# What is too long for every change: 50 crash rounds, an hour of differential testing.
long: dev release
	tools/run_long

bench: release
	tools/setup.sh bench
	bench/run edge
	bench/run loop
	bench/run ingest
	bench/run start
	bench/run batch
	bench/run history
	bench/run stream
	bench/run decide
	bench/run delivery

clean:
	rm -rf build
