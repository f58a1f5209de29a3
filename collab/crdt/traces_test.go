package crdt

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// tracesDir is the folder of recorded edit histories: SPOLUPIS_TRACES, or the few that come with the package.
func tracesDir() string {
	if dir := os.Getenv("SPOLUPIS_TRACES"); dir != "" {
		return dir
	}
	return filepath.Join("testdata", "traces")
}

func readGzip(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// blobs reads a count and that many length-prefixed byte strings.
func blobs(b []byte) [][]byte {
	n := binary.LittleEndian.Uint32(b)
	b = b[4:]
	out := make([][]byte, n)
	for i := range out {
		l := binary.LittleEndian.Uint32(b)
		out[i] = b[4 : 4+l]
		b = b[4+l:]
	}
	return out
}

type trace struct {
	name    string
	updates [][]byte
	full    []byte
	want    string
	kind    string
}

func traces(t testing.TB) []trace {
	dir := tracesDir()
	names, err := filepath.Glob(filepath.Join(dir, "*.yupd.gz"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no traces in %s (%v)", dir, err)
	}
	var out []trace
	for _, n := range names {
		base := strings.TrimSuffix(n, ".yupd.gz")
		tr := trace{name: filepath.Base(base), updates: blobs(readGzip(t, n)), full: readGzip(t, base+".full1.gz"), want: string(readGzip(t, base+".exp.gz"))}
		switch tr.kind = "text"; {
		case strings.HasPrefix(tr.name, "map"), tr.name == "B3.1", tr.name == "B3.2":
			tr.kind = "map"
		case tr.name == "B3.4":
			tr.kind = "array"
		}
		out = append(out, tr)
	}
	return out
}

func checkTrace(t *testing.T, tr trace, d *Doc) {
	t.Helper()
	switch tr.kind {
	case "text":
		if got := d.Text("text").String(); got != tr.want {
			t.Errorf("text differs: %d bytes, want %d", len(got), len(tr.want))
		}
	default:
		var got any = d.Map("map").JSON()
		if tr.kind == "array" {
			got = d.Array("array").JSON()
		}
		b, _ := json.Marshal(got)
		var x, y any
		json.Unmarshal(b, &x)
		json.Unmarshal([]byte(tr.want), &y)
		if !reflect.DeepEqual(x, y) {
			t.Errorf("content differs: %.200s, want %.200s", b, tr.want)
		}
	}
	if got := d.Encode(); !bytes.Equal(got, tr.full) {
		t.Errorf("state differs from that of Yjs: %d bytes, want %d", len(got), len(tr.full))
	}
	if err := check(d); err != nil {
		t.Error(err)
	}
}

func TestTracesGiveTheBytesOfYjs(t *testing.T) {
	for _, tr := range traces(t) {
		t.Run(tr.name, func(t *testing.T) {
			d := New(Config{Client: 1})
			for i, u := range tr.updates {
				if err := d.Apply(u); err != nil {
					t.Fatalf("update %d: %v", i, err)
				}
			}
			checkTrace(t, tr, d)
			again := New(Config{Client: 1})
			if err := again.Apply(tr.full); err != nil {
				t.Fatal(err)
			}
			checkTrace(t, tr, again)
		})
	}
}

// What one author typed, edited here, gives every update of his as Yjs gave it.
func TestTypingGivesTheUpdatesOfYjs(t *testing.T) {
	for _, tr := range traces(t) {
		if _, err := os.Stat(filepath.Join(tracesDir(), tr.name+".tr.gz")); err != nil {
			continue // more than one author
		}
		t.Run(tr.name, func(t *testing.T) {
			r := reader{b: tr.updates[0], i: 2}
			d := New(Config{Client: r.uint()})
			text, n := d.Text("text"), 0
			for i, op := range localOps(t, tr.name) {
				update := d.Transact(func() {
					text.Delete(op.at, op.del)
					text.Insert(op.at, op.text, nil)
				})
				if update == nil {
					continue
				}
				if n == len(tr.updates) || !bytes.Equal(update, tr.updates[n]) {
					t.Fatalf("edit %d (%+v) gives %x, Yjs gave %x", i, op, update, tr.updates[min(n, len(tr.updates)-1)])
				}
				n++
			}
			if n != len(tr.updates) {
				t.Errorf("%d updates, Yjs gave %d", n, len(tr.updates))
			}
			if got := text.String(); got != tr.want {
				t.Errorf("text differs: %d bytes, want %d", len(got), len(tr.want))
			}
			if !bytes.Equal(d.Encode(), tr.full) {
				t.Error("state differs from that of Yjs")
			}
		})
	}
}
