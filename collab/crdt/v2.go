package crdt

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// ApplyV2 is Apply for the column-wise update format v2.
func (d *Doc) ApplyV2(update []byte) error {
	b, err := ConvertV2(update)
	if err != nil {
		return err
	}
	return d.Apply(b)
}

// ConvertV2 rewrites an update of format v2 in format v1. Format v2 compresses runs
// without a bound, so what would become more than 64 times as long is refused.
func ConvertV2(update []byte) ([]byte, error) {
	c := columns{limit: 64*len(update) + 4096}
	r := &reader{b: update}
	r.uint() // feature flag, unused
	column := func() reader { return reader{b: r.bytes()} }
	c.keyClock.r, c.client.r, c.leftClock.r, c.rightClock.r = column(), column(), column(), column()
	c.info.r = column()
	text := column()
	c.parentInfo.r, c.typeRef.r, c.length.r = column(), column(), column()
	c.text = text.bytes()
	c.textLen.r = reader{b: text.b[min(text.i, len(text.b)):]}
	c.rest = reader{b: r.b[r.i:]}
	if r.bad || text.bad || !utf8.Valid(c.text) {
		return nil, fmt.Errorf("%w: columns of format v2", ErrMalformed)
	}
	b := c.convert()
	if c.bad || c.rest.bad || c.rest.i != len(c.rest.b) {
		return nil, fmt.Errorf("%w: content of format v2", ErrMalformed)
	}
	return b, nil
}

// columns are the parts of an update of format v2, each read on its own.
type columns struct {
	keyClock, leftClock, rightClock diffColumn
	client, typeRef, length         uintColumn
	info, parentInfo                byteColumn
	text                            []byte
	textLen                         uintColumn
	rest                            reader
	keys                            [][]byte
	out                             []byte
	limit                           int
	bad                             bool
}

// byteColumn holds runs of bytes; the last run has no length and never ends.
type byteColumn struct {
	r     reader
	value byte
	count uint64
	last  bool
}

func (c *byteColumn) read(bad *bool) byte {
	if c.count == 0 && !c.last {
		c.value = c.r.byte()
		if c.r.i < len(c.r.b) {
			c.count = c.r.uint() + 1
		} else {
			c.last = true
		}
	}
	if !c.last {
		c.count--
	}
	*bad = *bad || c.r.bad
	return c.value
}

// uintColumn holds numbers; a minus sign says that a length of the run follows.
type uintColumn struct {
	r     reader
	value uint64
	count uint64
}

func (c *uintColumn) read(bad *bool) uint64 {
	if c.count == 0 {
		x, negative := c.r.int()
		c.count = 1
		if negative {
			x = -x
			c.count = c.r.uint() + 2
		}
		c.value = uint64(x)
	}
	c.count--
	*bad = *bad || c.r.bad
	return c.value
}

// diffColumn holds differences to the previous number, with run lengths.
type diffColumn struct {
	r     reader
	value int64
	diff  int64
	count uint64
}

func (c *diffColumn) read(bad *bool) uint64 {
	if c.count == 0 {
		x, _ := c.r.int()
		c.diff = x >> 1 // rounds down, as Yjs does
		c.count = 1
		if x&1 != 0 {
			c.count = c.r.uint() + 2
		}
	}
	c.value += c.diff
	c.count--
	if c.r.bad || c.value < 0 || c.value > maxID {
		*bad = true
		return 0
	}
	return uint64(c.value)
}

func (c *columns) string() []byte {
	n := c.textLen.read(&c.bad)
	if n > uint64(len(c.text)) {
		c.bad = true
		return nil
	}
	at, inside := utf16Cut(c.text, int(n))
	if inside {
		c.bad = true
		return nil
	}
	if at == len(c.text) && utf16Len(c.text) < int(n) {
		c.bad = true
	}
	s := c.text[:at]
	c.text = c.text[at:]
	return s
}

func (c *columns) key() []byte {
	k := c.keyClock.read(&c.bad)
	if k < uint64(len(c.keys)) {
		return c.keys[k]
	}
	s := c.string()
	c.keys = append(c.keys, s)
	return s
}

func (c *columns) uint(x uint64)  { c.out = appendUint(c.out, x) }
func (c *columns) bytes(p []byte) { c.out = appendBytes(c.out, p) }

func (c *columns) convert() []byte {
	sections := c.rest.count(1)
	c.uint(uint64(sections))
	total := 0
	for ; sections > 0 && !c.bad; sections-- {
		n := c.rest.uint()
		if n > uint64(c.limit) {
			c.bad = true
			return nil
		}
		if total += int(n); total > c.limit {
			c.bad = true
			return nil
		}
		c.uint(n)
		c.uint(c.client.read(&c.bad))
		c.uint(c.rest.uint())
		for ; n > 0 && !c.bad && !c.rest.bad; n-- {
			c.structure()
			if len(c.out) > c.limit {
				c.bad = true
			}
		}
	}
	if c.bad || c.rest.bad {
		return nil
	}
	c.deleteSet()
	return c.out
}

func (c *columns) structure() {
	info := c.info.read(&c.bad)
	c.out = append(c.out, info)
	switch info & 31 {
	case kindGC:
		c.uint(c.length.read(&c.bad))
		return
	case kindSkip:
		c.uint(c.rest.uint())
		return
	}
	if info&hasOrigin != 0 {
		c.uint(c.client.read(&c.bad))
		c.uint(c.leftClock.read(&c.bad))
	}
	if info&hasRight != 0 {
		c.uint(c.client.read(&c.bad))
		c.uint(c.rightClock.read(&c.bad))
	}
	if info&(hasOrigin|hasRight) == 0 {
		if c.parentInfo.read(&c.bad) == 1 {
			c.out = append(c.out, 1)
			c.bytes(c.string())
		} else {
			c.out = append(c.out, 0)
			c.uint(c.client.read(&c.bad))
			c.uint(c.leftClock.read(&c.bad))
		}
		if info&hasKey != 0 {
			c.bytes(c.string())
		}
	}
	switch info & 31 {
	case kindDeleted:
		c.uint(c.length.read(&c.bad))
	case kindJSON:
		n := c.length.read(&c.bad)
		c.uint(n)
		for ; n > 0 && !c.bad && len(c.out) <= c.limit; n-- {
			c.bytes(c.string())
		}
	case kindBinary:
		c.bytes(c.rest.bytes())
	case kindString:
		c.bytes(c.string())
	case kindEmbed:
		c.json()
	case kindFormat:
		c.bytes(c.key())
		c.json()
	case kindType:
		ref := c.typeRef.read(&c.bad)
		c.uint(ref)
		if ref == typeXMLElement || ref == typeXMLHook {
			c.bytes(c.key())
		}
	case kindAny:
		n := c.length.read(&c.bad)
		c.uint(n)
		for ; n > 0 && !c.bad && !c.rest.bad; n-- {
			c.any()
		}
	case kindDoc:
		c.bytes(c.string())
		c.any()
	default:
		c.bad = true
	}
}

// any copies a value as it stands.
func (c *columns) any() {
	from := c.rest.i
	c.rest.skipAny(0)
	if !c.rest.bad {
		c.out = append(c.out, c.rest.b[from:c.rest.i]...)
	}
}

// json reads a value in any form and writes it as the JSON string that format v1 has.
func (c *columns) json() {
	from := c.rest.i
	c.rest.skipAny(0)
	if c.rest.bad {
		return
	}
	r := reader{b: c.rest.b[from:c.rest.i]}
	c.bytes(appendAnyAsJSON(nil, &r))
}

// appendAnyAsJSON is JSON.stringify of a value in any form, keys in their order.
func appendAnyAsJSON(b []byte, r *reader) []byte {
	switch tag := r.b[r.i]; tag {
	case 118:
		r.i++
		b = append(b, '{')
		first := true
		for n := r.uint(); n > 0; n-- {
			k := string(r.bytes())
			if r.b[r.i] == 127 { // undefined is left out
				r.i++
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(appendJSString(b, k), ':')
			b = appendAnyAsJSON(b, r)
		}
		return append(b, '}')
	case 117:
		r.i++
		b = append(b, '[')
		for n, i := r.uint(), uint64(0); i < n; i++ {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendAnyAsJSON(b, r)
		}
		return append(b, ']')
	case 124, 123:
		if f, ok := r.any().(float64); ok {
			return appendJSNumber(b, f)
		}
		return append(b, "null"...)
	default:
		return appendJSON(b, r.any())
	}
}

func (c *columns) deleteSet() {
	n := c.rest.count(2)
	c.uint(uint64(n))
	for ; n > 0 && !c.rest.bad; n-- {
		c.uint(c.rest.uint())
		k := c.rest.count(2)
		c.uint(uint64(k))
		clock := uint64(0)
		for ; k > 0 && !c.rest.bad; k-- {
			clock += c.rest.uint()
			length := c.rest.uint() + 1
			c.uint(clock)
			c.uint(length)
			if clock += length; clock > math.MaxUint32 {
				c.bad = true
				return
			}
		}
	}
}
