package formats

// Table is detection's, for tests.
var Table = table
