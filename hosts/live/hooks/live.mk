# SPDX-License-Identifier: MIT
# For make: units of a program can be replaced while it runs.
#
#	include live.mk
#	server: $(OBJECTS)
#		$(CC) $(LIVE_LDFLAGS) -o $@ $^
#		$(lode-live-strip)
#
# writes server.lode as well. $(lode-live-index) instead leaves the symbols in the program.
LODE ?= lode
STRIP ?= strip
LIVE_LDFLAGS = -Wl,-q

# (A program without its index is not kept: make would take it for done.)
define lode-live-index
$(LODE) index $@ || { rm -f $@; false; }
endef
define lode-live-strip
$(LODE) index $@ && $(STRIP) $@ || { rm -f $@; false; }
endef
