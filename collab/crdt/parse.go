package crdt

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"
)

// Kinds of structs, as numbered on the wire.
const (
	kindGC      = 0
	kindDeleted = 1
	kindJSON    = 2
	kindBinary  = 3
	kindString  = 4
	kindEmbed   = 5
	kindFormat  = 6
	kindType    = 7
	kindAny     = 8
	kindDoc     = 9
	kindSkip    = 10
)

// Bits of a struct's info byte beside its kind.
const (
	hasOrigin = 0x80
	hasRight  = 0x40
	hasKey    = 0x20
)

// wireID is an id as it stands in an update.
type wireID struct {
	client uint64
	clock  uint32
}

// parsed is one struct of an update; its strings and values stay in the buffer.
type parsed struct {
	origin, right, parent wireID
	clock, length         uint32
	raw                   span // the struct with its info byte
	root                  span // name of the root type; only when inRoot
	key                   span // map key; only when the wire carries it
	name                  span // key of a format, name of an XML element, guid of a document
	content               span // bytes that the item will own, see arena
	kind, info, ref       uint8
	inRoot, keyed         bool
}

// section is the run of structs that an update carries for one client.
type section struct {
	client   uint64
	from, to int // in update.structs
	next     int // cursor of integration
	end      uint32
}

// deletion is a range of a delete set.
type deletion struct {
	client     uint64
	clock, len uint32
}

// update is a decoded and validated update. It refers to buf, which must not change.
type update struct {
	buf      []byte
	structs  []parsed
	sections []section
	deletes  []deletion
}

// updates keeps scratch space between calls, so that applying a keystroke does not
// allocate. Big ones are dropped.
var updates = sync.Pool{New: func() any { return new(update) }}

// keptStructs is how many structs of scratch space are kept: what the largest updates
// of clients have, not what a whole document has.
const keptStructs = 24 << 10

func borrow() *update { return updates.Get().(*update) }

func (u *update) release() {
	if cap(u.structs) > keptStructs || cap(u.deletes) > 4*keptStructs || cap(u.sections) > keptStructs {
		return
	}
	u.buf = nil
	updates.Put(u)
}

// parse decodes a v1 update into u, replacing what was there. Everything that can be
// refused without a document is refused here, so that integration cannot fail.
func (u *update) parse(b []byte) error {
	return u.parseWithin(b, Bounds{math.MaxInt, math.MaxInt, math.MaxInt})
}

// parseWithin refuses updates with more in them than the bounds.
func (u *update) parseWithin(b []byte, most Bounds) error {
	u.buf, u.structs, u.sections, u.deletes = b, u.structs[:0], u.sections[:0], u.deletes[:0]
	if uint64(len(b)) > math.MaxUint32 {
		return fmt.Errorf("%w: update of %d bytes", ErrMalformed, len(b))
	}
	r := reader{b: b}
	clients := r.count(3)
	if clients > most.Clients {
		return fmt.Errorf("%w: %d clients", ErrTooMany, clients)
	}
	for n := clients; n > 0; n-- {
		if err := u.parseSection(&r, most.Structs); err != nil {
			return err
		}
	}
	if err := u.parseDeletes(&r, most.Deletes); err != nil {
		return err
	}
	if r.bad || r.i != len(b) {
		return fmt.Errorf("%w: truncated or overlong update", ErrMalformed)
	}
	return u.sortSections()
}

// parseDeletes reads the delete set.
func (u *update) parseDeletes(r *reader, most int) error {
	for n := r.count(2); n > 0 && !r.bad; n-- {
		client := r.uint()
		k := r.count(2)
		if k > most-len(u.deletes) {
			return fmt.Errorf("%w: %d deleted ranges and more", ErrTooMany, k)
		}
		if cap(u.deletes)-len(u.deletes) < k {
			u.deletes = slices.Grow(u.deletes, k)
		}
		for ; k > 0 && !r.bad; k-- {
			clock, length := r.clock(), r.clock()
			if uint64(clock)+uint64(length) > math.MaxUint32 {
				return fmt.Errorf("%w: deleted range passes the largest clock", ErrMalformed)
			}
			if length > 0 {
				u.deletes = append(u.deletes, deletion{client, clock, length})
			}
		}
	}
	return nil
}

// sortSections puts the highest client first, which is how Yjs integrates.
func (u *update) sortSections() error {
	if len(u.sections) < 2 {
		return nil
	}
	sorted := true
	for i := 1; i < len(u.sections); i++ {
		if u.sections[i-1].client <= u.sections[i].client {
			sorted = false
			break
		}
	}
	if !sorted {
		slices.SortStableFunc(u.sections, func(a, b section) int {
			switch {
			case a.client > b.client:
				return -1
			case a.client < b.client:
				return 1
			}
			return 0
		})
		for i := 1; i < len(u.sections); i++ {
			// Yjs drops all but the last of them without a word
			if u.sections[i-1].client == u.sections[i].client {
				return fmt.Errorf("%w: two sections of client %d", ErrMalformed, u.sections[i].client)
			}
		}
	}
	return nil
}

func (u *update) parseSection(r *reader, most int) error {
	n := r.count(2)
	client, clock := r.uint(), r.clock()
	r.expect(client)
	from := len(u.structs)
	if n > most-from {
		return fmt.Errorf("%w: %d structs and more", ErrTooMany, n)
	}
	if room := min(n, (len(r.b)-r.i)/4); cap(u.structs)-from < room { // few structs take less than four bytes
		u.structs = slices.Grow(u.structs, room)
	}
	for ; n > 0 && !r.bad; n-- {
		u.structs = append(u.structs, parsed{})
		p := &u.structs[len(u.structs)-1]
		p.clock = clock
		p.parse(r, client)
		if r.bad {
			break
		}
		if p.length == 0 {
			return fmt.Errorf("%w: empty struct of client %d at %d", ErrMalformed, client, clock)
		}
		if uint64(clock)+uint64(p.length) > math.MaxUint32 {
			return fmt.Errorf("%w: clock of client %d passes 32 bits", ErrMalformed, client)
		}
		clock += p.length
	}
	if r.bad {
		return fmt.Errorf("%w: struct of client %d at %d", ErrMalformed, client, clock)
	}
	if len(u.structs) > from {
		u.sections = append(u.sections, section{client: client, from: from, to: len(u.structs), next: from, end: clock})
	}
	return nil
}

func (p *parsed) parse(r *reader, client uint64) {
	start := r.i
	p.info = r.byte()
	p.kind = p.info & 31
	switch p.kind {
	case kindGC, kindSkip:
		p.info = p.kind
		p.length = r.clock()
		p.raw = span{uint32(start), uint32(r.i)}
		return
	}
	if p.info&hasOrigin != 0 {
		p.origin = wireID{r.id(), r.clock()}
		p.checkOwn(r, p.origin, client)
	}
	if p.info&hasRight != 0 {
		p.right = wireID{r.id(), r.clock()}
		p.checkOwn(r, p.right, client)
	}
	if p.info&(hasOrigin|hasRight) == 0 {
		if p.inRoot = r.uint() == 1; p.inRoot {
			p.root = r.text()
		} else {
			p.parent = wireID{r.id(), r.clock()}
			p.checkOwn(r, p.parent, client)
		}
		if p.keyed = p.info&hasKey != 0; p.keyed {
			p.key = r.text()
		}
	}
	p.parseContent(r)
	p.raw = span{uint32(start), uint32(r.i)}
}

// checkOwn refuses a struct that depends on its own client's future. Yjs throws in
// the middle of applying such an update.
func (p *parsed) checkOwn(r *reader, on wireID, client uint64) {
	if on.client == client && on.clock >= p.clock {
		r.fail()
	}
}

func (p *parsed) parseContent(r *reader) {
	p.length = 1
	switch p.kind {
	case kindDeleted:
		p.length = r.clock()
	case kindJSON:
		n := r.count(1)
		p.length = uint32(n)
		from := r.i
		for ; n > 0 && !r.bad; n-- {
			s := r.text().of(r.b)
			if string(s) != "undefined" && !validJSON(s) {
				r.fail()
			}
		}
		p.content = span{uint32(from), uint32(r.i)}
	case kindBinary:
		p.content = r.blob()
	case kindString:
		s, units := r.string()
		p.content, p.length = s, uint32(units)
	case kindEmbed:
		p.content = r.text()
		if !validJSON(p.content.of(r.b)) {
			r.fail()
		}
	case kindFormat:
		p.name = r.text()
		p.content = r.text()
		if !validJSON(p.content.of(r.b)) {
			r.fail()
		}
	case kindType:
		ref := r.uint()
		if ref > typeXMLText {
			r.fail()
			return
		}
		p.ref = uint8(ref)
		if p.ref == typeXMLElement || p.ref == typeXMLHook {
			p.name = r.text()
		}
	case kindAny:
		n := r.count(1)
		p.length = uint32(n)
		from := r.i
		r.skipAnys(n)
		p.content = span{uint32(from), uint32(r.i)}
	case kindDoc:
		p.name = r.text()
		from := r.i
		r.skipAny(0)
		p.content = span{uint32(from), uint32(r.i)}
		if !r.bad && r.b[from] != 118 {
			r.fail() // options are an object; Yjs reads fields of it
		}
	default:
		r.fail()
	}
}

// appendSliced writes the struct without its first diff clocks, as Yjs does when an
// update starts inside a known struct.
func (p *parsed) appendSliced(b, buf []byte, client uint64, diff uint32) []byte {
	if diff == 0 {
		raw := p.raw.of(buf)
		b = append(b, raw...)
		if p.kind != kindGC && p.kind != kindSkip && !p.keyed {
			b[len(b)-len(raw)] &^= hasKey // Yjs forgets the bit when the key is not written
		}
		return b
	}
	if p.kind == kindGC || p.kind == kindSkip {
		return appendUint(append(b, p.kind), uint64(p.length-diff))
	}
	info := p.info | hasOrigin
	if !p.keyed {
		info &^= hasKey
	}
	b = append(b, info)
	b = appendUint(appendUint(b, client), uint64(p.clock+diff-1))
	if p.info&hasRight != 0 {
		b = appendUint(appendUint(b, p.right.client), uint64(p.right.clock))
	}
	c := p.content.of(buf)
	switch p.kind {
	case kindDeleted:
		return appendUint(b, uint64(p.length-diff))
	case kindString:
		return appendTail(b, c, int(diff), int(p.length-diff))
	case kindAny:
		b = appendUint(b, uint64(p.length-diff))
		return append(b, c[anyOffset(c, diff):]...)
	case kindJSON:
		b = appendUint(b, uint64(p.length-diff))
		return append(b, c[jsonOffset(c, diff):]...)
	}
	return b
}

// appendTail writes the string p without its first n UTF-16 units; rest follow.
func appendTail(b, p []byte, n, rest int) []byte {
	at, inside := utf16CutNear(p, n, rest)
	if !inside {
		return appendBytes(b, p[at:])
	}
	// half of a surrogate pair cannot be written; Yjs writes U+FFFD
	b = appendUint(b, uint64(len(p)-at-4+3))
	b = append(b, "\uFFFD"...)
	return append(b, p[at+4:]...)
}

// anyOffset finds where the n-th value of a sequence of anys starts.
func anyOffset(p []byte, n uint32) int {
	r := reader{b: p}
	r.skipAnys(int(n))
	return r.i
}

func (r *reader) skipValue() { r.skipAny(0) }
func (r *reader) skipBytes() { r.bytes() }

func jsonOffset(p []byte, n uint32) int {
	r := reader{b: p}
	for ; n > 0; n-- {
		r.bytes()
	}
	return r.i
}

// clocks says how far each client is known, the highest client first.
type clocks []clockOf

func compareClients(a, b clockOf) int { return cmp.Compare(b.client, a.client) }

// of is the next clock expected from a client.
func (c clocks) of(client uint64) uint32 {
	if i, ok := slices.BinarySearchFunc(c, clockOf{client: client}, compareClients); ok {
		return c[i].clock
	}
	return 0
}

// parseStateVector reads (client, clock) pairs. Of a client that is named twice the
// last clock counts, as in Yjs.
func parseStateVector(b []byte) (clocks, error) {
	r := reader{b: b}
	n := r.count(2)
	sv := make(clocks, 0, min(n, len(b)/4)) // few clients take less than four bytes
	sorted := true
	for ; n > 0 && !r.bad; n-- {
		c := clockOf{r.uint(), r.clock()}
		sorted = sorted && (len(sv) == 0 || sv[len(sv)-1].client > c.client)
		sv = append(sv, c)
	}
	if r.bad || r.i != len(b) {
		return nil, fmt.Errorf("%w: state vector", ErrMalformed)
	}
	if !sorted {
		slices.Reverse(sv) // so that the last of a client comes first
		slices.SortStableFunc(sv, compareClients)
		sv = slices.CompactFunc(sv, func(a, b clockOf) bool { return a.client == b.client })
	}
	return sv, nil
}
