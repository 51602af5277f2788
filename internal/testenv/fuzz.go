package testenv

import (
	"flag"
	"testing"
)

// LargeInputs is for fuzz targets whose inputs have some KiB. By default go test takes up to
// a minute to shorten each input that it finds interesting, and with such it does nothing
// else; with LargeInputs it tries 100 times, unless -fuzzminimizetime says otherwise.
func LargeInputs(f *testing.F) {
	f.Helper()
	minimize := flag.Lookup("test.fuzzminimizetime")
	set := false
	flag.Visit(func(given *flag.Flag) { set = set || given == minimize })
	if set {
		return
	}
	if err := minimize.Value.Set("100x"); err != nil {
		f.Fatal(err)
	}
}
