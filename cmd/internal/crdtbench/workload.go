package crdtbench

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"spolupis/collab/crdt"
)

// workload is one history, with what must come of it.
type workload struct {
	name    string
	kind    string // of the root type that is compared: text, map, array; otherwise only bytes are
	root    string // its name
	updates [][]byte
	full    []byte // state in format v1 after all updates, as Yjs encodes it
	want    string // content: text, or JSON of a map or an array
	half    []byte // state vector after half of the updates

	edits []edit // the same history as local edits, if there was one author
	typed string // text after the edits

	rawUpdates, rawEdits []byte // as in the files, for the other processes
}

// edit is one step of a sequential history: positions and lengths in UTF-16 units.
type edit struct {
	at, del int
	text    string
}

// traceLine is what a line of index.jsonl says that matters here.
type traceLine struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
}

// traceNames reads the index of a folder; no folder, no traces.
func traceNames(dir string) ([]traceLine, error) {
	if dir == "" {
		return nil, nil
	}
	f, err := os.Open(filepath.Join(dir, "index.jsonl"))
	if err != nil {
		return nil, fmt.Errorf("read the index of traces: %w", err)
	}
	defer f.Close()
	var out []traceLine
	for s := bufio.NewScanner(f); ; {
		if !s.Scan() {
			return out, s.Err()
		}
		if len(bytes.TrimSpace(s.Bytes())) == 0 {
			continue
		}
		var l traceLine
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("read the index of traces: %w", err)
		}
		if l.Name == "" || l.Name != filepath.Base(l.Name) {
			return nil, fmt.Errorf("index of traces: %q is no name", l.Name)
		}
		out = append(out, l)
	}
}

func readTrace(dir string, tr traceLine) (*workload, error) {
	w := &workload{name: tr.Name, kind: tr.Kind, root: tr.Kind}
	base := filepath.Join(dir, tr.Name)
	var err error
	if w.rawUpdates, err = readGzip(base + ".yupd.gz"); err != nil {
		return nil, err
	}
	if w.full, err = readGzip(base + ".full1.gz"); err != nil {
		return nil, err
	}
	want, err := readGzip(base + ".exp.gz")
	if err != nil {
		return nil, err
	}
	w.want = string(want)
	r := reader{b: w.rawUpdates}
	for n := r.uint32(); n > 0 && r.err == nil; n-- {
		w.updates = append(w.updates, r.bytes(r.uint32()))
	}
	if r.err != nil {
		return nil, fmt.Errorf("%s.yupd.gz: %w", tr.Name, r.err)
	}
	switch w.rawEdits, err = readGzip(base + ".tr.gz"); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if err := w.readEdits(); err != nil {
			return nil, fmt.Errorf("%s.tr.gz: %w", tr.Name, err)
		}
	}
	return w, w.halve()
}

func (w *workload) readEdits() error {
	r := reader{b: w.rawEdits}
	for n := r.uint32(); n > 0 && r.err == nil; n-- {
		at, del := r.uint32(), r.uint32()
		w.edits = append(w.edits, edit{at: at, del: del, text: string(r.bytes(r.uint32()))})
	}
	w.typed = string(r.bytes(r.uint32()))
	return r.err
}

// halve finds the state vector of a client that has seen half of the history.
func (w *workload) halve() error {
	d := crdt.New(crdt.Config{Client: 1})
	for i, u := range w.updates[:len(w.updates)/2] {
		if err := d.Apply(u); err != nil {
			return fmt.Errorf("%s: update %d: %w", w.name, i, err)
		}
	}
	w.half = d.StateVector()
	return nil
}

// size is the length of the whole log.
func (w *workload) size() (n int) {
	for _, u := range w.updates {
		n += len(u)
	}
	return n
}

// write puts the history into a folder, for another process.
func (w *workload) write(dir string) error {
	if w.rawUpdates == nil {
		w.rawUpdates = frame(w.updates)
	}
	for name, b := range map[string][]byte{"updates": w.rawUpdates, "edits": w.rawEdits, "full": w.full, "half": w.half} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// frame writes a count and length-prefixed byte strings.
func frame(bs [][]byte) []byte {
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(bs)))
	for _, b := range bs {
		out = append(binary.LittleEndian.AppendUint32(out, uint32(len(b))), b...)
	}
	return out
}

func readGzip(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return b, nil
}

// reader reads the little-endian form of the traces; its first error stays.
type reader struct {
	b   []byte
	err error
}

func (r *reader) uint32() int {
	b := r.bytes(4)
	if b == nil {
		return 0
	}
	return int(binary.LittleEndian.Uint32(b))
}

func (r *reader) bytes(n int) []byte {
	if r.err != nil || n > len(r.b) {
		r.err = io.ErrUnexpectedEOF
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}
