package lines

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"

	"vscan/engine/sweep/state"
)

// one is a sweep of one image.
type one string

func (o one) About(context.Context) (*state.About, error) { return &state.About{}, nil }

func (o one) Images(context.Context) iter.Seq2[*state.Image, error] {
	return func(yield func(*state.Image, error) bool) { yield(&state.Image{Arg: "core"}, nil) }
}

func (o one) Lines(context.Context, int) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(string(o))), nil
}

// Lines come as they are, short and long, and one without its line feed is an error with its
// number.
func TestReader(t *testing.T) {
	long := strings.Repeat("x", 1<<19)
	r, err := Open(t.Context(), one("a\n\n"+long+"\nb\ncut"), &state.Image{Arg: "core"})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"a", "", long, "b"} {
		if got, err := r.Next(); err != nil || string(got) != want {
			t.Fatalf("line %d: %.20q, %v", i, got, err)
		}
	}
	_, err = r.Next()
	var wrong *Error
	if !errors.As(err, &wrong) || wrong.Line != 5 || wrong.Image != "core" {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// Results that lack hits which the record of their image has, or have more, are damaged.
func TestReaderCounts(t *testing.T) {
	hit, rule := `{"type":"hit"}`+"\n", `{"type":"rule"}`+"\n"
	for text, hits := range map[string]uint64{"": 1, hit + rule: 2, hit + hit: 1, rule + hit: 1} {
		r, err := Open(t.Context(), one(text), &state.Image{Arg: "core", State: state.Done, Hits: hits})
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = r.Next()
		}
		wrong := (*Error)(nil)
		if whole := strings.Count(text, hit) == int(hits); errors.As(err, &wrong) == whole {
			t.Errorf("%q, %d hits: %v", text, hits, err)
		}
	}
}

// A context that has ended ends the reading.
func TestReaderEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := Open(ctx, one("a\n"), &state.Image{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

const wholeHit = `{"type":"hit","image":"a\\xff","addr":"0xffff888000001000","pattern":"p\"q","len":5,"value":"7","mapping":"[heap]","offset":4096,` +
	`"module":"m","module_offset":"0x10","bytes":"68656c6c6f","text":"h\u202e","key":"0x5a","before":"","after":"00","namespace":"n","file":"f","new":[1,{"a":"}"}],"escaped":["image"]}  `

func TestDecode(t *testing.T) {
	var h Hit
	if err := h.Decode([]byte(wholeHit)); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(string(h.Type), h.Addr, h.Len, h.Offset, h.ModuleOffset, string(h.Bytes), string(h.Key), string(h.Before), string(h.After))
	if want := "hit0xffff888000001000 5 4096 0x1068656c6c6f0x5a00"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, c := range []struct {
		got  String
		want string
	}{{h.Image, "a\xff"}, {h.Pattern, `p"q`}, {h.Value, "7"}, {h.Mapping, "[heap]"}, {h.Module, "m"}, {h.Text, "h\u202e"}, {h.Namespace, "n"}, {h.File, "f"}, {h.Rule, ""}} {
		if c.got.Text() != c.want {
			t.Errorf("%s: %q, want %q", c.got.JSON, c.got.Text(), c.want)
		}
	}
}

// What is no line of this program is an error, and never a hit that lacks something.
func TestDecodeRefuses(t *testing.T) {
	var h Hit
	for i := range wholeHit[:len(wholeHit)-2] {
		if err := h.Decode([]byte(wholeHit[:i])); err == nil {
			t.Errorf("%q: no error", wholeHit[:i])
		}
	}
	for _, line := range []string{
		"", "{}", "null", `{"type":"hit"}`, `{"addr":"0x1","pattern":"p","len":1,"bytes":""}`, wholeHit + "x",
		`{"type":"hit","addr":"0x","pattern":"p","len":1,"bytes":""}`,
		`{"type":"hit","addr":"0x12345678901234567","pattern":"p","len":1,"bytes":""}`,
		`{"type":"hit","addr":"0x1","pattern":"p","len":18446744073709551616,"bytes":""}`,
		`{"type":"hit","addr":"0x1","pattern":"p","len":-1,"bytes":""}`,
		`{"type":"hit","addr":"0x1","pattern":"p","len":1,"bytes":"0"}`,
		`{"type":"hit","addr":"0x1","pattern":"p","len":1,"bytes":"0x"}`,
		`{"type":"hit","addr":1,"pattern":"p","len":1,"bytes":""}`,
		`{"type":"hit","addr":"0x1","pattern":p,"len":1,"bytes":""}`,
		`{"type":"hit","addr":"0x1","pattern":"\x","len":1,"bytes":""}`,
		`{"type":"rule","tags":[}]}`,
	} {
		if err := h.Decode([]byte(line)); err == nil {
			t.Errorf("%q: no error", line)
		}
	}
}

// A line that is taken has the strings that a reader of any JSON gives for it.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(wholeHit))
	f.Add([]byte(`{"type":"rule","image":"i","rule":"r","tags":["a"],"meta":{"k":1},"first":"0x0","last":"0xf"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var h Hit
		if h.Decode(line) != nil || !json.Valid(line) {
			return
		}
		var want map[string]any
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatal(err)
		}
		for key, value := range want {
			s := h.stringOf([]byte(key))
			if s == nil || bytes.Contains(line, []byte(`\u`)) && strings.Contains(fmt.Sprint(value), "\ufffd") {
				continue
			}
			if text := textOf(s.JSON, false); text != value {
				t.Errorf("%s: %q, want %q", key, text, value)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	line := []byte(`{"type":"hit","image":"/dumps/host-17/memory.lime","addr":"0x7f3a5c001000","pattern":"password=","len":9,"mapping":"/usr/lib/x86_64-linux-gnu/libc.so.6","offset":4096,"module":"/usr/lib/x86_64-linux-gnu/libc.so.6","module_offset":"0x1000","bytes":"70617373776f72643d"}`)
	b.SetBytes(int64(len(line)))
	var h Hit
	for b.Loop() {
		if err := h.Decode(line); err != nil {
			b.Fatal(err)
		}
	}
}
