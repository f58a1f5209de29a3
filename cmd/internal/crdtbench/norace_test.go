//go:build !race

package crdtbench

const countAllocations = true
