package main

import (
	"context"
	"io/fs"
	"os"
	"slices"

	"vscan/cmd/vscan/internal/cli"
	"vscan/engine/image/layered"
)

// An image may be several files, of which each stands for all: the parts of a split kdump. Where
// more than one of them is named, they are searched once, and are one image for what takes one.

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

// openParted opens the image that the first of some arguments names, and returns how many arguments
// name it: those behind the first that are other parts of it are known by the files that they are. Of the
// last arguments, keep are none.
func openParted(ctx context.Context, f *cli.ImageFlags, args []string, keep int) (img *layered.Image, n int, err error) {
	var files []fs.FileInfo
	for _, arg := range args[1:max(1, min(len(args)-keep, maxSiblings))] {
		info, err := os.Stat(arg)
		if err != nil || !info.Mode().IsRegular() {
			break
		}
		f.Siblings, files = append(f.Siblings, arg), append(files, info)
	}
	if img, err = f.Open(ctx, args[0]); err != nil {
		return nil, 0, err
	}
	have := img.Image.Files()
	for n = 1; n <= len(files) && len(img.Parts) > 1; n++ {
		if !slices.ContainsFunc(have, func(f fs.FileInfo) bool { return os.SameFile(f, files[n-1]) }) {
			break
		}
	}
	return img, n, nil
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
