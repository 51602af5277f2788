// Package search answers one question about one image: what of the patterns and rules
// of a [Query] is in it, and where. It is for programs that use vscan as a library; the
// commands find, refs and strings are thin over it.
//
//	Query          what is searched for, where, and how much of what is found is wanted
//	Query.Run      searches an image that is open and hands what it finds to a Sink
//	Query.Prepare  the same in two steps: a Search knows how much there is to scan before
//	               it runs
//	Search.Parts   ranges of addresses that can be searched apart, in other programs and on
//	               other machines: Query.PreparePart, Part.Scan, and Search.Stitch, which
//	               hands what was found to a Sink as Run does
//	Sink           takes hits and rules that match, in order; an error of it ends the search
//	Hit            a hit with all that there is to show of it
//	Summary        how many hits there are, and whether everything could be looked at
//
// That nothing was found says something only with what was looked at: Summary.Complete
// says whether all was that the image holds, and Summary.Absent how much memory it does
// not hold, such as what a core does not save. Whoever reports a search reports both.
package search
