# A verb for each habit; .ci/run calls the same ones.

GO        ?= go
# A number of runs rather than a time: with a time, go test at times fails at its
# end with "context deadline exceeded" and no crasher.
FUZZTIME  ?= 30000x
SOAK      ?= 1h
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
# A module of its own, which ./... does not name. Its tests build vscan, of which go test does
# not know whether it has changed: -count=1 has them run.
PARQUET    = cmd/vscan-parquet
# What has goroutines of its own, the tests there in which they meet, and what is used by several.
CONCURRENT = ./engine ./engine/shard ./engine/search ./engine/image/input ./engine/image/blocks ./engine/graph ./cmd/vscan/internal/...
MEETING    = Cancel|Interrupt|Concurr|Worker|Stream|Shard|Pace|Changed|Begin|Compiled|Loss|Cache|Stitch|Ways|LetsGo|GoesAhead|Rests|Choose|Budget
SHARED     = ./engine/segtree ./engine/image/... ./engine/sweep/... ./cmd/vscan

.PHONY: all build test lint race levels purego arm64 cross fuzz soak bench bench-count check check-images clean

all: lint test

build:
	CGO_ENABLED=0 $(GO) build -o . ./cmd/...
	CGO_ENABLED=0 $(GO) -C $(PARQUET) build -o ../.. .

test:
	$(GO) test ./...
	$(GO) -C $(PARQUET) test -count=1 ./...

lint:
	@test -z "$$(gofmt -l .)" || { echo "gofmt:"; gofmt -l .; exit 1; }
	$(GO) vet ./... ./cmd/vscan/testdata/vscan-parquet
	$(GO) run $(STATICCHECK) ./...
	$(GO) -C $(PARQUET) vet ./...
	$(GO) -C $(PARQUET) run $(STATICCHECK) ./...

# Goroutines meet in another order each time, so tests of that run three times.
race:
	$(GO) test -race -short -timeout=30m -skip TestSample $(CONCURRENT)
	$(GO) test -race -short -timeout=30m -count=2 -run '$(MEETING)' $(CONCURRENT)
	$(GO) test -race -short -timeout=30m $(SHARED)
	$(GO) test -race -short -timeout=30m -count=3 -run Concurrent ./patterns/automaton ./engine/simd/sets

# Every kernel level that this machine has must be tested, not skipped, and at full
# length: make test tries a part. So do other tests that draw at random or try every place.
levels:
	VSCAN_LONG=1 VSCAN_TEST_LEVELS=$$(./bench/levels.sh) $(GO) test -count=1 ./engine/simd ./engine/simd/sets
	VSCAN_LONG=1 $(GO) test -count=1 -run '^(TestScanAgainstByteMap|TestScanInPlace|TestRuns|TestManyDenseNeedles|TestHitsStreamInBoundedMemory|TestRandomSpaces|TestProcessKinds|TestHostileRules|Test.*LikeYara|TestLikeYaraOnCores|TestRequire)$$' \
	  ./engine ./engine/graph ./engine/image/proc ./patterns/yara ./docs
	VSCAN_LONG=1 $(GO) test -count=1 -run '^(TestScripts|TestInterrupts|TestTutorials|TestPlacesRoundTrip|TestLeaksPlanted|TestSamples|TestMade|TestAdvice|TestProgramsBlockByBlock|TestCoreHeaps|TestProcessPrograms|TestModulesAgainstGDB|TestSampleChains|TestTrack|TestEveryLayout.*|TestManyParts|TestSome)$$' \
	  ./cmd/... ./engine/image/... ./engine/heap ./engine/graph ./engine/segtree ./patterns ./patterns/automaton ./patterns/yara ./internal/testenv
	VSCAN_LONG=1 $(GO) test -count=1 -run '^(TestEstimate.*|TestPeakWithinBudget|TestExprs.*|TestStartsPartTheHits|TestWaiting|TestAgainst.*|TestWide|TestRandomLayouts|Test.*Interrupted)$$' \
	  ./engine ./engine/graph ./engine/segtree ./engine/image/formats ./patterns/yara ./patterns/automaton
	VSCAN_LONG=1 $(GO) test -count=1 -run '^(TestExport.*|TestSweepExport.*|TestSweepDocument|TestModesOfWhatIsWritten|TestWritesOverNothingThatItReads|TestNoRoom|TestKilledLeavesNothing)$$' ./cmd/vscan
	VSCAN_LONG=1 $(GO) -C $(PARQUET) test -count=1 ./...
	for level in $$(./bench/levels.sh | tr , ' '); do \
	  VSCAN_KERNEL=$$level $(GO) test -count=1 -short -run 'Scripts|Samples|Sweep|Graph' ./cmd/vscan || exit 1; done

purego:
	$(GO) vet -tags purego ./...
	$(GO) test -tags purego -short ./...
	$(GO) -C $(PARQUET) vet -tags purego ./...
	$(GO) -C $(PARQUET) test -count=1 -tags purego -short ./...

# Needs qemu-user-static.
arm64:
	CGO_ENABLED=0 GOARCH=arm64 $(GO) test -short -skip LikeYara -exec qemu-aarch64-static ./engine/addr ./engine/segtree ./engine/shard ./engine/simd/... ./engine ./patterns/...

# Each system is vetted on one architecture: what depends on the architecture alone is vetted on Linux.
cross:
	for target in linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64; do \
	  echo $$target; \
	  CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) build -o /dev/null ./... && \
	  CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) -C $(PARQUET) build -o /dev/null ./... || exit 1; done
	for target in linux/arm64 darwin/arm64 windows/amd64; do \
	  echo vet $$target; \
	  CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) vet ./... && \
	  CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) -C $(PARQUET) vet ./... || exit 1; done

# Each target for FUZZTIME; a package is fuzzed target by target. Targets are looked for in
# the source: to ask each package would build the tests of all.
fuzz:
	for file in $$(grep -rl --include='*_test.go' '^func Fuzz' .); do \
	  for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$file); do \
	    echo "$${file%/*} $$target"; \
	    $(GO) -C $${file%/*} test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x || exit 1; done; done

# All that is long, for SOAK (90s, 20m, 1h); goes on after a failure and ends with a summary.
soak:
	SOAK=$(SOAK) ./bench/soak.sh

# Beside the ceiling and the peers; bench/peers/setup.sh gets those. The figures
# go to bench/record.
bench:
	-./bench/peers/setup.sh
	$(GO) run ./bench -record bench/record

# That the benchmarks compile and all engines count the same, in no time.
bench-count:
	$(GO) run ./bench -short
	$(GO) test -short -run '^$$' -bench . -benchtime 1x $$(grep -rl --include='*_test.go' '^func Benchmark' . | sed 's,/[^/]*$$,,' | sort -u)

# Differential checks against an independent oracle, where they are at hand.
# check-shrink cuts a file after 0.1 s of a scan; where the scan of its 3 GiB is
# over by then, nothing was lost that could be reported, and it is run again.
check:
	if [ -d ../shared/tools ]; then for c in ../shared/tools/check-*; do echo "$$c"; \
	  "$$c" || { [ "$${c##*/}" = check-shrink ] && { "$$c" || "$$c" || "$$c" || "$$c"; }; } || exit 1; done; \
	else echo "no ../shared/tools: differential checks skipped"; fi

# Images of a guest that is booted for it, in all formats, and tiny ones that are cut and
# flipped. kdump-flat-odd is left out: by its list it has a page that is in none of its bitmaps.
IMAGES := ../shared/tools/images
check-images:
	if ! [ -d $(IMAGES) ]; then echo "no $(IMAGES): checks of image formats skipped"; \
	elif ! command -v apt-get >/dev/null || [ "$$(id -u)" != 0 ]; then echo "no root or no apt-get: no guest is booted, checks of image formats skipped"; \
	else d=$$(mktemp -d) && trap 'rm -rf "$$d"' EXIT && LIME=0 $(IMAGES)/make-guest-dumps "$$d" 128 >/dev/null && \
	  GUEST=$$d ONLY='^(?!guest.kdump-flat-odd)' $(IMAGES)/check-formats && SMALL=$(IMAGES)/small TIME=40 $(IMAGES)/check-truncation; fi

clean:
	rm -f vscan vscan-parquet
	$(GO) clean -testcache
