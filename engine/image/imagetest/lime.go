package imagetest

import (
	"vscan/engine/addr"
)

// Record returns a LiME record.
func Record(first, last uint64, data string) string {
	le := addr.Little
	return "EMiL" + Words(le, 4, 1) + Words(le, 8, first, last, 0) + data
}

// BigRecord returns a LiME record of a big-endian machine.
func BigRecord(first, last uint64, data string) string {
	be := addr.Big
	return "LiME" + Words(be, 4, 1) + Words(be, 8, first, last, 0) + data
}
