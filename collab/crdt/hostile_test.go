package crdt

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"
)

// hostile are messages that kill, hang or fool other engines; all must be refused.
func hostile() map[string][]byte {
	deep := wire{}.n(1, 1, 5, 0).raw(0x08).n(1).s("text").n(1)
	for range 1_000_000 {
		deep = deep.raw(117, 1)
	}
	embed := strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)
	return map[string][]byte{
		"string of 2^40 bytes":                root(5, 0).raw(0x04).n(1).s("text").n(1 << 40),
		"any array of 2^40 values":            root(5, 0).raw(0x08).n(1).s("text").n(1).raw(117).n(1 << 40),
		"any object of 2^40 keys":             root(5, 0).raw(0x08).n(1).s("text").n(1).raw(118).n(1 << 40),
		"2^40 clients":                        wire{}.n(1 << 40),
		"2^40 structs":                        wire{}.n(1, 1<<40, 5, 0),
		"2^40 anys":                           root(5, 0).raw(0x08).n(1).s("text").n(1 << 40),
		"2^40 JSON values":                    root(5, 0).raw(0x02).n(1).s("text").n(1 << 40),
		"2^40 clients in the delete set":      wire{}.n(0, 1<<40),
		"2^40 ranges":                         wire{}.n(0, 1, 5, 1<<40),
		"any nested a million deep":           deep.done(),
		"JSON nested a hundred thousand deep": root(5, 0).raw(0x05).n(1).s("text").s(embed).done(),
		"GC of 2^52 clocks":                   root(5, 0).raw(0).n(1 << 52).done(),
		"GC of 2^32-1 clocks at 1":            root(5, 1).raw(0).n(1<<32 - 1).done(),
		"deleted of 2^52 clocks":              root(5, 0).raw(0x01).n(1).s("text").n(1 << 52).done(),
		"deleted range of 2^52 clocks":        deletes(5, 0, 1<<52),
		"empty string":                        root(5, 0).text("").done(),
		"deleted of no clocks":                root(5, 0).raw(0x01).n(1).s("text").n(0).done(),
		"GC of no clocks":                     root(5, 0).raw(0).n(0).done(),
		"no anys":                             root(5, 0).raw(0x08).n(1).s("text").n(0).done(),
		"origin in its own future":            root(5, 0).after(5, 7).s("x").done(),
		"origin in itself":                    root(5, 0).after(5, 0).s("x").done(),
		"parent in its own future":            root(5, 0).raw(0x04).n(0, 5, 0).s("x").done(),
		"invalid UTF-8":                       root(5, 0).text("\xff").done(),
		"surrogate in UTF-8":                  root(5, 0).text("\xed\xa0\x80").done(),
		"JSON that is none":                   root(5, 0).raw(0x05).n(1).s("text").s("{").done(),
		"mark with JSON that is none":         root(5, 0).raw(0x06).n(1).s("text").s("b").s("tru").done(),
		"unknown kind of content":             root(5, 0).raw(0x0b).n(1).s("text").done(),
		"unknown kind of type":                root(5, 0).raw(0x07).n(1).s("text").n(9).done(),
		"unknown kind of any":                 root(5, 0).raw(0x08).n(1).s("text").n(1).raw(7).done(),
		"duplicate sections":                  wire{}.n(2, 1, 5, 0).text("a").n(1, 5, 1).text("b").done(),
		"trailing bytes":                      root(5, 0).text("a").n(0, 0),
		"client id of 54 bits":                root(1<<53, 0).text("a").done(),
		"number without an end":               bytes.Repeat([]byte{0x80}, 1000),
		"good item, then a bad one":           wire{}.n(1, 2, 5, 0).text("a").raw(0x84).n(5, 0).s("\xff").done(),
		"good section, then a bad one":        wire{}.n(2, 1, 6, 0).text("a").n(1, 5, 0).raw(0x0b).done(),
		"good structs, then a bad delete set": root(5, 0).text("a").n(1, 5, 1, 0),
		"nothing":                             nil,
	}
}

func sample(t testing.TB) *Doc {
	d := New(Config{Client: 1})
	d.Transact(func() {
		d.Text("text").InsertMap(0, map[string]any{"kind": "p"}, nil)
		d.Text("text").Insert(1, "Usnesení č. 1 😀 rady", Attrs{"strong": true})
		d.Map("map").Set("a", []any{int64(1), "x"})
		d.Array("array").Insert(0, 1, 2, 3)
	})
	return d
}

func TestHostileUpdatesChangeNothing(t *testing.T) {
	d := sample(t)
	before := d.Encode()
	for name, u := range hostile() {
		start := time.Now()
		var m, n runtime.MemStats
		runtime.ReadMemStats(&m)
		err := d.Apply(u)
		runtime.ReadMemStats(&n)
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v, want it refused", name, err)
		}
		if !bytes.Equal(d.Encode(), before) || d.Pending() {
			t.Errorf("%s: the document changed", name)
		}
		if grown := n.TotalAlloc - m.TotalAlloc; grown > uint64(4*len(u))+64<<10 {
			t.Errorf("%s: %d bytes took %d bytes of memory", name, len(u), grown)
		}
		if took := time.Since(start); took > 10*time.Second { // a hang, not a budget
			t.Errorf("%s: took %v", name, took)
		}
		for _, f := range []func() error{
			func() error { _, err := MergeUpdates(u, before); return err },
			func() error { _, err := DiffUpdate(u, []byte{0}); return err },
			func() error { _, err := StateVectorOf(u); return err },
		} {
			if err := f(); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s: without a document: got %v, want it refused", name, err)
			}
		}
	}
	if err := check(d); err != nil {
		t.Error(err)
	}
}

// big are well-formed messages of about size bytes. A megabyte of them costs others minutes.
func big(size int) map[string][]byte {
	half, cuts := uint64(size/2), uint64(size/50)
	out := map[string][]byte{}
	add := func(name string, n uint64, each func(b wire, i uint64) wire) {
		b := wire{}
		count := uint64(0)
		for count < n && len(b) < size-64 {
			b = each(b, count)
			count++
		}
		out[name] = append(wire{}.n(1, count, 5, 0), b.done()...)
	}
	add("typing backwards", 1<<20, func(b wire, i uint64) wire {
		if i == 0 {
			return b.text("x")
		}
		return b.raw(0x44).n(5, i-1).s("x")
	})
	add("nested maps", 1<<20, func(b wire, i uint64) wire {
		if i == 0 {
			return b.raw(0x27).n(1).s("map").s("k").n(1)
		}
		return b.raw(0x27).n(0, 5, i-1).s("k").n(1)
	})
	add("one key set again and again", 1<<20, func(b wire, i uint64) wire {
		if i == 0 {
			return b.raw(0x28).n(1).s("map").s("k").n(1).raw(126)
		}
		return b.raw(0xa8).n(5, i-1).n(1).raw(126)
	})
	pending := wire{}
	clients := uint64(0)
	for len(pending) < size-64 {
		pending = pending.n(1, 1_000_000-clients, 5).raw(0).n(1)
		clients++
	}
	out["GC structs of many clients that wait"] = append(wire{}.n(clients), pending.done()...)
	roots := wire{}
	clients = 0
	for len(roots) < size-64 {
		roots = roots.n(1, 1_000_000-clients, 0).text("x")
		clients++
	}
	out["many clients at one place"] = append(wire{}.n(clients), roots.done()...)
	values := wire{}.n(1, 1+cuts, 5, 0).raw(0x08).n(1).s("array").n(half).join(bytes.Repeat([]byte{126}, int(half)))
	czech := wire{}.n(1, 1+cuts, 5, 0).text(strings.Repeat("ř", int(half/2)))
	for i := range cuts {
		values = values.raw(0xc8).n(5, half-2-7*i, 5, half-1-7*i, 1).raw(126)
		czech = czech.raw(0xc4).n(5, half/2-2-7*i, 5, half/2-1-7*i).s("x")
	}
	out["a long array cut from its end"] = values.done()
	out["a long Czech text cut from its end"] = czech.done()
	ds := wire{}.n(1, 1, 5, 0).text(strings.Repeat("ř", int(half/2))).n(1, 5, half/8)
	for i := range half / 8 {
		ds = ds.n(half/2-2-2*i, 1)
	}
	out["every other character deleted, from the end"] = ds
	return out
}

func TestBigMessagesCostTheirSize(t *testing.T) {
	for name, u := range big(1 << 20) {
		d := New(Config{Client: 1})
		var m, n runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		start := time.Now()
		err := d.Apply(u)
		took := time.Since(start)
		runtime.ReadMemStats(&n)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		grown := n.TotalAlloc - m.TotalAlloc
		t.Logf("%-45s %7d bytes: %8.1f ms, %5.1f bytes allocated per byte", name, len(u), float64(took.Microseconds())/1000, float64(grown)/float64(len(u)))
		if took > 20*time.Second { // quadratic, on any machine
			t.Errorf("%s: took %v", name, took)
		}
		if err := check(d); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		d.Map("map").JSON()
		d.Text("text").Delta()
		if again := New(Config{}); again.Apply(d.Encode()) != nil {
			t.Errorf("%s: own state is refused", name)
		}
	}
}

func TestMutatedUpdatesNeverPanic(t *testing.T) {
	d := sample(t)
	state := d.Encode()
	updates := [][]byte{state}
	for i := range 20 {
		updates = append(updates, d.Transact(func() {
			d.Text("text").Insert(i, "mě😀", Attrs{"em": i%2 == 0})
			d.Text("text").Delete(i/2, 2)
			d.Map("map").Set("k", []any{int64(i)})
		}))
	}
	r := rand.New(rand.NewPCG(7, 7))
	refused := 0
	const rounds = 12_000
	for range rounds {
		m := bytes.Clone(updates[r.IntN(len(updates))])
		for k := 1 + r.IntN(3); k > 0; k-- {
			switch i := r.IntN(len(m)); r.IntN(3) {
			case 0:
				m[i] ^= byte(1 << r.IntN(8))
			case 1:
				m[i] = byte(r.IntN(256))
			default:
				m = append(m[:i], m[min(len(m), i+r.IntN(4)):]...)
				if len(m) == 0 {
					m = []byte{0}
				}
			}
		}
		c := New(Config{Client: 3})
		if err := c.Apply(state); err != nil {
			t.Fatal(err)
		}
		if err := c.Apply(m); err != nil {
			refused++
			if !bytes.Equal(c.Encode(), state) {
				t.Fatalf("refused %x with %v, but the document changed", m, err)
			}
			continue
		}
		if err := check(c); err != nil {
			t.Fatalf("after %x: %v", m, err)
		}
		full := c.Encode()
		again := New(Config{Client: 4})
		if err := again.Apply(full); err != nil {
			t.Fatalf("after %x: own state is refused: %v", m, err)
		}
		if !c.Pending() && !bytes.Equal(again.StateVector(), c.StateVector()) {
			t.Fatalf("after %x: own state loads differently", m)
		}
	}
	t.Logf("%d of %d refused", refused, rounds)
}
