//go:build unix

package crdtbench

import (
	"syscall"
	"time"
)

// began is where wall time counts from.
var began = time.Now()

// now is the time on the clock that is measured with: wall time, or the processor time this process has used.
func now(wall bool) time.Duration {
	var u syscall.Rusage
	if wall || syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return time.Since(began)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
