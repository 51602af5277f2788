// Package search answers one question about one image: what of the patterns and rules
// of a [Query] is in it, and where. It is for programs that use vscan as a library; the
// commands find, refs and strings are thin over it.
//
//	Query          what is searched for, where, and how much of what is found is wanted
//	Query.Run      searches an image that is open and hands what it finds to a Sink
//	Query.Prepare  the same in two steps: a Search knows how much there is to scan before
//	               it runs
//	Sink           takes hits and rules that match, in order; an error of it ends the search
//	Hit            a hit with all that there is to show of it
//	Summary        how many hits there are, and whether everything could be looked at
//
// That there is nothing in an image is known only where Summary.Complete is true, so
// whoever reports a search without hits reports that too.
package search
