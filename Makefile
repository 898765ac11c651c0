# The few commands of daily work; meson.build knows how things are built, tools/check.py how they are checked.
.PHONY: all deps demo check check-all bench format clean
.SUFFIXES:

all: deps
	@$(MAKE) --no-print-directory build/build.ninja
	@ninja -C build $(NINJAFLAGS)

# A folder that joins or leaves the house is seen here: ninja watches only the files it knew before.
build/build.ninja: meson.build $(wildcard src/*/meson.build)
	@if [ -f $@ ]; then meson setup --reconfigure build >build/setup.log; \
	 else mkdir -p build && meson setup build >build/setup.log; fi || \
	 { tail -n 8 build/setup.log; echo "millrace: cannot set up the build; run scripts/deps first" >&2; exit 1; }
	@touch $@

deps:
	@scripts/deps

demo: deps
	@$(MAKE) --no-print-directory all
	@build/millrace demo

check: deps
	@/usr/bin/python3 tools/check.py

check-all: deps
	@/usr/bin/python3 tools/check.py --all

bench: all
	ninja -C build bench/load bench/ask
	@if [ -x bench/run ]; then bench/run; else echo "millrace: there is no bench/run yet" >&2; exit 1; fi

format:
	@/usr/bin/python3 tools/check.py --format

clean:
	rm -rf build build-asan build-tsan build-fuzz
