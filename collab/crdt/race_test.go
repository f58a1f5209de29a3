//go:build race

package crdt

// The race detector makes sync.Pool forget on purpose; allocations cannot be counted.
const countAllocations = false

// plays is how many histories a test plays: few, the engine has no goroutine.
func plays(n uint64) uint64 { return n / 5 }
