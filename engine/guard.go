package engine

import "runtime/debug"

// FaultError is a fault in mapped memory: the byte cannot be read, most often
// because the file behind it has shrunk.
type FaultError struct {
	Mem uintptr // the address of the byte in this program's own memory
}

func (e *FaultError) Error() string {
	return "fault in mapped memory: the file has probably shrunk while it was read"
}

// Guard calls f and turns a fault in mapped memory that f touches into a
// *FaultError, where it would end the program otherwise. Whatever touches the
// bytes of a [Source.View] runs in a Guard, on the goroutine that touches
// them. Other panics pass through.
func Guard(f func()) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			// runtime.errorAddressString: the only runtime.Error with an address.
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
