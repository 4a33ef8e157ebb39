# SPDX-License-Identifier: GPL-2.0-or-later
VERSION  := 0.1.0
SOMAJOR  := 0

PREFIX         ?= /usr/local
BINDIR         ?= $(PREFIX)/bin
LIBDIR         ?= $(PREFIX)/lib
INCLUDEDIR     ?= $(PREFIX)/include
MANDIR         ?= $(PREFIX)/share/man
PKGCONFIGDIR   ?= $(LIBDIR)/pkgconfig
BASHCOMPDIR    ?= $(PREFIX)/share/bash-completion/completions
ZSHCOMPDIR     ?= $(PREFIX)/share/zsh/site-functions
FISHCOMPDIR    ?= $(PREFIX)/share/fish/vendor_completions.d
UNITDIR        ?= $(PREFIX)/lib/systemd/system
DOCDIR         ?= $(PREFIX)/share/doc/fnutils
DESTDIR        ?=

CC         ?= cc
CLANG      ?= clang
PKG_CONFIG ?= pkg-config
SCDOC      ?= scdoc
CFLAGS     ?= -O2 -g
# SAN=address,undefined or SAN=thread builds into a directory of its own.
SAN        ?=
comma      := ,
BUILD      ?= build$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(FUSE_PREFIX),-$(notdir $(FUSE_PREFIX)))
V          ?= 0
Q          := $(if $(filter 1,$(V)),,@)
say         = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)')

# FUSE_PREFIX=DIR builds and tests with a libfuse that was installed there instead of the system's.
ifneq ($(FUSE_PREFIX),)
FUSE_PC := $(firstword $(wildcard $(addsuffix /pkgconfig,$(FUSE_PREFIX)/lib $(FUSE_PREFIX)/lib64 $(FUSE_PREFIX)/lib/*-linux-*)))
export PKG_CONFIG_PATH := $(FUSE_PC):$(PKG_CONFIG_PATH)
FUSE_LIBDIR := $(patsubst %/,%,$(dir $(FUSE_PC)))
export LD_LIBRARY_PATH := $(FUSE_LIBDIR):$(LD_LIBRARY_PATH)
override LDFLAGS += -Wl,-rpath,$(FUSE_LIBDIR)
PKG_CONFIG := PKG_CONFIG_PATH='$(PKG_CONFIG_PATH)' $(PKG_CONFIG)
endif

# The goals that need no library: they must work before `make deps` has run.
NODEP_GOALS := deps clean demo check check-programs dist deb uninstall
ifneq ($(filter-out $(NODEP_GOALS),$(or $(MAKECMDGOALS),all)),)
PKGS        := fuse3 libmnl popt
PKG_CFLAGS  := $(shell $(PKG_CONFIG) --cflags $(PKGS))
FUSE_LIBS   := $(shell $(PKG_CONFIG) --libs fuse3)
MNL_LIBS    := $(shell $(PKG_CONFIG) --libs libmnl)
POPT_LIBS   := $(shell $(PKG_CONFIG) --libs popt)
endif
# Extra libraries, each optional or with a reason in the commit that brought it: see lib/libs.mk.
-include lib/libs.mk

WARN      := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla
FN_CFLAGS := -std=c11 -D_GNU_SOURCE -DFUSE_USE_VERSION=314 -DFN_VERSION='"$(VERSION)"' \
	-Ilib -Icmd -fPIC -fvisibility=hidden $(WARN) $(if $(WERROR),-Werror) -MMD -MP $(PKG_CFLAGS) \
	$(EXTRA_CFLAGS) -pthread $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer)
LD_SAN    := $(if $(SAN),-fsanitize=$(SAN))
LIB_LIBS   = $(FUSE_LIBS) $(MNL_LIBS) $(EXTRA_LIBS) -pthread
CMD_LIBS   = $(LIB_LIBS) $(POPT_LIBS)

LIB_SRC   := $(sort $(wildcard lib/*/*.c))
LIB_OBJ   := $(LIB_SRC:%.c=$(BUILD)/%.o)
COMMON_SRC:= $(sort $(wildcard cmd/common/*.c))
COMMON_OBJ:= $(COMMON_SRC:%.c=$(BUILD)/%.o)
CMDS      := $(sort $(notdir $(patsubst %/,%,$(dir $(wildcard cmd/fn*/main.c)))))
BINS      := $(CMDS:%=$(BUILD)/%)
LIBSO     := $(BUILD)/libfnotify.so.$(VERSION)
LIBA      := $(BUILD)/libfnotify.a
FNGEN     := $(BUILD)/fngen
MAN_SRC   := $(sort $(wildcard man/*.scd))
MAN       := $(MAN_SRC:man/%.scd=$(BUILD)/man/%)
COMPLETIONS := $(foreach c,$(CMDS),completions/bash/$(c) completions/zsh/_$(c) completions/fish/$(c).fish)
UNITS     := $(patsubst packaging/systemd/%.in,$(BUILD)/systemd/%,$(wildcard packaging/systemd/*.in))
UNIT_SRC  := $(sort $(wildcard tests/unit/*.c))
UNIT      := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/tests/unit/%)
FUZZ_SRC  := $(sort $(wildcard tests/fuzz/*.c))
FUZZ      := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/tests/fuzz/%)
HELPER_SRC := $(sort $(wildcard tests/helpers/*.c))
HELPERS   := $(HELPER_SRC:tests/helpers/%.c=$(BUILD)/tests/helpers/%)
BENCH_SRC := $(sort $(wildcard tests/bench/*.c))
BENCH     := $(BENCH_SRC:tests/bench/%.c=$(BUILD)/tests/bench/%)

.DELETE_ON_ERROR:
.SECONDARY:
.SECONDEXPANSION:
.PHONY: all lib man completions install uninstall clean deps demo check check-fast check-san check-tsan \
	check-build check-guests check-programs bench lint format dist deb static tests-build fuzz-build

all: lib $(BINS) man $(UNITS)

lib: $(LIBSO) $(LIBA) $(BUILD)/fnotify.pc

$(BUILD)/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(FN_CFLAGS) $(CFLAGS) -c -o $@ $<

$(LIBA): $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(LIBSO): $(LIB_OBJ) lib/fnotify.map
	$(call say,LD,$@)
	$(Q)$(CC) -shared $(LDFLAGS) $(LD_SAN) -Wl,-soname,libfnotify.so.$(SOMAJOR) \
		-Wl,--version-script=lib/fnotify.map $(if $(SAN),,-Wl$(comma)-z$(comma)defs) -Wl,-z,relro,-z,now \
		-o $@ $(LIB_OBJ) $(LIB_LIBS)
	$(Q)ln -sf libfnotify.so.$(VERSION) $(BUILD)/libfnotify.so.$(SOMAJOR)
	$(Q)ln -sf libfnotify.so.$(SOMAJOR) $(BUILD)/libfnotify.so

# Files that name where things are installed follow PREFIX, also when it changes.
PATHS := -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@LIBDIR@|$(LIBDIR)|g' -e 's|@BINDIR@|$(BINDIR)|g' \
	-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|g' -e 's|@VERSION@|$(VERSION)|g'
.PHONY: paths
$(BUILD)/paths: paths
	@mkdir -p $(@D)
	@echo "$(PATHS)" | cmp -s - $@ || echo "$(PATHS)" > $@
$(BUILD)/fnotify.pc: lib/fnotify.pc.in $(BUILD)/paths
	$(Q)sed $(PATHS) $< > $@
$(BUILD)/systemd/%: packaging/systemd/%.in $(BUILD)/paths
	@mkdir -p $(@D)
	$(Q)sed $(PATHS) $< > $@

# A command is every C file in its folder, over the library.
define command_rule
$(BUILD)/$(1): $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard cmd/$(1)/*.c))) $(COMMON_OBJ) $(LIBA)
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(LDFLAGS) $$(LD_SAN) -o $$@ $$^ $$(CMD_LIBS)
endef
$(foreach c,$(CMDS),$(eval $(call command_rule,$(c))))

# fndump's programs for the kernel. Where clang or libbpf is missing, or with BPF=0, it takes
# tracefs and ptrace instead.
ifneq ($(PKGS),)
BPF ?= $(shell $(PKG_CONFIG) --exists libbpf && command -v $(CLANG) >/dev/null && echo 1)
endif
ifeq ($(BPF),1)
BPF_OBJ  := $(BUILD)/cmd/fndump/bpf/fuse.bpf.o
BPF_ARCH := $(patsubst x86_64%,x86,$(patsubst aarch64%,arm64,$(shell uname -m)))
$(BPF_OBJ): cmd/fndump/bpf/fuse.bpf.c cmd/fndump/bpf/record.h
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -O2 -g -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -Wall $(if $(WERROR),-Werror) \
		-I/usr/include/$(shell uname -m)-linux-gnu -c -o $@ $<
$(BUILD)/cmd/fndump/kernel.o: $(BPF_OBJ)
$(BUILD)/cmd/fndump/kernel.o: FN_CFLAGS += -DFN_HAVE_BPF -DFN_BPF_OBJECT='"$(abspath $(BPF_OBJ))"'
$(BUILD)/fndump: CMD_LIBS += $(shell $(PKG_CONFIG) --libs libbpf)
endif

# fngen reads the option tables of all commands and writes what derives from them.
$(FNGEN): $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard cmd/gen/*.c))) $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard cmd/fn*/options.c))) $(COMMON_OBJ) $(LIBA)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $(LD_SAN) -o $@ $^ $(CMD_LIBS)

man: $(MAN)
$(BUILD)/man/%: man/%.scd $(FNGEN) man/recipes.awk README.md
	$(call say,MAN,$@)
	@mkdir -p $(@D)
	$(Q)$(FNGEN) man $< | awk -f man/recipes.awk -v readme=README.md > $@.in
	$(Q)SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || echo 0)} $(SCDOC) < $@.in > $@

completions: $(FNGEN)
	$(Q)mkdir -p completions/bash completions/zsh completions/fish
	$(Q)$(FNGEN) completions completions

# `make static`: commands that need nothing from the system they run on, for initramfs and guests.
# Without static libraries (Debian has no libmnl.a) they bring their loader and libraries along.
static:
	$(Q)if test -e "$$($(PKG_CONFIG) --variable=libdir libmnl)/libmnl.a"; then \
		$(MAKE) --no-print-directory BUILD=build-static LDFLAGS='-static $(LDFLAGS)' \
			PKG_CONFIG='$(PKG_CONFIG) --static' $(CMDS:%=build-static/%); \
	else \
		echo 'static: no libmnl.a here; build-static/bin/ gets commands with their own loader and libraries'; \
		$(MAKE) --no-print-directory $(BINS) && packaging/bundle build-static $(BINS); \
	fi

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(LIBA)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $(LD_SAN) -o $@ $^ $(LIB_LIBS) $(POPT_LIBS)
$(BUILD)/tests/helpers/%: $(BUILD)/tests/helpers/%.o $(LIBA)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $(LD_SAN) -o $@ $^ $(LIB_LIBS)
$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(LIBA)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $(LD_SAN) -o $@ $^ $(LIB_LIBS)

# libFuzzer harnesses: the whole library again, instrumented, with clang.
FUZZ_FLAGS := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
FUZZ_OBJ := $(LIB_SRC:%.c=$(BUILD)/fuzz/%.o)
$(BUILD)/fuzz/%.o: %.c
	$(call say,FUZZCC,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) $(FN_CFLAGS) -O1 -g $(FUZZ_FLAGS) -c -o $@ $<
$(BUILD)/fuzz/libfnotify.a: $(FUZZ_OBJ)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(BUILD)/tests/fuzz/%: $(BUILD)/fuzz/tests/fuzz/%.o $(BUILD)/fuzz/libfnotify.a
	$(call say,FUZZLD,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -fsanitize=fuzzer,address,undefined -o $@ $^ $(LIB_LIBS)

tests-build: $(UNIT) $(HELPERS) $(FNGEN)
fuzz-build: $(FUZZ)
bench-build: $(BENCH)

deps:
	@sh .ci/deps

demo:
	@sh .ci/deps
	@$(MAKE) --no-print-directory all tests-build
	@FN_BUILD=$(abspath $(BUILD)) sh tests/demo/demo.sh

# Everything: unit, bats, fuzz corpus and a bounded search, generated files.
check:
	@sh .ci/deps
	@$(MAKE) --no-print-directory check-build
	@FN_BUILD=$(abspath $(BUILD)) tests/run

check-build: all tests-build fuzz-build

check-fast: all tests-build
	@FN_BUILD=$(abspath $(BUILD)) tests/run unit generated

check-san:
	@$(MAKE) --no-print-directory SAN=address,undefined all tests-build
	@SAN=address,undefined FN_BUILD=$(abspath build-address-undefined) tests/run unit bats

check-tsan:
	@$(MAKE) --no-print-directory SAN=thread CC=$(CLANG) all tests-build
	@SAN=thread CC=$(CLANG) FN_BUILD=$(abspath build-thread) tests/run unit bats

# Every kernel, virtiofsd and cache mode: longer than check, which runs one of them.
check-guests: all tests-build
	@FN_BUILD=$(abspath $(BUILD)) tests/guests/matrix

# Programs and tests of others that are fetched when it runs.
check-programs:
	@sh .ci/deps tests/programs/packages
	@$(MAKE) --no-print-directory all tests-build
	@FN_BUILD=$(abspath $(BUILD)) tests/run programs

bench: all bench-build tests-build
	@FN_BUILD=$(abspath $(BUILD)) tests/bench/run

C_FILES = $(shell git ls-files '*.c' '*.h')
lint:
	$(Q)clang-format --dry-run -Werror $(C_FILES)
	$(Q)$(MAKE) --no-print-directory BUILD=build-lint-gcc WERROR=1 lib tests-build $(CMDS:%=build-lint-gcc/%)
	$(Q)$(MAKE) --no-print-directory BUILD=build-lint-clang CC=$(CLANG) WERROR=1 lib tests-build $(CMDS:%=build-lint-clang/%)

format:
	$(Q)clang-format -i $(C_FILES)

install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBDIR) $(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(PKGCONFIGDIR) \
		$(DESTDIR)$(BASHCOMPDIR) $(DESTDIR)$(ZSHCOMPDIR) $(DESTDIR)$(FISHCOMPDIR)
	install -m 755 $(BINS) $(DESTDIR)$(BINDIR)
	install -m 755 $(LIBSO) $(DESTDIR)$(LIBDIR)
	ln -sf libfnotify.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libfnotify.so.$(SOMAJOR)
	ln -sf libfnotify.so.$(SOMAJOR) $(DESTDIR)$(LIBDIR)/libfnotify.so
	install -m 644 $(LIBA) $(DESTDIR)$(LIBDIR)
	install -m 644 lib/fnotify.h $(DESTDIR)$(INCLUDEDIR)
	install -m 644 $(BUILD)/fnotify.pc $(DESTDIR)$(PKGCONFIGDIR)
	install -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(DOCDIR)
	install -m 644 $(UNITS) $(DESTDIR)$(UNITDIR)
	install -m 644 README.md NEWS $(wildcard packaging/systemd/*.example) $(DESTDIR)$(DOCDIR)
	for m in $(MAN); do s=$${m##*.}; install -D -m 644 $$m $(DESTDIR)$(MANDIR)/man$$s/$$(basename $$m); done
	for c in $(CMDS); do install -m 644 completions/bash/$$c $(DESTDIR)$(BASHCOMPDIR)/$$c; \
		install -m 644 completions/zsh/_$$c $(DESTDIR)$(ZSHCOMPDIR)/_$$c; \
		install -m 644 completions/fish/$$c.fish $(DESTDIR)$(FISHCOMPDIR)/$$c.fish; done

uninstall:
	rm -f $(CMDS:%=$(DESTDIR)$(BINDIR)/%) $(DESTDIR)$(LIBDIR)/libfnotify.* $(DESTDIR)$(INCLUDEDIR)/fnotify.h \
		$(DESTDIR)$(PKGCONFIGDIR)/fnotify.pc $(CMDS:%=$(DESTDIR)$(BASHCOMPDIR)/%) \
		$(CMDS:%=$(DESTDIR)$(ZSHCOMPDIR)/_%) $(CMDS:%=$(DESTDIR)$(FISHCOMPDIR)/%.fish)
	rm -rf $(DESTDIR)$(DOCDIR)
	rm -f $(patsubst $(BUILD)/systemd/%,$(DESTDIR)$(UNITDIR)/%,$(UNITS))
	for m in $(notdir $(MAN)); do rm -f $(DESTDIR)$(MANDIR)/man$${m##*.}/$$m; done

dist:
	@mkdir -p dist
	git archive --format=tar --prefix=fnutils-$(VERSION)/ HEAD | gzip -n9 > dist/fnutils-$(VERSION).tar.gz

# Debian packages of HEAD: fnutils, libfnotify0, libfnotify-dev.
deb:
	packaging/deb dist

clean:
	rm -rf build build-* dist

-include $(shell test -d $(BUILD) && find $(BUILD) -name '*.d' -type f)
