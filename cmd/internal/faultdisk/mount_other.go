//go:build !linux

package faultdisk

import "errors"

var errElsewhere = errors.New("faultdisk: only on Linux")

// Mount mounts a disk; only Linux can.
func Mount(backing, mountpoint string) (*Disk, error) { return nil, errElsewhere }

func (d *Disk) mount() error { return errElsewhere }
