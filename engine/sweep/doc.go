// Package sweep searches images in tasks that any scheduler can run: on one machine or on
// many, in any order, twice or again after a failure, with nothing shared but files.
//
//	NewPlan       one question to images, cut into tasks; a Plan is written and read as JSON
//	Plan.Run      one task: what it found, as a result of bytes that can be kept anywhere
//	Results       takes results, refuses by name what is damaged or of another plan, and says
//	              which tasks are missing
//	Results.Stitch   what all results of an image have found, in order, into a search.Sink
//
// What is stitched is what search.Query.Run finds in the image, hit by hit, with all that
// there is to show of each, matches across the borders of tasks, limits and rules included.
//
// # What is in a task
//
//	addresses  0 .............................................. 2^64 − 1
//	mappings      |--------| |---------|      |-----------------|
//	tasks      [      0      |     1    |     2     |     3      ]
//
// The tasks of an image lie side by side and cover all addresses, so nothing falls between
// them and each has one range. A match belongs to the task that holds its first byte, and
// is looked at on beyond its end. A task has about Options.TaskBytes bytes that take time
// to search: holes, absent bytes and zeros that nothing matches do not count.
//
// A task cannot know what only all tasks together tell: which matches of re: overlap an
// earlier one that is a hit, which hits are the first N of a pattern, whether the condition
// of a YARA rule holds. So its result has all matches that may be hits, and Stitch does the
// rest, with the code of package search that does it for a search in one piece; why that is
// exact is said in engine/search/parts.go.
//
// # What keeps them together
//
// A plan has the question as text (patterns and rules, not the files that they were read
// from), a digest of it, and the identity of each image: size and modification time of its
// files, how its memory is mapped, and samples of its bytes. Run refuses an image that is
// another one by now; a result says to which question, image and range it belongs, and has
// a checksum over all of it. Names of tasks begin with digits of a digest of the plan.
//
// Which kernels and how many workers find something changes nothing of what is found, so
// machines may differ. Versions of vscan that find other things have another Format.
//
// # What a scheduler needs
//
// The same steps are what keeps a sweep over many images on one machine: its state has the
// plan, and for each task a state, the Account, and the result as one blob, so that results
// do not depend on what was run when. A Plan keeps images and tasks in order, Run needs no
// other task, and Results takes results from anything that can be read from its beginning.
package sweep
