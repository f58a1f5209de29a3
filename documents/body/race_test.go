//go:build race

package body

// race says that the race detector is on.
const race = true
