package engine

import "vscan/engine/addr"

// ReadAvailable reads into b what can be read of the bytes from at on, all of which are
// addresses. It returns the ranges that cannot be read, ascending; their bytes of b keep
// what they were.
func (s *Space) ReadAvailable(b []byte, at addr.Addr) (gaps []addr.Range) {
	for i := 0; i < len(b); {
		n, err := s.Read(b[i:], at+addr.Addr(i))
		if i += n; err == nil {
			break
		}
		a := at + addr.Addr(i)
		gap := addr.Range{First: a, Last: a}
		if v := s.At(a); v.State() != Present { // all of it is like that
			gap.Last = min(v.Last, at+addr.Addr(len(b)-1))
		}
		gaps = append(gaps, gap)
		i += int(gap.Size())
	}
	return gaps
}
