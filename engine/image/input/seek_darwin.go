package input

// Source: xnu bsd/sys/unistd.h.
const seekHole, seekData = 3, 4
