// Command ways measures which way a search takes to the bytes of a file, on kinds of files
// that differ in how they are in the page cache: what `vscan find` takes with --mmap auto,
// always and never, and what ripgrep and dd take, all in turn on the same file. It checks
// that all find as much. ../README.md says how to run it and what it prints.
package main

import (
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"vscan/bench/internal/spin"
)

type options struct {
	vscan  string
	dir    string
	shm    string
	mib    int
	rounds int
	only   *regexp.Regexp
	csv    string
}

func main() {
	var o options
	flag.StringVar(&o.vscan, "vscan", "", "the vscan `PROGRAM`; without, it is built")
	flag.StringVar(&o.dir, "dir", "", "make the files in this `FOLDER`; without, in that for temporary files")
	flag.StringVar(&o.shm, "tmpfs", "/dev/shm", "and those on tmpfs in this `FOLDER`")
	flag.IntVar(&o.mib, "mib", 2048, "size of the files in MiB, at least 256; twice as much room is needed")
	flag.IntVar(&o.rounds, "rounds", 11, "how often each command runs, in turn with the others")
	only := flag.String("only", "", "kinds of files whose name matches this `REGEXP`")
	flag.StringVar(&o.csv, "csv", "", "write every run into this `FILE`")
	flag.Parse()
	re, err := regexp.Compile(*only)
	if err == nil && o.mib < 256 {
		err = errors.New("-mib has to be 256 at least, for parts of the files are of 64 and 256 MiB")
	}
	if err == nil {
		o.only = re
		err = o.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "ways:", err)
		os.Exit(1)
	}
}

func (o *options) run() error {
	dir, err := os.MkdirTemp(o.dir, "vscan-ways")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	o.dir = dir
	if o.vscan == "" {
		o.vscan = filepath.Join(dir, "vscan")
		build := exec.Command("go", "build", "-o", o.vscan, "vscan/cmd/vscan")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM) // so that what is mounted is taken down
	var record *csv.Writer
	if o.csv != "" {
		f, err := os.Create(o.csv)
		if err != nil {
			return err
		}
		defer f.Close()
		record = csv.NewWriter(f)
		defer record.Flush()
		record.Write([]string{"file", "command", "round", "seconds", "cpu_seconds", "max_resident_mib", "spin_ratio"})
	}
	fmt.Printf("%d MiB, medians of %d runs in turn, GB/s; in brackets CPU seconds a GiB\n\n", o.mib, o.rounds)
	fmt.Println("| file | workers | auto | always mapped | always read | time of auto / of the better | ripgrep, the faster | dd | auto / ripgrep | read / dd | resident, MiB: auto | spin |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|")
	for _, k := range o.kinds() {
		if !o.only.MatchString(k.name) {
			continue
		}
		err := o.measure(k, record, interrupted)
		if skip := (*skipError)(nil); errors.As(err, &skip) {
			fmt.Printf("| %s | left out: %v |\n", k.name, skip.why)
		} else if err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return nil
}

// A skipError says why a kind of file cannot be had here.
type skipError struct{ why error }

func (e *skipError) Error() string { return e.why.Error() }

// A contender is a command line; its file comes last.
type contender struct {
	name  string
	args  []string
	hits  bool // it tells how many hits there are
	times []run
}

// A run is what one run took.
type run struct {
	wall, cpu float64 // seconds; cpu is user and system
	rss       float64 // MiB
}

func (o *options) contenders() []*contender {
	all := []*contender{{name: "dd", args: []string{"dd", "bs=256K", "of=/dev/null", "status=none"}}}
	for _, workers := range []string{"1", "2"} {
		for _, way := range []string{"auto", "always", "never"} {
			all = append(all, &contender{name: way + " " + workers, hits: true, args: []string{o.vscan, "find", "-c", "-j", workers,
				"--progress", "never", "--mmap", way, "--image-format", "raw", "text:" + needle}})
		}
	}
	if _, err := exec.LookPath("rg"); err == nil {
		for _, way := range []string{"--mmap", "--no-mmap"} {
			all = append(all, &contender{name: "rg " + way, hits: true, args: []string{"rg", "-a", "--count-matches", "--no-unicode", "-j1", "-F", way, needle}})
		}
	}
	return all
}

func (o *options) measure(k *kind, record *csv.Writer, interrupted <-chan os.Signal) error {
	path, cleanup, err := k.make(o)
	defer cleanup()
	if err != nil {
		return err
	}
	if err := forgetPeak(); err != nil {
		return err
	}
	all := o.contenders()
	var spins []float64
	for round := range o.rounds + 1 { // the first one does not count
		ratio := 2 / spin.Ratio(2) // how many times as much two threads do as one
		if round > 0 {
			spins = append(spins, ratio)
		}
		for _, i := range rand.Perm(len(all)) {
			select {
			case <-interrupted:
				return errors.New("interrupted")
			default:
			}
			if k.before != nil {
				if err := k.before(path); err != nil {
					return err
				}
			}
			c := all[i]
			r, err := c.run(path)
			if err != nil {
				return err
			}
			if round == 0 {
				continue
			}
			c.times = append(c.times, r)
			if record != nil {
				f := func(x float64) string { return strconv.FormatFloat(x, 'f', 4, 64) }
				record.Write([]string{k.name, c.name, strconv.Itoa(round), f(r.wall), f(r.cpu), f(r.rss), f(ratio)})
			}
		}
	}
	o.report(k, all, median(spins))
	return nil
}

// forgetPeak has this program's peak of resident memory be what it has now, since a program
// that it starts has that as its own from the beginning. Source: proc_pid_clear_refs(5).
func forgetPeak() error {
	debug.FreeOSMemory()
	return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o600)
}

// report prints two lines of the table.
func (o *options) report(k *kind, all []*contender, spin float64) {
	of := func(name string, what func(run) float64) float64 {
		for _, c := range all {
			if c.name == name {
				var xs []float64
				for _, r := range c.times {
					xs = append(xs, what(r))
				}
				return median(xs)
			}
		}
		return 0
	}
	wall, cpu := func(r run) float64 { return r.wall }, func(r run) float64 { return r.cpu }
	bytes := float64(o.mib << 20)
	cell := func(name string) string {
		return fmt.Sprintf("%.1f (%.2f)", bytes/of(name, wall)/1e9, of(name, cpu)/bytes*(1<<30))
	}
	rg := min(of("rg --mmap", wall), of("rg --no-mmap", wall))
	for _, w := range []string{"1", "2"} {
		auto, always, never := of("auto "+w, wall), of("always "+w, wall), of("never "+w, wall)
		peers := []string{"", "", "", ""}
		if w == "1" {
			peers[1], peers[3] = cell("dd"), fmt.Sprintf("%.2f", of("dd", wall)/never)
		}
		if rg > 0 {
			if w == "1" {
				peers[0] = fmt.Sprintf("%.1f", bytes/rg/1e9)
			}
			peers[2] = fmt.Sprintf("%.2f", rg/auto)
		}
		fmt.Printf("| %s | %s | %s | %s | %s | %.2f | %s | %.0f | %.2f |\n", k.name, w, cell("auto "+w), cell("always "+w), cell("never "+w),
			auto/min(always, never), strings.Join(peers, " | "), of("auto "+w, func(r run) float64 { return r.rss }), spin)
	}
}

func median(xs []float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	xs = slices.Sorted(slices.Values(xs))
	return (xs[(len(xs)-1)/2] + xs[len(xs)/2]) / 2
}

// run runs the command over a file, and checks what it finds.
func (c *contender) run(path string) (run, error) {
	args := append(slices.Clone(c.args), path)
	if c.name == "dd" {
		args[len(args)-1] = "if=" + path
	}
	cmd := exec.Command(args[0], args[1:]...)
	var out, said strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &said
	begin := time.Now()
	err := cmd.Run()
	r := run{wall: time.Since(begin).Seconds()}
	if err != nil {
		return r, fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, said.String())
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	r.cpu = time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
	r.rss = float64(usage.Maxrss) / 1024
	if c.hits {
		first, _, _ := strings.Cut(strings.TrimSpace(out.String()), "\t")
		if n, err := strconv.Atoi(first); err != nil || n != needles {
			return r, fmt.Errorf("%s finds %q, and there are %d", strings.Join(args, " "), first, needles)
		}
	}
	return r, nil
}
