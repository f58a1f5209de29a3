// Package bounded is for tests: it fails them when something takes processor time or memory out of proportion to its input.
package bounded

import (
	"runtime/metrics"
	"syscall"
	"testing"
	"time"
)

// What Run allows. A hang is what it looks for, so that a slow or busy machine, the race detector and the instruments of a
// fuzzer pass.
const (
	timeAtLeast  = 2 * time.Second
	timePerKB    = 50 * time.Millisecond
	bytesAtLeast = 4 << 20
)

// Run does what do does with size bytes of input and fails the test when that takes more than 2 s of processor time and 50 ms
// per KB, or allocates more than 4 MiB and perByte for each byte.
func Run(t testing.TB, size, perByte int, do func()) {
	t.Helper()
	memory, start := allocated(), CPU()
	do()
	took, grown := CPU()-start, allocated()-memory
	if most := timeAtLeast + timePerKB*time.Duration(size)/1024; took > most {
		t.Errorf("%d bytes took %v of processor time, want at most %v", size, took, most)
	}
	if most := uint64(bytesAtLeast + perByte*size); grown > most {
		t.Errorf("%d bytes made it allocate %d, want at most %d", size, grown, most)
	}
}

// CPU is the processor time that this process has used so far.
func CPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// allocated counts in steps of some kilobytes, but stops nothing, unlike runtime.ReadMemStats.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
