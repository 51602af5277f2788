package image

// IsProgram reports whether the file is a program, a library or an object file:
// no memory was saved in it.
func (e *UnsupportedError) IsProgram() bool {
	k := e.known()
	return k != nil && k.program
}

// IsDump reports whether the file holds memory in a format that is not read. A
// container, which may hold a dump or anything else, is none.
func (e *UnsupportedError) IsDump() bool {
	k := e.known()
	return k == nil || k.dump() && !k.program
}

// known is the format of the file; nil: it is not known by its bytes.
func (e *UnsupportedError) known() *known {
	for i := range formats {
		if formats[i].name == e.Format {
			return &formats[i]
		}
	}
	return nil
}

// dump reports whether a format is one of dumps.
func (k *known) dump() bool {
	for i := range dumps {
		if dumps[i].name == k.name {
			return true
		}
	}
	return false
}
