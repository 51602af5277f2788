//go:build linux || freebsd

package input

// Source: linux include/uapi/linux/fs.h; FreeBSD sys/sys/unistd.h.
const seekData, seekHole = 3, 4
