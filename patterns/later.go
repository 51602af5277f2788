package patterns

// Kinds that the language has and this package does not yet: without a parse
// function, so that they are refused rather than searched for as literal text.
var (
	floatKind = kind{words: []string{"f32", "f32le", "f32be", "f64", "f64le", "f64be"}}
	reKind    = kind{words: []string{"re"}, later: "i"}
)
