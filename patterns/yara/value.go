package yara

import "math"

// valueType is the type of a value, and what the grammar knows of an expression.
type valueType uint8

const (
	typeUndefined valueType = iota // no value: memory that is not there, a hit that is not
	typeInt                        // 64 bits, signed; what arithmetic gives
	typeBool                       // 0 or 1; no operand of arithmetic and comparisons
	typeFloat
	typeText
	typeRegexp  // by itself it is no operand of anything
	typeUnknown // of an expression that is not supported: no type is wrong
)

// String is the kind in a message.
func (k valueType) String() string {
	switch k {
	case typeInt:
		return "an integer"
	case typeBool:
		return "a truth value"
	case typeFloat:
		return "a fraction"
	case typeText:
		return "a text"
	case typeRegexp:
		return "a regular expression"
	}
	return "something"
}

// value is what an expression gives. Truth is an integer, as in YARA: 0 is
// false, all else true.
type value struct {
	typ valueType
	i   int64
	f   float64
	s   string
}

var undefined = value{}

func intValue(i int64) value { return value{typ: typeInt, i: i} }

func boolValue(b bool) value {
	if b {
		return intValue(1)
	}
	return intValue(0)
}

func (v value) defined() bool { return v.typ != typeUndefined }

// truth is what the value is as a condition. Undefined is not true, and
// neither is it false: not of it is undefined.
func (v value) truth() bool {
	switch v.typ {
	case typeInt:
		return v.i != 0
	case typeFloat:
		return math.Float64bits(v.f) != 0
	case typeText:
		return v.s != ""
	}
	return false
}

// float is a number as a fraction.
func (v value) float() float64 {
	if v.typ == typeInt {
		return float64(v.i)
	}
	return v.f
}

// arithmetic is a op b, as YARA has it: integers wrap round, and the division
// by zero and the shift by a negative number are undefined, and so is -2^63
// divided by -1.
func arithmetic(op string, a, b value) value {
	switch {
	case !a.defined() || !b.defined():
		return undefined
	case a.typ == typeInt && b.typ == typeInt:
		return intArithmetic(op, a.i, b.i)
	}
	x, y := a.float(), b.float()
	switch op {
	case "+":
		x += y
	case "-":
		x -= y
	case "*":
		x *= y
	case `\`:
		x /= y
	default:
		return undefined
	}
	return value{typ: typeFloat, f: x}
}

func intArithmetic(op string, a, b int64) value {
	switch op {
	case "+":
		return intValue(a + b)
	case "-":
		return intValue(a - b)
	case "*":
		return intValue(a * b)
	case "&":
		return intValue(a & b)
	case "|":
		return intValue(a | b)
	case "^":
		return intValue(a ^ b)
	}
	switch {
	case op == "<<" && b >= 64, op == ">>" && b >= 64:
		return intValue(0)
	case op == "<<" && b >= 0:
		return intValue(a << b)
	case op == ">>" && b >= 0:
		return intValue(a >> b)
	case b == 0 || a == math.MinInt64 && b == -1:
	case op == `\`:
		return intValue(a / b)
	case op == "%":
		return intValue(a % b)
	}
	return undefined
}

// epsilon is C's DBL_EPSILON: two fractions that are less apart are equal.
const epsilon = 0x1p-52

// compare is the truth of a op b; undefined if one of them is.
func compare(op string, a, b value) value {
	if !a.defined() || !b.defined() {
		return undefined
	}
	var less, equal bool
	switch {
	case a.typ == typeText || b.typ == typeText:
		less, equal = a.s < b.s, a.s == b.s
	case a.typ == typeInt && b.typ == typeInt:
		less, equal = a.i < b.i, a.i == b.i
	default:
		x, y := a.float(), b.float()
		switch op {
		case "==":
			return boolValue(math.Abs(x-y) < epsilon)
		case "!=":
			return boolValue(math.Abs(x-y) >= epsilon)
		case "<":
			return boolValue(x < y)
		case "<=":
			return boolValue(x <= y)
		case ">":
			return boolValue(x > y)
		}
		return boolValue(x >= y)
	}
	switch op {
	case "==":
		return boolValue(equal)
	case "!=":
		return boolValue(!equal)
	case "<":
		return boolValue(less)
	case "<=":
		return boolValue(less || equal)
	case ">":
		return boolValue(!less && !equal)
	}
	return boolValue(!less)
}
