package body

import (
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"spolupis/collab/crdt"
)

// edit changes a shared text in one of the ways in which people, or programs that know nothing of paragraphs, do.
func edit(r *rand.Rand, t *crdt.Text) {
	at := r.IntN(t.Len() + 1)
	mark := func() crdt.Attrs {
		return []crdt.Attrs{nil, {}, {"strong": true}, {"em": map[string]any{}}, {"strong": nil}, {"link": map[string]any{"href": "/x"}}, {"link": "/y"},
			{"ins": map[string]any{"id": "1", "by": "p-1", "at": int64(5)}}, {"del": true, "code": true}, {"odd": "x"}}[r.IntN(10)]
	}
	switch r.IntN(12) {
	case 0, 1, 2, 3:
		t.Insert(at, []string{"a", "žluť", "🙂🙂", "delší text", "\n"}[r.IntN(5)], mark())
	case 4:
		t.Delete(at, 1+r.IntN(2))
	case 5:
		t.Delete(at, 1+r.IntN(max(2, t.Len()/2))) // across markers
	case 6:
		t.Format(at, 1+r.IntN(3), mark())
	case 7:
		t.Format(at, 1+r.IntN(t.Len()+1), mark())
	case 8:
		t.InsertEmbed(at, map[string]any{"image": "x"}, mark())
	case 9:
		t.InsertMap(at, marker(Block{Kind: Kind([]string{"p", "h", "ol", "future"}[r.IntN(4)]), Level: r.IntN(3)}), mark())
	default:
		restyle(r, t)
	}
}

// restyle changes some markers from inside.
func restyle(r *rand.Rand, t *crdt.Text) {
	for _, op := range t.Delta() {
		if op.Map == nil || r.IntN(3) > 0 {
			continue
		}
		key := []string{"kind", "level", "start", "cell", "align", "ins", "del", "later"}[r.IntN(8)]
		switch r.IntN(4) {
		case 0:
			op.Map.Delete(key)
		case 1:
			op.Map.Set(key, crdt.EmptyMap)
			if v, ok := op.Map.Get(key); ok {
				v.(*crdt.Map).Set("x", r.IntN(3))
			}
		default:
			op.Map.Set(key, []any{"ul", int64(2), 1.0, "t|r|c|h", "t|r|c", "left", map[string]any{"id": "2"}, nil}[r.IntN(8)])
		}
	}
}

// copied shares nothing with b.
func copied(b Body) Body {
	c := Body{Blocks: slices.Clone(b.Blocks)}
	for i := range c.Blocks {
		c.Blocks[i].Runs = slices.Clone(c.Blocks[i].Runs)
	}
	return c
}

// follower is a replica whose body is followed.
type follower struct {
	d     *crdt.Doc
	index *Index
	given Body // by the index, some time ago
	was   Body // what it held then
	inbox [][]byte
}

func newFollower(d *crdt.Doc) *follower { return &follower{d: d, index: NewIndex(d.Text("body"))} }

func (f *follower) check(t *testing.T, r *rand.Rand, seed uint64) {
	t.Helper()
	got, want := f.index.Body(), Read(f.d.Text("body"))
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("history %d:\n got %+v\nwant %+v", seed, got, want)
	}
	if !reflect.DeepEqual(f.given, f.was) {
		t.Fatalf("history %d: a body given away has changed:\n got %+v\nwant %+v", seed, f.given, f.was)
	}
	if r.IntN(4) == 0 {
		f.given, f.was = got, copied(got)
	}
}

func TestIndexIsWhatReadFinds(t *testing.T) {
	histories := uint64(2000)
	if race {
		histories = 150
	}
	for seed := range histories {
		r := rand.New(rand.NewPCG(seed, 5))
		var all []*follower
		for i := range 3 {
			d := crdt.New(crdt.Config{Client: uint64(i), KeepDeleted: seed%5 == 0})
			all = append(all, newFollower(d))
		}
		often := 1 + r.IntN(4)
		for range 40 {
			f := all[r.IntN(3)]
			switch k := r.IntN(20); {
			case k < 6 && len(f.inbox) > 0: // what the others wrote meanwhile, in any order
				r.Shuffle(len(f.inbox), func(i, j int) { f.inbox[i], f.inbox[j] = f.inbox[j], f.inbox[i] })
				for _, u := range f.inbox {
					if err := f.d.Apply(u); err != nil {
						t.Fatal(err)
					}
					if r.IntN(often) == 0 {
						f.check(t, r, seed)
					}
				}
				f.inbox = nil
			case k == 7: // closed and opened again
				d := crdt.New(crdt.Config{Client: f.d.Client()})
				if err := d.Apply(f.d.Encode()); err != nil {
					t.Fatal(err)
				}
				f.d, f.index = d, NewIndex(d.Text("body"))
			default:
				u := f.d.Transact(func() {
					for range 1 + r.IntN(3) {
						edit(r, f.d.Text("body"))
					}
				})
				for _, g := range all {
					if g != f && u != nil {
						g.inbox = append(g.inbox, u)
					}
				}
			}
			if r.IntN(often) == 0 {
				f.check(t, r, seed)
			}
		}
		for _, f := range all {
			f.check(t, r, seed)
		}
	}
}

// hundredPages is a body of about a hundred printed pages in a document, and a writer who types into it.
func hundredPages(t testing.TB) (d, writer *crdt.Doc) {
	b, err := Parse(sample(t, "duvodova-zprava.md"))
	if err != nil {
		t.Fatal(err)
	}
	var all Body
	for range 34 {
		all.Blocks = append(all.Blocks, b.Blocks...)
	}
	writer, d = crdt.New(crdt.Config{Client: 1}), crdt.New(crdt.Config{})
	if err := d.Apply(writer.Transact(func() { Write(writer.Text("body"), all) })); err != nil {
		t.Fatal(err)
	}
	return d, writer
}

// typed makes updates of somebody who types in the middle of a text.
func typed(writer *crdt.Doc, n int) (keys [][]byte) {
	t := writer.Text("body")
	for at := t.Len() / 2; len(keys) < n; at++ {
		keys = append(keys, writer.Transact(func() { t.Insert(at, "x", nil) }))
	}
	return keys
}

func TestKeystrokeCostsItsBlock(t *testing.T) {
	if race {
		t.Skip("the race detector allocates; make test-oracle runs this without it")
	}
	d, writer := hundredPages(t)
	x := NewIndex(d.Text("body"))
	blocks := len(x.Body().Blocks)
	keys := typed(writer, 201)
	cost := func(then func()) int {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for _, key := range keys[1:101] {
			if err := d.Apply(key); err != nil {
				t.Fatal(err)
			}
			then()
		}
		runtime.ReadMemStats(&after)
		keys = keys[100:]
		return int(after.TotalAlloc-before.TotalAlloc) / 100
	}
	if err := d.Apply(keys[0]); err != nil {
		t.Fatal(err)
	}
	x.catchUp() // copies the row of blocks that was lent
	block := cost(x.catchUp)
	if block > 4<<10 {
		t.Errorf("a keystroke costs %d bytes, want at most 4 KB: some times its block", block)
	}
	whole := cost(func() { x.Body() })
	row := blocks * int(unsafe.Sizeof(Block{}))
	if whole > block+row+row/4 {
		t.Errorf("a keystroke and the body cost %d bytes, want its block (%d) and the row of blocks (%d)", whole, block, row)
	}
	t.Logf("%d blocks: %d bytes to follow a keystroke, %d with the body", blocks, block, whole)
}

func BenchmarkHundredPages(b *testing.B) {
	d, writer := hundredPages(b)
	x := NewIndex(d.Text("body"))
	for _, c := range []struct {
		name string
		then func()
	}{
		{"keystroke alone", func() {}},
		{"followed", x.catchUp},
		{"index", func() { x.Body() }},
		{"read", func() { Read(d.Text("body")) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			keys := typed(writer, b.N)
			b.ReportAllocs()
			b.ResetTimer()
			for _, key := range keys {
				if err := d.Apply(key); err != nil {
					b.Fatal(err)
				}
				c.then()
			}
		})
		x.catchUp()
	}
}
