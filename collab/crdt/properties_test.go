package crdt

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// write lets several authors edit at random, exchanging some of their updates, and
// returns all updates in the order they were made, with the finished replicas.
func write(r *rand.Rand, authors, edits int, keep bool) (updates [][]byte, docs []*Doc) {
	type mail struct{ queue [][]byte }
	boxes := make([]mail, authors)
	for i := range authors {
		client := uint64(i + 1)
		if r.IntN(3) == 0 {
			client = 1<<33 + r.Uint64N(1<<50)
		}
		docs = append(docs, New(Config{Client: client, KeepDeleted: keep}))
	}
	for range edits {
		i := r.IntN(authors)
		d := docs[i]
		if r.IntN(3) == 0 && len(boxes[i].queue) > 0 {
			for _, u := range boxes[i].queue {
				if err := d.Apply(u); err != nil {
					panic(err)
				}
			}
			boxes[i].queue = nil
			continue
		}
		u := d.Transact(func() {
			for k := r.IntN(3); k >= 0; k-- {
				randomEdit(r, d)
			}
		})
		if u == nil {
			continue
		}
		updates = append(updates, u)
		for k := range boxes {
			if k != i {
				boxes[k].queue = append(boxes[k].queue, u)
			}
		}
	}
	for i := range boxes {
		for _, u := range boxes[i].queue {
			if err := docs[i].Apply(u); err != nil {
				panic(err)
			}
		}
	}
	return updates, docs
}

// Characters beyond the BMP are left to the comparison with Yjs: cutting a surrogate
// pair changes the text at the moment of the cut, so states depend on the order.
func randomEdit(r *rand.Rand, d *Doc) {
	text := d.Text("text")
	n := text.Len()
	at := r.IntN(n + 1)
	var attrs Attrs
	if r.IntN(2) == 0 {
		attrs = Attrs{"strong": r.IntN(2) == 0, "em": []any{nil, true, "x"}[r.IntN(3)]}
	}
	switch r.IntN(10) {
	case 0, 1, 2, 3:
		text.Insert(at, []string{"a", "žluť", "字", "delší text", "\n"}[r.IntN(5)], attrs)
	case 4, 5:
		text.Delete(at, 1+r.IntN(6))
	case 6:
		text.Format(at, 1+r.IntN(6), Attrs{"strong": []any{nil, true}[r.IntN(2)]})
	case 7:
		text.InsertMap(at, map[string]any{"kind": "p", "level": r.IntN(3)}, attrs)
	case 8:
		m := d.Map("map")
		key := string(rune('a' + r.IntN(12)))
		switch r.IntN(4) {
		case 0:
			m.Delete(key)
		case 1:
			m.Set(key, EmptyMap)
		default:
			m.Set(key, []any{r.IntN(100), "x", nil, map[string]any{"y": 1.5}})
		}
		if v, ok := m.Get(key); ok {
			if inner, ok := v.(*Map); ok {
				inner.Set("z", r.IntN(5))
			}
		}
	default:
		a := d.Array("array")
		if r.IntN(3) == 0 && a.Len() > 0 {
			a.Delete(r.IntN(a.Len()), 1+r.IntN(3))
		} else {
			a.Insert(r.IntN(a.Len()+1), r.IntN(9), "s", []byte{1})
		}
	}
}

func load(t *testing.T, keep bool, updates ...[]byte) *Doc {
	t.Helper()
	d := New(Config{Client: 7777, KeepDeleted: keep})
	for _, u := range updates {
		if err := d.Apply(u); err != nil {
			t.Fatal(err)
		}
	}
	if err := check(d); err != nil {
		t.Fatal(err)
	}
	return d
}

func same(t *testing.T, what string, got, want *Doc) {
	t.Helper()
	if got.Pending() {
		t.Errorf("%s: something still waits", what)
	}
	if !bytes.Equal(got.StateVector(), want.StateVector()) {
		t.Errorf("%s: state vectors differ", what)
	}
	if !bytes.Equal(got.Encode(), want.Encode()) {
		t.Errorf("%s: states differ", what)
	}
	if a, b := got.Text("text").String(), want.Text("text").String(); a != b {
		t.Errorf("%s: text %q, want %q", what, a, b)
	}
}

func TestAnyDeliveryGivesOneState(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		keep := seed%4 == 0
		updates, docs := write(r, 2+r.IntN(4), 20+r.IntN(60), keep)
		want := load(t, keep, updates...)
		for i, d := range docs {
			if err := check(d); err != nil {
				t.Fatalf("seed %d author %d: %v", seed, i, err)
			}
			if !bytes.Equal(d.Encode(), want.Encode()) {
				t.Errorf("seed %d: author %d has another state", seed, i)
			}
		}
		shuffled := append([][]byte(nil), updates...)
		r.Shuffle(len(shuffled), func(i, k int) { shuffled[i], shuffled[k] = shuffled[k], shuffled[i] })
		same(t, "shuffled", load(t, keep, shuffled...), want)
		same(t, "twice", load(t, keep, append(append([][]byte(nil), updates...), shuffled...)...), want)

		merged, err := MergeUpdates(shuffled...)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "merged", load(t, keep, merged), want)
		half := len(updates) / 2
		first, err := MergeUpdates(updates[:half]...)
		if err != nil && half > 0 {
			t.Fatal(err)
		}
		part := load(t, keep, updates[:half]...)
		if half > 0 {
			same(t, "merged half", load(t, keep, first), part)
		}
		diff, err := want.Diff(part.StateVector())
		if err != nil {
			t.Fatal(err)
		}
		same(t, "half and diff", load(t, keep, part.Encode(), diff), want)
		diff2, err := DiffUpdate(want.Encode(), part.StateVector())
		if err != nil {
			t.Fatal(err)
		}
		same(t, "half and diff without a document", load(t, keep, part.Encode(), diff2), want)
		same(t, "reloaded", load(t, keep, want.Encode()), want)
		if sv, err := StateVectorOf(want.Encode()); err != nil || !bytes.Equal(sv, want.StateVector()) {
			t.Errorf("state vector of the state %x, want %x (%v)", sv, want.StateVector(), err)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestPastStatesCanBeRead(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 2))
		d := New(Config{Client: 1, KeepDeleted: true})
		type moment struct {
			snapshot []byte
			text     string
			keys     map[string]any
		}
		var past []moment
		for range 30 {
			d.Transact(func() { randomEdit(r, d) })
			past = append(past, moment{d.Snapshot().Encode(), words(d.Text("text").Delta()), d.Map("map").JSON()})
		}
		for i, m := range past {
			s, err := ParseSnapshot(m.snapshot)
			if err != nil {
				t.Fatal(err)
			}
			then, err := d.At(s)
			if err != nil {
				t.Fatal(err)
			}
			if got := then.Map("map").JSON(); !reflect.DeepEqual(got, m.keys) {
				t.Errorf("seed %d moment %d: map %v, want %v", seed, i, got, m.keys)
			}
			if got, want := words(then.Text("text").Delta()), m.text; got != want {
				t.Errorf("seed %d moment %d: %s, want %s", seed, i, got, want)
			}
		}
	}
	if _, err := New(Config{}).At(Snapshot{}); err != ErrCollected {
		t.Errorf("without deleted content: %v, want ErrCollected", err)
	}
}

// words shows a delta with neighbours of equal marks joined.
func words(ops []Op) string {
	var b strings.Builder
	last := "-"
	for _, op := range ops {
		marks := string(appendJSON(nil, op.Attrs))
		if marks != last || op.Map != nil {
			b.WriteString("|" + marks + ":")
		}
		last = marks
		if op.Map != nil {
			b.Write(appendJSON(nil, op.Map.JSON()))
			last = "-"
		}
		b.WriteString(op.Insert)
	}
	return b.String()
}

// Whoever follows the events of a text has the text.
func TestEventsTellWhatChanged(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 3))
		updates, _ := write(r, 3, 60, false)
		d := New(Config{Client: 5555})
		var mirror []Op // one unit each
		keys := map[string]bool{}
		d.Observe(func(e Event) {
			switch e.Root {
			case "text":
				mirror = follow(mirror, e.Delta)
			case "map":
				for _, k := range e.Keys {
					keys[k] = true
				}
			}
		})
		step := func() {
			var units []Op
			for _, op := range d.Text("text").Delta() {
				units = append(units, split(op)...)
			}
			if got, want := words(mirror), words(units); got != want {
				t.Fatalf("seed %d: following gives\n%s, want\n%s", seed, got, want)
			}
		}
		for i, u := range updates {
			if err := d.Apply(u); err != nil {
				t.Fatal(err)
			}
			step()
			if i%5 == 0 {
				d.Transact(func() { randomEdit(r, d) })
				step()
			}
		}
		for _, k := range d.Map("map").Keys() {
			if !keys[k] {
				t.Errorf("seed %d: nobody heard of key %q", seed, k)
			}
		}
	}
}

func split(op Op) []Op {
	if op.Map != nil || op.Embed != nil {
		return []Op{{Map: op.Map, Embed: op.Embed, Attrs: op.Attrs}}
	}
	var out []Op
	for _, c := range op.Insert {
		out = append(out, Op{Insert: string(c), Attrs: op.Attrs})
	}
	return out
}

func follow(units []Op, delta []Change) []Op {
	var out []Op
	for _, c := range delta {
		switch {
		case c.Retain > 0:
			for _, u := range units[:c.Retain] {
				if len(c.Attrs) > 0 {
					a := Attrs{}
					for k, v := range u.Attrs {
						a[k] = v
					}
					for k, v := range c.Attrs {
						if a[k] = v; v == nil {
							delete(a, k)
						}
					}
					if u.Attrs = a; len(a) == 0 {
						u.Attrs = nil
					}
				}
				out = append(out, u)
			}
			units = units[c.Retain:]
		case c.Delete > 0:
			units = units[c.Delete:]
		default:
			out = append(out, split(Op{Insert: c.Insert, Map: c.Map, Embed: c.Embed, Attrs: c.Attrs})...)
		}
	}
	return append(out, units...)
}

func TestPositionsHoldOnToTheirCharacter(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 4))
		updates, _ := write(r, 3, 80, false)
		d := New(Config{Client: 1})
		for _, u := range updates {
			d.Apply(u)
			text := d.Text("text")
			i := r.IntN(text.Len() + 1)
			for _, assoc := range []int{0, -1} {
				p, err := ParseRelativePosition(text.RelativePosition(i, assoc).Encode())
				if err != nil {
					t.Fatal(err)
				}
				if got, ok := text.IndexIn(p); !ok || got != i {
					t.Fatalf("seed %d: position %d (assoc %d) resolves to %d %v", seed, i, assoc, got, ok)
				}
			}
		}
		if err := check(d); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTypingAllocatesNothing(t *testing.T) {
	author := New(Config{Client: 1})
	var updates [][]byte
	for i := range 20_000 {
		updates = append(updates, author.Transact(func() { author.Text("text").Insert(i, "x", nil) }))
	}
	d := New(Config{Client: 2})
	i := 0
	for ; i < 1000; i++ {
		d.Apply(updates[i])
	}
	if n := testing.AllocsPerRun(15_000, func() { d.Apply(updates[i]); i++ }); n > 0.01 && countAllocations {
		t.Errorf("%v allocations per keystroke, want at most 0.01", n)
	}
	if n := d.Structs(); n != 1 {
		t.Errorf("typing left %d items, want 1", n)
	}
}

// flatBody is a document of ten writers: paragraph markers, typing, marks, deletions.
func flatBody(edits int) (updates [][]byte, d *Doc) {
	r := rand.New(rand.NewPCG(11, 11))
	d = New(Config{Client: 1})
	text := d.Text("body")
	carets := make([]int, 10)
	for range edits {
		w := r.IntN(len(carets))
		d.SetClient(uint64(1000 + 37*w))
		carets[w] = min(carets[w], text.Len())
		i := carets[w]
		u := d.Transact(func() {
			switch k := r.IntN(100); {
			case k < 80:
				text.Insert(i, "ř", nil)
				carets[w]++
			case k < 88:
				text.Delete(i-1, 1)
				carets[w] = max(0, i-1)
			case k < 92:
				text.InsertMap(i, map[string]any{"kind": "p", "level": 0}, nil)
				carets[w]++
			case k < 96:
				text.Format(max(0, i-8), 8, Attrs{"strong": true})
			default:
				carets[w] = r.IntN(text.Len() + 1)
			}
		})
		if u != nil {
			updates = append(updates, u)
		}
	}
	return updates, d
}

func TestAuthoredNamesTheWriterOfEveryCharacter(t *testing.T) {
	eva, jan := New(Config{Client: 1}), New(Config{Client: 2})
	jan.Apply(eva.Transact(func() { eva.Text("text").Insert(0, "abcdef", nil) }))
	eva.Apply(jan.Transact(func() { jan.Text("text").Insert(3, "XY", nil); jan.Text("text").Delete(0, 1) }))
	got := eva.Text("text").Authored()
	want := []Op{{Insert: "bc", ID: ID{1, 1}}, {Insert: "XY", ID: ID{2, 0}}, {Insert: "def", ID: ID{1, 3}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if ops := eva.Text("text").Delta(); len(ops) != 1 || ops[0].Insert != "bcXYdef" {
		t.Errorf("delta is %+v, want one piece", ops)
	}
}
