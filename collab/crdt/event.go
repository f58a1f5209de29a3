package crdt

import (
	"slices"
	"sort"
)

// Change is one step of an event's delta, to be read in order from the start of
// the sequence. Exactly one of Retain, Delete, Insert, Embed, Map and Values is set.
type Change struct {
	Retain int    // units that stay; Attrs are marks that changed on them (nil value = removed)
	Delete int    // units that are gone
	Insert string // new text; Attrs are its marks
	Embed  any    // a new embedded value or shared type other than a map
	Map    *Map   // a new embedded map
	Values []any  // new values of an array
	Attrs  Attrs
	ID     ID // of the first new unit
}

// Event tells what a transaction did to one root type.
type Event struct {
	Root   string
	Local  bool
	Delta  []Change // changes of the sequence
	Keys   []string // changed keys of a root map, sorted
	Nested []ID     // embedded types (by the id of their item) whose own content changed
}

// Observe calls f after every transaction, once for each root type that changed,
// when the document is already in its new state. f may start transactions.
func (d *Doc) Observe(f func(Event)) { d.observers = append(d.observers, f) }

// watched reports whether somebody must be told what transactions do. A change made without one tells followers by touched.
func (d *Doc) watched() bool { return len(d.observers)+len(d.followers) > 0 }

// events describes the running transaction; deleted content must still be there.
func (d *Doc) events() []Event {
	byRoot := make(map[int32]*Event)
	var order []int32
	get := func(root int32) *Event {
		e := byRoot[root]
		if e == nil {
			e = &Event{Root: d.strings[d.types[root].name], Local: d.tx.local}
			byRoot[root] = e
			order = append(order, root)
		}
		return e
	}
	for _, t := range d.tx.changed {
		root, gone := t, false
		for d.types[root].item != none {
			it := &d.items[d.types[root].item]
			if gone = gone || it.deleted(); it.parent == none {
				gone = true
				break
			}
			root = it.parent
		}
		if gone {
			continue
		}
		e := get(root)
		if root == t {
			e.Delta = d.delta(t)
		} else {
			e.Nested = append(e.Nested, d.idOf(&d.items[d.types[t].item]))
		}
	}
	for _, k := range d.tx.keys {
		if e := byRoot[k.owner]; e != nil {
			if name := d.strings[k.key]; !slices.Contains(e.Keys, name) {
				e.Keys = append(e.Keys, name)
			}
		}
	}
	out := make([]Event, 0, len(order))
	for _, r := range order {
		slices.Sort(byRoot[r].Keys)
		out = append(out, *byRoot[r])
	}
	return out
}

// deletedNow reports whether this transaction deleted the item.
func (d *Doc) deletedNow(it *item) bool {
	ds := d.tx.deleted
	i := sort.Search(len(ds), func(i int) bool {
		return ds[i].client > it.client || ds[i].client == it.client && ds[i].clock > it.clock
	}) - 1
	return i >= 0 && ds[i].client == it.client && it.clock < ds[i].clock+ds[i].len
}

// delta compares the sequence before and after the running transaction, as
// YTextEvent.delta does.
func (d *Doc) delta(t int32) []Change {
	var out []Change
	var cur, old attrList // marks in force now, and before
	var pending attrList  // changed marks of what is retained
	var run Change        // the step being built; none of the fields set = no step
	flush := func() {
		switch {
		case run.Retain > 0:
			if len(pending) > 0 {
				run.Attrs = pending.attrs(d)
			}
			out = append(out, run)
		case run.Delete > 0 || run.Insert != "" || run.Embed != nil || run.Map != nil || run.Values != nil:
			out = append(out, run)
		}
		run = Change{}
	}
	for x := d.types[t].start; x != none; x = d.items[x].right {
		it := &d.items[x]
		known := d.before(it.client)
		added, gone := it.clock >= known, it.deleted() && d.deletedNow(it)
		if it.deleted() && (added || !gone) {
			continue
		}
		if it.kind == kindFormat {
			key, value := d.format(it)
			switch {
			case added:
				if !sameJSON(cur.orNull(key), value) {
					if run.Retain > 0 {
						flush()
					}
					if sameJSON(value, old.orNull(key)) {
						pending.remove(key)
					} else {
						pending.set(key, value)
					}
				}
			case gone:
				old.set(key, value)
				if now := cur.orNull(key); !sameJSON(now, value) {
					if run.Retain > 0 {
						flush()
					}
					pending.set(key, now)
				}
			default:
				old.set(key, value)
				if p, ok := pending.get(key); ok && !sameJSON(p, value) {
					if run.Retain > 0 {
						flush()
					}
					if isNull(value) {
						pending.remove(key)
					} else {
						pending.set(key, value)
					}
				}
			}
			if !it.deleted() {
				if run.Insert != "" {
					flush()
				}
				cur.update(key, value)
			}
			continue
		}
		if !it.countable() {
			continue
		}
		switch {
		case gone:
			if run.Delete == 0 {
				flush()
			}
			run.Delete += int(min(it.end(), known) - it.clock)
		case !added:
			if run.Retain == 0 {
				flush()
			}
			run.Retain += int(min(it.end(), known) - it.clock)
			if it.end() > known { // typing has made the item longer
				flush()
				at, _ := utf16Cut(d.content(it), int(known-it.clock))
				run.Attrs, run.ID = cur.attrs(d), ID{d.clients[it.client].id, known}
				run.Insert = string(d.content(it)[at:])
			}
		case it.kind == kindString:
			if run.Insert == "" {
				flush()
				run.Attrs, run.ID = cur.attrs(d), d.idOf(it)
			}
			run.Insert += string(d.content(it))
		case it.kind == kindEmbed || it.kind == kindType:
			flush()
			run.Attrs, run.ID = cur.attrs(d), d.idOf(it)
			if m, ok := d.values(it)[0].(*Map); ok {
				run.Map = m
			} else {
				run.Embed = d.values(it)[0]
			}
			flush()
		default:
			if run.Values == nil {
				flush()
				run.ID = d.idOf(it)
			}
			run.Values = append(run.Values, d.values(it)...)
		}
	}
	flush()
	for len(out) > 0 && out[len(out)-1].Retain > 0 && out[len(out)-1].Attrs == nil {
		out = out[:len(out)-1]
	}
	return out
}
