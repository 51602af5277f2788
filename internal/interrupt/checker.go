package interrupt

import "context"

// A Checker asks a context from time to time whether work is to end, and ends it however
// deep in calls and sorts it is. A nil *Checker never ends any. It is for one goroutine.
// Where a loop can return an error, a Watch is simpler.
type Checker struct {
	ctx  context.Context
	left int // how many steps are left until the context is asked
}

// NewChecker returns a Checker for a context.
func NewChecker(ctx context.Context) *Checker { return &Checker{ctx: ctx, left: checkEvery} }

// checkEvery is how many steps are done between two questions. A step is to take a
// microsecond at most.
const checkEvery = 1 << 14

// ended is what Step panics with.
type ended struct{ cause error }

// Step notes that so many steps were done. If the context has ended, it panics, for
// Recover to end the work. It is done so, and not with an error, since the work is often
// within the comparison of a sort, which cannot return one.
func (c *Checker) Step(n int) {
	if c == nil {
		return
	}
	if c.left -= n; c.left <= 0 {
		c.ask()
	}
}

func (c *Checker) ask() {
	c.left = checkEvery
	if c.ctx.Err() != nil {
		panic(ended{context.Cause(c.ctx)})
	}
}

// Recover has to be deferred by a function that is to return when Step ends its work. It
// sets *err to the cause then. Other panics go on.
func Recover(err *error) {
	switch p := recover().(type) {
	case nil:
	case ended:
		*err = p.cause
	default:
		panic(p)
	}
}
