package search

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"vscan/engine/image/layered"
	"vscan/patterns/yara"
)

// This file has the external variables of YARA rules that an image sets. They are those of
// THOR, whose rules use them: the name of the image's file, the folder that the file is in,
// the end of its name from the last dot on in lower case, and the name of its owner.

// imageVariables are the names of the variables that each image sets.
var imageVariables = []string{"filename", "filepath", "extension", "owner"}

// Predefine tells a compiler of rules which external variables images set, so that
// rules may use them.
func Predefine(c *yara.Compiler) error {
	for _, name := range imageVariables {
		if err := c.Predefine(name, ""); err != nil {
			return err
		}
	}
	return nil
}

// variables returns the external variables that an image sets, except those that are
// defined already. For a live process they are about the file of its program. What is
// not known is empty.
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
