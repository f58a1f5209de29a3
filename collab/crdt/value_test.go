package crdt

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// sameAsJSON holds validJSON to what encoding/json says of UTF-8 that is not nested too deep.
func sameAsJSON(t *testing.T, p []byte) {
	t.Helper()
	if !utf8.Valid(p) {
		return
	}
	if got, want := validJSON(p), json.Valid(p); got != want && (got || !tooDeep(p)) {
		t.Fatalf("%q: valid %v, want %v", p, got, want)
	}
}

// tooDeep may say so of what is not, when brackets stand in strings.
func tooDeep(p []byte) bool {
	return strings.Count(string(p), "[")+strings.Count(string(p), "{") > maxDepth
}

func TestJSONIsWhatTheLibraryTakesForIt(t *testing.T) {
	seeds := []string{
		`{"kind":"p","level":2,"x":[1,-0.5e+10,true,false,null,"ř\\u00e9\\n\\"😀"]}`, `"` + strings.Repeat("a", 40) + `"`, ` [ ] `, `{}`, `-0`, `01`, `1.`, `1e`, `.5`,
		`"\\u12g4"`, `"\\x"`, "\"a\x1fb\"", "\"12345678\x00\"", `[1,]`, `{"a":1,}`, `{"a"}`, `{a:1}`, `nul`, `nulls`, `"a`, `"a\\`, `[1 2]`, "\"\x7f\u0080\"", `[[[{"a":[{}]}]]]`, ``, ` `, `"a" "b"`, `1 `, `--1`, `1e5`, `1E-07`,
	}
	r := rand.New(rand.NewPCG(4, 2))
	const alphabet = "{}[]\",:\\/u0123abnrtfe+-. \n\x00\x1f\x7fxř"
	for _, s := range seeds {
		sameAsJSON(t, []byte(s))
		for range 20_000 {
			p := []byte(s)
			for range 1 + r.IntN(3) {
				k := r.IntN(len(p) + 1)
				switch c := alphabet[r.IntN(len(alphabet))]; r.IntN(3) {
				case 0:
					p = append(p[:k], append([]byte{c}, p[k:]...)...)
				case 1:
					if k < len(p) {
						p[k] = c
					}
				default:
					p = append(p[:min(k, len(p))], p[min(k+1, len(p)):]...)
				}
			}
			sameAsJSON(t, p)
		}
	}
	for n, want := range map[int]bool{maxDepth: true, maxDepth + 1: false} {
		for _, s := range []string{strings.Repeat("[", n) + strings.Repeat("]", n), strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n), strings.Repeat("[1,", n-1) + "[0]" + strings.Repeat("]", n-1)} {
			if got := validJSON([]byte(s)); got != want {
				t.Errorf("%d deep: valid %v, want %v", n, got, want)
			}
		}
	}
}
