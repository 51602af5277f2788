package search

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"vscan/engine/image/layered"
	"vscan/patterns/yara"
)

// External variables of YARA rules that an image sets. They are as THOR has them, for
// whose rules they are: the name of the file, the folder that it is in, the end of its
// name from the last dot on in lower case, and who owns it.

// imageVariables are set by each image.
var imageVariables = []string{"filename", "filepath", "extension", "owner"}

// Predefine makes known to a compiler of rules the external variables that images set.
func Predefine(c *yara.Compiler) error {
	for _, name := range imageVariables {
		if err := c.Predefine(name, ""); err != nil {
			return err
		}
	}
	return nil
}

// variables returns those that the image sets, but for those that are defined already.
// Of a live process they are those of its program; what is not known is empty.
func variables(img *layered.Image, defined map[string]bool) map[string]any {
	path := img.Path
	if img.Live {
		path, _ = os.Readlink(fmt.Sprintf("/proc/%s/exe", strings.TrimPrefix(img.Path, "pid:")))
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
