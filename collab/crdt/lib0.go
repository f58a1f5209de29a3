package crdt

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"unicode/utf8"
)

// ErrMalformed is returned for bytes that are not an update, a state vector, a
// snapshot or a relative position, or that no Yjs client can have produced.
var ErrMalformed = errors.New("crdt: malformed input")

// maxID is the largest client id: JavaScript's largest exact integer.
const maxID = 1<<53 - 1

// reader decodes the primitives of lib0. It never fails in the middle: after the
// first error bad is set, every further read gives zero, and the caller checks once.
type reader struct {
	b   []byte
	i   int
	bad bool

	expected expectedID // what id looks for first
}

// expectedID is a client id that is likely to come next, as it stands on the wire.
type expectedID struct {
	id         uint64
	word, mask uint64 // see wordOf; no word is 0 where the mask is not
	size       int
}

// expect makes id read this one by one comparison.
func (r *reader) expect(id uint64) {
	w := wordOf(id)
	size := max(1, (bits.Len64(w)+7)/8)
	r.expected = expectedID{id, w, math.MaxUint64 >> (64 - 8*size), size}
}

// id reads the id of a client.
func (r *reader) id() uint64 {
	if e := &r.expected; e.mask != 0 && len(r.b)-r.i >= 8 && binary.LittleEndian.Uint64(r.b[r.i:])&e.mask == e.word {
		r.i += e.size
		return e.id
	}
	return r.uint()
}

func (r *reader) fail() { r.bad = true; r.i = len(r.b) }

func (r *reader) byte() byte {
	if r.i >= len(r.b) {
		r.bad = true
		return 0
	}
	c := r.b[r.i]
	r.i++
	return c
}

func (r *reader) uint() uint64 {
	if r.i < len(r.b) {
		if c := r.b[r.i]; c < 0x80 {
			r.i++
			return uint64(c)
		}
	}
	return r.uintLong()
}

func (r *reader) uintLong() uint64 {
	x, i := uintAt(r.b, r.i)
	if i > len(r.b) {
		r.fail()
		return 0
	}
	r.i = i
	return x
}

// beyond is where a number ends that is none: past every buffer.
const beyond = math.MaxInt

// uintAt reads the number at b[i] and returns where it ends: beyond when it is
// truncated, overlong or too large. i may be beyond already.
func uintAt(b []byte, i int) (x uint64, end int) {
	if len(b)-i >= 8 {
		// A client id has five bytes or more: all at once costs less than one by one.
		w := binary.LittleEndian.Uint64(b[i:])
		if stop := ^w & 0x8080808080808080; stop != 0 {
			w &= (stop ^ (stop - 1)) & 0x7f7f7f7f7f7f7f7f
			w = w&0x007f007f007f007f | w&0x7f007f007f007f00>>1
			w = w&0x00003fff00003fff | w&0x3fff00003fff0000>>2
			w = w&0x000000000fffffff | w&0x0fffffff00000000>>4
			if w > maxID {
				return 0, beyond
			}
			return w, i + (bits.TrailingZeros64(stop)+1)/8
		}
	}
	for s := uint(0); s < 64; s += 7 {
		if i >= len(b) {
			return 0, beyond
		}
		c := b[i]
		i++
		if s == 63 && c > 1 {
			break
		}
		x |= uint64(c&0x7f) << s
		if c < 0x80 {
			if x > maxID {
				break
			}
			return x, i
		}
	}
	return 0, beyond
}

// clock reads a number that must fit the engine's 32-bit clocks.
func (r *reader) clock() uint32 {
	if len(r.b)-r.i >= 4 { // most have up to three bytes
		b := r.b[r.i : r.i+4 : r.i+4]
		x := uint32(b[0])
		if b[0] < 0x80 {
			r.i++
			return x
		}
		x = x&0x7f | uint32(b[1])<<7
		if b[1] < 0x80 {
			r.i += 2
			return x
		}
		x = x&0x3fff | uint32(b[2])<<14
		if b[2] < 0x80 {
			r.i += 3
			return x
		}
	}
	x := r.uint()
	if x > math.MaxUint32 {
		r.fail()
		return 0
	}
	return uint32(x)
}

// count reads how many things follow, each at least size bytes long, and refuses
// more than the rest of the input can hold.
func (r *reader) count(size int) int {
	n := r.uint()
	if n > uint64((len(r.b)-r.i)/size) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) bytes() []byte {
	n := r.uint()
	if n > uint64(len(r.b)-r.i) {
		r.fail()
		return nil
	}
	p := r.b[r.i : r.i+int(n)]
	r.i += int(n)
	return p
}

func (r *reader) skip(n int) {
	if n < 0 || n > len(r.b)-r.i {
		r.fail()
		return
	}
	r.i += n
}

// span is a part of the buffer being read.
type span struct{ from, to uint32 }

func (s span) of(b []byte) []byte { return b[s.from:s.to] }

// blob reads a length and that many bytes.
func (r *reader) blob() span {
	p := r.bytes()
	return span{uint32(r.i - len(p)), uint32(r.i)}
}

// text reads a string; it must be UTF-8, as Yjs demands too.
func (r *reader) text() span {
	p := r.bytes()
	if !validUTF8(p) {
		r.fail()
	}
	return span{uint32(r.i - len(p)), uint32(r.i)}
}

func validUTF8(p []byte) bool { return isASCII(p) || utf8.Valid(p) }

// isASCII looks at eight bytes at a time; what people write is mostly short.
func isASCII(p []byte) bool {
	for len(p) >= 8 {
		if binary.LittleEndian.Uint64(p)&0x8080808080808080 != 0 {
			return false
		}
		p = p[8:]
	}
	for _, c := range p {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// string reads a text and counts its UTF-16 units.
func (r *reader) string() (s span, units int) {
	p := r.bytes()
	s = span{uint32(r.i - len(p)), uint32(r.i)}
	switch {
	case isASCII(p):
		return s, len(p)
	case !utf8.Valid(p):
		r.fail()
	}
	return s, utf16Len(p)
}

func appendUint(b []byte, x uint64) []byte {
	for x >= 0x80 {
		b = append(b, byte(x)|0x80)
		x >>= 7
	}
	return append(b, byte(x))
}

func appendBytes(b, p []byte) []byte { return append(appendUint(b, uint64(len(p))), p...) }

func appendString(b []byte, s string) []byte { return append(appendUint(b, uint64(len(s))), s...) }

// appendInt writes lib0's signed form: bit 7 of the first byte is the sign.
func appendInt(b []byte, x int64, negative bool) []byte {
	u := uint64(x)
	sign := byte(0)
	if negative {
		u, sign = uint64(-x), 0x40
	}
	c := byte(u&0x3f) | sign
	u >>= 6
	if u > 0 {
		c |= 0x80
	}
	b = append(b, c)
	for u > 0 {
		c = byte(u & 0x7f)
		u >>= 7
		if u > 0 {
			c |= 0x80
		}
		b = append(b, c)
	}
	return b
}

// int reads the signed form; negative is also true for -0.
func (r *reader) int() (x int64, negative bool) {
	c := r.byte()
	negative = c&0x40 != 0
	u := uint64(c & 0x3f)
	for s := uint(6); c&0x80 != 0; s += 7 {
		c = r.byte()
		if s > 55 || r.bad {
			r.fail()
			return 0, false
		}
		u |= uint64(c&0x7f) << s
	}
	if u > maxID {
		r.fail()
		return 0, false
	}
	if negative {
		return -int64(u), true
	}
	return int64(u), false
}

// utf16Len counts the UTF-16 units of valid UTF-8.
func utf16Len(p []byte) int {
	n := 0
	for _, c := range p {
		// every byte that starts a character counts one, four-byte ones two
		if c < 0x80 || c >= 0xc0 {
			n++
		}
		if c >= 0xf0 {
			n++
		}
	}
	return n
}

// utf16Cut finds the byte offset of UTF-16 offset n. When n falls between the two
// halves of a surrogate pair, inside is true and at is where that character starts.
func utf16Cut(p []byte, n int) (at int, inside bool) {
	for at < len(p) && n > 0 {
		switch c := p[at]; {
		case c < 0x80:
			at, n = at+1, n-1
		case c < 0xe0:
			at, n = at+2, n-1
		case c < 0xf0:
			at, n = at+3, n-1
		default:
			if n == 1 {
				return at, true
			}
			at, n = at+4, n-2
		}
	}
	return at, false
}

// utf16CutNear is utf16Cut when it is known how many units lie on either side; it
// starts from the nearer end.
func utf16CutNear(p []byte, left, right int) (at int, inside bool) {
	if left <= right {
		return utf16Cut(p, left)
	}
	at = len(p)
	for at > 0 && right > 0 {
		at--
		for p[at]&0xc0 == 0x80 {
			at--
		}
		if p[at] >= 0xf0 {
			if right == 1 {
				return at, true
			}
			right--
		}
		right--
	}
	return at, false
}
