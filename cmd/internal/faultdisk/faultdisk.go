// Package faultdisk is a file system for tests that fails as disks do: when the power goes it forgets what was not synced, it is
// full, or it cannot sync. It is mounted with FUSE, so that a whole server can stand on it.
//
// What it forgets are contents and lengths of files. Names are kept: creating, renaming and removing count as synced at once. Files
// whose names end in "-shm" are memory that processes share, not storage, and are left alone.
package faultdisk

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Disk is a mounted file system. Its methods may be called at any time, but for Lose and Close, which need that nobody has a
// file on it open.
type Disk struct {
	backing, mountpoint string
	unmount             func() error

	mu    sync.Mutex
	files map[uint64]*file // guarded by mu; by inode
	full  bool             // guarded by mu
	stuck bool             // guarded by mu
	syncs int              // guarded by mu
	takes time.Duration    // guarded by mu; a sync
	cut   bool             // guarded by mu; the power is gone, nothing happens any more
}

// file remembers what happened to a file since it was last synced.
type file struct {
	f       *os.File
	changes []change
}

// change is a write, or a new length.
type change struct {
	off      int64
	old, now []byte
	length   int64 // the length it set; -1 for a write
	before   int64 // the length before it
}

// Fill lets every write end with ENOSPC from now on, or no more.
func (d *Disk) Fill(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = full
}

// Stick lets every sync end with EIO from now on, or no more. What was written stays, but is not synced.
func (d *Disk) Stick(stuck bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stuck = stuck
}

// Slow lets every sync take at least d, so that a server is more often killed before one is done.
func (d *Disk) Slow(takes time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.takes = takes
}

// Syncs is how often a file was synced.
func (d *Disk) Syncs() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.syncs
}

// Cut takes the power away: nothing is written or synced any more, also of what has begun. Then end those who use the disk, and
// call Lose.
func (d *Disk) Cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut = true
}

// Lose is what a loss of power leaves: of what was not synced each write stays only when survives says so, asked in the order in which a file
// was written. It returns how many writes were lost. The disk is mounted again afterwards.
func (d *Disk) Lose(survives func() bool) (lost int, err error) {
	if err := d.unmount(); err != nil {
		return 0, fmt.Errorf("unmount: %w", err)
	}
	d.mu.Lock()
	for _, ino := range sortedKeys(d.files) {
		f := d.files[ino]
		n, ferr := f.lose(survives)
		lost += n
		err = cmp.Or(err, ferr)
		f.f.Close()
	}
	clear(d.files)
	d.cut = false
	d.mu.Unlock()
	if err != nil {
		return lost, fmt.Errorf("lose: %w", err)
	}
	return lost, d.mount()
}

func sortedKeys(m map[uint64]*file) []uint64 {
	keys := make([]uint64, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// lose takes all changes back and makes again those that survive.
func (f *file) lose(survives func() bool) (lost int, err error) {
	for _, c := range slices.Backward(f.changes) {
		if c.length < 0 {
			_, werr := f.f.WriteAt(c.old, c.off)
			err = cmp.Or(err, werr)
		} else if len(c.old) > 0 { // it had been cut off
			_, werr := f.f.WriteAt(c.old, c.length)
			err = cmp.Or(err, werr)
		}
		err = cmp.Or(err, f.f.Truncate(c.before))
	}
	for _, c := range f.changes {
		switch {
		case !survives():
			lost++
		case c.length < 0:
			_, werr := f.f.WriteAt(c.now, c.off)
			err = cmp.Or(err, werr)
		default:
			err = cmp.Or(err, f.f.Truncate(c.length))
		}
	}
	f.changes = nil
	return lost, err
}

// writing notes a write that is about to happen. It fails when the disk is full.
func (d *Disk) writing(ino uint64, path string, off int64, now []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.cut:
		return syscall.EIO
	case d.full:
		return syscall.ENOSPC
	}
	f, size, err := d.file(ino, path)
	if err != nil {
		return err
	}
	old := make([]byte, max(0, min(int64(len(now)), size-off)))
	if _, err := f.f.ReadAt(old, off); err != nil {
		return err
	}
	f.changes = append(f.changes, change{off: off, old: old, now: slices.Clone(now), length: -1, before: size})
	return nil
}

// cutting notes that a file is about to get another length.
func (d *Disk) cutting(ino uint64, path string, length int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cut {
		return syscall.EIO
	}
	f, size, err := d.file(ino, path)
	if err != nil {
		return err
	}
	old := make([]byte, max(0, size-length))
	if _, err := f.f.ReadAt(old, length); err != nil && len(old) > 0 {
		return err
	}
	f.changes = append(f.changes, change{old: old, length: length, before: size})
	return nil
}

// file returns what is remembered of a file, and its length.
func (d *Disk) file(ino uint64, path string) (*file, int64, error) {
	f := d.files[ino]
	if f == nil {
		h, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return nil, 0, err
		}
		f = &file{f: h}
		d.files[ino] = f
	}
	st, err := f.f.Stat()
	if err != nil {
		return nil, 0, err
	}
	return f, st.Size(), nil
}

// synced notes that a file was synced. It fails when the disk cannot.
func (d *Disk) synced(ino uint64) error {
	d.mu.Lock()
	takes := d.takes
	d.mu.Unlock()
	time.Sleep(takes)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stuck || d.cut {
		return syscall.EIO
	}
	d.syncs++
	if f := d.files[ino]; f != nil {
		f.f.Close()
		delete(d.files, ino)
	}
	return nil
}

// Close unmounts the disk.
func (d *Disk) Close() error {
	err := d.unmount()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		f.f.Close()
	}
	clear(d.files)
	return err
}
