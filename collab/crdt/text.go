package crdt

import (
	"math"
	"slices"
	"strings"
)

// Attrs are the marks of a piece of text: a name and a value that JSON can hold
// (nil, bool, int64, float64, string, []any, map[string]any). In an edit, nil
// removes the mark.
type Attrs map[string]any

// Op is a piece of a text: exactly one of Insert, Embed and Map is set.
type Op struct {
	Insert string
	Embed  any  // a JSON value, or *Text, *Array, *Element for an embedded shared type
	Map    *Map // an embedded Y.Map
	Attrs  Attrs
	ID     ID // of the first character, or of the embedded thing

	Deleted bool // only from Everything
}

// Text is a sequence of characters and embedded things with marks.
type Text struct {
	d *Doc
	t int32
}

// Text returns the root type of that name as text. The same name must not be used
// for types of different kinds.
func (d *Doc) Text(name string) *Text { return &Text{d, d.root(d.internString(name))} }

// Len is the length in UTF-16 units; an embedded thing counts one.
func (t *Text) Len() int { return int(t.d.types[t.t].length) }

// String is the text alone, without marks and embedded things.
func (t *Text) String() string {
	var b strings.Builder
	for x := t.d.types[t.t].start; x != none; x = t.d.items[x].right {
		if it := &t.d.items[x]; it.kind == kindString && !it.deleted() {
			b.Write(t.d.content(it))
		}
	}
	return b.String()
}

// Delta returns the content as pieces of equal marks. Pieces may share one Attrs,
// which must not be changed.
func (t *Text) Delta() []Op { return t.pieces(false, false) }

// Authored is Delta cut also wherever the ids of neighbouring characters do not follow
// on from each other: every piece is one writer's, and its n-th unit has the clock
// ID.Clock+n.
func (t *Text) Authored() []Op { return t.pieces(true, false) }

// Everything is Authored with what has been deleted, in its place. Of a document that does not keep deleted content
// (Config.KeepDeleted) it gives what Authored gives.
func (t *Text) Everything() []Op { return t.pieces(true, true) }

func (t *Text) pieces(byWriter, gone bool) []Op {
	ops, _, _ := t.read(t.d.types[t.t].start, nil, cutting{byWriter: byWriter, gone: gone})
	return ops
}

// cutting says which pieces read makes of a text.
type cutting struct {
	byWriter bool // cut wherever ids do not follow on from each other
	gone     bool // with what has been deleted
	inPart   bool // end with the part that is called part
	part     Part
}

// read returns the pieces from item x on, where the marks cur are in force. With them come the marks in force at the end
// and the map that begins the next part, if it ended there.
func (t *Text) read(x int32, cur attrList, c cutting) (ops []Op, after attrList, end int32) {
	d := t.d
	attrs := cur.attrs(d)
	var text []byte
	var first, next ID
	deleted := false // of text
	pack := func() {
		if len(text) > 0 {
			ops = append(ops, Op{Insert: string(text), Attrs: attrs, ID: first, Deleted: deleted})
			text = text[:0]
		}
	}
	for ; x != none; x = d.items[x].right {
		it := &d.items[x]
		if it.deleted() && (!c.gone || it.kind == kindFormat) {
			continue
		}
		switch it.kind {
		case kindString:
			if c.byWriter && d.idOf(it) != next || it.deleted() != deleted {
				pack()
			}
			deleted = it.deleted()
			if len(text) == 0 {
				first = d.idOf(it)
			}
			next = ID{d.clients[it.client].id, it.end()}
			text = append(text, d.content(it)...)
		case kindEmbed, kindType:
			pack()
			if c.inPart {
				if p := d.partOf(x); p != 0 && p != c.part {
					return ops, cur, x
				}
			}
			op := Op{Attrs: attrs, ID: d.idOf(it), Deleted: it.deleted()}
			if it.kind == kindEmbed {
				op.Embed = decodeJSON(d.content(it))
			} else if m, ok := d.wrap(int32(it.off)).(*Map); ok {
				op.Map = m
			} else {
				op.Embed = d.wrap(int32(it.off))
			}
			ops = append(ops, op)
		case kindFormat:
			pack()
			cur.update(d.format(it))
			attrs = cur.attrs(d)
		}
	}
	pack()
	return ops, cur, none
}

func (d *Doc) idOf(it *item) ID { return ID{d.clients[it.client].id, it.clock} }

// Insert puts s at position i (past the end means at the end). With nil attrs it
// takes the marks of what stands before it; otherwise it has exactly those given.
func (t *Text) Insert(i int, s string, attrs Attrs) {
	s = validString(s)
	if s == "" || !t.writable(len(s)) {
		return
	}
	t.d.edit(func() {
		if attrs == nil && t.d.typeOn(t.t, i, s) {
			return
		}
		pos := t.d.findPosition(t.t, i)
		given := toAttrList(t.d, attrs)
		if attrs == nil {
			given = slices.Clone(pos.attrs)
		}
		t.d.insertContent(t.t, &pos, given, kindString, []byte(s))
	})
}

// InsertEmbed puts a JSON value at position i; it counts one. nil attrs means none.
func (t *Text) InsertEmbed(i int, v any, attrs Attrs) {
	if !t.writable(1) {
		return
	}
	t.d.edit(func() {
		pos := t.d.findPosition(t.t, i)
		t.d.insertContent(t.t, &pos, toAttrList(t.d, attrs), kindEmbed, appendJSON(nil, v))
	})
}

// InsertMap embeds a new map with the given keys at position i.
func (t *Text) InsertMap(i int, m map[string]any, attrs Attrs) *Map {
	d := t.d
	if !t.writable(1 + len(m)) {
		return &Map{d, d.newType(none, none, typeMap, 0)}
	}
	var out *Map
	d.edit(func() {
		pos := d.findPosition(t.t, i)
		d.prelim = m
		x := d.insertContent(t.t, &pos, toAttrList(d, attrs), kindType, []byte{typeMap})
		out = &Map{d, int32(d.items[x].off)}
	})
	return out
}

// Delete removes n units from position i; what lies past the end is ignored.
func (t *Text) Delete(i, n int) {
	if n <= 0 {
		return
	}
	t.d.edit(func() {
		if t.d.typeBack(t.t, i, n) {
			return
		}
		pos := t.d.findPosition(t.t, i)
		t.d.deleteText(t.t, &pos, n)
	})
}

// Format sets marks on n units from position i. Past the end nothing happens.
func (t *Text) Format(i, n int, attrs Attrs) {
	n = min(n, t.Len()-i)
	if n <= 0 || len(attrs) == 0 || !t.writable(2*len(attrs)) {
		return
	}
	t.d.edit(func() {
		pos := t.d.findPosition(t.t, i)
		if pos.right != none {
			t.d.formatText(t.t, &pos, n, toAttrList(t.d, attrs))
		}
	})
}

// attr is a mark with its value as JSON.
type attr struct {
	key   int32
	value []byte
}

// attrList keeps marks in the order in which JavaScript's Map would.
type attrList []attr

func (l attrList) get(key int32) ([]byte, bool) {
	for i := range l {
		if l[i].key == key {
			return l[i].value, true
		}
	}
	return nil, false
}

var null = []byte("null")

// or returns the value of a mark, null when it is not set.
func (l attrList) orNull(key int32) []byte {
	if v, ok := l.get(key); ok {
		return v
	}
	return null
}

func (l *attrList) set(key int32, value []byte) {
	for i := range *l {
		if (*l)[i].key == key {
			(*l)[i].value = value
			return
		}
	}
	*l = append(*l, attr{key, value})
}

func (l *attrList) remove(key int32) {
	*l = slices.DeleteFunc(*l, func(a attr) bool { return a.key == key })
}

// update takes in a mark that is met on the way through a text.
func (l *attrList) update(key int32, value []byte) {
	if isNull(value) {
		l.remove(key)
	} else {
		l.set(key, value)
	}
}

func isNull(v []byte) bool { return string(v) == "null" }

func (l attrList) attrs(d *Doc) Attrs {
	if len(l) == 0 {
		return nil
	}
	a := make(Attrs, len(l))
	for _, x := range l {
		a[d.strings[x.key]] = decodeJSON(x.value)
	}
	return a
}

// toAttrList orders marks by name, so that equal edits make equal updates.
func toAttrList(d *Doc, attrs Attrs) attrList {
	var l attrList
	for _, k := range sortedKeys(attrs) {
		l = append(l, attr{d.internString(validString(k)), appendJSON(nil, attrs[k])})
	}
	return l
}

// textPos is a place between two items of a text.
type textPos struct {
	left, right int32
	attrs       attrList
	index       int
}

// cursor remembers where the last edit of ours ended: people type on from there, and
// the marks at a position are known only after a walk from the start.
type cursor struct {
	valid bool
	t     int32
	last  cid
	index int
	attrs attrList
}

func (d *Doc) forward(p *textPos) {
	it := &d.items[p.right]
	if !it.deleted() {
		if it.kind == kindFormat {
			p.attrs.update(d.format(it))
		} else {
			p.index += int(it.length)
		}
	}
	p.left, p.right = p.right, it.right
}

// typeOn makes our last text longer by s if that is where the last edit ended: at position i, with something
// visible behind it or nothing.
func (d *Doc) typeOn(t int32, i int, s string) bool {
	c := &d.cursor
	if !c.valid || c.t != t || c.index != i || d.types[t].formatted {
		return false
	}
	cl := &d.clients[c.last.client]
	if cl.id != d.me || c.last.clock+1 != cl.next {
		return false
	}
	x := cl.at(cl.last())
	right := cid{client: none}
	if r := d.items[x].right; r != none {
		it := &d.items[r]
		if it.deleted() {
			return false
		}
		right = cid{it.client, it.clock}
	}
	d.touch(c.last.client)
	var room [64]byte
	text := append(room[:0], s...)
	n := uint32(utf16Len(text))
	if !d.extend(c.last.client, c.last, right, text, n) {
		return false
	}
	c.last.clock += n
	c.index += int(n)
	return true
}

// typeBack takes the n units away that end at position i+n if that is where the last edit ended, they are the end of one
// text, and what follows has been deleted before.
func (d *Doc) typeBack(t int32, i, n int) bool {
	c := &d.cursor
	if !c.valid || c.t != t || c.index != i+n || d.types[t].formatted || d.keepDeleted || len(d.observers) > 0 {
		return false
	}
	cl := &d.clients[c.last.client]
	p := cl.find(c.last.clock)
	it := &d.items[cl.at(p)]
	if end := c.last.clock + 1; it.end() != end || uint64(n) >= uint64(it.length) || !d.deleteTail(c.last.client, p, end-uint32(n), end) {
		return false
	}
	c.last.clock -= uint32(n)
	c.index = i
	d.addDeleted(c.last.client, c.last.clock+1, uint32(n), none)
	return true
}

// findPosition walks to position i and cuts an item there if need be.
func (d *Doc) findPosition(t int32, i int) textPos {
	i = max(i, 0)
	pos := textPos{left: none, right: d.types[t].start}
	c := &d.cursor
	if !d.types[t].formatted {
		near := false
		if c.valid && c.t == t && c.index >= i {
			cl := &d.clients[c.last.client]
			x := cl.at(cl.find(c.last.clock))
			it := &d.items[x]
			if c.index == i && (it.end()-1 == c.last.clock || it.deleted()) {
				return textPos{left: x, right: it.right, index: i}
			}
			if near = it.end()-1 == c.last.clock && !it.deleted() && uint64(c.index-i) < uint64(it.length); near {
				pos = textPos{left: it.left, right: x, index: c.index - int(it.length)}
			}
		}
		if !near && i > 0 && pos.right != none {
			first, start := d.indexOf(t).seek(min(i, int(d.types[t].length)))
			pos = textPos{left: d.items[first].left, right: first, index: start}
		}
	} else if c.valid && c.t == t && c.index <= i {
		x := d.cleanEnd(c.last.client, c.last.clock)
		pos = textPos{left: x, right: d.items[x].right, index: c.index, attrs: slices.Clone(c.attrs)}
	}
	count := i - pos.index
	for pos.right != none && count > 0 {
		it := &d.items[pos.right]
		if !it.deleted() {
			if it.kind == kindFormat {
				pos.attrs.update(d.format(it))
			} else {
				if uint32(count) < it.length {
					d.cleanStart(it.client, it.clock+uint32(count))
					it = &d.items[pos.right]
				}
				pos.index += int(it.length)
				count -= int(it.length)
			}
		}
		pos.left, pos.right = pos.right, it.right
	}
	return pos
}

// addLocal makes and integrates an item of our own between two neighbours, or makes
// the left one longer where both would merge, and returns what now ends with it. For
// kindType content is the kind of type, for kindFormat the key as varUint and the value.
func (d *Doc) addLocal(t, key, left, right int32, kind uint8, content []byte, length uint32) int32 {
	c := d.addClient(d.me)
	d.touch(c)
	d.cursor.valid = false
	cl := &d.clients[c]
	if kind == kindString && left != none && d.items[left].client == c && d.items[left].end() == cl.next {
		next := cid{client: none}
		if right != none {
			next = cid{d.items[right].client, d.items[right].clock}
		}
		if d.extend(c, cid{c, cl.next - 1}, next, content, length) {
			return left
		}
	}
	x := d.newItem()
	it := &d.items[x]
	origin, next := cid{client: none}, cid{client: none}
	if left != none {
		l := &d.items[left]
		origin = cid{l.client, l.end() - 1}
	}
	if right != none {
		r := &d.items[right]
		next = cid{r.client, r.clock}
	}
	it.write(c, cl.next, length, origin, next, left, right)
	it.kind, it.parent, it.key = kind, t, key
	if kind == kindType {
		it.off = uint32(d.newType(x, none, content[0], min(d.types[t].depth, 1<<16-2)+1))
	} else {
		it.off, it.size = uint32(len(cl.arena)), uint32(len(content))
		cl.arena = append(cl.arena, content...)
		d.bytes += len(content)
	}
	d.integrate(x)
	return x
}

// writable reports whether the text is still there and n more clocks fit: an edit of
// something deleted is lost anyway, and clocks have 32 bits.
func (t *Text) writable(n int) bool {
	return !t.d.gone(t.t) && t.d.room(n)
}

// room reports whether n more clocks fit this identity.
func (d *Doc) room(n int) bool {
	return uint64(d.stateOf(d.me))+uint64(n) < math.MaxUint32
}

func (d *Doc) addFormat(t int32, pos *textPos, a attr) {
	content := append(appendUint(make([]byte, 0, 5+len(a.value)), uint64(a.key)), a.value...)
	pos.right = d.addLocal(t, none, pos.left, pos.right, kindFormat, content, 1)
	d.forward(pos)
}

func (d *Doc) insertContent(t int32, pos *textPos, given attrList, kind uint8, content []byte) int32 {
	for _, a := range pos.attrs {
		if _, ok := given.get(a.key); !ok {
			given = append(given, attr{a.key, null})
		}
	}
	d.minimize(pos, given)
	negated := d.openMarks(t, pos, given)
	length := uint32(1)
	if kind == kindString {
		length = uint32(utf16Len(content))
	}
	x := d.addLocal(t, none, pos.left, pos.right, kind, content, length)
	if kind == kindType {
		m := Map{d, int32(d.items[x].off)}
		for _, k := range sortedKeys(d.prelim) {
			m.Set(k, d.prelim[k])
		}
		d.prelim = nil
	}
	if x == pos.left { // which has grown
		pos.index += int(length)
	} else {
		pos.right = x
		d.forward(pos)
	}
	it := &d.items[x]
	after := cursor{valid: true, t: t, last: cid{it.client, it.end() - 1}, index: pos.index, attrs: slices.Clone(pos.attrs)}
	d.closeMarks(t, pos, negated)
	d.cursor = after
	return x
}

// minimize walks over deleted items and over marks that the new text wants anyway.
func (d *Doc) minimize(pos *textPos, given attrList) {
	for pos.right != none {
		it := &d.items[pos.right]
		if !it.deleted() {
			if it.kind != kindFormat {
				return
			}
			key, value := d.format(it)
			if !sameJSON(given.orNull(key), value) {
				return
			}
		}
		d.forward(pos)
	}
}

// openMarks inserts the marks that differ from the current ones and returns the
// marks that restore those afterwards.
func (d *Doc) openMarks(t int32, pos *textPos, given attrList) attrList {
	var negated attrList
	for _, a := range given {
		cur := pos.attrs.orNull(a.key)
		if !sameJSON(cur, a.value) {
			negated.set(a.key, cur)
			d.addFormat(t, pos, a)
		}
	}
	return negated
}

func (d *Doc) closeMarks(t int32, pos *textPos, negated attrList) {
	for pos.right != none {
		it := &d.items[pos.right]
		if !it.deleted() {
			if it.kind != kindFormat {
				break
			}
			key, value := d.format(it)
			want, ok := negated.get(key)
			if !ok || !sameJSON(want, value) {
				break
			}
			negated.remove(key)
		}
		d.forward(pos)
	}
	for _, a := range negated {
		d.addFormat(t, pos, a)
	}
}

func (d *Doc) formatText(t int32, pos *textPos, n int, given attrList) {
	d.minimize(pos, given)
	negated := d.openMarks(t, pos, given)
	for pos.right != none {
		it := &d.items[pos.right]
		if n <= 0 && (len(negated) == 0 || !it.deleted() && it.kind != kindFormat) {
			break
		}
		if !it.deleted() {
			if it.kind == kindFormat {
				key, value := d.format(it)
				if want, ok := given.get(key); ok {
					if sameJSON(want, value) {
						negated.remove(key)
					} else {
						if n == 0 {
							break
						}
						negated.set(key, value)
					}
					d.cursor.valid = false
					d.delete(pos.right)
				} else {
					pos.attrs.set(key, value)
				}
			} else {
				if uint32(n) < it.length {
					d.cleanStart(it.client, it.clock+uint32(n))
				}
				n -= int(d.items[pos.right].length)
			}
		}
		d.forward(pos)
	}
	d.closeMarks(t, pos, negated)
}

func (d *Doc) deleteText(t int32, pos *textPos, n int) {
	startAttrs := slices.Clone(pos.attrs)
	start, left, index := pos.right, pos.left, pos.index
	d.cursor.valid = false
	for n > 0 && pos.right != none {
		it := &d.items[pos.right]
		if !it.deleted() && (it.kind == kindString || it.kind == kindType || it.kind == kindEmbed) {
			if uint32(n) < it.length {
				d.cleanStart(it.client, it.clock+uint32(n))
			}
			n -= int(d.items[pos.right].length)
			d.delete(pos.right)
		}
		d.forward(pos)
	}
	switch {
	case d.types[t].formatted:
		if start != none {
			d.cleanGap(start, pos.right, startAttrs, &pos.attrs)
		}
	case left != none:
		it := &d.items[left]
		d.cursor = cursor{valid: true, t: t, last: cid{it.client, it.end() - 1}, index: index}
	}
}

// cleanGap deletes marks that a deletion has made superfluous: those overwritten
// before any text follows, and those that say what holds anyway.
func (d *Doc) cleanGap(start, curr int32, startAttrs attrList, currAttrs *attrList) {
	end := start
	type lastMark struct{ key, item int32 }
	var last []lastMark
	for end != none {
		it := &d.items[end]
		if it.countable() && !it.deleted() {
			break
		}
		if !it.deleted() && it.kind == kindFormat {
			key, _ := d.format(it)
			last = slices.DeleteFunc(last, func(m lastMark) bool { return m.key == key })
			last = append(last, lastMark{key, end})
		}
		end = it.right
	}
	reached := false
	for x := start; x != end; x = d.items[x].right {
		if x == curr {
			reached = true
		}
		it := &d.items[x]
		if it.deleted() || it.kind != kindFormat {
			continue
		}
		key, value := d.format(it)
		before := startAttrs.orNull(key)
		overwritten := !slices.Contains(last, lastMark{key, x})
		if overwritten || identicalJSON(before, value) {
			d.delete(x)
			if !reached && identicalJSON(currAttrs.orNull(key), value) && !identicalJSON(before, value) {
				currAttrs.update(key, before)
			}
		} else if !reached {
			currAttrs.update(key, value)
		}
	}
}
