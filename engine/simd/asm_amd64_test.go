//go:build !purego

package simd

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/cpuid/v2"
)

// predicates has, for every function in assembly, the predicate that stands
// before it.
var predicates = map[string]features{
	"lookWindowsBMI2":    windowsBMI2Needs,
	"keepGramsBMI2":      keepGramsNeeds,
	"readAVX2":           readAVX2Needs,
	"markAVX2":           markAVX2Needs,
	"markAVX512":         markAVX512Needs,
	"readAVX512":         readAVX512Needs,
	"scanClassAVX2":      classAVX2Needs,
	"scanClassAVX512":    classAVX512Needs,
	"scanClassVBMI2":     classVBMI2Needs,
	"scanGramTextAVX2":   gramTextAVX2Needs,
	"scanGramTextAVX512": gramTextAVX512Needs,
	"scanGramsAVX2":      gramsAVX2Needs,
	"scanGramsAVX512":    gramsAVX512Needs,
	"scanGramsNoGather":  gramsNoGatherNeeds,
	"scanLiteralAVX2":    literalAVX2Needs,
	"scanLiteralVBMI2":   literalVBMI2Needs,
	"scanLiteralAVX512":  literalAVX512Needs,
	"scanMaskedAVX2":     maskedAVX2Needs,
	"scanMaskedAVX512":   maskedAVX512Needs,
	"scanMaskedVBMI2":    maskedVBMI2Needs,
	"scanPairsAVX2":      pairsAVX2Needs,
	"scanPairsVBMI":      pairsVBMINeeds,
	"scanTeddyAVX2":      teddyAVX2Needs,
	"scanTeddyLateAVX2":  teddyAVX2Needs,
	"scanTeddyAVX512":    teddyAVX512Needs,
	"scanTeddyVBMI":      teddyVBMINeeds,
	"scanWords1AVX2":     wordsAVX2Needs,
	"scanWords1AVX512":   wordsAVX512Needs,
	"scanWords2AVX2":     wordsAVX2Needs,
	"scanWords2AVX512":   wordsAVX512Needs,
	"scanWords4AVX2":     wordsAVX2Needs,
	"scanWords4AVX512":   wordsAVX512Needs,
	"scanWords8AVX2":     wordsAVX2Needs,
	"scanWords8AVX512":   wordsAVX512Needs,
	"sieveWords":         wordsSieveNeeds,
}

// plain has the instructions that every amd64 machine has.
var plain = strings.Fields(`
	ADCQ ADDL ADDQ ANDL ANDQ BSWAPL BSWAPQ BTL CMOVQCC CMOVQGT CMOVQHI CMOVQLT CMPB CMPL CMPQ IMUL3L IMUL3Q IMULL IMULQ
	INCQ JB JCC JE JEQ JGE JGT JHI JLE JLT JMP JNE JNZ JZ LEAL LEAQ MOVBLSX MOVBLZX MOVL MOVQ MOVWLZX NEGL NEGQ NOTL NOTQ
	ORL ORQ PREFETCHT0 RET SBBQ SHLL SHLQ SHRL SHRQ SUBQ TESTL TESTQ XORL`)

// general has the features that instructions on general registers need.
var general = map[string]feature{
	"ANDNL": fBMI1, "BLSRL": fBMI1, "BLSRQ": fBMI1, "TZCNTL": fBMI1, "TZCNTQ": fBMI1,
	"BZHIL": fBMI2, "BZHIQ": fBMI2, "PDEPQ": fBMI2, "SHLXL": fBMI2, "SHLXQ": fBMI2, "SHRXL": fBMI2, "SHRXQ": fBMI2,
	"POPCNTL": fPOPCNT, "POPCNTQ": fPOPCNT,
}

// vector has the features that instructions on vectors need: on XMM, on YMM,
// and on ZMM or with masks; "" where there is no such form.
var vector = map[string][3]feature{
	"KANDQ":           {"", "", fAVX512BW},
	"KANDW":           {"", "", fAVX512F},
	"KMOVQ":           {"", "", fAVX512BW},
	"KMOVW":           {"", "", fAVX512F},
	"KORQ":            {"", "", fAVX512BW},
	"KORTESTQ":        {"", "", fAVX512BW},
	"KORTESTW":        {"", "", fAVX512F},
	"KORW":            {"", "", fAVX512F},
	"KSHIFTRQ":        {"", "", fAVX512BW},
	"KSHIFTRW":        {"", "", fAVX512F},
	"KTESTQ":          {"", "", fAVX512BW},
	"KUNPCKBW":        {"", "", fAVX512F},
	"KXNORW":          {"", "", fAVX512F},
	"KXORQ":           {"", "", fAVX512BW},
	"VALIGNQ":         {"", "", fAVX512F},
	"VBROADCASTI128":  {"", fAVX2, ""},
	"VBROADCASTI32X4": {"", "", fAVX512F},
	"VEXTRACTI128":    {"", fAVX2, ""},
	"VEXTRACTI32X4":   {"", "", fAVX512F},
	"VEXTRACTI64X4":   {"", "", fAVX512F},
	"VMOVD":           {fAVX, "", ""},
	"VMOVDQA":         {fAVX, fAVX, ""},
	"VMOVDQA64":       {"", "", fAVX512F},
	"VMOVDQU":         {fAVX, fAVX, ""},
	"VMOVDQU16":       {"", "", fAVX512BW},
	"VMOVDQU32":       {"", "", fAVX512F},
	"VMOVDQU64":       {"", "", fAVX512F},
	"VMOVDQU8":        {"", "", fAVX512BW},
	"VMOVMSKPD":       {fAVX, fAVX, ""},
	"VMOVMSKPS":       {fAVX, fAVX, ""},
	"VMOVQ":           {fAVX, "", ""},
	"VPACKSSWB":       {fAVX, fAVX2, fAVX512BW},
	"VPADDB":          {fAVX, fAVX2, fAVX512BW},
	"VPADDD":          {fAVX, fAVX2, fAVX512F},
	"VPADDQ":          {fAVX, fAVX2, fAVX512F},
	"VPADDW":          {fAVX, fAVX2, fAVX512BW},
	"VPALIGNR":        {fAVX, fAVX2, fAVX512BW},
	"VPAND":           {fAVX, fAVX2, ""},
	"VPANDD":          {"", "", fAVX512F},
	"VPANDN":          {fAVX, fAVX2, ""},
	"VPANDNQ":         {"", "", fAVX512F},
	"VPANDQ":          {"", "", fAVX512F},
	"VPBLENDMB":       {"", "", fAVX512BW},
	"VPBROADCASTD":    {fAVX2, fAVX2, fAVX512F},
	"VPBROADCASTQ":    {fAVX2, fAVX2, fAVX512F},
	"VPCMPEQB":        {fAVX, fAVX2, fAVX512BW},
	"VPCMPEQD":        {fAVX, fAVX2, fAVX512F},
	"VPCMPGTB":        {fAVX, fAVX2, fAVX512BW},
	"VPCMPGTD":        {fAVX, fAVX2, fAVX512F},
	"VPCMPGTQ":        {fAVX, fAVX2, fAVX512F},
	"VPCMPGTW":        {fAVX, fAVX2, fAVX512BW},
	"VPCMPUB":         {"", "", fAVX512BW},
	"VPCMPUD":         {"", "", fAVX512F},
	"VPCMPUQ":         {"", "", fAVX512F},
	"VPCMPUW":         {"", "", fAVX512BW},
	"VPCOMPRESSB":     {"", "", fAVX512VBMI2},
	"VPCOMPRESSD":     {"", "", fAVX512F},
	"VPERMI2B":        {"", "", fAVX512VBMI},
	"VPERM2I128":      {"", fAVX2, ""},
	"VPERMQ":          {"", fAVX2, fAVX512F},
	"VPGATHERDD":      {fAVX2, fAVX2, fAVX512F},
	"VPMINSB":         {fAVX, fAVX2, fAVX512BW},
	"VPMINSD":         {fAVX, fAVX2, fAVX512F},
	"VPMINSW":         {fAVX, fAVX2, fAVX512BW},
	"VPMINUB":         {fAVX, fAVX2, fAVX512BW},
	"VPMINUD":         {fAVX, fAVX2, fAVX512F},
	"VPMINUQ":         {"", "", fAVX512F},
	"VPMINUW":         {fAVX, fAVX2, fAVX512BW},
	"VPMOVB2M":        {"", "", fAVX512BW},
	"VPMOVMSKB":       {fAVX, fAVX2, ""},
	"VPMOVZXBD":       {fAVX, fAVX2, fAVX512F},
	"VPMULLD":         {fAVX, fAVX2, fAVX512F},
	"VPOR":            {fAVX, fAVX2, ""},
	"VPORD":           {"", "", fAVX512F},
	"VPORQ":           {"", "", fAVX512F},
	"VPROLVD":         {"", "", fAVX512F},
	"VPRORVD":         {"", "", fAVX512F},
	"VPSHUFB":         {fAVX, fAVX2, fAVX512BW},
	"VPSLLD":          {fAVX, fAVX2, fAVX512F},
	"VPSLLQ":          {fAVX, fAVX2, fAVX512F},
	"VPSLLVD":         {fAVX2, fAVX2, fAVX512F},
	"VPSRLD":          {fAVX, fAVX2, fAVX512F},
	"VPSRLDQ":         {fAVX, fAVX2, fAVX512BW},
	"VPSRLVD":         {fAVX2, fAVX2, fAVX512F},
	"VPSRLW":          {fAVX, fAVX2, fAVX512BW},
	"VPTERNLOGQ":      {"", "", fAVX512F},
	"VPTEST":          {fAVX, fAVX, ""},
	"VPTESTMB":        {"", "", fAVX512BW},
	"VPTESTMD":        {"", "", fAVX512F},
	"VPTESTNMB":       {"", "", fAVX512BW},
	"VPTESTNMD":       {"", "", fAVX512F},
	"VPXOR":           {fAVX, fAVX2, ""},
	"VPXORD":          {"", "", fAVX512F},
	"VPXORQ":          {"", "", fAVX512F},
	"VZEROUPPER":      {fAVX, fAVX, fAVX},
}

var (
	xmm  = regexp.MustCompile(`\bX\d+\b`)
	ymm  = regexp.MustCompile(`\bY\d+\b`)
	zmm  = regexp.MustCompile(`\bZ\d+\b`)
	mask = regexp.MustCompile(`\bK[0-7]\b`)
)

// needs returns the features that one instruction needs. It fails the test
// where it does not know the instruction.
func needs(t *testing.T, line string) features {
	name, operands, _ := strings.Cut(strings.Join(strings.Fields(line), " "), " ")
	name, suffix, _ := strings.Cut(name, ".")
	if slices.Contains(plain, name) {
		return nil
	}
	if f, ok := general[name]; ok {
		return features{f}
	}
	forms, ok := vector[name]
	if !ok {
		t.Errorf("%q: not in the tables of this test; add it, with what it needs", line)
		return nil
	}
	var fs features
	evex := suffix != "" || mask.MatchString(operands) || zmm.MatchString(operands)
	switch {
	case evex || forms[0] == "" && forms[1] == "":
		fs = append(fs, forms[2])
		if !zmm.MatchString(operands) && (xmm.MatchString(operands) || ymm.MatchString(operands)) && !strings.HasPrefix(name, "VEXTRACTI") {
			fs = append(fs, fAVX512VL)
		}
	case ymm.MatchString(operands):
		fs = append(fs, forms[1])
	default:
		fs = append(fs, forms[0])
	}
	if fs[0] == "" {
		t.Errorf("%q: no such form in the tables of this test", line)
	}
	return fs
}

// A function is one TEXT with its macros expanded.
type function struct {
	name, header string
	lines        []string
}

// readSource returns the lines of an assembly file, with those of this
// package's headers in place of their inclusion.
func readSource(t *testing.T, path string) []string {
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(src)) {
		if m := header.FindStringSubmatch(line); m != nil {
			lines = append(lines, readSource(t, m[1])...)
		} else {
			lines = append(lines, line)
		}
	}
	return lines
}

var header = regexp.MustCompile(`^#include "(\w+_amd64\.h)"`)

// readFunctions returns the functions of an assembly file.
func readFunctions(t *testing.T, path string) []function {
	type macro struct {
		params []string
		body   []string
	}
	macros := map[string]macro{}
	define := regexp.MustCompile(`^#define (\w+)(?:\(([^)]*)\))?`)
	call := regexp.MustCompile(`^(\w+)(?:\((.*)\))?$`)
	text := regexp.MustCompile(`^TEXT ·(\w+)\(SB\)`)
	label := regexp.MustCompile(`^\w+:$`)
	var out []function
	var open string // the macro under way
	var emit func(line string)
	emit = func(line string) {
		if label.MatchString(line) || line == "" {
			return
		}
		if m := call.FindStringSubmatch(line); m != nil {
			if mac, ok := macros[m[1]]; ok {
				args := strings.Split(m[2], ",")
				for _, l := range mac.body {
					for i, p := range mac.params {
						l = regexp.MustCompile(`\b`+p+`\b`).ReplaceAllString(l, strings.TrimSpace(args[i]))
					}
					emit(l)
				}
				return
			}
		}
		if len(out) == 0 {
			t.Fatalf("%s: %q is in no function", path, line)
		}
		f := &out[len(out)-1]
		f.lines = append(f.lines, line)
	}
	for _, line := range readSource(t, path) {
		line, _, _ = strings.Cut(line, "//")
		line = strings.TrimSpace(line)
		body := strings.TrimSpace(strings.TrimSuffix(line, `\`))
		switch more := strings.HasSuffix(line, `\`); {
		case strings.HasPrefix(line, "#define"):
			m := define.FindStringSubmatch(line)
			var params []string
			if m[2] != "" {
				params = strings.Split(strings.ReplaceAll(m[2], " ", ""), ",")
			}
			macros[m[1]] = macro{params: params}
			open = m[1]
		case open != "":
			mac := macros[open]
			mac.body = append(mac.body, body)
			macros[open] = mac
			// A comment may stand behind the backslash.
			if !more {
				open = ""
			}
		case text.MatchString(line):
			out = append(out, function{name: text.FindStringSubmatch(line)[1], header: line})
		case strings.HasPrefix(line, "#include"), strings.HasPrefix(line, "#undef"):
		default:
			emit(line)
		}
	}
	return out
}

// The predicate of a kernel names every feature that one of its instructions
// needs, and no other.
func TestPredicates(t *testing.T) {
	files, err := filepath.Glob("*_amd64.s")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d assembly files, %v", len(files), err)
	}
	found := map[string]bool{}
	used := map[string]map[feature]bool{}
	for _, path := range files {
		for _, f := range readFunctions(t, path) {
			predicate, ok := predicates[f.name]
			if !ok {
				t.Errorf("%s: %s has no predicate in this test", path, f.name)
				continue
			}
			found[f.name] = true
			if len(f.lines) < 10 {
				t.Errorf("%s: %s has %d instructions: not read right", path, f.name, len(f.lines))
			}
			used[f.name] = map[feature]bool{}
			for i, line := range f.lines {
				for _, need := range needs(t, line) {
					used[f.name][need] = true
					if !slices.Contains(predicate, need) {
						t.Errorf("%s: %s: %q needs %s, which its predicate %v lacks", path, f.name, line, need, predicate)
					}
				}
				if line == "RET" && f.lines[i-1] != "VZEROUPPER" {
					t.Errorf("%s: %s returns after %q, want VZEROUPPER", path, f.name, f.lines[i-1])
				}
			}
			if !strings.Contains(f.header, "NOSPLIT, $0-") {
				t.Errorf("%s: %q: want NOSPLIT and no frame", path, f.header)
			}
		}
	}
	for name, predicate := range predicates {
		if !found[name] {
			t.Errorf("%s is in no assembly file", name)
			continue
		}
		for _, need := range predicate {
			if strings.HasPrefix(name, "scanWords") { // several functions share one
				continue
			}
			if !used[name][need] {
				t.Errorf("%s: no instruction needs %s", name, need)
			}
		}
	}
}

// Package cpuid knows every feature by the name that it has here.
func TestFeatureNames(t *testing.T) {
	for _, f := range []feature{fAVX, fAVX2, fBMI1, fBMI2, fLZCNT, fPOPCNT, fAVX512F, fAVX512BW, fAVX512DQ, fAVX512VL, fAVX512VBMI, fAVX512VBMI2} {
		if id := cpuid.ParseFeature(string(f)); id == cpuid.UNKNOWN || id.String() != string(f) {
			t.Errorf("%s is not a feature", f)
		}
	}
}

// The features of a level are enough for each kernel of the level, except for
// kernels that are marked as needing more. There are none yet.
func TestLevelsSuffice(t *testing.T) {
	for _, a := range assembled {
		for name, predicate := range predicates {
			if strings.HasSuffix(name, strings.ToUpper(a.level.String())) {
				for _, need := range predicate {
					if !slices.Contains(a.needs, need) {
						t.Errorf("%s needs %s, which a machine of level %s may lack", name, need, a.level)
					}
				}
			}
		}
	}
}
