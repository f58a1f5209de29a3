//go:build !unix

package crdtbench

import "time"

// began is where wall time counts from.
var began = time.Now()

// now is wall time: processor time is only asked for on Unix.
func now(bool) time.Duration { return time.Since(began) }
