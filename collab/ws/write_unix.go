//go:build unix

package ws

import "syscall"

// writeAtOnce writes as much of b as c takes without waiting and returns how much that was. An error is left for the next write
// to find.
func writeAtOnce(c syscall.RawConn, b []byte) (n int) {
	c.Write(func(fd uintptr) bool {
		for {
			var err error
			if n, err = syscall.Write(int(fd), b); err != syscall.EINTR {
				return true
			}
		}
	})
	return max(n, 0)
}
