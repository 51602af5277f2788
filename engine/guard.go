package engine

import "runtime/debug"

// A FaultError is a fault in mapped memory: the byte cannot be read, most often because the
// file behind it has shrunk.
type FaultError struct {
	Mem uintptr // the address of the byte in this program's own memory
}

func (e *FaultError) Error() string {
	return "fault in mapped memory: the file has probably shrunk while it was read"
}

// Guard calls f, and returns a *FaultError where f touches mapped memory that faults, which
// would end the program otherwise. Whatever touches the bytes of a [Source.View] has to run
// in a Guard, on the goroutine that touches them. Other panics pass through.
func Guard(f func()) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			// This is runtime.errorAddressString, the only runtime.Error with an
			// address.
			fault, ok := p.(interface {
				error
				Addr() uintptr
			})
			if !ok {
				panic(p)
			}
			err = &FaultError{Mem: fault.Addr()}
		}
	}()
	f()
	return nil
}
