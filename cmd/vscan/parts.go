package main

import (
	"io/fs"
	"os"
	"slices"

	"vscan/engine/image/layered"
)

// An image may be several files, of which each stands for all: the parts of a split kdump. Where
// more than one of them is named, they are searched once.

// maxSiblings is how many images may be parts of one another: each is asked by each that is a part.
const maxSiblings = 256

// siblings returns the files that may hold other parts of images: the other images.
func siblings(args []imageArg) (paths []string) {
	if len(args) < 2 || len(args) > maxSiblings {
		return nil
	}
	for _, arg := range args {
		paths = append(paths, arg.path)
	}
	return paths
}

// partedImage is an image of several files that was searched.
type partedImage struct {
	arg   string
	files []fs.FileInfo
}

// searchedAs reports whether the file of an image was searched as a part of an earlier one, and
// tells so. Else it keeps which files the image has, where these are several.
func (s *searching) searchedAs(img *layered.Image) bool {
	if len(img.Parts) < 2 {
		return false
	}
	this, err := os.Stat(img.Path)
	for _, earlier := range s.parted {
		if err == nil && slices.ContainsFunc(earlier.files, func(f fs.FileInfo) bool { return os.SameFile(f, this) }) {
			if !s.f.quiet {
				s.Note("%s: not searched again: it is a part of the same image as %s", img.Arg, earlier.arg)
			}
			return true
		}
	}
	s.parted = append(s.parted, partedImage{img.Arg, img.Image.Files()})
	return false
}
