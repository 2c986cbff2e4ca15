# preforkd: everything is built below $(BUILD). `make help` lists the targets.

PREFIX     ?= /usr/local
SYSCONFDIR ?= $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)
LIBEXECDIR ?= $(PREFIX)/libexec/preforkd
MANDIR     ?= $(PREFIX)/share/man
SYSTEMDUNITDIR ?= $(PREFIX)/lib/systemd/system
TMPFILESDIR    ?= $(PREFIX)/lib/tmpfiles.d
DESTDIR    ?=
BUILD      ?= build
VERSION    := 0.1.0
# One line per file and program; `make V=1` shows the commands.
say         = $(if $(V),,@echo "  $(1)";)

CC       ?= cc
CFLAGS   ?= -O2 -g
SANITIZE ?=
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wconversion
HARDEN   := $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2) -fstack-protector-strong -fPIE -fno-plt
CPPFLAGS += -D_GNU_SOURCE -DPREFORKD_VERSION='"$(VERSION)"' -DPREFORKD_SYSCONFDIR='"$(SYSCONFDIR)"' \
            -DPREFORKD_LIBEXECDIR='"$(LIBEXECDIR)"' -Iinclude -I. -include lib/banned.h
COMPILE   = $(CC) -std=c17 $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) $(WARNINGS) $(HARDEN) $(SANITIZE) -MMD -MP
LINK      = $(CC) $(CFLAGS) $(SANITIZE) -pie -Wl,-z,relro,-z,now $(LDFLAGS)

PKG_CONFIG ?= pkg-config
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags libconfig jansson 2>/dev/null)
CONFIG_LIBS = $(shell $(PKG_CONFIG) --libs libconfig)
# Workers are copies of the pool, and each mapping of a shared library is work for every fork and exit
# (tests/bench/README.md). `make LIBCONFIG_A=` has it shared there, too: for distributions, and who must
# not link LGPL code statically.
LIBCONFIG_A ?= $(wildcard $(shell $(PKG_CONFIG) --variable=libdir libconfig)/libconfig.a)
JSON_LIBS   = $(shell $(PKG_CONFIG) --libs jansson)
CMOCKA_LIBS = $(shell $(PKG_CONFIG) --libs cmocka)

# Linked last: between large buffers the little that a worker uses would be spread over 2 MiB, and need page
# tables more.
BULKY       = $(patsubst %,$(BUILD)/server/%.o,chargen connection_room datagram discard echo greet hello upper)

objects = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(1)))
LIB        := $(BUILD)/lib.a
LIB_O      := $(call objects,lib/*.c)
SUPERVISOR := $(call objects,supervisor/*.c)
POOL       := $(call objects,supervisor/pool/*.c)
SERVER     := $(call objects,server/*.c)
CTL        := $(call objects,client/preforkctl*.c)
CLIENT     := $(filter-out $(CTL),$(call objects,client/*.c))
PROGRAMS   := $(addprefix $(BUILD)/,preforkd preforkd-pool preforkctl preforkc)
UNIT       := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/*_test.c))
# Every file but those that hold a main(): the unit tests link them as one archive.
TESTABLE   := $(filter-out %/main.o $(BUILD)/client/preforkc.o $(BUILD)/client/preforkctl.o,\
                $(SUPERVISOR) $(POOL) $(SERVER) $(CTL) $(CLIENT))

# The preload library, and the few leaf units that it has in common with workers. They are compiled
# once more: position-independent, showing nothing but the hooks, without what headers inline of the
# functions that are hooked, and never with a sanitizer, which would have to be first in every program.
PRELOAD    := $(BUILD)/preforkd-preload.so
PRELOAD_O  := $(patsubst %.c,$(BUILD)/preload/%.o,$(wildcard server/preload/*.c) server/accept.c \
                server/gate.c server/slot.c server/ucspi.c $(addprefix server/proxy_,binary.c header.c \
                judge.c line.c receive.c) $(addprefix lib/,address_peer.c cidr.c clock.c error.c fds.c warm.c \
                warm_proxy.c))
PRELOAD_CC  = $(CC) -std=c17 $(CPPFLAGS) $(CFLAGS) $(WARNINGS) -fstack-protector-strong -fPIC \
                -fvisibility=hidden -U__OPTIMIZE__ -MMD -MP

.PHONY: FORCE all run test unit preload-test scenario chaos chaos-short corpus fuzz lint asan bench man install clean help deps format
all: $(PROGRAMS) $(PRELOAD)  ## build the four programs and the preload library (the default)

$(LIB): $(LIB_O)
	@rm -f $@
	$(call say,AR   $@)$(AR) rcs $@ $^
$(BUILD)/preforkd: $(SUPERVISOR) $(LIB)
	$(call say,LINK $@)$(LINK) -o $@ $^ $(CONFIG_LIBS) $(JSON_LIBS)
$(BUILD)/preforkd-pool: $(POOL) $(SERVER) $(LIB)
	$(call say,LINK $@)$(LINK) -o $@ $(filter-out $(BULKY),$^) $(BULKY) $(LIB) $(or $(LIBCONFIG_A),$(CONFIG_LIBS))
$(BUILD)/preforkctl: $(CTL) $(LIB)
	$(call say,LINK $@)$(LINK) -o $@ $^ $(JSON_LIBS)
$(BUILD)/preforkc: $(CLIENT) $(LIB)
	$(call say,LINK $@)$(LINK) -o $@ $^ -lm

$(PRELOAD): $(PRELOAD_O)
	$(call say,LINK $@)$(CC) $(CFLAGS) -shared -Wl,-z,relro,-z,now,-z,defs $(LDFLAGS) -o $@ $^ -ldl
$(BUILD)/preload/%.o: %.c Makefile $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC   $<)$(PRELOAD_CC) -c -o $@ $<

# Objects know the flags (and paths) they were made with: `make install PREFIX=/usr` behind a plain
# `make` compiles again.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D); echo '$(subst ','\'',$(COMPILE) $(LINK))' | cmp -s - $@ || \
	    echo '$(subst ','\'',$(COMPILE) $(LINK))' > $@
FORCE:
$(BUILD)/%.o: %.c Makefile $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC   $<)$(COMPILE) -c -o $@ $<

run: deps  ## install what is missing, build, serve etc/preforkd.conf in the foreground
	@$(MAKE) --no-print-directory all
	@$(BUILD)/preforkd -c etc/preforkd.conf

test: deps  ## install what is missing, build, run unit, scenario and chaos tests
	@$(MAKE) --no-print-directory -j$$(nproc) all $(UNIT)
	@$(MAKE) --no-print-directory unit preload-test scenario chaos-short

$(BUILD)/tests/testable.a: $(TESTABLE)
	@mkdir -p $(@D); rm -f $@
	$(call say,AR   $@)$(AR) rcs $@ $^
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/tests/testable.a $(LIB)
	$(call say,LINK $@)$(LINK) -o $@ $^ $(CMOCKA_LIBS) $(CONFIG_LIBS) $(JSON_LIBS) -lm
.PRECIOUS: $(BUILD)/%.o
unit: $(UNIT) corpus  ## only the unit tests
	@status=0; for t in $(UNIT); do ./$$t || status=1; done; exit $$status

# A fuzz target is tests/fuzz/NAME_fuzz.c, its inputs are the files of tests/fuzz/NAME.
FUZZ   := $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
FUZZ_A  = $(BUILD)/tests/testable.a $(LIB)
FUZZ_SECONDS ?= 60
$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%_fuzz.o $(BUILD)/tests/fuzz/corpus.o $(FUZZ_A)
	$(call say,LINK $@)$(LINK) -o $@ $^
$(BUILD)/tests/fuzz/%.fuzzer: $(BUILD)/tests/fuzz/%_fuzz.o $(FUZZ_A)
	$(call say,LINK $@)$(LINK) -fsanitize=fuzzer -o $@ $^
corpus: $(FUZZ:%=$(BUILD)/tests/fuzz/%)  ## every input of tests/fuzz, once
	@for t in $(FUZZ); do $(BUILD)/tests/fuzz/$$t tests/fuzz/$$t || exit 1; done
fuzz:  ## made-up inputs for FUZZ_SECONDS (60) to each target of tests/fuzz
	@tests/fuzz/run.sh $(BUILD)/fuzz $(FUZZ_SECONDS)

# preforkd as a later version may be: other numbers, and fields in the state of an upgrade that the
# present one does not know.
NEXT_O := $(patsubst supervisor/%.c,$(BUILD)/tests/next/%.o,$(wildcard supervisor/*.c))
NEXT_D := -UPREFORKD_VERSION -DPREFORKD_VERSION='"$(VERSION)-next"' -DUPGRADE_STATE_VERSION=2 \
          -DUPGRADE_STATE_MORE='NUMBER(900, more, 5, 0, 9) TEXT(901, text)'
$(BUILD)/tests/next/preforkd: $(NEXT_O) $(LIB)
	$(call say,LINK $@)$(LINK) -o $@ $^ $(CONFIG_LIBS) $(JSON_LIBS)
$(BUILD)/tests/next/%.o: supervisor/%.c Makefile $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC   $< of the next version)$(COMPILE) $(NEXT_D) -c -o $@ $<
$(BUILD)/tests/upgrade/%: tests/upgrade/%.c
	@mkdir -p $(@D)
	$(CC) -std=c17 -D_GNU_SOURCE $(CFLAGS) $(WARNINGS) -o $@ $<
UPGRADES := $(BUILD)/tests/next/preforkd $(BUILD)/tests/upgrade/newcomer

$(BUILD)/tests/shim/%.so: tests/shim/%.c
	@mkdir -p $(@D)
	$(CC) -std=c17 -D_GNU_SOURCE $(CFLAGS) $(WARNINGS) -shared -fPIC -o $@ $< -ldl
# Examples and those of the tests, as README of etc/plugins/ says: nothing is linked.
$(BUILD)/%.so: %.c include/preforkd/handler.h Makefile
	@mkdir -p $(@D)
	$(call say,CC   $<)$(CC) -std=c99 -D_GNU_SOURCE $(CFLAGS) $(WARNINGS) -Iinclude -shared -fPIC -o $@ $<
PLUGINS := $(patsubst %.c,$(BUILD)/%.so,$(wildcard etc/plugins/*/*.c tests/plugins/*.c))
SHIMS := $(patsubst tests/shim/%.c,$(BUILD)/tests/shim/%.so,$(wildcard tests/shim/*.c))
scenario: all $(SHIMS) $(PLUGINS) $(UPGRADES) $(BUILD)/tests/bench/floor  ## only the scenario tests (T='name…' picks some)
	@BUILD=$(BUILD) python3 tests/scenario/run.py $(T)

HERD := tests/chaos/herd.c tests/chaos/herd_connection.c
$(BUILD)/tests/chaos/herd: $(HERD) tests/chaos/herd_connection.h lib/banned.h Makefile
	@mkdir -p $(@D)
	$(call say,CC   $<)$(CC) -std=c17 -D_GNU_SOURCE -include lib/banned.h $(CFLAGS) $(WARNINGS) -o $@ $(HERD)
CHAOS := all $(BUILD)/tests/chaos/herd $(BUILD)/tests/shim/fork_refused.so
chaos-short: $(CHAOS)  ## only the chaos tests, in their short form
	@BUILD=$(BUILD) python3 -B tests/chaos/chaos.py --short $(if $(SEED),--seed $(SEED)) $(TIER)
chaos: $(CHAOS)  ## kills and changes under load, every connection accounted for (DURATION=10m SEED=7 TIER=kills)
	@BUILD=$(BUILD) python3 -B tests/chaos/chaos.py $(if $(SEED),--seed $(SEED)) \
	    $(if $(DURATION),--duration $(DURATION)) $(TIER)

# Programs of those tests: as ordinary programs are compiled, not as ours are.
$(BUILD)/tests/preload/%.so: tests/preload/%.c
	@mkdir -p $(@D)
	$(CC) -std=c17 -D_GNU_SOURCE $(CFLAGS) $(WARNINGS) -shared -fPIC -o $@ $<
$(BUILD)/tests/preload/static: tests/preload/static.c
	@mkdir -p $(@D)
	$(CC) -std=c17 -D_GNU_SOURCE $(CFLAGS) $(WARNINGS) -static -o $@ $< || echo "skipped: no static libc"
$(BUILD)/tests/preload/%: tests/preload/%.c
	@mkdir -p $(@D)
	$(CC) -std=c17 -D_GNU_SOURCE -D_FORTIFY_SOURCE=2 $(CFLAGS) $(WARNINGS) -o $@ $<
preload-test: $(PRELOAD) $(addprefix $(BUILD)/tests/preload/,early.so noaddress.so static stdio)  ## only the preload library, without a pool (T='name…' picks some)
	@BUILD=$(BUILD) python3 tests/preload/run.py $(T)

asan:  ## build with AddressSanitizer and UBSan, run the whole suite
	@$(MAKE) --no-print-directory BUILD=build/asan CFLAGS='-O1 -g -fno-omit-frame-pointer' \
	    SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=undefined' test

lint:  ## layer laws, formatting, warnings as errors with gcc and clang, static analysis
	@scripts/lint.sh

format:  ## rewrite the sources as .clang-format says
	@clang-format -i $$(git ls-files '*.c' '*.h')

bench: all $(BUILD)/tests/bench/floor $(BUILD)/tests/bench/lines.so  ## speed and size against a bare accept loop and other servers, as ratios (ARGS=--quick)
	@BUILD=$(BUILD) python3 -B tests/bench/bench.py $(ARGS)
.PHONY: bench-peers
bench-peers:  ## install the peers that make bench compares with
	@scripts/bench-peers.sh
$(BUILD)/tests/bench/lines.so: tests/bench/lines.c
	@mkdir -p $(@D)
	$(CC) -std=c17 -O2 $(WARNINGS) -Iinclude -shared -fPIC -o $@ $<
$(BUILD)/tests/bench/floor: tests/bench/floor.c
	@mkdir -p $(@D)
	$(CC) -std=c17 -D_GNU_SOURCE -O2 $(WARNINGS) -o $@ $<

man: all  ## write the manual pages into $(BUILD)/man
	@scripts/manpages.sh $(BUILD)

install: all man  ## install below DESTDIR and PREFIX
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBEXECDIR)
	install -m 755 $(BUILD)/preforkd $(DESTDIR)$(PREFIX)/sbin/
	install -m 755 $(BUILD)/preforkctl $(BUILD)/preforkc $(DESTDIR)$(PREFIX)/bin/
	install -m 755 $(BUILD)/preforkd-pool $(PRELOAD) $(DESTDIR)$(LIBEXECDIR)/
	install -d $(DESTDIR)$(SYSCONFDIR)/preforkd $(DESTDIR)$(PREFIX)/include/preforkd
	install -m 644 include/preforkd/*.h $(DESTDIR)$(PREFIX)/include/preforkd/
	install -d $(DESTDIR)$(PREFIX)/share/pkgconfig
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' include/preforkd/preforkd.pc.in \
	    > $(DESTDIR)$(PREFIX)/share/pkgconfig/preforkd.pc
	chmod 644 $(DESTDIR)$(PREFIX)/share/pkgconfig/preforkd.pc
	install -d $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man8
	install -m 644 $(BUILD)/man/*.1 $(DESTDIR)$(MANDIR)/man1/
	install -m 644 $(BUILD)/man/*.5 $(DESTDIR)$(MANDIR)/man5/
	install -m 644 $(BUILD)/man/*.8 $(DESTDIR)$(MANDIR)/man8/
	[ -e $(DESTDIR)$(SYSCONFDIR)/preforkd/preforkd.conf ] || \
	    install -m 644 etc/preforkd.conf $(DESTDIR)$(SYSCONFDIR)/preforkd/
	install -d $(DESTDIR)$(SYSTEMDUNITDIR) $(DESTDIR)$(TMPFILESDIR)
	sed -e 's|/usr/local/etc|$(SYSCONFDIR)|' -e 's|/usr/local/\(s*bin\)|$(PREFIX)/\1|' etc/preforkd.service \
	    > $(DESTDIR)$(SYSTEMDUNITDIR)/preforkd.service
	chmod 644 $(DESTDIR)$(SYSTEMDUNITDIR)/preforkd.service
	install -m 644 etc/preforkd.socket $(DESTDIR)$(SYSTEMDUNITDIR)/
	install -m 644 etc/preforkd.tmpfiles $(DESTDIR)$(TMPFILESDIR)/preforkd.conf

deps:
	@scripts/deps.sh

clean:  ## remove everything that was built
	rm -rf build

help:  ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
