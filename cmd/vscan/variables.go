package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// registerDefine adds the flag -d.
func registerDefine(cmd *cobra.Command, defines *[]string) {
	cmd.Flags().StringArrayVarP(defines, "define", "d", nil, "set an external variable of YARA rules, `NAME=VALUE`: an integer, a fraction, true, false, or else a text; repeatable")
}

// registerInclude adds the flag --include-anywhere.
func registerInclude(cmd *cobra.Command, anywhere *bool) {
	cmd.Flags().BoolVar(anywhere, "include-anywhere", false, "files of patterns and rules may include files that do not lie below the folder of the file that is named")
}

// variableValue returns a value of -d with the type that yara gives it: bool, int64,
// float64 or string.
func variableValue(text string) (any, error) {
	digits := strings.TrimPrefix(text, "-")
	whole, fraction, dotted := strings.Cut(digits, ".")
	switch {
	case text == "true", text == "false":
		return text == "true", nil
	case !allDigits(whole) || whole == "" || dotted && !allDigits(fraction):
		return text, nil
	case dotted:
		return strconv.ParseFloat(text, 64)
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%s does not fit in 64 bits", text)
	}
	return v, nil
}

// allDigits reports whether s has no character but decimal digits.
func allDigits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}
