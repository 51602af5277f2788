package patterns

import (
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"strconv"
)

// decayedSchedule is aes/d:BITS and aes/d(N):BITS, key schedules of which up to N bits are
// wrong; 10 without N, which is the threshold of aeskeyfind.
//
// A hit is 176, 208 or 240 bytes that differ from the key schedule of some key in at most N
// bits, and in which as many words in a row as a key has (4, 6 or 8) are without a wrong
// bit. All other words, before them and behind, follow from such words:
//
//	|-- w[0] … --|-- Nk words, right --|-- … w[4(Nk+7)−1] --|
//	 <- computed                        computed ->           compared: ≤ N bits
//
// In pseudo-code, for a place that Next does not rule out:
//
//	if too many bytes are not what their neighbours say: no match (plausible)
//	for first = 0, 1, …:
//	    take w[first] to w[first+Nk−1] from memory
//	    compute all other words of the schedule from them, forwards and backwards
//	    if they differ from memory in at most N bits: a match
//
// There are 11, 8 or 7 rows of Nk words that share no word, so up to 10, 7 or 6 wrong bits
// leave one row right wherever they are. With more wrong bits, only those schedules are
// found that have a right row. The value is the key without the wrong bits.
//
// aeskeyfind (by the authors of "Lest We Remember: Cold Boot Attacks on Encryption Keys",
// 2008) counts otherwise: it computes each word from those in memory in front of it. So it
// counts one wrong bit two or three times, and more often where the bit goes through the
// S-box.
type decayedSchedule struct {
	aesSchedule
	wrongBits int // the most bits that may be wrong
}

const (
	defaultWrong = 10
	maxWrong     = 32
)

func newDecayed(in input, s aesSchedule) (body, error) {
	d := decayedSchedule{s, defaultWrong}
	if in.argAt == 0 {
		return d, nil
	}
	n, err := strconv.ParseUint(in.arg, 10, 8)
	if err != nil || n < 1 || n > maxWrong {
		return nil, in.fault(in.argAt, "want how many bits may be wrong, 1 to %d, as in d(10), found %q", maxWrong, in.arg)
	}
	d.wrongBits = int(n)
	return d, nil
}

func (d decayedSchedule) exprs(*Pattern, *compiler) ([]Expr, error) {
	return []Expr{{Matcher: d, Align: 1, MinLen: d.size(), MaxLen: d.size()}}, nil
}

// value returns the key in hexadecimal digits, without the wrong bits where b has all of
// the schedule.
func (d decayedSchedule) value(b []byte, t *Target) string {
	w, ok := d.decode(b)
	if !ok {
		return d.aesSchedule.value(b, t)
	}
	var key []byte
	for _, word := range w[:d.keyWords] {
		key = binary.BigEndian.AppendUint32(key, word)
	}
	return hex.EncodeToString(key)
}

// valueLen returns how many bytes of a hit value has to be given.
func (d decayedSchedule) valueLen() int { return d.size() }

// Match implements Matcher.
func (d decayedSchedule) Match(m *Memory, at int) int {
	if b := m.Bytes[at:]; len(b) >= d.size() && d.plausible(b) {
		if _, ok := d.decode(b); ok {
			return d.size()
		}
	}
	return 0
}

// A schedule has room for the words of the longest schedule.
type schedule [60]uint32

// wordCount returns how many words the schedule has.
func (d decayedSchedule) wordCount() int { return 4 * (d.keyWords + 7) }

// load returns word i of the schedule that b begins with, its first byte highest.
func (d decayedSchedule) load(b []byte, i int) uint32 {
	if d.swap != 0 {
		return binary.LittleEndian.Uint32(b[4*i:])
	}
	return binary.BigEndian.Uint32(b[4*i:])
}

// decode returns the schedule from which b differs in few bits. ok is false where there is
// none.
func (d decayedSchedule) decode(b []byte) (w schedule, ok bool) {
	if len(b) < d.size() {
		return w, false
	}
	var have schedule
	for i := range d.wordCount() {
		have[i] = d.load(b, i)
	}
	for first := 0; first+d.keyWords <= d.wordCount(); first++ {
		if d.extend(&have, &w, first) {
			return w, true
		}
	}
	return w, false
}

// extend makes w the schedule that has the words of have from first on, and reports whether
// have differs from it in few bits.
func (d decayedSchedule) extend(have, w *schedule, first int) bool {
	copy(w[first:first+d.keyWords], have[first:])
	wrong := 0
	for i := first + d.keyWords; i < d.wordCount() && wrong <= d.wrongBits; i++ {
		w[i] = w[i-d.keyWords] ^ d.mixed(w[i-1], i)
		wrong += bits.OnesCount32(w[i] ^ have[i])
	}
	for i := first - 1; i >= 0 && wrong <= d.wrongBits; i-- {
		w[i] = w[i+d.keyWords] ^ d.mixed(w[i+d.keyWords-1], i+d.keyWords)
		wrong += bits.OnesCount32(w[i] ^ have[i])
	}
	return wrong <= d.wrongBits
}

// mixed returns what word i of the schedule is the sum of besides word i − Nk. before is
// the word in front of it.
func (d decayedSchedule) mixed(before uint32, i int) uint32 {
	switch {
	case i%d.keyWords == 0:
		return subWord(bits.RotateLeft32(before, 8)) ^ uint32(rcons[i/d.keyWords])<<24
	case d.keyWords == 8 && i%8 == 4:
		return subWord(before)
	}
	return before
}

func subWord(w uint32) uint32 {
	return uint32(sbox[w>>24])<<24 | uint32(sbox[w>>16&0xff])<<16 | uint32(sbox[w>>8&0xff])<<8 | uint32(sbox[w&0xff])
}

// rcons has the round constants, from index 1 on.
var rcons = func() (r [11]byte) {
	r[1] = 1
	for i := 2; i < len(r); i++ {
		r[i] = xtime(r[i-1])
	}
	return r
}()

// plausible rules out most of memory. Each word follows from two others, and a wrong bit
// spoils at most three of these relations, in one byte of each: that of its own word, of
// the next word, and of the word Nk behind. So more than 3 N bytes that are not what the
// others say cannot come of N wrong bits. The words that went through the S-box are looked
// at first, since where memory is zeros all others are right.
func (d decayedSchedule) plausible(b []byte) bool {
	limit := 3 * d.wrongBits
	for i := d.keyWords; i < d.wordCount(); i += d.keyWords {
		if limit -= d.wrongBytes(b, i); limit < 0 {
			return false
		}
	}
	for i := d.keyWords; i < d.wordCount(); i++ {
		if i%d.keyWords == 0 {
			continue
		}
		if limit -= d.wrongBytes(b, i); limit < 0 {
			return false
		}
	}
	return true
}

// wrongBytes returns how many bytes of word i are not what the words in front of it say.
func (d decayedSchedule) wrongBytes(b []byte, i int) int {
	x := d.load(b, i) ^ d.load(b, i-d.keyWords) ^ d.mixed(d.load(b, i-1), i)
	x |= x >> 4 & 0x0f0f0f0f
	x |= x >> 2 & 0x03030303
	x |= x >> 1 & 0x01010101
	return bits.OnesCount32(x & 0x01010101)
}

// Next implements Finder. Most words are the sum of the word in front and the word Nk
// before, whatever the order of their bytes: at least three in a row, and then one or more
// that are not. N wrong bits make at most 3 N bits of these sums wrong, whereas of noise
// half the bits are wrong. So a few rows of sums rule out a place. They do not rule out
// zeros, which are skipped.
func (d decayedSchedule) Next(m *Memory, from, to int) int {
	b := m.Bytes
	if to = min(to, len(b)-d.size()+1); from >= to {
		return max(from, to)
	}
	limit, back := 3*d.wrongBits, 4*d.keyWords
	first, sum, before := b[4:], b[back+4:], b[back:] // of the first row of sums
	for p := from; p < to; p++ {
		wrong := bits.OnesCount64(load64(sum[p:])^load64(before[p:])^load64(first[p:])) +
			bits.OnesCount32(load32(sum[p+8:])^load32(before[p+8:])^load32(first[p+8:]))
		if wrong > limit {
			continue
		}
		if load64(b[p:]) == 0 {
			if n := skipZeros(b, p) - d.size(); n > p {
				p = n - 1 // schedules that begin before it are nothing but zeros
				continue
			}
		}
		if d.sumsHold(b[p:]) {
			return p
		}
	}
	return to
}

// sumBits is how many bits of sums are looked at for each bit that may be wrong: 3 of them
// may be wrong, and of noise 5 are.
const sumBits = 10

// sumsHold reports whether, of some rows of sums, no more bits are wrong than may be.
func (d decayedSchedule) sumsHold(b []byte) bool {
	limit, back, step := 3*d.wrongBits, 4*d.keyWords, 4*d.keyWords
	if d.keyWords == 8 {
		step = 16 // the word in the middle goes through the S-box
	}
	for at, seen := back+4, 0; at+12 <= d.size() && seen < sumBits*d.wrongBits; at, seen = at+step, seen+96 {
		limit -= bits.OnesCount64(load64(b[at:])^load64(b[at-4:])^load64(b[at-back:])) +
			bits.OnesCount32(load32(b[at+8:])^load32(b[at+4:])^load32(b[at+8-back:]))
		if limit < 0 {
			return false
		}
	}
	return true
}
