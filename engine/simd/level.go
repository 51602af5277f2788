// Package simd holds the kernels, the loops that look through memory, their
// portable twins, and the choice between them. It is for the engine, and may
// change.
//
// A kernel looks for one kind of thing, its [Shape], and reports where it starts.
// There are several kernels for a shape, one for each [Level]: a reference,
// written to be read, portable Go, and assembly for the vector units of several
// machines. The level is chosen once, when a kernel is made, and all levels of a
// shape report the same: tests compare each with the reference.
//
// NewLiteral, NewMasked, NewClass and NewWords make a [Kernel] for one thing;
// NewTeddy, NewGrams and NewPairs make those with which package sets filters
// memory for many literals. Level [Auto] stands for the best that this machine can
// run; [Level.Check] tells whether it can run another one. A Scan fills dst, and
// is called until it has come to the end, however large dst is:
//
//	for from := 0; from < len(b); {
//		n, next := kernel.Scan(dst, b, from, len(b))
//		use(dst[:n])
//		from = next
//	}
//
// A kernel knows one slice of at most MaxBlock bytes, and neither addresses nor
// files: for those see package engine.
//
// SIMD.md says how a kernel is added and how the tests are run.
package simd

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
)

// A Level is what a kernel is written for. Of those that a machine can run, a
// higher one is faster; Reference is the slowest by far.
type Level uint8

const (
	Auto      Level = iota // the highest level that this machine can run
	Reference              // Go written for reading: the oracle of all tests
	Generic                // Go written for speed, on any machine
	AVX2                   // amd64 assembly, vectors of 32 bytes
	AVX512                 // amd64 assembly, vectors of 64 bytes and masks
	NEON                   // arm64 assembly, vectors of 16 bytes
)

// levelNames are the words that ParseLevel reads, by level.
var levelNames = [...]string{"auto", "reference", "generic", "avx2", "avx512", "neon"}

// String returns the level's name, the word that ParseLevel reads.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("level(%d)", uint8(l))
}

// ParseLevel returns the level of a name, which must be written exactly as String
// writes it. Any other text is an error.
func ParseLevel(s string) (Level, error) {
	if i := slices.Index(levelNames[:], s); i >= 0 {
		return Level(i), nil
	}
	last := len(levelNames) - 1
	return Auto, fmt.Errorf("kernel level %q: want %s or %s",
		s, strings.Join(levelNames[:last], ", "), levelNames[last])
}

// EnvVar is the environment variable that FromEnv reads.
const EnvVar = "VSCAN_KERNEL"

// FromEnv returns the level that the environment variable VSCAN_KERNEL names, Auto
// where it is unset or empty. A value that names no level is an error. FromEnv
// does not check whether this machine can run the level: see [Level.Check].
func FromEnv() (Level, error) {
	s := os.Getenv(EnvVar)
	if s == "" {
		return Auto, nil
	}
	l, err := ParseLevel(s)
	if err != nil {
		return Auto, fmt.Errorf("%s: %w", EnvVar, err)
	}
	return l, nil
}

// Levels returns the levels compiled into this program, ascending and without
// Auto. They depend on GOARCH, and on the build tag purego, which leaves out all
// assembly. Check tells which of them this machine can run.
func Levels() []Level {
	levels := []Level{Reference, Generic}
	for _, a := range assembled {
		levels = append(levels, a.level)
	}
	return levels
}

// An assembledLevel is a level written in assembly, and the CPU features that a
// machine must have to be of that level. A single kernel may need more: its own
// predicate says so.
type assembledLevel struct {
	level Level
	needs features
}

// Check returns nil where this machine can run kernels of level l, which is always
// so for Auto, Reference and Generic. Else the error says why not: it names the
// CPU features that are missing, or says that the level is not in this program.
func (l Level) Check() error {
	if l <= Generic {
		return nil
	}
	for _, a := range assembled {
		if a.level == l {
			return a.needs.check(l)
		}
	}
	if int(l) >= len(levelNames) {
		return fmt.Errorf("kernel level %s: there is no such level", l)
	}
	return fmt.Errorf("kernel level %s: not in this program, which was built for %s/%s%s",
		l, runtime.GOOS, runtime.GOARCH, buildNote)
}
