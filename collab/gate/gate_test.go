package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"spolupis/collab/crdt"
	"spolupis/collab/internal/bounded"
)

const (
	alice = 1000 // leased to the sender
	bob   = 2000 // somebody else
)

// world is a document with text of both, and a way to write updates by hand.
func world(t testing.TB) *crdt.Doc {
	t.Helper()
	d := crdt.New(crdt.Config{Client: bob})
	d.Transact(func() {
		d.Text("body").InsertMap(0, map[string]any{"kind": "p"}, nil)
		d.Text("body").Insert(1, "Rada kraje schvaluje návrh.", nil)
	})
	d.SetClient(alice)
	d.Transact(func() { d.Text("body").Insert(5, "Alice ", crdt.Attrs{"strong": true}) })
	return d
}

func copyOf(t testing.TB, d *crdt.Doc, client uint64) *crdt.Doc {
	t.Helper()
	c := crdt.New(crdt.Config{Client: client})
	if err := c.Apply(d.Encode()); err != nil {
		t.Fatal(err)
	}
	return c
}

type bytesOf []byte

func (b bytesOf) n(xs ...uint64) bytesOf {
	for _, x := range xs {
		for x >= 0x80 {
			b = append(b, byte(x)|0x80)
			x >>= 7
		}
		b = append(b, byte(x))
	}
	return b
}

func (b bytesOf) s(s string) bytesOf    { return append(b.n(uint64(len(s))), s...) }
func (b bytesOf) raw(p ...byte) bytesOf { return append(b, p...) }
func (b bytesOf) with(p []byte) bytesOf { return append(b, p...) }

func leasedToAlice(c uint64) bool { return c == alice || c == alice+1 }

func check(d *crdt.Doc, u []byte) (Info, error) {
	return Check(Request{Doc: d, Update: u, Leased: leasedToAlice})
}

// attack is an update that must be refused, and why.
type attack struct {
	update bytesOf
	want   string
}

// refused are the attacks of A1 to A5 that nobody may make, and others, on the document d.
func refused(d *crdt.Doc) map[string]attack {
	a, b := uint64(d.Clock(alice)), uint64(d.Clock(bob))
	var none bytesOf
	gcOfMany := func(clients uint64) bytesOf {
		b := bytesOf{}.n(clients)
		for i := range clients {
			b = b.n(1, 1_000_000-i, 5, 0, 1)
		}
		return b.n(0)
	}
	backwards := append(bytesOf{}.n(1, 100_000, alice, a), 0x44).n(bob, 5).s("x")
	for i := range uint64(99_999) {
		backwards = append(backwards, 0x44).n(alice, a+i).s("x")
	}
	maps := append(bytesOf{}.n(1, 20_000, alice, a), 0x27).n(1).s("body").s("k").n(1)
	for i := range uint64(19_999) {
		maps = append(maps, 0x27).n(0, alice, a+i).s("k").n(1)
	}
	nested := bytesOf{}.n(1, 200, alice, a)
	nested = append(nested, 0x07).n(1).s("body").n(1) // a map in the body
	for i := range uint64(199) {
		nested = append(nested, 0x27).n(0, alice, a+i).s("k").n(1)
	}
	return map[string]attack{
		"A3 deletes what the victim has not written yet":  {none.n(0, 1, bob, 1, b, 20), Unborn},
		"A3 range that runs past what exists":             {none.n(0, 1, bob, 1, 0, b+1), Unborn},
		"A3 delete of an unknown client":                  {none.n(0, 1, 77, 1, 0, 1), Unborn},
		"A3 deletes what oneself has not written yet":     {none.n(0, 1, alice, 1, a, 20), Unborn},
		"A4 writes under the victim's id":                 {append(none.n(1, 1, bob, b), 0x84).n(bob, 5).s("forged").n(0), Foreign},
		"A4 under an id nobody has":                       {append(none.n(1, 1, 77, 0), 0x04).n(1).s("body").s("x").n(0), Foreign},
		"A4 overlap: known clocks and one more":           {append(none.n(1, 1, bob, b-1), 0x84).n(bob, 5).s("zz").n(0), Foreign},
		"A4 a whole history under the victim's id":        {append(none.n(1, 2, bob, 0), 0x04).n(1).s("body").s(strings.Repeat("f", int(b))).raw(0x84).n(bob, b-1).s("!").n(0), Foreign},
		"A4 GC struct at the victim's next clock":         {none.n(1, 1, bob, b, 0, 1, 0), Foreign},
		"A4 beside honest content of one's own":           {append(append(none.n(2, 1, bob, b), 0x84).n(bob, 5).s("forged").n(1, alice, a), 0x84).n(bob, 5).s("x").n(0), Foreign},
		"A5a typing backwards a hundred thousand times":   {backwards.n(0), TooLarge},
		"A5b pending GC structs of 4,000 ids":             {gcOfMany(4_000), Foreign},
		"A5b pending GC structs of 18,000 ids, 128 KB":    {gcOfMany(18_000), TooLarge},
		"A5b pending GC structs of 100,000 ids, 800 KB":   {gcOfMany(100_000), TooLarge},
		"A5c GC struct that eats the victim's clocks":     {none.n(1, 1, bob, b, 0, 1<<31-1, 0), Foreign},
		"A5c GC struct that eats one's own clocks":        {none.n(1, 1, alice, a, 0, 1<<31-1, 0), TooLarge},
		"A5c deleted struct of huge length":               {append(none.n(1, 1, alice, a), 0x81).n(bob, 5, 1<<31).n(0), TooLarge},
		"A5d types nested too deep":                       {nested.n(0), Nesting},
		"A5d 20,000 nested maps":                          {maps.n(0), Nesting},
		"gap in one's own clocks":                         {append(none.n(1, 1, alice, a+1), 0x84).n(bob, 5).s("x").n(0), Gap},
		"hole before content":                             {append(none.n(1, 2, alice, a, 10, 3), 0x84).n(bob, 5).s("x").n(0), Gap},
		"origin that does not exist":                      {append(none.n(1, 1, alice, a), 0x84).n(bob, b).s("x").n(0), Dependency},
		"right origin that does not exist":                {append(none.n(1, 1, alice, a), 0x44).n(77, 0).s("x").n(0), Dependency},
		"parent that does not exist":                      {append(none.n(1, 1, alice, a), 0x24).n(0, 77, 3).s("k").s("x").n(0), Dependency},
		"known struct with an origin that does not exist": {append(none.n(1, 1, alice, 0), 0x84).n(77, 9).s("x").n(0), Dependency},
		"structs that wait for each other": {append(append(none.n(2, 1, alice+1, 0), 0x84).n(alice, a).s("x").n(1, alice, a), 0x84).
			n(alice+1, 0).s("x").n(0), Dependency},
		"origin in its own future":       {append(none.n(1, 1, alice, a), 0x84).n(alice, a).s("x").n(0), Malformed},
		"subdocument":                    {append(append(none.n(1, 1, alice, a), 0x09).n(1).s("body").s("guid"), 118, 0).n(0), Kind},
		"empty string":                   {append(none.n(1, 1, alice, a), 0x84).n(bob, 5).s("").n(0), Malformed},
		"invalid UTF-8":                  {append(none.n(1, 1, alice, a), 0x84).n(bob, 5).s("\xff").n(0), Malformed},
		"clock that passes 32 bits":      {none.n(1, 1, alice, a, 0, 1<<32-1, 0), Malformed},
		"client id that passes 53 bits":  {none.n(1, 1, 1<<53, 0, 0, 1, 0), Malformed},
		"struct count beyond the bytes":  {none.n(1, 1<<40, alice, a), Malformed},
		"client count beyond the bytes":  {none.n(1 << 40), Malformed},
		"value count beyond the bytes":   {append(none.n(1, 1, alice, a), 0x88).n(bob, 5, 1<<40), Malformed},
		"bytes behind the end":           {none.n(0, 0, 0), Malformed},
		"nothing at all":                 {none, Malformed},
		"two sections of one client":     {append(none.n(2, 1, alice, a, 0, 1, 1, alice, a+1, 0, 1), 0), Malformed},
		"mark with a value of a million": {append(none.n(1, 1, alice, a), 0x86).n(bob, 5).s("strong").s(`"` + strings.Repeat("x", 100_000) + `"`).n(0), TooLarge},
		"name of a root too long":        {append(none.n(1, 1, alice, a), 0x04).n(1).s(strings.Repeat("r", 300)).s("x").n(0), TooLarge},
	}
}

func TestAttacksAreRefused(t *testing.T) {
	d := world(t)
	for name, v := range refused(d) {
		before, size := d.Encode(), d.Size()
		info, err := check(d, v.update)
		var r *Refusal
		if !errors.As(err, &r) || r.Reason != v.want {
			t.Errorf("%s: got %+v, %v; want %s", name, info, err, v.want)
		}
		if !bytes.Equal(d.Encode(), before) || d.Size() != size {
			t.Errorf("%s: the document changed", name)
		}
	}
}

// A5b took Yjs minutes because all of it waited. Nothing waits here, whoever the ids belong to.
func TestNothingWaitsEvenForWhoeverHoldsEveryID(t *testing.T) {
	d := world(t)
	b := bytesOf{}.n(4000)
	for i := range uint64(4000) {
		b = b.n(1, 1_000_000-i, 5, 0, 1)
	}
	_, err := Check(Request{Doc: d, Update: b.n(0), Leased: func(uint64) bool { return true }})
	if r, ok := errors.AsType[*Refusal](err); !ok || r.Reason != Gap {
		t.Errorf("got %v, want %s", err, Gap)
	}
}

func TestLegalUpdatesPass(t *testing.T) {
	d := world(t)
	edit := func(f func(d *crdt.Doc)) []byte {
		c := copyOf(t, d, alice)
		return c.Transact(func() { f(c) })
	}
	known := d.Encode()
	twoIDs := func() []byte {
		c := copyOf(t, d, alice)
		c.Transact(func() { c.Text("body").Insert(3, "x", nil) })
		c.SetClient(alice + 1)
		c.Transact(func() { c.Text("body").Insert(4, "y", nil) })
		u, err := c.Diff(d.StateVector())
		if err != nil {
			t.Fatal(err)
		}
		return u
	}()
	overlap := func() []byte {
		c := copyOf(t, d, alice)
		c.Transact(func() { c.Text("body").Insert(c.Text("body").Len(), "a reconnecting client sends everything", nil) })
		return c.Encode()
	}()
	for name, v := range map[string]struct {
		update []byte
		empty  bool
	}{
		"A1 insert that names its place by an origin only":      {append(bytesOf{}.n(1, 1, alice, uint64(d.Clock(alice))), 0x84).n(bob, 5).s("x").n(0), false},
		"A2 seven bytes that delete the whole body":             {bytesOf{}.n(0, 1, bob, 1, 0, uint64(d.Clock(bob))), false},
		"A3 deletes no more than the victim has written":        {bytesOf{}.n(0, 1, bob, 1, uint64(d.Clock(bob))-1, 1), false},
		"A4 known content of the victim, sent once more":        {known, true},
		"A5c GC struct of what one wrote and deleted in one go": {bytesOf{}.n(1, 1, alice, uint64(d.Clock(alice)), 0, 30, 0), false},
		"a typed character":        {edit(func(d *crdt.Doc) { d.Text("body").Insert(6, "x", nil) }), false},
		"text with a mark":         {edit(func(d *crdt.Doc) { d.Text("body").Insert(3, "x", crdt.Attrs{"em": true}) }), false},
		"a new paragraph":          {edit(func(d *crdt.Doc) { d.Text("body").InsertMap(9, map[string]any{"kind": "h", "level": 2}, nil) }), false},
		"a changed paragraph":      {edit(func(d *crdt.Doc) { d.Text("body").Delta()[0].Map.Set("kind", "ul") }), false},
		"deleting another's text":  {edit(func(d *crdt.Doc) { d.Text("body").Delete(2, 10) }), false},
		"insert and delete in one": {edit(func(d *crdt.Doc) { d.Text("body").Insert(2, "gone", nil); d.Text("body").Delete(2, 4) }), false},
		"embed and delete in one, GC structs": {edit(func(d *crdt.Doc) {
			d.Text("body").InsertMap(2, map[string]any{"kind": "p"}, nil)
			d.Text("body").Delete(2, 1)
		}), false},
		"deleting a paragraph with its map":  {edit(func(d *crdt.Doc) { d.Text("body").Delete(0, 1) }), false},
		"nothing":                            {[]byte{0, 0}, true},
		"everything the server knows":        {known, true},
		"everything known and something new": {overlap, false},
		"two ids of the same person":         {twoIDs, false},
		"map entries, values and nested types": {edit(func(d *crdt.Doc) {
			d.Map("meta").Set("a", crdt.EmptyArray)
			d.Map("meta").Set("b", []any{int64(1), "x"})
		}), false},
	} {
		info, err := check(d, v.update)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if info.Empty != v.empty {
			t.Errorf("%s: empty %v, want %v (%+v)", name, info.Empty, v.empty, info)
		}
		c := copyOf(t, d, 1)
		if err := c.Apply(v.update); err != nil || c.Pending() {
			t.Errorf("%s: applied with %v, pending %v", name, err, c.Pending())
		}
		if same := bytes.Equal(c.Encode(), d.Encode()); same != v.empty {
			t.Errorf("%s: document unchanged %v, want %v", name, same, v.empty)
		}
		if again, err := check(c, v.update); err != nil || !again.Empty {
			t.Errorf("%s: sent once more: %+v, %v, want nothing new", name, again, err)
		}
	}
}

func TestInfoNamesTheNewContent(t *testing.T) {
	d := world(t)
	from := d.Clock(alice)
	c := copyOf(t, d, alice)
	u := c.Transact(func() { c.Text("body").Insert(2, "dvě", nil); c.Text("body").Delete(10, 3) })
	info, err := check(d, u)
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Clients) != 1 || info.Clients[0] != (ClientRange{alice, from, from + 3}) || !info.Deletes || info.Structs != 1 {
		t.Errorf("got %+v, want client %d from %d to %d, deletes, 1 struct", info, alice, from, from+3)
	}
}

// Structs whose neighbours are far from each other are compared with everything in
// between. Whoever makes 20,000 of them could keep the server busy for minutes.
func TestTangledUpdatesAreRefused(t *testing.T) {
	d := crdt.New(crdt.Config{Client: bob})
	for i := range 20_000 { // 20,000 items: every character typed in front of the last
		d.Transact(func() { d.Text("body").Insert(0, string(rune('a'+i%26)), nil) })
	}
	last := uint64(0) // the first character written is the last in the text
	section := func(n uint64, each func(b bytesOf, i uint64) bytesOf) []byte {
		b := bytesOf{}.n(1, n, alice, 0)
		for i := range n {
			b = each(b, i)
		}
		return b.n(0)
	}
	for name, u := range map[string][]byte{
		"from the start to the last character": section(19_000, func(b bytesOf, i uint64) bytesOf {
			return append(b, 0x44).n(bob, last).s("x")
		}),
		"from the start to many places": section(19_000, func(b bytesOf, i uint64) bytesOf {
			return append(b, 0x44).n(bob, i).s("x")
		}),
		"from one new character to many places": section(19_000, func(b bytesOf, i uint64) bytesOf {
			if i == 0 {
				return append(b, 0x44).n(bob, 19_999).s("x")
			}
			return append(b, 0xc4).n(alice, 0, bob, i).s("x")
		}),
		"among each other": section(19_000, func(b bytesOf, i uint64) bytesOf {
			if i == 0 {
				return append(b, 0x84).n(bob, last).s("x")
			}
			return append(b, 0xc4).n(bob, last, alice, i/2).s("x")
		}),
	} {
		start := time.Now()
		_, err := Check(Request{Doc: d, Update: u, Leased: leasedToAlice})
		var r *Refusal
		if !errors.As(err, &r) || r.Reason != Tangled {
			t.Errorf("%s: %v, want %s", name, err, Tangled)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: refusing took %v", name, took)
		}
	}
	// honest work of the same size passes
	for name, edit := range map[string]func(c *crdt.Doc, i int){
		"typing":           func(c *crdt.Doc, i int) { c.Text("body").Insert(500+i, "x", nil) },
		"typing backwards": func(c *crdt.Doc, i int) { c.Text("body").Insert(500, "x", nil) },
		"typing here and there": func(c *crdt.Doc, i int) {
			c.Text("body").Insert((i*7919)%c.Text("body").Len(), "x", crdt.Attrs{})
		},
		"paragraphs": func(c *crdt.Doc, i int) {
			c.Text("body").InsertMap(i*2, map[string]any{"kind": "p", "level": 1}, nil)
			c.Text("body").Insert(i*2+1, "x", crdt.Attrs{"em": true})
		},
		"marks": func(c *crdt.Doc, i int) { c.Text("body").Format((i*13)%9000, 5, crdt.Attrs{"em": i%2 == 0}) },
	} {
		c := copyOf(t, d, alice)
		for i := range 1500 {
			c.Transact(func() { edit(c, i) })
		}
		u, err := c.Diff(d.StateVector())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Check(Request{Doc: d, Update: u, Leased: leasedToAlice}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whoever types in the middle of what another wrote in one go names two neighbours that the document keeps as one item.
// Nothing lies between them, however long the text behind is.
func TestTypingInTheMiddleOfRunsPasses(t *testing.T) {
	d := crdt.New(crdt.Config{})
	for i := range 4_000 { // two who write by turns, a word each
		d.SetClient(bob + uint64(i)%2)
		d.Transact(func() { d.Text("body").Insert(6*i, "slovo ", nil) })
	}
	c := copyOf(t, d, alice)
	for i := range 1_500 {
		c.Transact(func() { c.Text("body").Insert(7*i+3, "x", nil) })
	}
	u, err := c.Diff(d.StateVector())
	if err != nil {
		t.Fatal(err)
	}
	if d.Structs() < 4_000 {
		t.Fatalf("%d items, want one for each word", d.Structs())
	}
	if _, err := check(d, u); err != nil {
		t.Error(err)
	}
}

func TestLimitsHold(t *testing.T) {
	d := world(t)
	c := copyOf(t, d, alice)
	u := c.Transact(func() { c.Text("body").Insert(2, strings.Repeat("a", 5000), nil) })
	for name, l := range map[string]Limits{
		"bytes":       {Bytes: 1000},
		"document":    {DocBytes: 3000},
		"items":       {DocStructs: 2},
		"other roots": {},
	} {
		r := Request{Doc: d, Update: u, Leased: leasedToAlice, Limits: l}
		if name == "other roots" {
			e := copyOf(t, d, alice)
			r.Roots, r.Update = []string{"body"}, e.Transact(func() { e.Map("evil").Set("a", 1) })
		}
		if info, err := Check(r); err == nil {
			t.Errorf("%s: accepted %+v", name, info)
		}
	}
}

// Thousands of ids of which each builds on the next would lie in each other as calls.
func TestIDsThatWaitForOneAnother(t *testing.T) {
	d := world(t)
	chain := func(n uint64) []byte {
		b := bytesOf{}.n(n)
		for i := range n - 1 {
			b = append(b.n(1, 1_000_000-i, 0), 0x84).n(999_999-i, 0).s("x")
		}
		return append(b.n(1, 1_000_001-n, 0), 0x04).n(1).s("body").s("x").n(0)
	}
	for n, want := range map[uint64]string{400: "", 4_000: Tangled} {
		_, err := Check(Request{Doc: d, Update: chain(n), Leased: anyone})
		if r, ok := errors.AsType[*Refusal](err); err != nil && (!ok || r.Reason != want) || err == nil && want != "" {
			t.Errorf("%d ids: %v, want %q", n, err, want)
		}
	}
}

// A name is kept once, but stands in the state as often as it is used.
func TestNamesFillADocument(t *testing.T) {
	d := crdt.New(crdt.Config{Client: 1})
	name := strings.Repeat("n", 250)
	for i := range uint64(20) {
		b := bytesOf{}.n(1, 3_000, alice, 3_000*i)
		for k := range uint64(3_000) {
			if i == 0 && k == 0 {
				b = append(b, 0x07).n(1).s("body").n(3).s(name)
			} else {
				b = append(b, 0x87).n(alice, 3_000*i+k-1).n(3).s(name) // XML elements with a long name
			}
		}
		if _, err := check(d, b.n(0)); err != nil {
			if r, ok := errors.AsType[*Refusal](err); !ok || r.Reason != Full {
				t.Fatalf("update %d: %v, want %s", i, err, Full)
			}
			if n := len(d.Encode()); n > 10_000_000*5/4 {
				t.Errorf("refused when the state had %d bytes", n)
			}
			return
		}
		if err := d.Apply(b.n(0)); err != nil {
			t.Fatal(err)
		}
	}
	t.Errorf("accepted a state of %d bytes", len(d.Encode()))
}

func TestRefusalCostsLittle(t *testing.T) {
	d := world(t)
	hostile := bytesOf{}.n(60_000)
	for i := range uint64(60_000) {
		hostile = hostile.n(1, 1_000_000-i, 5, 0, 1)
	}
	hostile = hostile.n(0)
	if n := testing.AllocsPerRun(5, func() {
		if _, err := check(d, hostile); err == nil {
			t.Fatal("accepted")
		}
	}); n > 100 && countAllocations {
		t.Errorf("refusing took %v allocations, want at most 100", n)
	}
	c := copyOf(t, d, alice)
	u := c.Transact(func() { c.Text("body").Insert(6, "x", nil) })
	if n := testing.AllocsPerRun(100, func() { check(d, u) }); n > 1 && countAllocations {
		t.Errorf("a typed character takes %v allocations, want at most 1", n)
	}
}

// both judges the short way and the long way, which must say the same.
func both(t testing.TB, r Request) (Info, error) {
	t.Helper()
	info, err := Check(r)
	r.Limits.fill()
	if len(r.Update) > r.Limits.Bytes {
		return info, err
	}
	if long, errLong := thorough(r); fmt.Sprint(err) != fmt.Sprint(errLong) || !reflect.DeepEqual(info, long) {
		t.Fatalf("%x: said %+v, %v; at length %+v, %v", r.Update, info, err, long, errLong)
	}
	return info, err
}

func TestKeystrokesAreJudgedLikeEverythingElse(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	d := world(t)
	accepted, refused, n := 0, 0, 4_000
	if !countAllocations {
		n = 500 // the race detector has nothing to find here
	}
	for i := range n {
		c := copyOf(t, d, []uint64{alice, bob, alice + 1}[i%3])
		text := c.Text("body")
		at := r.IntN(text.Len())
		u := c.Transact(func() {
			if i%4 == 0 {
				text.Delete(at, min(text.Len()-at, 1+r.IntN(5)))
			} else {
				text.Insert(at, []string{"x", "ř", "😀", "slovo"}[r.IntN(4)], nil)
			}
		})
		limits := Limits{}
		switch r.IntN(12) {
		case 0:
			limits.DocBytes = d.Size() + r.IntN(3)
		case 1:
			limits.DocStructs = d.Structs() + r.IntN(2)
		case 2:
			limits = Limits{Structs: 1 - r.IntN(2)*2, Cuts: 1 + r.IntN(2), Alive: 1, Deletes: 1, Clients: 1, Conflict: d.Structs() + r.IntN(2)}
		}
		for range 4 {
			if _, err := both(t, Request{Doc: d, Update: u, Leased: leasedToAlice, Limits: limits}); err == nil {
				accepted++
			} else {
				refused++
			}
			u = bytes.Clone(u)
			u[r.IntN(len(u))] ^= byte(1 << r.IntN(8))
		}
		if i%5 == 0 {
			d = copyOf(t, d, bob)
			d.Transact(func() { d.Text("body").Insert(at%d.Text("body").Len(), "b", nil); d.Text("body").Delete(0, 1) })
		}
	}
	if accepted < n/4 || refused < n/4 {
		t.Errorf("%d accepted and %d refused, want many of both", accepted, refused)
	}
}

// What passes the gate applies completely, in the sender's name alone, and to every copy alike; what is refused changes nothing;
// and the gate says the same each time.
func FuzzCheck(f *testing.F) {
	d := estate(f)
	state := d.Encode()
	for i, edit := range edits {
		c := copyOf(f, d, alice)
		u := c.Transact(func() { edit(c) })
		if u == nil {
			f.Fatalf("edit %d does nothing", i)
		}
		f.Add(u)
		r := rand.New(rand.NewPCG(1, uint64(i)))
		for range 20 {
			m := bytes.Clone(u)
			m[r.IntN(len(m))] ^= byte(1 << r.IntN(8))
			f.Add(m)
		}
	}
	for _, v := range refused(d) {
		if len(v.update) < 4096 {
			f.Add([]byte(v.update))
		}
	}
	f.Add(state)
	f.Fuzz(func(t *testing.T, u []byte) {
		d, copy := loaded(t, state), loaded(t, state)
		var info Info
		var err error
		bounded.Run(t, len(u), 64, func() { info, err = check(d, u) })
		again, errAgain := both(t, Request{Doc: copy, Update: u, Leased: leasedToAlice})
		if fmt.Sprint(err) != fmt.Sprint(errAgain) || !reflect.DeepEqual(info, again) {
			t.Fatalf("said %+v, %v and then %+v, %v", info, err, again, errAgain)
		}
		if !bytes.Equal(d.Encode(), state) {
			t.Fatal("judging changed the document")
		}
		if err != nil {
			return
		}
		bounded.Run(t, len(u), 512, func() { err = d.Apply(u) })
		if err != nil {
			t.Fatalf("accepted, but %v", err)
		}
		if d.Pending() {
			t.Fatal("accepted, but something waits")
		}
		if d.Clock(bob) != copy.Clock(bob) {
			t.Fatal("wrote as somebody else")
		}
		for _, c := range info.Clients {
			if copy.Clock(c.Client) != c.From || d.Clock(c.Client) != c.To || !leasedToAlice(c.Client) {
				t.Fatalf("said %+v is new; the clock went from %d to %d", c, copy.Clock(c.Client), d.Clock(c.Client))
			}
		}
		after := d.Encode()
		// known structs that lie about their neighbours cut characters of two units, in Yjs too: not bytes, what is there counts
		if info.Empty && !bytes.Equal(copy.Snapshot().Encode(), d.Snapshot().Encode()) {
			t.Fatal("said to be empty, but wrote or deleted something")
		}
		if again, err := check(d, u); err != nil || !again.Empty {
			t.Fatalf("sent once more: %+v, %v", again, err)
		}
		if err := copy.Apply(u); err != nil || !bytes.Equal(copy.Encode(), after) {
			t.Fatalf("a copy became something else: %v", err)
		}
		loaded(t, after)
	})
}

// estate is a document with something of every type in it, by both.
func estate(t testing.TB) *crdt.Doc {
	d := world(t)
	for _, client := range []uint64{bob, alice} {
		d.SetClient(client)
		d.Transact(func() {
			d.Text("body").Insert(3, "čeština 😀 a emoji", crdt.Attrs{"em": true})
			d.Text("body").Delete(9, 2)
			d.Map("meta").Set("list", crdt.EmptyArray)
			d.Map("meta").Set("text", crdt.EmptyText)
			d.Array("list").Insert(0, int64(1), "x", nil, []byte{1, 2}, crdt.EmptyMap)
			d.Map("meta").Set("gone", crdt.EmptyMap)
			d.Map("meta").Delete("gone")
		})
	}
	return d
}

// edits are what an honest client may do there.
var edits = []func(d *crdt.Doc){
	func(d *crdt.Doc) { d.Text("body").Insert(6, "x", nil) },
	func(d *crdt.Doc) { d.Text("body").InsertMap(3, map[string]any{"kind": "h"}, crdt.Attrs{"em": true}) },
	func(d *crdt.Doc) { d.Text("body").Format(2, 8, crdt.Attrs{"strong": true}) },
	func(d *crdt.Doc) { d.Text("body").Insert(2, "y😀", nil); d.Text("body").Delete(0, 7) },
	func(d *crdt.Doc) { d.Text("body").Insert(2, "gone", nil); d.Text("body").Delete(2, 4) },
	func(d *crdt.Doc) { d.Text("body").Delete(0, d.Text("body").Len()) },
	func(d *crdt.Doc) { d.Map("m").Set("k", crdt.EmptyMap); d.Array("a").Insert(0, 1, "x", nil, []byte{1}) },
	func(d *crdt.Doc) { d.Map("meta").Set("list", 2.5); d.Map("meta").Delete("text") },
	func(d *crdt.Doc) { d.Array("list").Insert(2, crdt.EmptyText); d.Array("list").Delete(0, 2) },
}

func loaded(t testing.TB, state []byte) *crdt.Doc {
	d := crdt.New(crdt.Config{Client: 1})
	if err := d.Apply(state); err != nil {
		t.Fatal(err)
	}
	return d
}

func BenchmarkTypedCharacter(b *testing.B) {
	d := world(b)
	c := copyOf(b, d, alice)
	u := c.Transact(func() { c.Text("body").Insert(6, "x", nil) })
	b.ReportAllocs()
	for b.Loop() {
		if _, err := check(d, u); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGateAndApply(b *testing.B) {
	var us [][]byte
	c := crdt.New(crdt.Config{Client: alice})
	for i := range 100_000 {
		us = append(us, c.Transact(func() { c.Text("body").Insert(i, "x", nil) }))
	}
	b.ReportAllocs()
	b.ResetTimer()
	d := crdt.New(crdt.Config{})
	for i := range b.N {
		if i%len(us) == 0 {
			d = crdt.New(crdt.Config{})
		}
		if _, err := check(d, us[i%len(us)]); err != nil {
			b.Fatal(err)
		}
		if err := d.Apply(us[i%len(us)]); err != nil {
			b.Fatal(err)
		}
	}
}

// Everything that real Yjs clients send must pass, in the order in which they send it,
// and so must the whole state that they send again when they reconnect.
func TestRealClientsPass(t *testing.T) {
	missing := func(why string) {
		if os.Getenv("SPOLUPIS_REQUIRE_SERVERS") == "1" {
			t.Fatal("the yjs oracle is required but " + why)
		}
		t.Skip("SKIPPED, NOT TRIED WITH YJS: " + why)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing("node is not installed")
	}
	var in bytes.Buffer
	const seeds = 60
	for seed := range seeds {
		fmt.Fprintf(&in, "{\"seed\":%d,\"mode\":%q}\n", 1000+seed, []string{"client", "mirror"}[seed%2])
	}
	cmd := exec.Command(node, "../crdt/testdata/oracle.mjs")
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	out, err := cmd.Output()
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if err != nil || len(lines) != seeds+1 {
		missing(fmt.Sprintf("it said %.100s (%v)", out, err))
	}
	updates := 0
	for i, line := range lines[1:] {
		var a struct {
			Events [][]json.RawMessage
			Error  string
		}
		if err := json.Unmarshal(line, &a); err != nil || a.Error != "" {
			t.Fatalf("seed %d: %v %s", i, err, a.Error)
		}
		server := crdt.New(crdt.Config{})
		client := map[string]uint64{}
		for k, e := range a.Events {
			var kind string
			var u []byte
			json.Unmarshal(e[0], &kind)
			switch kind {
			case "new", "reload":
				client[string(e[1])], _ = strconv.ParseUint(string(e[2]), 10, 64)
				continue
			case "sent", "check":
				json.Unmarshal(e[2], &u)
			default:
				continue
			}
			me := client[string(e[1])]
			info, err := Check(Request{Doc: server, Update: u, Leased: func(c uint64) bool { return c == me }})
			if err != nil {
				if kind == "check" && len(e) > 2 && me == 5 {
					continue // a replica of the test itself
				}
				t.Fatalf("seed %d event %d (%s): %v", i, k, kind, err)
			}
			if err := server.Apply(u); err != nil || server.Pending() {
				t.Fatalf("seed %d event %d: accepted, then %v, pending %v", i, k, err, server.Pending())
			}
			if kind == "check" && !info.Empty {
				t.Errorf("seed %d event %d: a state that is all known counts as new: %+v", i, k, info)
			}
			updates++
		}
	}
	t.Logf("%d updates of yjs passed", updates)
}

// megabyte is an update, and what the document holds before it.
type megabyte struct{ base, u []byte }

// attacks are megabytes made to keep the server busy: well-formed all of them, and as
// near to the limits as they get through, or just past them.
func attacks() map[string]megabyte {
	const size = 1 << 20
	section := func(n uint64, pad int, each func(b bytesOf, i uint64, fill string) bytesOf) []byte {
		b := bytesOf{}.n(1, n, alice, 0)
		for i := range n {
			b = each(b, i, strings.Repeat("x", pad))
		}
		return b.n(0)
	}
	ranges := func(of string, n uint64, each func(i uint64) (clock, length uint64)) megabyte {
		d := crdt.New(crdt.Config{Client: bob})
		base := d.Transact(func() { d.Text("body").Insert(0, of, nil) })
		u := bytesOf{}.n(0, 1, bob, n)
		for i := range n {
			u = u.n(each(i))
		}
		return megabyte{base, u}
	}
	// inMaps puts entries into sixty maps that lie in each other.
	inMaps := func(n uint64, pad int, kind, value func(bytesOf) bytesOf) []byte {
		return section(n, pad, func(b bytesOf, i uint64, fill string) bytesOf {
			switch {
			case i == 0:
				return append(b, 0x27).n(1).s("body").s("k").n(1)
			case i < 60:
				return append(b, 0x27).n(0, alice, i-1).s("k").n(1)
			}
			return value(kind(b).n(0, alice, i%60).s(fill + strconv.Itoa(int(i)%4000)))
		})
	}
	letters, faces := strings.Repeat("ř", 450_000), strings.Repeat("😀", 240_000)
	paste := func(text string, n uint64, each func(b bytesOf, i uint64) bytesOf) megabyte {
		b := append(bytesOf{}.n(1, n+1, alice, 0), 0x04).n(1).s("body").s(text)
		for i := range n {
			b = each(b, i)
		}
		return megabyte{nil, b.n(0)}
	}
	out := map[string]megabyte{
		"typing backwards": {nil, section(19_999, 40, func(b bytesOf, i uint64, fill string) bytesOf {
			if i == 0 {
				return append(b, 0x04).n(1).s("body").s(fill)
			}
			return append(b, 0x44).n(alice, 40*(i-1)).s(fill)
		})},
		"typing backwards without end": {nil, section(150_000, 1, func(b bytesOf, i uint64, fill string) bytesOf {
			if i == 0 {
				return append(b, 0x04).n(1).s("body").s(fill)
			}
			return append(b, 0x44).n(alice, i-1).s(fill)
		})},
		"nested maps": {nil, section(19_999, 1, func(b bytesOf, i uint64, _ string) bytesOf {
			if i == 0 {
				return append(b, 0x27).n(1).s("body").s("k").n(1)
			}
			return append(b, 0x27).n(0, alice, i-1).s("k").n(1)
		})},
		"maps in maps":           {nil, inMaps(5_900, 60, func(b bytesOf) bytesOf { return append(b, 0x27) }, func(b bytesOf) bytesOf { return b.n(1) })},
		"maps in maps, one more": {nil, inMaps(12_000, 60, func(b bytesOf) bytesOf { return append(b, 0x27) }, func(b bytesOf) bytesOf { return b.n(1) })},
		"values in maps":         {nil, inMaps(11_800, 50, func(b bytesOf) bytesOf { return append(b, 0x28) }, func(b bytesOf) bytesOf { return b.n(1).raw(126) })},
		"root types by the thousand": {nil, section(19_999, 40, func(b bytesOf, i uint64, fill string) bytesOf {
			return append(b, 0x04).n(1).s(strconv.Itoa(int(i)) + fill).s("x")
		})},
		"a long array cut from its end": func() megabyte {
			b := append(bytesOf{}.n(1, 3_000, alice, 0), 0x08).n(1).s("array").n(700_000).with(bytes.Repeat([]byte{126}, 700_000))
			for i := range uint64(2_999) {
				b = append(b, 0xc8).n(alice, 699_998-7*i, alice, 699_999-7*i, 1).raw(126)
			}
			return megabyte{nil, b.n(0)}
		}(),
		"one key set again and again": {nil, section(19_999, 40, func(b bytesOf, i uint64, fill string) bytesOf {
			if i == 0 {
				return append(b, 0x24).n(1).s("body").s("k").s(fill)
			}
			return append(b, 0xa4).n(alice, 40*i-1).s(fill)
		})},
		"more marks without text": {nil, section(19_999, 30, func(b bytesOf, i uint64, fill string) bytesOf {
			if i == 0 {
				return append(b, 0x06).n(1).s("body").s("b").s(`"` + fill + `"`)
			}
			return append(b, 0x86).n(alice, i-1).s("b").s(`"` + fill + `"`)
		})},
		"marks without text": {nil, section(12_000, 36, func(b bytesOf, i uint64, fill string) bytesOf {
			if i == 0 {
				return append(b, 0x06).n(1).s("body").s("b").s(`"` + fill + `"`)
			}
			return append(b, 0x86).n(alice, i-1).s("b").s(`"` + fill + `"`)
		})},
		"names by the thousand": {nil, section(19_999, 30, func(b bytesOf, i uint64, fill string) bytesOf {
			return append(b, 0x24).n(1).s("body").s(fill + strconv.Itoa(int(i))).s("x")
		})},
		"types by the thousand": {nil, section(11_900, 80, func(b bytesOf, i uint64, fill string) bytesOf {
			if i == 0 {
				return append(b, 0x07).n(1).s("body").n(1)
			}
			return append(b, 0x87).n(alice, i-1).n(3).s(fill)
		})},
		"a Czech text cut from its middle": paste(letters[:size/2], 3_900, func(b bytesOf, i uint64) bytesOf {
			at := (i*7919*13)%250_000 + 1
			return append(b, 0xc4).n(alice, at-1, alice, at).s(strings.Repeat("x", 115))
		}),
		"faces cut in two": paste(faces[:size/2], 3_900, func(b bytesOf, i uint64) bytesOf {
			return append(b, 0xc4).n(alice, 2*i*27, alice, 2*i*27+1).s(strings.Repeat("x", 115))
		}),
		"a hundred thousand keyless values": paste("x", 1, func(b bytesOf, i uint64) bytesOf {
			return append(b, 0x08).n(1).s("body").n(900_000).with(bytes.Repeat([]byte{126}, 900_000))
		}),
		"every other letter deleted":             ranges(letters, 200_000, func(i uint64) (uint64, uint64) { return 2 * i, 1 }),
		"as many letters deleted as may be":      ranges(letters, 1_999, func(i uint64) (uint64, uint64) { return 2*i + 1, 1 }),
		"every second half of a face deleted":    ranges(faces, 1_999, func(i uint64) (uint64, uint64) { return 8*i + 1, 2 }),
		"the whole text deleted again and again": ranges(letters, 190_000, func(i uint64) (uint64, uint64) { return 0, 400_000 }),
	}
	waiting := bytesOf{}.n(4096)
	for i := range uint64(4096) {
		waiting = append(waiting.n(1, 1_000_000-i, 5), 0x04).n(1).s("body").s(strings.Repeat("x", 240))
	}
	out["four thousand strangers"] = megabyte{nil, waiting.n(0)}
	d := crdt.New(crdt.Config{Client: bob})
	for i := range 20_000 { // 20,000 items: every character typed in front of the last
		d.Transact(func() { d.Text("body").Insert(0, string(rune('a'+i%26)), nil) })
	}
	out["placed between far neighbours"] = megabyte{d.Encode(), section(48, 20_000, func(b bytesOf, i uint64, fill string) bytesOf {
		return append(b, 0x44).n(bob, 0).s(fill)
	})}
	items := uint64(60_000)
	if !countAllocations {
		items = 20_000 // the race detector is slow, and has nothing to find here
	}
	for range items {
		d.Transact(func() { d.Text("body").Insert(0, "x", nil) })
	}
	crowd := d.Encode() // 80,000 items in all
	holes := bytesOf{}.n(1, bob, items*66/100)
	for i := range items * 66 / 100 {
		holes = holes.n(2*i, 1)
	}
	out["every other of many items deleted"] = megabyte{crowd, bytesOf{}.n(0).with(holes)}
	// types, map entries, marks in the middle of what others wrote, and deletions
	everything := func(entries, marks, deletions uint64) megabyte {
		b := bytesOf{}.n(1, 60+entries+marks, alice, 0)
		for i := range 60 + entries + marks {
			switch {
			case i == 0:
				b = append(b, 0x27).n(1).s("body").s("k").n(1)
			case i < 60:
				b = append(b, 0x27).n(0, alice, i-1).s("k").n(1)
			case i < 60+entries:
				b = append(b, 0x28).n(0, alice, i%60).s(strconv.Itoa(int(i) % 4000)).n(1).raw(119).s("xxxxxxxxxx")
			default:
				b = append(b, 0xc6).n(bob, 2*i+1, bob, 2*i).s("b").s(`"` + strings.Repeat("x", 40) + `"`)
			}
		}
		b = b.n(1, bob, deletions)
		for i := range deletions {
			b = b.n(2*i, 1)
		}
		return megabyte{crowd, b}
	}
	out["as much of everything as each limit lets in"] = everything(11_900, 7_900, 39_900)
	out["a lot of everything"] = everything(4_500, 2_700, 6_500)
	out["entries and deletions"] = everything(6_000, 0, 8_500)
	out["marks and deletions"] = everything(0, 9_000, 3_000)
	d = crdt.New(crdt.Config{})
	for i := range 20_000 { // two who type by turns
		d.SetClient(bob + uint64(i)%2)
		d.Transact(func() { d.Text("body").Insert(i, "x", nil) })
	}
	out["placed between others who answer each other"] = megabyte{d.Encode(), section(49, 20_000, func(b bytesOf, i uint64, fill string) bytesOf {
		return append(b, 0x44).n(bob+1, 9_999).s(fill)
	})}
	out["many places between others who answer each other"] = megabyte{d.Encode(), section(10_000, 60, func(b bytesOf, i uint64, fill string) bytesOf {
		return append(b, 0xc4).n(bob, i%9_900, bob, i%9_900+99).s(fill)
	})}
	return out
}

// TestAttacksCostLittle: what a megabyte can cost is bounded in memory, and in items
// that are made or passed; milliseconds are only printed.
func TestAttacksCostLittle(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties the scratch space that is kept from one update to the next
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))  // each processor has scratch space of its own
	for name, a := range attacks() {
		var took time.Duration
		var grown uint64
		var end string
		itemsBefore := 0
		runtime.GC()
		collect := debug.SetGCPercent(-1)
		for range 3 { // the least of three: scratch space is kept from one to the next
			d := crdt.New(crdt.Config{Client: 1})
			if a.base != nil {
				if err := d.Apply(a.base); err != nil {
					t.Fatal(name, err)
				}
			}
			d.Transact(func() { d.Text("other").Insert(0, "an empty document takes a short way", nil) })
			before, items := d.Encode(), d.Structs()
			itemsBefore = items
			var m, n runtime.MemStats
			runtime.ReadMemStats(&m)
			start := bounded.CPU()
			info, err := check(d, a.u)
			judged := bounded.CPU() - start
			if err == nil {
				err = d.Apply(a.u)
			}
			one := bounded.CPU() - start
			runtime.ReadMemStats(&n)
			if took == 0 || one < took {
				took = one
			}
			if g := n.TotalAlloc - m.TotalAlloc; grown == 0 || g < grown {
				grown = g
			}
			var r *Refusal
			switch {
			case errors.As(err, &r):
				end = r.Reason
				if !bytes.Equal(d.Encode(), before) {
					t.Errorf("%s: refused, but the document changed", name)
				}
			case err != nil || d.Pending():
				t.Errorf("%s: accepted, then %v, pending %v", name, err, d.Pending())
			default:
				end = fmt.Sprintf("%d structs, judged in %v", info.Structs, judged)
				if made := d.Structs() - items; made > 61_000 { // each struct or cut makes one item and cuts at most two
					t.Errorf("%s: made %d items", name, made)
				}
			}
		}
		debug.SetGCPercent(collect)
		t.Logf("%-42s %7d bytes: %6.1f ms, %4.1f bytes allocated per byte, %s", name, len(a.u), float64(took.Microseconds())/1000, float64(grown)/float64(len(a.u)), end)
		budget := uint64(4*max(len(a.u), 1<<20) + 2*64*itemsBefore) // the slab of a large document may have to grow
		if strings.HasPrefix(name, "faces") {
			budget *= 2 // a pair cut in two takes six bytes instead of four: one side has to move
		}
		if grown > budget && countAllocations {
			t.Errorf("%s: %d bytes took %d bytes of memory", name, len(a.u), grown)
		}
	}
}
