package crdt

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// EncodeV2 returns the whole state as one update of format v2: the same content in
// columns, half to three quarters as long. Good for storage; clients speak v1.
func (d *Doc) EncodeV2() []byte {
	b, err := ToV2(d.Encode())
	if err != nil {
		panic("crdt: own state is malformed: " + err.Error())
	}
	return b
}

// ToV2 rewrites an update of format v1 in format v2.
func ToV2(v1 []byte) ([]byte, error) {
	u := borrow()
	defer u.release()
	if err := u.parse(v1); err != nil {
		return nil, err
	}
	var w columnWriter
	w.rest = appendUint(w.rest, uint64(len(u.sections)))
	for i := range u.sections {
		s := &u.sections[i]
		w.rest = appendUint(w.rest, uint64(s.to-s.from))
		w.client.write(s.client)
		w.rest = appendUint(w.rest, uint64(u.structs[s.from].clock))
		for k := s.from; k < s.to; k++ {
			w.structure(&u.structs[k], v1)
		}
	}
	w.deleteSet(u.deletes)
	return w.bytes(), nil
}

// columnWriter collects the columns of format v2, see columns.
type columnWriter struct {
	keyClock, leftClock, rightClock diffWriter
	client, typeRef, length         uintWriter
	info, parentInfo                byteWriter
	text                            []byte
	textLen                         uintWriter
	keys                            uint64
	rest                            []byte
}

type byteWriter struct {
	b     []byte
	value byte
	count uint64
}

func (w *byteWriter) write(v byte) {
	if w.count > 0 && w.value == v {
		w.count++
		return
	}
	if w.count > 0 {
		w.b = appendUint(w.b, w.count-1)
	}
	w.b = append(w.b, v)
	w.value, w.count = v, 1
}

type uintWriter struct {
	b            []byte
	value, count uint64
}

func (w *uintWriter) write(v uint64) {
	if w.value == v {
		w.count++
		return
	}
	w.flush()
	w.value, w.count = v, 1
}

func (w *uintWriter) flush() []byte {
	switch {
	case w.count == 1:
		w.b = appendInt(w.b, int64(w.value), false)
	case w.count > 1:
		w.b = appendUint(appendInt(w.b, -int64(w.value), true), w.count-2)
	}
	w.count = 0
	return w.b
}

type diffWriter struct {
	b           []byte
	value, diff int64
	count       uint64
}

func (w *diffWriter) write(v uint64) {
	if int64(v)-w.value == w.diff {
		w.value = int64(v)
		w.count++
		return
	}
	w.flush()
	w.count, w.diff, w.value = 1, int64(v)-w.value, int64(v)
}

func (w *diffWriter) flush() []byte {
	if w.count > 0 {
		x := w.diff * 2
		if w.count > 1 {
			x++
		}
		w.b = appendInt(w.b, x, x < 0)
		if w.count > 1 {
			w.b = appendUint(w.b, w.count-2)
		}
	}
	w.count = 0
	return w.b
}

func (w *columnWriter) bytes() []byte {
	b := []byte{0}
	text := append(appendBytes(nil, w.text), w.textLen.flush()...)
	for _, column := range [][]byte{w.keyClock.flush(), w.client.flush(), w.leftClock.flush(), w.rightClock.flush(),
		w.info.b, text, w.parentInfo.b, w.typeRef.flush(), w.length.flush()} {
		b = appendBytes(b, column)
	}
	return append(b, w.rest...)
}

func (w *columnWriter) string(s []byte) {
	w.text = append(w.text, s...)
	w.textLen.write(uint64(utf16Len(s)))
}

func (w *columnWriter) key(s []byte) {
	w.keyClock.write(w.keys) // Yjs writes every key anew, and so counts up
	w.keys++
	w.string(s)
}

func (w *columnWriter) structure(p *parsed, buf []byte) {
	w.info.write(p.info)
	switch p.kind {
	case kindGC:
		w.length.write(uint64(p.length))
		return
	case kindSkip:
		w.rest = appendUint(w.rest, uint64(p.length))
		return
	}
	if p.info&hasOrigin != 0 {
		w.client.write(p.origin.client)
		w.leftClock.write(uint64(p.origin.clock))
	}
	if p.info&hasRight != 0 {
		w.client.write(p.right.client)
		w.rightClock.write(uint64(p.right.clock))
	}
	if p.info&(hasOrigin|hasRight) == 0 {
		if p.inRoot {
			w.parentInfo.write(1)
			w.string(p.root.of(buf))
		} else {
			w.parentInfo.write(0)
			w.client.write(p.parent.client)
			w.leftClock.write(uint64(p.parent.clock))
		}
		if p.keyed {
			w.string(p.key.of(buf))
		}
	}
	c := p.content.of(buf)
	switch p.kind {
	case kindDeleted:
		w.length.write(uint64(p.length))
	case kindJSON:
		w.length.write(uint64(p.length))
		for r := (reader{b: c}); r.i < len(c); {
			w.string(r.bytes())
		}
	case kindBinary:
		w.rest = appendBytes(w.rest, c)
	case kindString:
		w.string(c)
	case kindEmbed:
		w.rest = appendJSONAsAny(w.rest, c)
	case kindFormat:
		w.key(p.name.of(buf))
		w.rest = appendJSONAsAny(w.rest, c)
	case kindType:
		w.typeRef.write(uint64(p.ref))
		if p.ref == typeXMLElement || p.ref == typeXMLHook {
			w.key(p.name.of(buf))
		}
	case kindAny:
		w.length.write(uint64(p.length))
		w.rest = append(w.rest, c...)
	case kindDoc:
		w.string(p.name.of(buf))
		w.rest = append(w.rest, c...)
	}
}

// appendJSONAsAny writes a JSON text as lib0's any, keys in their order.
func appendJSONAsAny(b, text []byte) []byte {
	switch string(text) {
	case "null":
		return append(b, 126)
	case "true":
		return append(b, 120)
	case "false":
		return append(b, 121)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return appendTokens(b, dec)
}

func appendTokens(b []byte, dec *json.Decoder) []byte {
	token, err := dec.Token()
	if err != nil {
		return append(b, 126) // cannot be: the text was checked on the way in
	}
	switch token := token.(type) {
	case json.Number:
		f, _ := strconv.ParseFloat(string(token), 64)
		return appendNumber(b, f)
	case json.Delim:
		tag := byte(117)
		if token == '{' {
			tag = 118
		}
		var inner []byte
		n := uint64(0)
		for dec.More() {
			if tag == 118 {
				key, err := dec.Token()
				if err != nil {
					break
				}
				inner = appendString(inner, key.(string))
			}
			inner = appendTokens(inner, dec)
			n++
		}
		dec.Token() // the closing bracket
		return append(appendUint(append(b, tag), n), inner...)
	default:
		return appendAny(b, token)
	}
}

func (w *columnWriter) deleteSet(ds []deletion) {
	n := 0
	for i := range ds {
		if i == 0 || ds[i].client != ds[i-1].client {
			n++
		}
	}
	w.rest = appendUint(w.rest, uint64(n))
	ds = append([]deletion(nil), ds...)
	for i := 0; i < len(ds); {
		k := i
		for k < len(ds) && ds[k].client == ds[i].client {
			k++
		}
		ranges := sortDeletions(ds[i:k]) // differences cannot be negative
		w.rest = appendUint(appendUint(w.rest, ranges[0].client), uint64(len(ranges)))
		at := uint32(0)
		for _, r := range ranges {
			w.rest = appendUint(appendUint(w.rest, uint64(r.clock-at)), uint64(r.len-1))
			at = r.clock + r.len
		}
		i = k
	}
}
