package engine

// zeroSource yields zeros.
type zeroSource struct{}

func (*zeroSource) Name() string { return "zero" }
func (*zeroSource) Size() uint64 { return ^uint64(0) }

func (*zeroSource) View(buf []byte, _ uint64, n int) ([]byte, error) {
	if n <= len(zeroBlock) {
		return zeroBlock[:n], nil
	}
	clear(buf[:n])
	return buf[:n], nil
}

// zeroBlock is never written to.
var zeroBlock [512 << 10]byte
