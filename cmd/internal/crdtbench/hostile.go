package crdtbench

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strings"

	"spolupis/collab/crdt"
	"spolupis/collab/gate"
)

const hostileName = "hostile"

// message is one update of about a megabyte, made by hand to hurt.
type message struct {
	name string
	b    []byte
	bad  bool // is no update at all and must be refused
}

// hostileMessages are what makes engines run out of time, memory or stack. Some are well-formed: an engine has to take them
// in, a server need not. size is about how long each is.
func hostileMessages(size int) []message {
	return append(wellFormed(size), malformed(size-64)...) // not over the size that the gate refuses unread
}

// structs is one section of client 5 that fills size bytes; each writes the i-th struct.
func structs(size int, each func(b wire, i uint64) wire) []byte {
	var b wire
	n := uint64(0)
	for ; len(b) < size-64; n++ {
		b = each(b, n)
	}
	return append(wire{}.n(1, n, 5, 0), b.n(0)...)
}

// sections fills size bytes with sections of one struct each, of different clients.
func sections(size int, each func(b wire, client uint64) wire) []byte {
	var b wire
	n := uint64(0)
	for ; len(b) < size-64; n++ {
		b = each(b, 1_000_000-n)
	}
	return append(wire{}.n(n), b.n(0)...)
}

func wellFormed(size int) []message {
	half, cuts := uint64(size/2), uint64(size/50)
	list := wire{}.n(1, 1+cuts, 5, 0).raw(0x08).n(1).s("array").n(half).join(bytes.Repeat([]byte{126}, int(half)))
	czech := wire{}.n(1, 1+cuts, 5, 0).raw(0x04).n(1).s("text").s(strings.Repeat("ř", int(half/2)))
	for i := range cuts {
		list = list.raw(0xc8).n(5, half-2-7*i, 5, half-1-7*i, 1).raw(126)
		czech = czech.raw(0xc4).n(5, half/2-2-7*i, 5, half/2-1-7*i).s("x")
	}
	holes := wire{}.n(1, 1, 5, 0).raw(0x04).n(1).s("text").s(strings.Repeat("ř", int(half/2))).n(1, 5, half/8)
	for i := range half / 8 {
		holes = holes.n(half/2-2-2*i, 1)
	}
	return []message{
		{name: "typing backwards", b: structs(size, func(b wire, i uint64) wire {
			if i == 0 {
				return b.raw(0x04).n(1).s("text").s("x")
			}
			return b.raw(0x44).n(5, i-1).s("x")
		})},
		{name: "nested maps", b: structs(size, func(b wire, i uint64) wire {
			if i == 0 {
				return b.raw(0x27).n(1).s("map").s("k").n(1)
			}
			return b.raw(0x27).n(0, 5, i-1).s("k").n(1)
		})},
		{name: "one key set again and again", b: structs(size, func(b wire, i uint64) wire {
			if i == 0 {
				return b.raw(0x28).n(1).s("map").s("k").n(1).raw(126)
			}
			return b.raw(0xa8).n(5, i-1).n(1).raw(126)
		})},
		{name: "marks without text", b: structs(size, func(b wire, i uint64) wire {
			if i == 0 {
				return b.raw(0x06).n(1).s("text").s("b").s("true")
			}
			return b.raw(0x86).n(5, i-1).s("b").s("true")
		})},
		{name: "root types by the thousand", b: structs(size, func(b wire, i uint64) wire {
			return b.raw(0x04).n(1).s(fmt.Sprint("r", i)).s("x")
		})},
		{name: "many clients at one place", b: sections(size, func(b wire, client uint64) wire {
			return b.n(1, client, 0).raw(0x04).n(1).s("text").s("x")
		})},
		{name: "many clients that wait", b: sections(size, func(b wire, client uint64) wire {
			return b.n(1, client, 5).raw(0).n(1)
		})},
		{name: "a long array cut from its end", b: list.n(0)},
		{name: "a long Czech text cut from its end", b: czech.n(0)},
		{name: "every other character deleted, from the end", b: holes},
	}
}

func malformed(size int) []message {
	deep := wire{}.n(1, 1, 5, 0).raw(0x08).n(1).s("text").n(1).join(bytes.Repeat([]byte{117, 1}, size/2))
	nested := strings.Repeat("[", size/2) + strings.Repeat("]", size/2)
	lastBad := structs(size, func(b wire, i uint64) wire {
		if i == 0 {
			return b.raw(0x04).n(1).s("text").s("x")
		}
		return b.raw(0x44).n(5, i-1).s("x")
	})
	many := bytes.Repeat([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f}, size/8)
	return []message{
		{"values nested half a million deep", deep.n(0), true},
		{"JSON nested half a million deep", wire{}.n(1, 1, 5, 0).raw(0x05).n(1).s("text").s(nested).n(0), true},
		{"a megabyte of good items, then a bad delete set", append(lastBad[:len(lastBad)-1], 1, 5, 1, 0), true},
		{"2^40 strings of 2^40 bytes", wire{}.n(1, 1<<40, 5, 0).raw(0x04).n(1).s("text").n(1 << 40).join(many), true},
		{"2^40 clients", wire{}.n(1 << 40).join(many), true},
		{"2^40 ranges", wire{}.n(0, 1, 5, 1<<40).join(many), true},
		{"a number without an end", bytes.Repeat([]byte{0x80}, size), true},
	}
}

// hostile measures every message alone, on a document that has something in it, by the engine alone and behind the gate.
// The last two rows are the worst of all.
func (b *bench) hostile(ctx context.Context) error {
	if !b.measures("ours") {
		return nil
	}
	size := 1 << 20
	if b.cfg.Quick {
		size = 8 << 10
	}
	worst := map[string]*result{}
	ways := []string{"apply", "gate+apply"}
	for _, m := range hostileMessages(size) {
		for _, way := range ways {
			if err := ctx.Err(); err != nil {
				return err
			}
			r := b.attack(m, way == "gate+apply")
			r.Workload, r.Engine = hostileName, "ours"
			if w := worst[way]; w == nil {
				worst[way] = &result{Workload: hostileName, Phase: "worst: " + way, Engine: "ours", Median: r.Median, PerOp: r.PerOp, Allocs: r.Allocs, Bytes: r.Bytes, Equal: r.Equal, Runs: r.Runs, Note: r.Phase}
			} else {
				if r.Median > w.Median {
					w.Median, w.PerOp, w.Note = r.Median, r.PerOp, r.Phase
				}
				if r.Bytes > w.Bytes {
					w.Bytes, w.Allocs = r.Bytes, r.Allocs
				}
				w.Equal = w.Equal && r.Equal
			}
			r.Phase = way + ": " + r.Phase
			b.add(r)
		}
	}
	for _, way := range ways {
		w := worst[way]
		w.Note = fmt.Sprintf("%.1f B allocated per byte at most; slowest: %s", float64(w.Bytes)/float64(size), w.Note)
		b.report.add(*w) // not b.add: what differs was counted with its message
	}
	return nil
}

// attack sends one message N times. Bytes are what it took of memory in all; equal says that there was no panic, that what is
// no update was refused, that a refusal changed nothing and that what was accepted is a state which can be loaded.
func (b *bench) attack(m message, gated bool) result {
	var samples []sample
	equal, outcome, allocated := true, "accepted", 0
	for range b.cfg.N {
		d := crdt.New(crdt.Config{Client: 1})
		d.Transact(func() { d.Text("body").Insert(0, "Rada kraje schvaluje návrh.", nil) })
		before := d.Encode()
		runtime.GC()
		var at, then runtime.MemStats
		runtime.ReadMemStats(&at)
		start := now(b.cfg.Wall)
		err := send(d, m.b, gated)
		took := now(b.cfg.Wall) - start
		runtime.ReadMemStats(&then)
		samples = append(samples, sample{took: took, ops: 1, bytes: len(m.b), allocs: int(then.Mallocs - at.Mallocs)})
		allocated = max(allocated, int(then.TotalAlloc-at.TotalAlloc))
		_, panicked := err.(panicked)
		switch {
		case panicked:
			equal, outcome = false, err.Error()
		case err != nil:
			outcome = "refused"
			equal = equal && bytes.Equal(d.Encode(), before) && !d.Pending()
		default:
			equal = equal && !m.bad && crdt.New(crdt.Config{Client: 2}).Apply(d.Encode()) == nil
		}
	}
	r := summary(samples)
	r.Phase, r.Equal, r.Bytes = m.name, equal, allocated
	r.Note = fmt.Sprintf("%d B, %s, %.1f B allocated per byte", len(m.b), outcome, float64(allocated)/float64(len(m.b)))
	return r
}

// panicked is what a panic becomes.
type panicked string

func (p panicked) Error() string { return "panic: " + string(p) }

func send(d *crdt.Doc, u []byte, gated bool) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(fmt.Sprint(p))
		}
	}()
	if gated {
		// Every client is leased to the sender: the gate has to look at everything.
		if _, err := gate.Check(gate.Request{Doc: d, Update: u, Leased: func(uint64) bool { return true }}); err != nil {
			return err
		}
	}
	return d.Apply(u)
}

// wire writes the primitives of the update format.
type wire []byte

func (b wire) n(xs ...uint64) wire {
	for _, x := range xs {
		for ; x >= 0x80; x >>= 7 {
			b = append(b, byte(x)|0x80)
		}
		b = append(b, byte(x))
	}
	return b
}

func (b wire) s(s string) wire    { return append(b.n(uint64(len(s))), s...) }
func (b wire) raw(p ...byte) wire { return append(b, p...) }
func (b wire) join(p []byte) wire { return append(b, p...) }
