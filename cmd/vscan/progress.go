package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"vscan/engine"
)

// bar shows how far a scan has come, on standard error. The scan knows nothing
// of it: it reads the counters that the scan keeps.
type bar struct {
	stop, stopped chan struct{}
}

const barEvery = 100 * time.Millisecond

// startBar shows a bar where it is wanted: always, never, or at a terminal.
func (a *app) startBar(when, name string, total uint64, p *engine.Progress) *bar {
	if when == "never" || when == "auto" && !isTerminal(a.err) {
		return nil
	}
	b := &bar{make(chan struct{}), make(chan struct{})}
	go b.show(a.err, name, total, p)
	return b
}

func (b *bar) show(w io.Writer, name string, total uint64, p *engine.Progress) {
	defer close(b.stopped)
	pb := progressbar.NewOptions64(int64(min(total, 1<<62)),
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(name),
		progressbar.OptionShowBytes(true),
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionShowTotalBytes(true),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionShowElapsedTimeOnFinish(),
		progressbar.OptionSetWidth(20),
		progressbar.OptionSetTheme(progressbar.ThemeASCII),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionThrottle(barEvery/2),
	)
	tick := time.NewTicker(barEvery)
	defer tick.Stop()
	for {
		pb.Describe(fmt.Sprintf("%s, %s", name, plural(p.Hits.Load(), "hit")))
		pb.Set64(int64(min(p.Bytes.Load(), total, 1<<62)))
		select {
		case <-tick.C:
		case <-b.stop:
			pb.Clear()
			return
		}
	}
}

// finish takes the bar away.
func (b *bar) finish() {
	if b != nil {
		close(b.stop)
		<-b.stopped
	}
}
