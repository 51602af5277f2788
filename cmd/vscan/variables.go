package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// External variables of YARA rules: those of -d, and what an image says of
// itself. The latter are as THOR has them, for whose rules they are: the name
// of the file, the folder that it is in, the end of its name from the last dot
// on in lower case, and who owns it.

// imageVariables are set by each image.
var imageVariables = []string{"filename", "filepath", "extension", "owner"}

func registerDefine(cmd *cobra.Command, defines *[]string) {
	cmd.Flags().StringArrayVarP(defines, "define", "d", nil, "set an external variable of YARA rules, `NAME=VALUE`: an integer, a fraction, true, false, or else a text; repeatable")
}

// variableValue is a value of -d, of the type that yara would give it.
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

func allDigits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// variables is those that the image sets, but for those that -d does. Of a live
// process they are those of its program; what is not known is empty.
func (t *target) variables(defined map[string]bool) map[string]any {
	path := t.Path
	if t.Live {
		path, _ = os.Readlink(fmt.Sprintf("/proc/%s/exe", strings.TrimPrefix(t.Path, "pid:")))
	}
	if path == "" {
		return nil
	}
	whole, err := filepath.Abs(path)
	if err != nil {
		whole = path
	}
	vars := map[string]any{
		"filename":  filepath.Base(whole),
		"filepath":  filepath.Dir(whole),
		"extension": strings.ToLower(filepath.Ext(whole)),
		"owner":     ownerOf(path),
	}
	for name := range defined {
		delete(vars, name)
	}
	return vars
}
