package crdt

import (
	"bytes"
	"slices"
)

// Map is a set of keys with values; of concurrent writes to a key one wins everywhere.
type Map struct {
	d *Doc
	t int32
}

// Array is a sequence of values.
type Array struct {
	d *Doc
	t int32
}

// Element is an XML element, fragment or hook: children in order and attributes.
type Element struct {
	d *Doc
	t int32
}

// Subdoc is an embedded document; only its name is kept.
type Subdoc struct{ GUID string }

// Empty is a value that Set and Insert turn into a new, empty shared type.
type Empty uint8

// Shared types that can be put into a Map or an Array.
const (
	EmptyArray Empty = typeArray
	EmptyMap   Empty = typeMap
	EmptyText  Empty = typeText
)

// Map returns the root type of that name as a map.
func (d *Doc) Map(name string) *Map { return &Map{d, d.root(d.internString(name))} }

// Array returns the root type of that name as an array.
func (d *Doc) Array(name string) *Array { return &Array{d, d.root(d.internString(name))} }

// Fragment returns the root type of that name as an XML fragment.
func (d *Doc) Fragment(name string) *Element { return &Element{d, d.root(d.internString(name))} }

// wrap gives a shared type its public face.
func (d *Doc) wrap(t int32) any {
	switch d.types[t].ref {
	case typeMap:
		return &Map{d, t}
	case typeText, typeXMLText:
		return &Text{d, t}
	case typeArray:
		return &Array{d, t}
	}
	return &Element{d, t}
}

// values decodes what an item holds.
func (d *Doc) values(it *item) []any {
	switch it.kind {
	case kindAny:
		r := reader{b: d.content(it)}
		out := make([]any, it.length)
		for i := range out {
			out[i] = r.any()
		}
		return out
	case kindJSON:
		r := reader{b: d.content(it)}
		out := make([]any, it.length)
		for i := range out {
			out[i] = decodeJSON(r.bytes())
		}
		return out
	case kindString:
		units := make([]any, 0, it.length)
		for _, c := range string(d.content(it)) {
			units = append(units, string(c))
			if c > 0xffff {
				units = append(units, "")
			}
		}
		return units
	case kindBinary:
		return []any{bytes.Clone(d.content(it))}
	case kindEmbed:
		return []any{decodeJSON(d.content(it))}
	case kindType:
		return []any{d.wrap(int32(it.off))}
	case kindDoc:
		r := reader{b: d.content(it)}
		return []any{Subdoc{string(r.bytes())}}
	}
	return nil
}

// plain turns shared types inside a value into plain Go values, at most so deep.
func plain(v any, depth int) any {
	if depth > maxDepth {
		return nil
	}
	switch v := v.(type) {
	case Undefined:
		return nil
	case *Map:
		return v.json(depth + 1)
	case *Array:
		return v.json(depth + 1)
	case *Text:
		return v.String()
	case *Element:
		return v.d.list(v.t, depth+1)
	}
	return v
}

// addValue inserts one value of our own as an item.
func (d *Doc) addValue(t, key, left, right int32, v any) int32 {
	switch v := v.(type) {
	case Empty:
		return d.addLocal(t, key, left, right, kindType, []byte{byte(v)}, 1)
	case []byte:
		return d.addLocal(t, key, left, right, kindBinary, v, 1)
	}
	return d.addLocal(t, key, left, right, kindAny, appendAny(nil, v), 1)
}

// ID is the id of the item that holds an embedded map; zero for a root.
func (m *Map) ID() ID {
	if x := m.d.types[m.t].item; x != none {
		return m.d.idOf(&m.d.items[x])
	}
	return ID{}
}

// Deleted reports whether the map, or something it is embedded in, was deleted.
func (m *Map) Deleted() bool { return m.d.gone(m.t) }

// gone reports whether a type is deleted, or was never put into the document.
func (d *Doc) gone(t int32) bool {
	ty := &d.types[t]
	if ty.item == none {
		return ty.name == none
	}
	return ty.collected || d.items[ty.item].deleted() // a collected type's item may be another's by now
}

// Get returns the value of a key: a plain value or a handle of a shared type.
func (m *Map) Get(key string) (any, bool) {
	k, ok := m.d.names[key]
	if !ok {
		return nil, false
	}
	x := m.d.current(m.t, k)
	if x == none || m.d.items[x].deleted() {
		return nil, false
	}
	vs := m.d.values(&m.d.items[x])
	if len(vs) == 0 {
		return nil, false
	}
	if _, ok := vs[len(vs)-1].(Undefined); ok {
		return nil, true
	}
	return vs[len(vs)-1], true
}

// Set gives a key a value: nil, bool, a number, a string, []byte, []any,
// map[string]any, or an Empty shared type. On a deleted map it does nothing.
func (m *Map) Set(key string, v any) {
	d := m.d
	if m.Deleted() || !d.room(1) {
		return
	}
	d.edit(func() {
		k := d.internString(validString(key))
		d.addValue(m.t, k, d.current(m.t, k), none, v)
	})
}

// Delete removes a key.
func (m *Map) Delete(key string) {
	if k, ok := m.d.names[key]; ok {
		if x := m.d.current(m.t, k); x != none {
			m.d.edit(func() { m.d.delete(x) })
		}
	}
}

// Keys lists the keys that have a value, sorted.
func (m *Map) Keys() []string {
	var keys []string
	for e := m.d.types[m.t].firstKey; e != none; e = m.d.entries[e].next {
		if !m.d.items[m.d.entries[e].item].deleted() {
			keys = append(keys, m.d.strings[m.d.entries[e].key])
		}
	}
	slices.Sort(keys)
	return keys
}

// JSON returns a copy of the content, with shared types inside made plain.
func (m *Map) JSON() map[string]any { return m.json(0) }

func (m *Map) json(depth int) map[string]any {
	out := make(map[string]any)
	for _, k := range m.Keys() {
		v, _ := m.Get(k)
		out[k] = plain(v, depth)
	}
	return out
}

// Len is the number of values.
func (a *Array) Len() int { return int(a.d.types[a.t].length) }

// Get returns the value at i, or nil past the end.
func (a *Array) Get(i int) any {
	if i < 0 || i >= a.Len() {
		return nil
	}
	x, start := a.d.indexOf(a.t).seek(i)
	for i -= start; x != none; x = a.d.items[x].right {
		it := &a.d.items[x]
		if !it.countable() || it.deleted() {
			continue
		}
		if i < int(it.length) {
			return a.d.values(it)[i]
		}
		i -= int(it.length)
	}
	return nil
}

// Insert puts values at position i (past the end means at the end); see Map.Set
// for what a value may be.
func (a *Array) Insert(i int, values ...any) {
	d := a.d
	if len(values) == 0 || i < 0 || d.gone(a.t) || !d.room(len(values)) {
		return
	}
	d.edit(func() {
		left := none
		if i = min(i, a.Len()); i > 0 {
			x, start := d.indexOf(a.t).seek(i - 1)
			for rest := i - start; x != none; x = d.items[x].right {
				it := &d.items[x]
				if !it.countable() || it.deleted() {
					continue
				}
				if rest <= int(it.length) {
					if rest < int(it.length) {
						d.cleanStart(it.client, it.clock+uint32(rest))
					}
					left = x
					break
				}
				rest -= int(it.length)
			}
		}
		right := d.types[a.t].start
		if left != none {
			right = d.items[left].right
		}
		var packed []byte
		n := uint32(0)
		pack := func() {
			if n > 0 {
				left = d.addLocal(a.t, none, left, right, kindAny, packed, n)
				packed, n = nil, 0
			}
		}
		for _, v := range values {
			switch v.(type) {
			case Empty, []byte:
				pack()
				left = d.addValue(a.t, none, left, right, v)
			default:
				packed = appendAny(packed, v)
				n++
			}
		}
		pack()
	})
}

// Delete removes n values from position i; what lies past the end is ignored.
func (a *Array) Delete(i, n int) {
	d := a.d
	n = min(n, a.Len()-i)
	if n <= 0 || i < 0 {
		return
	}
	d.edit(func() {
		x, start := d.indexOf(a.t).seek(i)
		for skip := i - start; x != none && n > 0; {
			it := &d.items[x]
			if it.deleted() || skip > 0 && !it.countable() {
				x = it.right
				continue
			}
			if skip > 0 {
				if skip < int(it.length) {
					d.cleanStart(it.client, it.clock+uint32(skip))
				}
				skip -= int(d.items[x].length)
				x = d.items[x].right
				continue
			}
			if n < int(it.length) {
				d.cleanStart(it.client, it.clock+uint32(n))
			}
			d.delete(x)
			n -= int(d.items[x].length)
			x = d.items[x].right
		}
	})
}

// JSON returns a copy of the content, with shared types inside made plain.
func (a *Array) JSON() []any { return a.json(0) }

func (a *Array) json(depth int) []any { return a.d.list(a.t, depth) }

func (d *Doc) list(t int32, depth int) []any {
	out := []any{}
	for x := d.types[t].start; x != none; x = d.items[x].right {
		if it := &d.items[x]; it.countable() && !it.deleted() {
			for _, v := range d.values(it) {
				out = append(out, plain(v, depth))
			}
		}
	}
	return out
}

// Name is the name of an element or a hook, or of a root fragment.
func (e *Element) Name() string {
	if n := e.d.types[e.t].name; n != none {
		return e.d.strings[n]
	}
	return ""
}

// Children are the handles of what the element contains.
func (e *Element) Children() []any {
	var out []any
	for x := e.d.types[e.t].start; x != none; x = e.d.items[x].right {
		if it := &e.d.items[x]; it.countable() && !it.deleted() {
			out = append(out, e.d.values(it)...)
		}
	}
	return out
}

// Attrs are the attributes of an element.
func (e *Element) Attrs() map[string]any { return (&Map{e.d, e.t}).JSON() }
