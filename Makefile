# Thin names over cargo.
#
#   make demo                 cut a transfer twice and draw what happens
#   make test                 all tests, a small set of the laboratory's runs among them
#   make lab RUNS=5           the mobility laboratory: writes docs/MOBILITY.md, its figure and its
#                             numbers. As root, with iproute2 (nft and conntrack for the NAT) and
#                             /dev/net/tun; otherwise it says what it skips. Half an hour
#   make attack               attacks on real daemons, measured: writes the table of
#                             docs/SECURITY.md. Half an hour, on a machine that does nothing else
#   make bench                all benchmarks
#   make fuzz T=packet_parser S=60
#   make fuzz-all S=600       every target so many seconds, two at a time, and what each covers
#   make fuzz-coverage        what the kept corpus of each target covers
#                             The three want `cargo install cargo-fuzz`; coverage wants also
#                             `rustup component add llvm-tools`
#   make install PREFIX=/usr/local DESTDIR=
#
# Where OpenSSL 3's headers are missing, it is built from source; that takes a C compiler and
# the whole of perl.

CARGO   ?= cargo
PREFIX  ?= /usr/local
DESTDIR ?=
T       ?= packet_parser
S       ?= 60
RUNS    ?= 5

BINARIES = muses-node cloak-node muses
RELEASE  = $(or $(CARGO_TARGET_DIR),target)/release

# The question that the openssl crate will ask: are its headers where pkg-config knows them?
HAVE_OPENSSL := $(shell \
	if [ -n "$$OPENSSL_DIR" ] || pkg-config --exists 'openssl >= 3.0' 2>/dev/null; then echo yes; fi)
FEATURES := $(if $(HAVE_OPENSSL),,--features vendored)

.PHONY: all build demo test lab attack bench fuzz fuzz-all fuzz-coverage install uninstall man clean check-vendored

all: build

check-vendored:
	@if [ -n "$(FEATURES)" ] && ! perl -MIPC::Cmd -MFindBin -e1 2>/dev/null; then \
		echo "make: OpenSSL 3 headers are missing and perl is not complete:" \
			"install libssl-dev and pkg-config, or perl" >&2; exit 1; fi

build: check-vendored
	$(CARGO) build --release $(FEATURES) --bins

# All three programs, because the demo starts the daemons that lie beside it.
demo: build
	$(RELEASE)/muses demo

test: check-vendored
	$(CARGO) test $(FEATURES)

# Real processes in network namespaces; everything, so many times.
lab: check-vendored
	$(CARGO) test --release $(FEATURES) --test lab -- --all --runs $(RUNS) --write docs

# Real processes on loopback, one attack after the other.
attack: check-vendored
	$(CARGO) test --release $(FEATURES) --test attack -- --all --write docs

bench: check-vendored
	$(CARGO) bench $(FEATURES)

# Fuzzing wants a compiler's unstable flags; a stable one gives them when asked like this. What is
# found goes to fuzz/target, so that fuzz/corpus keeps to files with a name.
fuzz:
	mkdir -p fuzz/target/corpus/$(T)
	cd fuzz && RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run $(if $(filter config_file,$(T)),--features cli) $(T) \
		target/corpus/$(T) corpus/$(T) -- \
		-max_total_time=$(S) -max_len=4096 -rss_limit_mb=1024 -timeout=10 -print_final_stats=1

# The corpus is kept in fuzz/target/corpus; an input that crashes lands in fuzz/artifacts.
fuzz-all: check-vendored
	fuzz/all.sh run $(S)

fuzz-coverage: check-vendored
	fuzz/all.sh coverage

man: build
	@for program in $(BINARIES); do $(RELEASE)/$$program --man > $(RELEASE)/$$program.1; done

install: man
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1
	cd $(RELEASE) && install -m 755 $(BINARIES) $(abspath $(DESTDIR)$(PREFIX))/bin
	cd $(RELEASE) && install -m 644 $(BINARIES:=.1) $(abspath $(DESTDIR)$(PREFIX))/share/man/man1

uninstall:
	cd $(DESTDIR)$(PREFIX)/bin && rm -f $(BINARIES)
	cd $(DESTDIR)$(PREFIX)/share/man/man1 && rm -f $(BINARIES:=.1)

clean:
	$(CARGO) clean
