package crdt

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// maxDepth bounds the nesting of values inside one item. Yjs has no bound and dies
// of its own stack; nobody writes such values by hand.
const maxDepth = 128

// Undefined is the value of JavaScript's undefined where it differs from null.
type Undefined struct{}

// skipAny steps over one value in lib0's "any" form and checks it on the way.
func (r *reader) skipAny(depth int) {
	if depth > maxDepth {
		r.fail()
		return
	}
	switch r.byte() {
	case 127, 126, 121, 120:
	case 125:
		r.int()
	case 124:
		r.skip(4)
	case 123, 122:
		r.skip(8)
	case 119:
		r.text()
	case 118:
		for n := r.count(2); n > 0 && !r.bad; n-- {
			r.text()
			r.skipAny(depth + 1)
		}
	case 117:
		for n := r.count(1); n > 0 && !r.bad; n-- {
			r.skipAny(depth + 1)
		}
	case 116:
		r.bytes()
	default:
		r.fail()
	}
}

// skipAnys skips n values. Most kinds of values that come by the thousand have no content.
func (r *reader) skipAnys(n int) {
	for ; n > 0 && !r.bad; n-- {
		if r.i < len(r.b) {
			if c := r.b[r.i]; c >= 120 && c <= 127 && 1<<(c-120)&(1<<7|1<<6|1<<1|1) != 0 {
				r.i++
				continue
			}
		}
		r.skipAny(0)
	}
}

// any decodes a value that skipAny has accepted.
func (r *reader) any() any {
	switch r.byte() {
	case 127:
		return Undefined{}
	case 125:
		x, neg := r.int()
		if x == 0 && neg {
			return math.Copysign(0, -1)
		}
		return x
	case 124:
		if r.i+4 > len(r.b) {
			return nil
		}
		f := math.Float32frombits(binary.BigEndian.Uint32(r.b[r.i:]))
		r.i += 4
		return float64(f)
	case 123:
		if r.i+8 > len(r.b) {
			return nil
		}
		f := math.Float64frombits(binary.BigEndian.Uint64(r.b[r.i:]))
		r.i += 8
		return f
	case 122:
		if r.i+8 > len(r.b) {
			return nil
		}
		x := int64(binary.BigEndian.Uint64(r.b[r.i:]))
		r.i += 8
		return x
	case 121:
		return false
	case 120:
		return true
	case 119:
		return string(r.bytes())
	case 118:
		n := r.count(2)
		m := make(map[string]any, n)
		for ; n > 0; n-- {
			k := string(r.bytes())
			m[k] = r.any()
		}
		return m
	case 117:
		n := r.count(1)
		l := make([]any, 0, n)
		for ; n > 0; n-- {
			l = append(l, r.any())
		}
		return l
	case 116:
		return bytes.Clone(r.bytes())
	}
	return nil
}

// appendAny encodes a Go value as lib0's any. Keys of objects are written in
// sorted order. Values of unknown type become undefined, as functions do in Yjs.
func appendAny(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, 126)
	case bool:
		if v {
			return append(b, 120)
		}
		return append(b, 121)
	case int:
		return appendAny(b, int64(v))
	case int32:
		return appendAny(b, int64(v))
	case uint32:
		return appendAny(b, int64(v))
	case int64:
		if v > maxID || v < -maxID {
			return binary.BigEndian.AppendUint64(append(b, 122), uint64(v))
		}
		return appendNumber(b, float64(v))
	case float32:
		return appendNumber(b, float64(v))
	case float64:
		return appendNumber(b, v)
	case string:
		return appendString(append(b, 119), validString(v))
	case []byte:
		return appendBytes(append(b, 116), v)
	case []any:
		b = appendUint(append(b, 117), uint64(len(v)))
		for _, x := range v {
			b = appendAny(b, x)
		}
		return b
	case []string:
		b = appendUint(append(b, 117), uint64(len(v)))
		for _, x := range v {
			b = appendAny(b, x)
		}
		return b
	case map[string]any:
		b = appendUint(append(b, 118), uint64(len(v)))
		for _, k := range sortedKeys(v) {
			b = appendAny(appendString(b, validString(k)), v[k])
		}
		return b
	case Attrs:
		return appendAny(b, map[string]any(v))
	}
	return append(b, 127)
}

func appendNumber(b []byte, f float64) []byte {
	if f == math.Trunc(f) && math.Abs(f) <= math.MaxInt32 {
		return appendInt(append(b, 125), int64(f), math.Signbit(f))
	}
	if f32 := float32(f); float64(f32) == f {
		return binary.BigEndian.AppendUint32(append(b, 124), math.Float32bits(f32))
	}
	return binary.BigEndian.AppendUint64(append(b, 123), math.Float64bits(f))
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func validString(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s)) // each bad byte becomes U+FFFD
}

// appendJSON writes v as JSON.stringify does: no spaces, only the escapes that
// JSON needs, numbers in JavaScript's shortest form.
func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int32:
		return strconv.AppendInt(b, int64(v), 10)
	case uint32:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case float32:
		return appendJSNumber(b, float64(v))
	case float64:
		return appendJSNumber(b, v)
	case string:
		return appendJSString(b, v)
	case []any:
		b = append(b, '[')
		for i, x := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, x)
		}
		return append(b, ']')
	case []string:
		b = append(b, '[')
		for i, x := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSString(b, x)
		}
		return append(b, ']')
	case map[string]any:
		b = append(b, '{')
		first := true
		for _, k := range sortedKeys(v) {
			if _, ok := v[k].(Undefined); ok {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(appendJSString(b, k), ':')
			b = appendJSON(b, v[k])
		}
		return append(b, '}')
	case Attrs:
		return appendJSON(b, map[string]any(v))
	}
	return append(b, "null"...)
}

func appendJSNumber(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, "null"...)
	}
	if f == 0 {
		return append(b, '0')
	}
	format := byte('f')
	if a := math.Abs(f); a < 1e-6 || a >= 1e21 {
		format = 'e'
	}
	start := len(b)
	b = strconv.AppendFloat(b, f, format, -1, 64)
	if format == 'e' { // JavaScript writes 1e-7 where Go writes 1e-07
		if n := len(b); n-start >= 4 && b[n-4] == 'e' && b[n-2] == '0' {
			b[n-2] = b[n-1]
			b = b[:n-1]
		}
	}
	return b
}

func appendJSString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', byte(c))
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\t':
			b = append(b, '\\', 't')
		case c == '\b':
			b = append(b, '\\', 'b')
		case c == '\f':
			b = append(b, '\\', 'f')
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = utf8.AppendRune(b, c)
		}
	}
	return append(b, '"')
}

// decodeJSON turns stored JSON into a Go value; whole numbers become int64.
func decodeJSON(raw []byte) any {
	switch string(raw) {
	case "null", "undefined":
		return nil
	case "true":
		return true
	case "false":
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	return plainNumbers(v)
}

func plainNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil && n <= maxID && n >= -maxID {
			return n
		}
		f, _ := strconv.ParseFloat(string(v), 64)
		return f
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = plainNumbers(v[k])
		}
	}
	return v
}

// validJSON reports whether p is one JSON value of bounded depth. The common
// values of marks are answered without a scan.
func validJSON(p []byte) bool {
	switch string(p) {
	case "null", "true", "false":
		return true
	}
	i, ok := skipJSON(p, skipSpace(p, 0), 0)
	return ok && skipSpace(p, i) == len(p)
}

func skipSpace(p []byte, i int) int {
	for i < len(p) && (p[i] == ' ' || p[i] == '\n' || p[i] == '\r' || p[i] == '\t') {
		i++
	}
	return i
}

// skipJSON finds the end of the JSON value at p[i]; p is UTF-8.
func skipJSON(p []byte, i, depth int) (end int, ok bool) {
	if i >= len(p) {
		return i, false
	}
	switch p[i] {
	case '"':
		return skipJSONString(p, i+1)
	case '{', '[':
		return skipJSONContainer(p, i, depth+1)
	case 'n':
		return skipWord(p, i, "null")
	case 't':
		return skipWord(p, i, "true")
	case 'f':
		return skipWord(p, i, "false")
	}
	return skipJSONNumber(p, i)
}

func skipWord(p []byte, i int, word string) (end int, ok bool) {
	return i + len(word), len(p)-i >= len(word) && string(p[i:i+len(word)]) == word
}

func skipJSONContainer(p []byte, i, depth int) (end int, ok bool) {
	if depth > maxDepth {
		return i, false
	}
	object, last := p[i] == '{', p[i]+2 // } and ] come two behind { and [
	if i = skipSpace(p, i+1); i < len(p) && p[i] == last {
		return i + 1, true
	}
	for {
		if object {
			if i >= len(p) || p[i] != '"' {
				return i, false
			}
			if i, ok = skipJSONString(p, i+1); !ok {
				return i, false
			}
			if i = skipSpace(p, i); i >= len(p) || p[i] != ':' {
				return i, false
			}
			i = skipSpace(p, i+1)
		}
		if i, ok = skipJSON(p, i, depth); !ok {
			return i, false
		}
		if i = skipSpace(p, i); i >= len(p) {
			return i, false
		}
		if p[i] == last {
			return i + 1, true
		}
		if p[i] != ',' {
			return i, false
		}
		i = skipSpace(p, i+1)
	}
}

// skipJSONString finds the end of a string that starts before p[i].
func skipJSONString(p []byte, i int) (end int, ok bool) {
	for ; i < len(p); i++ {
		for len(p)-i >= 8 { // eight bytes at a time, as long as none of them is special
			const ones, highs = 0x0101010101010101, 0x8080808080808080
			w := binary.LittleEndian.Uint64(p[i:])
			quote, slash, control := w^ones*'"', w^ones*'\\', w-ones*0x20
			if ((quote-ones)&^quote|(slash-ones)&^slash|control&^w)&highs != 0 {
				break
			}
			i += 8
		}
		if i >= len(p) {
			break
		}
		switch c := p[i]; {
		case c == '"':
			return i + 1, true
		case c < 0x20:
			return i, false
		case c == '\\':
			if i++; i >= len(p) {
				return i, false
			}
			switch p[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					if i++; i >= len(p) || !isHex(p[i]) {
						return i, false
					}
				}
			default:
				return i, false
			}
		}
	}
	return i, false
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func skipJSONNumber(p []byte, i int) (end int, ok bool) {
	digits := func() bool {
		from := i
		for i < len(p) && '0' <= p[i] && p[i] <= '9' {
			i++
		}
		return i > from
	}
	if p[i] == '-' {
		i++
	}
	if i < len(p) && p[i] == '0' {
		i++
	} else if !digits() {
		return i, false
	}
	if i < len(p) && p[i] == '.' {
		if i++; !digits() {
			return i, false
		}
	}
	if i < len(p) && (p[i] == 'e' || p[i] == 'E') {
		if i++; i < len(p) && (p[i] == '+' || p[i] == '-') {
			i++
		}
		if !digits() {
			return i, false
		}
	}
	return i, true
}

// sameJSON compares two values of a mark as Yjs' equalAttrs does: scalars by value,
// objects and arrays one level deep; anything nested deeper counts as different.
func sameJSON(a, b []byte) bool {
	flat := isFlat(a)
	if bytes.Equal(a, b) {
		return flat
	}
	if len(a) == 0 || len(b) == 0 || !isContainer(a) || !isContainer(b) || !flat || !isFlat(b) {
		return false
	}
	x, y := decodeJSON(a), decodeJSON(b)
	switch x := x.(type) {
	case map[string]any:
		y, ok := y.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k, v := range x {
			if w, ok := y[k]; !ok || w != v {
				return false
			}
		}
		return true
	case []any:
		y, ok := y.([]any)
		return ok && slices.Equal(x, y)
	}
	return false
}

// identicalJSON is JavaScript's === on two values that were decoded separately.
func identicalJSON(a, b []byte) bool {
	return bytes.Equal(a, b) && !isContainer(a)
}

func isContainer(p []byte) bool { return len(p) > 0 && (p[0] == '{' || p[0] == '[') }

func isFlat(p []byte) bool {
	if !isContainer(p) {
		return true
	}
	inString := false
	for i := 1; i < len(p); i++ {
		switch c := p[i]; {
		case inString:
			if c == '\\' {
				i++
			} else if c == '"' {
				inString = false
			}
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			return false
		}
	}
	return true
}
