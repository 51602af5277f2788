package sweep

import (
	"encoding/json"
	"fmt"
	"time"

	"vscan/engine/addr"
	"vscan/engine/image"
)

// Account is what a task tells of itself beside its matches.
type Account struct {
	Matches    uint64       // those in the result, of which a few may be no hits
	Scanned    uint64       // bytes searched
	Absent     uint64       // bytes that the image does not hold
	Unreadable []addr.Range // bytes that could not be read, ascending

	// Limited says that the task ended before the end of its range, since it had all the
	// hits of each pattern that Question.MaxHits asks for.
	Limited bool

	// Complete says that all could be read, and that no file of the image changed
	// meanwhile in a way that may be one of its bytes.
	Complete bool

	Changed []image.Change // what changed of the image's files while the task ran
	Kernels []string       // the levels of the kernels that were used, ascending
	Workers int
	Elapsed time.Duration // how long the scan took
}

// accountFile is an Account as JSON.
type accountFile struct {
	Matches    uint64       `json:"matches"`
	Scanned    uint64       `json:"scanned"`
	Absent     uint64       `json:"absent"`
	Unreadable []span       `json:"unreadable,omitempty"`
	Limited    bool         `json:"limited,omitempty"`
	Complete   bool         `json:"complete"`
	Changed    []changeFile `json:"changed,omitempty"`
	Kernels    []string     `json:"kernels"`
	Workers    int          `json:"workers"`
	Elapsed    int64        `json:"nanoseconds"`
}

// changeFile is an image.Change as JSON.
type changeFile struct {
	File   Text   `json:"file"`
	What   string `json:"what"`
	Before Text   `json:"before"`
	After  Text   `json:"after"`
}

func (a *Account) encode() ([]byte, error) {
	f := accountFile{
		Matches: a.Matches, Scanned: a.Scanned, Absent: a.Absent, Limited: a.Limited, Complete: a.Complete,
		Kernels: a.Kernels, Workers: a.Workers, Elapsed: int64(a.Elapsed),
	}
	for _, r := range a.Unreadable {
		f.Unreadable = append(f.Unreadable, spanOf(r))
	}
	for _, c := range a.Changed {
		f.Changed = append(f.Changed, changeFile{Text(c.Path), string(c.What), Text(c.Before), Text(c.After)})
	}
	return encode(f, "")
}

func decodeAccount(b []byte) (*Account, error) {
	var f accountFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, err
	}
	if f.Workers < 0 || f.Elapsed < 0 {
		return nil, fmt.Errorf("%d workers, %d ns", f.Workers, f.Elapsed)
	}
	a := &Account{
		Matches: f.Matches, Scanned: f.Scanned, Absent: f.Absent, Limited: f.Limited, Complete: f.Complete,
		Kernels: f.Kernels, Workers: f.Workers, Elapsed: time.Duration(f.Elapsed),
	}
	for _, s := range f.Unreadable {
		r, err := s.addresses()
		if err != nil {
			return nil, err
		}
		a.Unreadable = append(a.Unreadable, r)
	}
	for _, c := range f.Changed {
		a.Changed = append(a.Changed, image.Change{Path: string(c.File), What: image.ChangeKind(c.What), Before: string(c.Before), After: string(c.After)})
	}
	return a, nil
}
