// Package crdt is the replicated document behind live editing: an engine for the
// data types and the update format of Yjs v13, written for servers.
//
// A document is a set of named root types (Text, Map, Array). Every edit becomes
// an update, a few bytes that can be applied to any copy of the document in any
// order and any number of times; copies that have seen the same updates are equal,
// byte for byte. The package does no input or output, reads no clock and starts
// no goroutine. A Doc belongs to one goroutine at a time.
//
// All positions and lengths count UTF-16 code units, as in the browser.
package crdt
