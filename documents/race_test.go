//go:build race

package documents_test

// race says that the race detector is on.
const race = true
