package faultdisk

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// disk mounts one for a test and opens a file on it.
func disk(t *testing.T) (*Disk, string) {
	t.Helper()
	dir := t.TempDir()
	back, at := filepath.Join(dir, "back"), filepath.Join(dir, "at")
	for _, d := range []string{back, at} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	d, err := Mount(back, at)
	if err != nil {
		t.Skip("SKIPPED: no disk can be mounted here:", err)
	}
	t.Cleanup(func() { d.Close() })
	return d, filepath.Join(at, "file")
}

func open(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func holds(t *testing.T, name, want string) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil || string(got) != want {
		t.Errorf("the file holds %q (%v), want %q", got, err, want)
	}
}

func TestALossOfPowerTakesWhatWasNotSynced(t *testing.T) {
	d, name := disk(t)
	f := open(t, name)
	f.WriteString("synced and kept")
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	f.WriteAt([]byte("SYNCED"), 0)
	f.WriteString(", not synced")
	f.Truncate(3)
	f.WriteAt([]byte("???"), 2)
	f.Close()
	holds(t, name, "SY???")

	lost, err := d.Lose(func() bool { return false })
	if err != nil || lost != 4 {
		t.Errorf("lost %d (%v), want 4", lost, err)
	}
	holds(t, name, "synced and kept")
}

func TestSomeWritesSurvive(t *testing.T) {
	d, name := disk(t)
	f := open(t, name)
	f.WriteString("0000")
	f.Sync()
	f.WriteAt([]byte("11"), 0)
	f.WriteAt([]byte("22"), 1)
	f.WriteAt([]byte("33"), 2)
	f.Close()
	n := 0
	if lost, err := d.Lose(func() bool { n++; return n != 2 }); err != nil || lost != 1 {
		t.Errorf("lost %d (%v), want 1", lost, err)
	}
	holds(t, name, "1133")
}

func TestAFullDiskSaysSo(t *testing.T) {
	d, name := disk(t)
	f := open(t, name)
	defer f.Close()
	d.Fill(true)
	if _, err := f.WriteString("x"); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a write on a full disk: %v", err)
	}
	d.Fill(false)
	if _, err := f.WriteString("y"); err != nil {
		t.Error(err)
	}
	holds(t, name, "y")
}

func TestADiskThatCannotSyncSaysSo(t *testing.T) {
	d, name := disk(t)
	f := open(t, name)
	f.WriteString("x")
	d.Stick(true)
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("a sync that cannot be: %v", err)
	}
	d.Stick(false)
	if err := f.Sync(); err != nil {
		t.Errorf("a sync when it can be again: %v", err)
	}
	f.WriteString("y")
	f.Close()
	if _, err := d.Lose(func() bool { return false }); err != nil {
		t.Error(err)
	}
	holds(t, name, "x")
}
