//go:build !unix

package main

// ownerOf is not told here who owns a file.
func ownerOf(string) string { return "" }
