//go:build !race

package gate

const countAllocations = true
