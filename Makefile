# SPDX-License-Identifier: MIT
# Aliases. The build itself is meson.build; what is missing on a Debian or Ubuntu machine is installed by tools/deps.
BUILD = build
# (ninja says even when it is quiet that there is nothing to do.)
SHELL = /bin/bash
.SHELLFLAGS = -o pipefail -c
NINJA = ninja --quiet -C $(BUILD)
SILENT = | { grep -v '^ninja: no work to do' || true; }
TIME = 60
PREFIX = /usr/local
$(if $(filter /%,$(PREFIX)),,$(error PREFIX must be an absolute path))

all: $(BUILD)/build.ninja
	@$(NINJA) product $(SILENT)

everything: $(BUILD)/build.ninja
	@$(NINJA) all $(SILENT)

$(BUILD)/build.ninja:
	@tools/deps build
	@meson setup --prefix=$(PREFIX) $(BUILD) >$(BUILD).log 2>&1 && rm $(BUILD).log || { cat $(BUILD).log; exit 1; }

demo: $(BUILD)/build.ninja ## a tour: show, check, exec and run on files of this machine
	@tools/deps demo
	@$(NINJA) lode $(SILENT)
	@tools/demo $(BUILD)

check:                ## every test that fits in half an hour; the last line counts them
	@tools/deps build check
	@# what was installed since the build was set up has to be found
	@[ ! -e $(BUILD)/build.ninja ] || [ ! -e /var/lib/dpkg/status ] || [ $(BUILD)/build.ninja -nt /var/lib/dpkg/status ] || \
		meson setup --reconfigure $(BUILD) >/dev/null
	@$(MAKE) --no-print-directory everything
	@tools/check $(BUILD)

check-kvm: everything ## every test of the KVM engine, in a machine that has KVM where this one has not
	@tools/deps build check
	@tests/kvm/run $(BUILD) all

check-boot: everything ## every kernel of Debian that is downloaded for it, on QEMU's translator
	@tools/deps build check
	@tests/boot/kernels $(BUILD) all

check-hostile: everything ## every mutation of the hostile-input tests: about half an hour
	@tools/deps build check
	@tools/check-hostile $(BUILD)

sweep: everything     ## the long comparisons over every program and file of this machine
	@tools/deps build check sweep
	@tools/sweep $(BUILD)

fuzz:                 ## fuzz every entry point: make fuzz TIME=60 (seconds in all)
	@tools/deps build fuzz
	@tools/fuzz $(TIME)

bench: everything     ## latencies, measured here and now
	@tools/deps build bench
	@bench/run $(BUILD)

coverage:             ## lines, branches and MC/DC of core/, start/ and paging/ that the unit tests reach
	@tools/deps build coverage
	@tools/coverage

lint: everything      ## gcc -fanalyzer, clang-tidy, scan-build, cppcheck: no findings
	@tools/deps build check lint
	@tools/lint $(BUILD)

install: all          ## the command, library, headers and manual pages: make install PREFIX=/usr
	@mkdir -p $(DESTDIR)$(PREFIX) && [ -w $(DESTDIR)$(PREFIX) ] || { echo "$(DESTDIR)$(PREFIX) cannot be written to: sudo make install, or PREFIX=" >&2; false; }
	@meson setup --reconfigure --prefix=$(PREFIX) $(BUILD) >/dev/null
	@$(NINJA) product $(SILENT)
	@meson install --no-rebuild -C $(BUILD)

uninstall:            ## remove the files of the last make install
	@[ -e $(BUILD)/meson-logs/install-log.txt ] || { echo "nothing was installed from $(BUILD)" >&2; false; }
	@$(NINJA) uninstall >/dev/null

clean:                ## remove what was built
	rm -rf $(BUILD) $(BUILD)-*

help:                 ## this list
	@echo "make                  build/lode"
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS='	' read -r name text; do printf 'make %-16s %s\n' "$$name" "$$text"; done

.PHONY: all everything demo check check-kvm check-boot check-hostile sweep fuzz bench coverage lint install uninstall clean help
