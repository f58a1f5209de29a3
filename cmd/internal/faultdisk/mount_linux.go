package faultdisk

import (
	"context"
	"fmt"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Mount mounts a disk at mountpoint that keeps its files in backing. Both folders must exist. Needs /dev/fuse, and root or
// fusermount.
func Mount(backing, mountpoint string) (*Disk, error) {
	d := &Disk{backing: backing, mountpoint: mountpoint, files: make(map[uint64]*file)}
	return d, d.mount()
}

func (d *Disk) mount() error {
	var st syscall.Stat_t
	if err := syscall.Stat(d.backing, &st); err != nil {
		return err
	}
	root := &fs.LoopbackRoot{Path: d.backing, Dev: uint64(st.Dev)}
	root.RootNode = &node{LoopbackNode: fs.LoopbackNode{RootData: root}, d: d}
	server, err := fs.Mount(d.mountpoint, root.RootNode, &fs.Options{MountOptions: fuse.MountOptions{DirectMount: true, FsName: "faultdisk"}})
	if err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	d.unmount = server.Unmount
	return nil
}

// node is a file or folder.
type node struct {
	fs.LoopbackNode
	d *Disk
}

var (
	_ fs.NodeWrapChilder    = (*node)(nil)
	_ fs.NodeOpener         = (*node)(nil)
	_ fs.NodeCreater        = (*node)(nil)
	_ fs.NodeSetattrer      = (*node)(nil)
	_ fs.NodeCopyFileRanger = (*node)(nil)
)

// WrapChild makes what is in a folder of ours ours, too.
func (n *node) WrapChild(context.Context, fs.InodeEmbedder) fs.InodeEmbedder {
	return &node{LoopbackNode: fs.LoopbackNode{RootData: n.RootData}, d: n.d}
}

func (n *node) path() string { return n.d.backing + "/" + n.Path(n.Root()) }

// storage says whether the file is more than shared memory.
func storage(path string) bool { return !strings.HasSuffix(path, "-shm") }

func inode(path string) uint64 {
	var st syscall.Stat_t
	if syscall.Lstat(path, &st) != nil {
		return 0
	}
	return st.Ino
}

func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	path := n.path()
	if flags&syscall.O_TRUNC != 0 && storage(path) {
		if err := n.d.cutting(inode(path), path, 0); err != nil {
			return nil, 0, fs.ToErrno(err)
		}
	}
	h, out, errno := n.LoopbackNode.Open(ctx, flags)
	return n.wrap(h, path), out, errno
}

func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	in, h, o, errno := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	return in, n.wrap(h, strings.TrimSuffix(n.path(), "/")+"/"+name), o, errno
}

func (n *node) wrap(h fs.FileHandle, path string) fs.FileHandle {
	l, ok := h.(*fs.LoopbackFile)
	if !ok {
		return nil
	}
	return &handle{l: l, d: n.d, path: path, ino: inode(path)}
}

func (n *node) Setattr(ctx context.Context, h fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	path := n.path()
	if size, ok := in.GetSize(); ok && storage(path) {
		if err := n.d.cutting(inode(path), path, int64(size)); err != nil {
			return fs.ToErrno(err)
		}
	}
	if w, ok := h.(*handle); ok {
		return w.l.Setattr(ctx, in, out)
	}
	return n.LoopbackNode.Setattr(ctx, nil, in, out)
}

func (n *node) CopyFileRange(context.Context, fs.FileHandle, uint64, *fs.Inode, fs.FileHandle, uint64, uint64, uint64) (uint32, syscall.Errno) {
	return 0, syscall.ENOTSUP // the caller then reads and writes
}

// handle is an open file. Of what a loopback file can do it has only what is noted here or changes nothing.
type handle struct {
	l    *fs.LoopbackFile
	d    *Disk
	path string
	ino  uint64
}

func (h *handle) Read(ctx context.Context, b []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	return h.l.Read(ctx, b, off)
}

func (h *handle) Write(ctx context.Context, b []byte, off int64) (uint32, syscall.Errno) {
	if storage(h.path) {
		if err := h.d.writing(h.ino, h.path, off, b); err != nil {
			return 0, fs.ToErrno(err)
		}
	}
	return h.l.Write(ctx, b, off)
}

func (h *handle) Fsync(context.Context, uint32) syscall.Errno {
	return fs.ToErrno(h.d.synced(h.ino))
}

func (h *handle) Flush(ctx context.Context) syscall.Errno   { return h.l.Flush(ctx) }
func (h *handle) Release(ctx context.Context) syscall.Errno { return h.l.Release(ctx) }
func (h *handle) Getattr(ctx context.Context, out *fuse.AttrOut) syscall.Errno {
	return h.l.Getattr(ctx, out)
}
