package collabbench

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"

	"spolupis/collab"
)

// What follows is the little of Yjs' update format (version 1) that typing needs: building an update of one character must
// cost the load less than handling it costs a server, so no document is kept here.

const (
	isString  = 4
	hasOrigin = 0x80
	hasRight  = 0x40
)

func putBytes(b []byte, p string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(p))), p...)
}

// newLine appends the update by which a client begins: a line break at the beginning of the body, his clock 0.
func newLine(b []byte, client uint64) []byte {
	b = append(b, 1, 1)
	b = binary.AppendUvarint(b, client)
	b = append(b, 0, isString, 1)
	b = putBytes(b, collab.Root)
	return append(putBytes(b, "\n"), 0)
}

// keystroke appends the update of one character typed at the end of the client's own line: behind his last one, before
// his line break.
func keystroke(b []byte, client, clock uint64, c byte) []byte {
	b = append(b, 1, 1)
	b = binary.AppendUvarint(b, client)
	b = binary.AppendUvarint(b, clock)
	if clock > 1 {
		b = append(b, isString|hasOrigin|hasRight)
		b = binary.AppendUvarint(b, client)
		b = binary.AppendUvarint(b, clock-1)
	} else {
		b = append(b, isString|hasRight)
	}
	b = binary.AppendUvarint(b, client)
	b = append(b, 0)
	return append(b, 1, c, 0)
}

var errUpdate = errors.New("an update that no typist has sent")

// typed calls f for every run of characters in an update made of keystrokes and line breaks, merged or not.
func typed(update []byte, f func(client, clock uint64, n int)) error {
	r := reader{b: update}
	for clients := r.uint(); clients > 0 && !r.bad; clients-- {
		structs, client, clock := r.uint(), r.uint(), r.uint()
		for ; structs > 0 && !r.bad; structs-- {
			info := r.byte()
			if info == 10 { // a gap between what was merged
				clock += r.uint()
				continue
			}
			if info&31 != isString {
				return errUpdate
			}
			if info&hasOrigin != 0 {
				r.uint()
				r.uint()
			}
			if info&hasRight != 0 {
				r.uint()
				r.uint()
			}
			if info&(hasOrigin|hasRight) == 0 {
				if r.uint() != 1 {
					return errUpdate
				}
				r.bytes()
			}
			n := utf8.RuneCount(r.bytes()) // no typist leaves the basic plane
			if r.bad {
				break
			}
			f(client, clock, n)
			clock += uint64(n)
		}
	}
	if r.bad {
		return errUpdate
	}
	return nil
}

// reader reads lib0's numbers and byte arrays. After a mistake it is bad and everything is empty.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) uint() uint64 {
	x, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return x
}

func (r *reader) bytes() []byte {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}
