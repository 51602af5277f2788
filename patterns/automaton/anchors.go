package automaton

// Anchor is bytes that a match holds, and where in it they can begin.
type Anchor struct {
	Lit, Mask   []byte // the bits of Mask count, the others are zero in Lit; Mask nil: all
	First, Last int    // offsets from the match's first byte, both included
}

// Anchors is what a search can look for: every match holds at least one of
// them. Nil: they would be found so often that it is of no use.
func (p *Program) Anchors() []Anchor { return p.anchors }

func (n *Node) anchors(p *Program) []Anchor { return nil }
