package crdt

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// cpuTime is what this process has used so far. Wall time says little on a machine
// that others use too.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano())
}

// perOp starts a clock; what it returns reports the processor time of one operation
// when an iteration does n of them.
func perOp(b *testing.B, n int) func() {
	start := cpuTime()
	return func() {
		b.ReportMetric(float64(cpuTime()-start)/float64(b.N)/float64(n), "cpu-ns/update")
	}
}

func BenchmarkApplyEachUpdate(b *testing.B) {
	for _, tr := range traces(b) {
		b.Run(tr.name, func(b *testing.B) {
			b.ReportAllocs()
			defer perOp(b, len(tr.updates))()
			for b.Loop() {
				d := New(Config{Client: 1})
				for _, u := range tr.updates {
					if err := d.Apply(u); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, tr := range traces(b) {
		b.Run(tr.name, func(b *testing.B) {
			defer perOp(b, 1)()
			for b.Loop() {
				d := New(Config{Client: 1})
				if err := d.Apply(tr.full); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, tr := range traces(b) {
		b.Run(tr.name, func(b *testing.B) {
			d := New(Config{Client: 1})
			d.Apply(tr.full)
			defer perOp(b, 1)()
			for b.Loop() {
				d.version++ // forget the encoded state
				d.Encode()
			}
		})
	}
}

// localOps reads a sequential trace as local edits.
func localOps(b testing.TB, name string) (ops []struct {
	at, del int
	text    string
}) {
	p := readGzip(b, filepath.Join(tracesDir(), name+".tr.gz"))
	u32 := func() int {
		v := binary.LittleEndian.Uint32(p)
		p = p[4:]
		return int(v)
	}
	for n := u32(); n > 0; n-- {
		at, del, l := u32(), u32(), u32()
		ops = append(ops, struct {
			at, del int
			text    string
		}{at, del, string(p[:l])})
		p = p[l:]
	}
	return ops
}

func BenchmarkLocalEditWithUpdate(b *testing.B) {
	for _, tr := range traces(b) {
		name := tr.name
		if _, err := os.Stat(filepath.Join(tracesDir(), name+".tr.gz")); err != nil {
			continue // more than one author
		}
		b.Run(name, func(b *testing.B) {
			ops := localOps(b, name)
			defer perOp(b, len(ops))()
			for b.Loop() {
				d := New(Config{Client: 1})
				text := d.Text("text")
				for _, op := range ops {
					d.Transact(func() {
						text.Delete(op.at, op.del)
						text.Insert(op.at, op.text, nil)
					})
				}
			}
		})
	}
}

// The flat body: ten writers with paragraphs, marks and deletions.
func BenchmarkApplyFlatBody(b *testing.B) {
	updates, _ := flatBody(20_000)
	b.ReportAllocs()
	defer perOp(b, len(updates))()
	for b.Loop() {
		d := New(Config{Client: 1})
		for _, u := range updates {
			if err := d.Apply(u); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkImportFlatBody(b *testing.B) {
	defer perOp(b, 20_000)()
	for b.Loop() {
		d := New(Config{Client: 1})
		d.Transact(func() {
			text := d.Text("body")
			for range 5000 {
				text.InsertMap(text.Len(), map[string]any{"kind": "p"}, nil)
				text.Insert(text.Len(), "Rada kraje ", Attrs{})
				text.Insert(text.Len(), "schvaluje", Attrs{"strong": true})
				text.Insert(text.Len(), " návrh.", Attrs{})
			}
		})
	}
}

func TestHeapPerCharacter(t *testing.T) {
	full := readGzip(t, filepath.Join("testdata", "traces", "automerge-paper.full1.gz"))
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	docs := make([]*Doc, 20)
	for i := range docs {
		docs[i] = New(Config{Client: 1})
		if err := docs[i].Apply(full); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	after := heap()
	took := time.Since(start) / 2
	perChar := float64(after-before) / float64(len(docs)) / float64(docs[0].Text("text").Len())
	t.Logf("%.1f bytes per visible character, %v per garbage collection with %d documents", perChar, took, len(docs))
	if perChar > 10 {
		t.Errorf("%.1f bytes of heap per visible character, want at most 10", perChar)
	}
	runtime.KeepAlive(docs)
}
