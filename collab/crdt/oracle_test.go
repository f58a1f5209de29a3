package crdt

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"testing"
)

// oracle is a node process with npm yjs in it.
type oracle struct {
	t   testing.TB
	in  *bufio.Writer
	out *bufio.Reader
}

func startOracle(t testing.TB) *oracle {
	t.Helper()
	missing := func(why string) {
		if os.Getenv("SPOLUPIS_REQUIRE_SERVERS") == "1" {
			t.Fatal("the yjs oracle is required but " + why)
		}
		t.Skip("SKIPPED, NOT COMPARED WITH YJS: " + why)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing("node is not installed")
	}
	cmd := exec.Command(node, "testdata/oracle.mjs")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	o := &oracle{t, bufio.NewWriter(in), bufio.NewReaderSize(out, 1<<20)}
	var hello struct{ Yjs, Error string }
	o.read(&hello)
	if hello.Yjs == "" {
		missing(hello.Error + " (npm ci in frontend, or SPOLUPIS_YJS)")
	}
	return o
}

func (o *oracle) read(v any) {
	o.t.Helper()
	line, err := o.out.ReadBytes('\n')
	if err != nil {
		o.t.Fatalf("oracle: %v", err)
	}
	if err := json.Unmarshal(line, v); err != nil {
		o.t.Fatalf("oracle said %.200s: %v", line, err)
	}
}

func (o *oracle) ask(request, answer any) {
	o.t.Helper()
	b, err := json.Marshal(request)
	if err != nil {
		o.t.Fatal(err)
	}
	o.in.Write(append(b, '\n'))
	if err := o.in.Flush(); err != nil {
		o.t.Fatal(err)
	}
	o.read(answer)
}

func (o *oracle) history(seed int, mode string) []event {
	o.t.Helper()
	var a struct {
		Events []event
		Error  string
	}
	o.ask(map[string]any{"seed": seed, "mode": mode}, &a)
	if a.Error != "" {
		o.t.Fatalf("yjs failed on seed %d %s: %s", seed, mode, a.Error)
	}
	return a.Events
}

type event []json.RawMessage

func (e event) str(i int) (s string) { json.Unmarshal(e[i], &s); return }
func (e event) int(i int) (n int)    { json.Unmarshal(e[i], &n); return }
func (e event) bytes(i int) []byte {
	b, _ := base64.StdEncoding.DecodeString(e.str(i))
	return b
}

// oracleRuns is how many histories each of the two tests goes through: SPOLUPIS_HISTORIES
// of them; without it 2,500, or 5,000 with SPOLUPIS_DEEP=1, or 60 when the race detector
// slows everything down, which is looking for something else.
func oracleRuns() int {
	if n, err := strconv.Atoi(os.Getenv("SPOLUPIS_HISTORIES")); err == nil {
		return n
	}
	switch {
	case !countAllocations:
		return 60
	case os.Getenv("SPOLUPIS_DEEP") == "1":
		return 5000
	}
	return 2500
}

func TestOurEditsMakeTheBytesOfYjs(t *testing.T)  { t.Parallel(); compareHistories(t, "mirror") }
func TestEditsOfYjsGiveTheSameState(t *testing.T) { t.Parallel(); compareHistories(t, "observe") }

func compareHistories(t *testing.T, mode string) {
	o := startOracle(t)
	from := 1
	if s, err := strconv.Atoi(os.Getenv("SPOLUPIS_SEED")); err == nil {
		from = s
	}
	failed := 0
	for seed := from; seed < from+oracleRuns(); seed++ {
		events := o.history(seed, mode)
		if err := replay(events); err != nil {
			t.Errorf("seed %d: %v", seed, err)
			if failed++; failed > 5 {
				t.FailNow()
			}
		}
	}
	t.Logf("%d histories, %d differ", oracleRuns(), failed)
}

// replay does with our engine what the events say and compares on the way.
func replay(events []event) (err error) {
	docs := map[int]*Doc{}
	step := 0
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("event %d: panic: %v", step, p)
			if os.Getenv("SPOLUPIS_SEED") != "" {
				panic(p)
			}
		}
	}()
	for i, e := range events {
		step = i
		n := e.int(1)
		d := docs[n]
		switch e.str(0) {
		case "new":
			client, _ := strconv.ParseUint(string(e[2]), 10, 64)
			docs[n] = New(Config{Client: client, KeepDeleted: string(e[3]) == "false"})
		case "apply":
			if err := d.Apply(e.bytes(2)); err != nil {
				return fmt.Errorf("event %d: %w", i, err)
			}
		case "edit":
			var ops [][]json.RawMessage
			json.Unmarshal(e[2], &ops)
			got := d.Transact(func() {
				for _, op := range ops {
					doOp(d, op)
				}
			})
			if want := e.bytes(3); !bytes.Equal(got, want) {
				return fmt.Errorf("event %d: edit %s makes\n%x, want\n%x", i, e[2], got, want)
			}
		case "reload":
			again := New(Config{Client: d.Client(), KeepDeleted: d.keepDeleted})
			if err := again.Apply(d.Encode()); err != nil {
				return fmt.Errorf("event %d: reload: %w", i, err)
			}
			docs[n] = again
		case "merge":
			var parts [][]byte
			json.Unmarshal(e[2], &parts)
			if got, err := MergeUpdates(parts...); err != nil || !bytes.Equal(got, e.bytes(3)) {
				return fmt.Errorf("event %d: merging %x gives\n%x (%v), want\n%x", i, parts, got, err, e.bytes(3))
			}
		case "diff":
			if got, err := d.Diff(e.bytes(2)); err != nil || !bytes.Equal(got, e.bytes(3)) {
				return fmt.Errorf("event %d: diff from %x is\n%x (%v), want\n%x", i, e.bytes(2), got, err, e.bytes(3))
			}
			if got, err := DiffUpdate(d.Encode(), e.bytes(2)); err != nil || !bytes.Equal(got, e.bytes(4)) {
				return fmt.Errorf("event %d: diff of the update from %x is\n%x (%v), want\n%x", i, e.bytes(2), got, err, e.bytes(4))
			}
		case "places":
			if err := comparePlaces(d, e); err != nil {
				return fmt.Errorf("event %d: %w", i, err)
			}
		case "check":
			if err := compare(d, e); err != nil {
				return fmt.Errorf("event %d of %d, doc %d (pending %v): %w", i, len(events), n, d.Pending(), err)
			}
		}
		if docs[n] != nil {
			if err := check(docs[n]); err != nil {
				return fmt.Errorf("event %d (%s): invariant: %w", i, e.str(0), err)
			}
		}
	}
	return nil
}

func compare(d *Doc, e event) error {
	if got, want := d.StateVector(), e.bytes(3); !bytes.Equal(got, want) {
		return fmt.Errorf("state vector %x, want %x", got, want)
	}
	if got, want := d.Encode(), e.bytes(2); !bytes.Equal(got, want) {
		return fmt.Errorf("state\n%x, want\n%x", got, want)
	}
	if got, want := d.Snapshot().Encode(), e.bytes(6); !bytes.Equal(got, want) {
		return fmt.Errorf("snapshot %x, want %x", got, want)
	}
	v2 := New(Config{Client: 1, KeepDeleted: d.keepDeleted})
	if err := v2.ApplyV2(e.bytes(5)); err != nil {
		return fmt.Errorf("format v2: %w", err)
	}
	v1 := New(Config{Client: 1, KeepDeleted: d.keepDeleted}) // Yjs may merge some more on loading
	if err := v1.Apply(e.bytes(2)); err != nil {
		return fmt.Errorf("format v1: %w", err)
	}
	if got, want := v2.Encode(), v1.Encode(); !d.Pending() && !bytes.Equal(got, want) {
		return fmt.Errorf("state from format v2\n%x, want\n%x", got, want)
	}
	if got, want := d.EncodeV2(), e.bytes(5); !d.Pending() && !bytes.Equal(got, want) {
		return fmt.Errorf("state in format v2\n%x, want\n%x", got, want)
	}
	var want map[string]any
	json.Unmarshal(e[4], &want)
	got := map[string]any{}
	for name := range want {
		switch name {
		case "text":
			got[name] = d.Text(name)
		case "map":
			got[name] = d.Map(name)
		case "array":
			got[name] = d.Array(name)
		default:
			got[name] = d.Fragment(name)
		}
		got[name] = canonical(got[name])
	}
	b, err := json.Marshal(got)
	if err != nil {
		return err
	}
	var again map[string]any
	json.Unmarshal(b, &again)
	if !reflect.DeepEqual(again, want) {
		return fmt.Errorf("content\n%s, want\n%s", b, e[4])
	}
	return nil
}

func comparePlaces(d *Doc, e event) error {
	var made, found []event
	json.Unmarshal(e[2], &made)
	json.Unmarshal(e[3], &found)
	for _, p := range made {
		if got := d.Text("text").RelativePosition(p.int(0), p.int(1)).Encode(); !bytes.Equal(got, p.bytes(2)) {
			return fmt.Errorf("relative position of %d (assoc %d) is %x, want %x", p.int(0), p.int(1), got, p.bytes(2))
		}
	}
	for _, f := range found {
		p, err := ParseRelativePosition(f.bytes(0))
		if err != nil {
			return err
		}
		index, ok := d.Index(p)
		if known := string(f[1]) != "null"; ok != known || ok && index != f.int(1) {
			return fmt.Errorf("relative position %x resolves to %d %v, want %s", f.bytes(0), index, ok, f[1])
		}
	}
	return nil
}

// canonical builds the form that oracle.mjs calls plain.
func canonical(v any) any {
	switch v := v.(type) {
	case *Text:
		ops := []any{}
		for _, op := range v.Delta() {
			o := map[string]any{}
			switch {
			case op.Map != nil:
				o["i"] = map[string]any{"x": canonical(op.Map)}
			case op.Insert != "":
				o["i"] = op.Insert
			default:
				o["i"] = map[string]any{"x": canonical(op.Embed)}
			}
			if op.Attrs != nil {
				o["a"] = op.Attrs
			}
			ops = append(ops, o)
		}
		return map[string]any{"t": ops}
	case *Map:
		m := map[string]any{}
		for _, k := range v.Keys() {
			x, _ := v.Get(k)
			m[k] = canonical(x)
		}
		return map[string]any{"m": m}
	case *Array:
		l := []any{}
		for i := 0; i < v.Len(); i++ {
			l = append(l, canonical(v.Get(i)))
		}
		return map[string]any{"a": l}
	case *Element:
		l := []any{}
		for _, c := range v.Children() {
			l = append(l, canonical(c))
		}
		if v.d.types[v.t].ref != typeXMLElement {
			return map[string]any{"fr": l}
		}
		return map[string]any{"el": v.Name(), "ch": l, "at": v.Attrs()}
	case Subdoc:
		return map[string]any{"doc": v.GUID}
	case []byte:
		return map[string]any{"bin": base64.StdEncoding.EncodeToString(v)}
	case Undefined:
		return nil
	case int64:
		if v == 10 {
			return map[string]any{"big": "10"} // the histories have no other ten
		}
	}
	return v
}

func doOp(d *Doc, op []json.RawMessage) {
	str := func(i int) (s string) { json.Unmarshal(op[i], &s); return }
	num := func(i int) (n int) { json.Unmarshal(op[i], &n); return }
	val := func(i int) any {
		if string(op[i]) == "-0" {
			return math.Copysign(0, -1)
		}
		return decodeJSON(op[i])
	}
	attrs := func(i int) Attrs {
		if string(op[i]) == "null" {
			return nil
		}
		return Attrs(decodeJSON(op[i]).(map[string]any))
	}
	text, m, a := d.Text("text"), d.Map("map"), d.Array("array")
	embedded := func(i int) *Map {
		n := num(i)
		for _, o := range text.Delta() {
			if o.Map != nil {
				if n == 0 {
					return o.Map
				}
				n--
			}
		}
		return nil
	}
	switch str(0) {
	case "insert":
		text.Insert(num(1), str(2), attrs(3))
	case "delete":
		text.Delete(num(1), num(2))
	case "format":
		text.Format(num(1), num(2), attrs(3))
	case "embed":
		text.InsertEmbed(num(1), val(2), attrs(3))
	case "embedmap":
		text.InsertMap(num(1), val(2).(map[string]any), attrs(3))
	case "nestedset":
		embedded(1).Set(str(2), val(3))
	case "nesteddel":
		embedded(1).Delete(str(2))
	case "mapset":
		m.Set(str(1), val(2))
	case "mapdel":
		m.Delete(str(1))
	case "mapnest":
		m.Set(str(1), map[string]Empty{"map": EmptyMap, "array": EmptyArray, "text": EmptyText}[str(2)])
	case "mapinner":
		v, _ := m.Get(str(1))
		v.(*Map).Set(str(2), val(3))
	case "textinner":
		v, _ := m.Get(str(1))
		v.(*Text).Insert(num(2), str(3), nil)
	case "arrins":
		a.Insert(num(1), val(2).([]any)...)
	case "arrdel":
		a.Delete(num(1), num(2))
	default:
		panic("unknown op " + str(0))
	}
}

// Kinds of content that no client of today writes, but that old documents hold.
func TestOldKindsOfContentAreThoseOfYjs(t *testing.T) {
	o := startOracle(t)
	for name, updates := range map[string][][]byte{
		"JSON values, cut and merged": {
			root(5, 0).raw(0x02).n(1).s("array").n(4).s("1").s(`{"a":[null]}`).s("undefined").s(`"x"`).done(),
			root(6, 0).raw(0xc2).n(5, 1, 5, 2).n(1).s("true").done(),
			root(5, 4).raw(0x82).n(5, 3).n(2).s("5").s("6").done(),
			deletes(5, 1, 2),
		},
		"JSON from the middle": {
			root(5, 0).raw(0x02).n(1).s("array").n(2).s("1").s("2").done(),
			root(5, 0).raw(0x02).n(1).s("array").n(4).s("1").s("2").s("3").s("4").done(),
		},
		"GC structs and what hangs on them": {
			wire{}.n(1, 2, 5, 0).raw(0).n(3).raw(0).n(2).done(),
			wire{}.n(1, 2, 6, 0).after(5, 1).s("lost").raw(0x84).n(6, 3).s("too").done(),
			root(7, 0).text("x").done(),
		},
		"an XML hook": {
			wire{}.n(1, 2, 5, 0).raw(0x07).n(1).s("xml").n(5).s("hook").raw(0x28).n(0, 5, 0).s("k").n(1).raw(120).done(),
		},
		"a deleted item that comes deleted": {
			wire{}.n(1, 2, 5, 0).raw(0x01).n(1).s("text").n(3).after(5, 2).s("x").done(),
			root(6, 0).raw(0xc4).n(5, 0, 5, 1).s("y").done(),
		},
		"a key whose value has several clocks": {
			root(5, 0).raw(0x28).n(1).s("map").s("k").n(3).raw(120, 121, 126).done(),
			root(6, 0).raw(0xa8).n(5, 1).n(1).raw(125, 7).done(),
			root(4, 0).raw(0x68).n(5, 0).n(1).raw(125, 8).done(),
		},
		"deleted before it came": {
			deletes(5, 1, 2), deletes(5, 2, 2),
			root(5, 0).text("abcdef").done(),
		},
	} {
		for _, gc := range []bool{true, false} {
			var want struct {
				State, Error string
				Pending      bool
			}
			var sent []string
			d := New(Config{Client: 1, KeepDeleted: !gc})
			for _, u := range updates {
				sent = append(sent, base64.StdEncoding.EncodeToString(u))
				if err := d.Apply(u); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if err := check(d); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			o.ask(map[string]any{"mode": "eval", "updates": sent, "gc": gc}, &want)
			state, _ := base64.StdEncoding.DecodeString(want.State)
			if got := d.Encode(); !bytes.Equal(got, state) || d.Pending() != want.Pending {
				t.Errorf("%s (gc %v): state %x, pending %v; want %x, %v %s", name, gc, got, d.Pending(), state, want.Pending, want.Error)
			}
		}
	}
}
