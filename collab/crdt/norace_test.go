//go:build !race

package crdt

const countAllocations = true
