//go:build !unix

package mmap

// BlocksRead returns 0: nothing is counted here.
func BlocksRead() int64 { return 0 }
