package patterns

var floatKind = kind{kind: Float, words: []string{"f32", "f32le", "f32be", "f64", "f64le", "f64be"}, parse: parseFloat}

func parseFloat(in input, word, _ string) (body, error) {
	return nil, in.fault(in.pos, "floats: to come")
}
