// Package nice makes the process give way to others.
package nice

import "fmt"

// Most is the highest nice value: all others come first.
const Most = 19

// Set gives all threads of the process, also those that start later, a nice value from 1 to
// Most, unless they have a higher one. On Linux they also get what disks have to give only
// when no other process wants it. Neither can be taken back. Where the system has no nice
// values, that is an error.
func Set(n int) error {
	if n < 1 || n > Most {
		return fmt.Errorf("a nice value of %d: want 1 to %d", n, Most)
	}
	return set(n)
}
