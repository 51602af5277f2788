package patterns

import (
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"strconv"
)

// decayedSchedule is aes/d:BITS and aes/d(N):BITS, key schedules of which up to
// N bits are wrong; 10 without N, which is the threshold of aeskeyfind.
//
// A hit is 176, 208 or 240 bytes that differ from the key schedule of some key in
// N bits at the most, and in which as many words in a row as a key has (4, 6 or
// 8) are without a wrong bit. Such words tell all others, before them and behind:
//
//	|-- w[0] … --|-- Nk words, right --|-- … w[4(Nk+7)−1] --|
//	 <- computed                        computed ->           compared: ≤ N bits
//
// There are 11, 8 or 7 such rows that share no word, so up to 10, 7 or 6 wrong
// bits leave one right wherever they are; of more, those are found that do. The
// value is the key without the wrong bits.
//
// aeskeyfind (by those who wrote "Lest We Remember: Cold Boot Attacks on
// Encryption Keys", 2008) counts otherwise: it computes each word from those in
// memory in front of it, so that it counts one wrong bit two or three times, and
// more often where it goes through the S-box.
type decayedSchedule struct {
	aesSchedule
	wrongBits int // bits, at most
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

// value is the key in hexadecimal digits, without wrong bits where b has all of
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

// valueLen is how many bytes of a hit value asks for.
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

// schedule is the words of a schedule, as many as the longest one has.
type schedule [60]uint32

// wordCount is how many words the schedule has.
func (d decayedSchedule) wordCount() int { return 4 * (d.keyWords + 7) }

// load is word i of the schedule that b begins with, its first byte highest.
func (d decayedSchedule) load(b []byte, i int) uint32 {
	if d.swap != 0 {
		return binary.LittleEndian.Uint32(b[4*i:])
	}
	return binary.BigEndian.Uint32(b[4*i:])
}

// decode is the schedule that b differs from in few bits.
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

// extend makes w the schedule that has the words of have from first on, and says
// whether have differs from it in few bits.
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

// mixed is what word i of the schedule is the sum of, besides word i − Nk: made of
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

// rcons are the round constants, from 1 on.
var rcons = func() (r [11]byte) {
	r[1] = 1
	for i := 2; i < len(r); i++ {
		r[i] = xtime(r[i-1])
	}
	return r
}()

// plausible rules out most of memory: a wrong bit is part of the relations of
// three words at the most, in one byte of each: its own, the next one, and that Nk
// behind. So more than 3 N bytes that are not what the others say do not come of N
// wrong bits. Words that went through the S-box come first, since of zeros all
// others are right.
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

// wrongBytes is how many bytes of word i are not what the words in front of it
// say.
func (d decayedSchedule) wrongBytes(b []byte, i int) int {
	x := d.load(b, i) ^ d.load(b, i-d.keyWords) ^ d.mixed(d.load(b, i-1), i)
	x |= x >> 4 & 0x0f0f0f0f
	x |= x >> 2 & 0x03030303
	x |= x >> 1 & 0x01010101
	return bits.OnesCount32(x & 0x01010101)
}

// Next implements Finder. Most words are the sum of the one in front and the one
// Nk before, whatever the order of their bytes: three in a row at least, then one
// or more that are not. Of N wrong bits come 3 N bits of sums that are wrong, at the
// most; of noise half of them are. So some rows of sums tell, but where memory is
// zeros, which are passed by.
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

// sumBits is how many bits of sums are looked at for each bit that may be wrong:
// 3 of them may be, and of noise 5 are.
const sumBits = 10

// sumsHold says whether not more bits of some rows of sums are wrong than may be.
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
