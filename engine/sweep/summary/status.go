package summary

import (
	"encoding/json"
	"io"
	"time"

	"vscan/engine/sweep/state"
	"vscan/internal/wording"
)

// Left returns how many bytes the files have of images that are still to be searched.
func (b Bytes) Left() uint64 { return less(b.Size, b.SettledSize) }

// statusLine is the line sweep_status of vscan sweep status -o jsonl.
type statusLine struct {
	Type      string      `json:"type"`
	Sweep     string      `json:"sweep"`
	Working   bool        `json:"working"`
	Process   string      `json:"process,omitempty"`
	Last      *time.Time  `json:"last_activity,omitempty"`
	Began     *time.Time  `json:"began,omitempty"`
	Ended     *time.Time  `json:"ended,omitempty"`
	Complete  bool        `json:"complete"`
	Sentence  string      `json:"sentence"`
	Images    stateCounts `json:"images"`
	Bytes     byteCounts  `json:"bytes"`
	Hits      uint64      `json:"hits"`
	AtLeast   bool        `json:"at_least"`
	LeftOut   int         `json:"rules_left_out"`
	Seconds   float64     `json:"seconds"`
	Left      uint64      `json:"images_left"`
	BytesLeft uint64      `json:"bytes_left"`
	Escaped   escapes     `json:"escaped,omitempty"`
}

// WriteStatus writes what the status of a sweep is as jsonl: a line of the type sweep_status, and
// one of the type sweep_problem for each reason why images are not done. name is that of the sweep:
// its folder.
func (s *Summary) WriteStatus(w io.Writer, name string, a state.Activity) error {
	l := statusLine{
		Type: "sweep_status", Working: a.Process != "", Last: jsonTime(a.Last), Began: jsonTime(s.About.Began), Ended: jsonTime(s.About.Ended),
		Complete: s.Complete(), Sentence: s.Sentence(), Images: countsOf(s.Images), Bytes: s.Total.json(), Hits: s.Hits, AtLeast: s.AtLeast, LeftOut: len(s.About.LeftOut),
		Seconds: s.Work.Seconds(), Left: s.Images.Left(), BytesLeft: s.Total.Left(),
	}
	l.Sweep, l.Process = l.Escaped.text("sweep", name), l.Escaped.text("process", a.Process)
	if err := writeLine(w, l); err != nil {
		return err
	}
	for _, p := range s.Problems {
		if err := writeLine(w, problemStatus{"sweep_problem", problemLine(p)}); err != nil {
			return err
		}
	}
	return nil
}

// problemStatus is the line sweep_problem.
type problemStatus struct {
	Type string `json:"type"`
	jsonProblem
}

func writeLine(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(wording.AppendJSONSafe(nil, b), '\n'))
	return err
}
