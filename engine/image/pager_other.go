//go:build !linux

package image

const pages = false

func enter([]byte) error { return nil }

func letGo([]byte) {}
