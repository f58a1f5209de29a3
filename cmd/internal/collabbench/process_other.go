//go:build !linux

package collabbench

import (
	"errors"
	"syscall"
	"time"
)

// Elsewhere than on Linux nothing says what another process has used.

type usage struct {
	cpu    time.Duration
	memory int64
}

func usageOf(int) usage { return usage{} }

type moment struct{}

func machineTime() moment      { return moment{} }
func (moment) others() float64 { return 0 }

type cores struct{}

func (cores) String() string { return "" }

func (cores) pinned(program string) []string { return []string{program} }

func settleOn() (cores, error) { return cores{}, errors.New("needs Linux") }

func mortal() *syscall.SysProcAttr { return nil }
