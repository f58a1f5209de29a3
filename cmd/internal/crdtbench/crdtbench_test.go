package crdtbench

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spolupis/collab/crdt"
)

// traceFolder writes a folder of three small traces, as our engine makes them: one author's text with its edits, a map and
// an array.
func traceFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	index := ""
	write := func(name, ext string, b []byte) {
		t.Helper()
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		w.Write(b)
		w.Close()
		if err := os.WriteFile(filepath.Join(dir, name+ext+".gz"), z.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put := func(name, kind string, updates [][]byte, d *crdt.Doc, want string) {
		t.Helper()
		write(name, ".yupd", frame(updates))
		write(name, ".full1", d.Encode())
		write(name, ".exp", []byte(want))
		index += `{"name":"` + name + `","kind":"` + kind + "\",\"updates\":1}\n"
	}

	d := crdt.New(crdt.Config{Client: 7})
	var updates [][]byte
	le := binary.LittleEndian
	edits := le.AppendUint32(nil, 300)
	for i := range 300 {
		at, del, s := i/2, i%5/4, "ř😀"[:2+4*(i%2)]
		updates = append(updates, d.Transact(func() {
			d.Text("text").Delete(at, del)
			d.Text("text").Insert(at, s, nil)
		}))
		for _, n := range []int{at, del, len(s)} {
			edits = le.AppendUint32(edits, uint32(n))
		}
		edits = append(edits, s...)
	}
	text := d.Text("text").String()
	write("typing", ".tr", append(le.AppendUint32(edits, uint32(len(text))), text...))
	put("typing", "text", updates, d, text)

	d, updates = crdt.New(crdt.Config{Client: 7}), nil
	for i := range 40 {
		updates = append(updates, d.Transact(func() { d.Map("map").Set(string(rune('a'+i%5)), int64(i)) }))
	}
	put("keys", "map", updates, d, `{"a":35,"b":36,"c":37,"d":38,"e":39}`)

	d, updates = crdt.New(crdt.Config{Client: 7}), nil
	for i := range 3 {
		updates = append(updates, d.Transact(func() { d.Array("array").Insert(0, int64(i), "x") }))
	}
	put("values", "array", updates, d, `[2,"x",1,"x",0,"x"]`)

	if err := os.WriteFile(filepath.Join(dir, "index.jsonl"), []byte(index), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// runBench runs the command on a folder, quickly; yrs is left out because building it takes minutes.
func runBench(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, notes bytes.Buffer
	args = append([]string{"-quick", "-engines", "ours,yjs", "-node-modules", "../../../frontend/node_modules"}, args...)
	err = Command(t.Context(), args, &out, &notes)
	return out.String(), notes.String(), err
}

func results(t *testing.T, jsonLines string) (out []result) {
	t.Helper()
	for line := range strings.Lines(jsonLines) {
		var r result
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		out = append(out, r)
	}
	return out
}

func TestQuickRunMeasuresEveryPhaseAndAllIsEqual(t *testing.T) {
	stdout, stderr, err := runBench(t, "-json", "-traces", traceFolder(t))
	if err != nil {
		t.Fatalf("%v\n%s%s", err, stdout, stderr)
	}
	engines := []string{"ours", "yjs"}
	if strings.Contains(stderr, "yjs rows: not measured") {
		t.Log(stderr)
		engines = engines[:1]
	}
	var got []string
	for _, r := range results(t, stdout) {
		if !r.Equal {
			t.Errorf("%s, %s, %s: not equal: %s", r.Workload, r.Phase, r.Engine, r.Note)
		}
		if r.Bytes == 0 {
			t.Errorf("%s, %s, %s: says 0 bytes", r.Workload, r.Phase, r.Engine)
		}
		got = append(got, r.Workload+" "+r.Phase+" "+r.Engine)
	}
	var want []string
	for _, w := range []string{"typing", "keys", "values", flatBodyName} {
		for _, p := range phases {
			if p.name == "local" && w != "typing" {
				continue
			}
			for _, e := range engines {
				want = append(want, w+" "+p.name+" "+e)
			}
		}
		if w == "typing" || w == flatBodyName {
			want = append(want, w+" gate+apply ours")
		}
		want = append(want, w+" heap ours", w+" gc ours")
	}
	rest := slices.IndexFunc(got, func(s string) bool { return strings.HasPrefix(s, hostileName) })
	if rest < 0 {
		t.Fatal("no hostile messages")
	}
	if !slices.Equal(got[:rest], want) {
		t.Errorf("measured\n%s\nwant\n%s", strings.Join(got[:rest], "\n"), strings.Join(want, "\n"))
	}
	if n := 2*len(hostileMessages(8<<10)) + 2; len(got)-rest != n {
		t.Errorf("%d rows of hostile messages, want %d", len(got)-rest, n)
	}
}

func TestTableHasEveryColumnAndSaysWhatIsMissing(t *testing.T) {
	stdout, _, err := runBench(t, "-traces", traceFolder(t), "-only", "keys", "-node-modules", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(stdout, "yjs rows: not measured: no") {
		t.Errorf("does not say that yjs is missing:\n%s", stdout)
	}
	for _, column := range []string{"workload", "phase", "engine", "median", "per op", "ratio to ours", "allocs/op", "bytes", "equal"} {
		if !strings.Contains(stdout, column) {
			t.Errorf("no column %q:\n%s", column, stdout)
		}
	}
	if strings.Contains(stdout, "typing") || strings.Contains(stdout, hostileName) {
		t.Errorf("-only was not heeded:\n%s", stdout)
	}
}

func TestOnlyThePhasesAskedForAreMeasured(t *testing.T) {
	stdout, stderr, err := runBench(t, "-json", "-traces", traceFolder(t), "-engines", "ours", "-only", "typing|keys", "-phases", "^(diff|gate.apply)$")
	if err != nil {
		t.Fatalf("%v\n%s%s", err, stdout, stderr)
	}
	var got []string
	for _, r := range results(t, stdout) {
		got = append(got, r.Workload+" "+r.Phase)
	}
	if want := []string{"typing diff", "typing gate+apply", "keys diff"}; !slices.Equal(got, want) {
		t.Errorf("measured %q, want %q", got, want)
	}
}

func TestFalsifiedExpectationFails(t *testing.T) {
	for name, v := range map[string]struct {
		file    string
		falsify func([]byte) []byte
	}{
		"other text":         {"typing.exp.gz", func(b []byte) []byte { return append(b, 'x') }},
		"other value":        {"keys.exp.gz", func(b []byte) []byte { return bytes.Replace(b, []byte("35"), []byte("34"), 1) }},
		"other state":        {"values.full1.gz", func([]byte) []byte { return []byte{0, 0} }},
		"other typed result": {"typing.tr.gz", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }},
	} {
		t.Run(name, func(t *testing.T) {
			dir := traceFolder(t)
			path := filepath.Join(dir, v.file)
			b, err := readGzip(path)
			if err != nil {
				t.Fatal(err)
			}
			var z bytes.Buffer
			w := gzip.NewWriter(&z)
			w.Write(v.falsify(b))
			w.Close()
			if err := os.WriteFile(path, z.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			stdout, _, err := runBench(t, "-engines", "ours", "-traces", dir, "-only", strings.SplitN(v.file, ".", 2)[0])
			if !errors.Is(err, ErrDiffers) {
				t.Errorf("got %v, want %v", err, ErrDiffers)
			}
			if !strings.Contains(stdout, "NO") {
				t.Errorf("the table does not show it:\n%s", stdout)
			}
		})
	}
}

func TestCutOffTraceIsAnErrorNotAPanic(t *testing.T) {
	for _, file := range []string{"typing.yupd.gz", "typing.tr.gz"} {
		dir := traceFolder(t)
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), b[:len(b)/2], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := runBench(t, "-engines", "ours", "-traces", dir); err == nil || errors.Is(err, ErrDiffers) {
			t.Errorf("%s: got %v, want it refused", file, err)
		}
	}
}

func TestFlatBodyIsAlwaysTheSame(t *testing.T) {
	a, err := flatBody(500)
	if err != nil {
		t.Fatal(err)
	}
	b, err := flatBody(500)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.full, b.full) || !bytes.Equal(frame(a.updates), frame(b.updates)) {
		t.Error("two runs made different bodies")
	}
}

func TestHostileMegabytesCostFourTimesTheirBytesAtMostBehindTheGate(t *testing.T) {
	b := &bench{cfg: Config{N: 1}}
	for _, m := range hostileMessages(1 << 20) {
		r := b.attack(m, true)
		if !r.Equal {
			t.Errorf("%s: %s; want no panic, and nothing changed when refused", m.name, r.Note)
		}
		if countAllocations && r.Bytes > 4*max(len(m.b), 1<<20) { // as collab/gate counts: four megabytes for a message of one
			t.Errorf("%s: %s", m.name, r.Note)
		}
	}
}
