package gate

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spolupis/collab/crdt"
)

func gunzip(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// tooLarge are recorded histories that no client may send as one update: more than a megabyte, or
// several times the structs that one may have.
var tooLarge = []string{"rand100k", "map100k", "B1.3x10", "node_nodecc", "git-makefile"}

// Recorded histories pass update by update, in fifty parts or so as after a long time without a
// connection, and, but for the largest, as one update that holds everything.
func TestRecordedHistoriesPass(t *testing.T) {
	dir := os.Getenv("SPOLUPIS_TRACES")
	if dir == "" {
		dir = filepath.Join("..", "crdt", "testdata", "traces")
	}
	logs, err := filepath.Glob(filepath.Join(dir, "*.yupd.gz"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no histories in %s (%v)", dir, err)
	}
	for _, name := range logs {
		name = strings.TrimSuffix(filepath.Base(name), ".yupd.gz")
		if !countAllocations && !strings.HasPrefix(name, "B3") {
			continue // takes long under the race detector, which has nothing to find here
		}
		t.Run(name, func(t *testing.T) {
			log := gunzip(t, filepath.Join(dir, name+".yupd.gz"))
			full := gunzip(t, filepath.Join(dir, name+".full1.gz"))
			single, parts, writer := crdt.New(crdt.Config{}), crdt.New(crdt.Config{}), crdt.New(crdt.Config{})
			into := func(d *crdt.Doc, u []byte, what string, i int) {
				t.Helper()
				if _, err := Check(Request{Doc: d, Update: u, Leased: anyone}); err != nil {
					t.Fatalf("%s %d: %v", what, i, err)
				}
				if err := d.Apply(u); err != nil || d.Pending() {
					t.Fatalf("%s %d: accepted, then %v, pending %v", what, i, err, d.Pending())
				}
			}
			n := int(binary.LittleEndian.Uint32(log))
			part := max(20, n/50)
			log = log[4:]
			for i := range n {
				size := binary.LittleEndian.Uint32(log)
				u := log[4 : 4+size]
				log = log[4+size:]
				into(single, u, "update", i)
				if err := writer.Apply(u); err != nil {
					t.Fatal(err)
				}
				if (i+1)%part == 0 || i == n-1 {
					missing, err := writer.Diff(parts.StateVector())
					if err != nil {
						t.Fatal(err)
					}
					into(parts, missing, "part", i/part)
				}
			}
			for what, d := range map[string]*crdt.Doc{"one by one": single, "in parts": parts} {
				if !bytes.Equal(d.Encode(), full) {
					t.Errorf("%s: another state than the one recorded", what)
				}
			}
			if !slices.Contains(tooLarge, name) {
				whole := crdt.New(crdt.Config{})
				whole.Transact(func() { whole.Text("other").Insert(0, "what was there before", nil) })
				into(whole, full, "whole", 0)
			}
		})
	}
}

func anyone(uint64) bool { return true }

// A megabyte pasted into a long document, in paragraphs with marks, passes.
func TestPastedMegabytePasses(t *testing.T) {
	d := loaded(t, page(2_000).Encode())
	c := copyOf(t, d, alice)
	u := c.Transact(func() {
		text := c.Text("body")
		at := text.Len() / 2
		for range 2_450 {
			text.InsertMap(at, map[string]any{"kind": "p"}, nil)
			text.Insert(at+1, strings.Repeat("Rada kraje schvaluje návrh. ", 13), nil)
			at = at + 1 + 13*28
		}
	})
	if len(u) < 950_000 || len(u) > 1<<20 {
		t.Fatalf("%d bytes, want nearly a megabyte", len(u))
	}
	if _, err := check(d, u); err != nil {
		t.Error(err)
	}
}

// A week of work without a connection passes, though others went on meanwhile.
func TestLongOfflineWorkPasses(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	d := page(3_000)
	c := copyOf(t, d, alice)
	write := func(d *crdt.Doc, edits int) {
		text := d.Text("body")
		for range edits {
			d.Transact(func() {
				switch at := r.IntN(text.Len() - 40); r.IntN(12) {
				case 0:
					text.Delete(at, 1+r.IntN(30))
				case 1:
					text.InsertMap(at, map[string]any{"kind": "h", "level": int64(2)}, nil)
				case 2:
					text.Format(at, 30, crdt.Attrs{"strong": true})
				default:
					for i, letter := range strings.Split("schvaluje ", "") {
						text.Insert(at+i, letter, nil)
					}
				}
			})
		}
	}
	write(c, 3_500)
	for _, other := range []uint64{bob, bob + 1} {
		d.SetClient(other)
		write(d, 2_000)
	}
	u, err := c.Diff(d.StateVector())
	if err != nil {
		t.Fatal(err)
	}
	info, err := check(d, u)
	if err != nil {
		t.Fatal(err)
	}
	if info.Structs < 4_000 {
		t.Errorf("%d structs, want thousands", info.Structs)
	}
	if err := d.Apply(u); err != nil || d.Pending() {
		t.Errorf("accepted, then %v, pending %v", err, d.Pending())
	}
}

// page is a body of so many paragraphs.
func page(paragraphs int) *crdt.Doc {
	d := crdt.New(crdt.Config{Client: bob})
	d.Transact(func() {
		text := d.Text("body")
		for range paragraphs {
			text.InsertMap(text.Len(), map[string]any{"kind": "p"}, nil)
			text.Insert(text.Len(), "Zastupitelstvo bere na vědomí zprávu o činnosti.", nil)
		}
	})
	return d
}
