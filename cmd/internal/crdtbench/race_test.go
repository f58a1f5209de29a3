//go:build race

package crdtbench

// The race detector makes sync.Pool forget on purpose; allocations cannot be counted.
const countAllocations = false
