//go:build !race

package crdt

const countAllocations = true

// plays is how many histories a test plays.
func plays(n uint64) uint64 { return n }
