package collabbench

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"spolupis/collab"
	"spolupis/collab/crdt"
)

// theServer builds the real server, as make build does, so that the compiler's cache serves both.
func theServer(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "spolupis")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", binary, "spolupis/cmd/spolupis").CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	return binary
}

const modules = "../../../frontend/node_modules"

func TestEveryRowIsMeasuredOnTheRealServers(t *testing.T) {
	_, missing := hocuspocusVersion(modules)
	if missing != nil {
		if os.Getenv("SPOLUPIS_REQUIRE_SERVERS") == "1" {
			t.Fatal(missing)
		}
		t.Log("SKIPPED beside ours: ", missing)
	}
	var stdout, stderr bytes.Buffer
	if err := Command(t.Context(), []string{"-quick", "-json", "-server", theServer(t), "-node-modules", modules}, &stdout, &stderr); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	got := map[string]result{}
	for line := range strings.Lines(stdout.String()) {
		var r result
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		got[r.Row+", "+r.Figure] = r
	}
	for _, r := range rows {
		if (&bench{Config: Config{PostgresURL: os.Getenv("SPOLUPIS_TEST_POSTGRES"), RedisURL: os.Getenv("SPOLUPIS_TEST_REDIS")}}).lacks(r) != "" {
			t.Log("SKIPPED: ", r.name)
			continue
		}
		for _, f := range r.figures {
			line, ok := got[r.name+", "+f.name]
			if !ok {
				t.Errorf("%s, %s: not measured", r.name, f.name)
			}
			if beside := !r.alone && missing == nil; beside != (line.Hocuspocus != nil) {
				t.Errorf("%s, %s: Hocuspocus measured: %v, want %v", r.name, f.name, !beside, beside)
			}
			if strings.HasPrefix(f.name, "p95") && line.Ours <= 0 { // but a machine that runs other tests may hold nothing of the ramp
				t.Errorf("%s, %s: %v", r.name, f.name, line.Ours)
			}
		}
	}
	lost := got["kill, acknowledged characters lost"]
	if lost.Ours != 0 {
		t.Errorf("our server lost %v acknowledged characters", lost.Ours)
	}
	if lost.Hocuspocus != nil && *lost.Hocuspocus == 0 {
		t.Error("Hocuspocus, killed before it stores anything, is said to have lost nothing: the measurement sees no losses")
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if err := Command(t.Context(), []string{"-quick", "-only", "nodes", "-postgres", "", "-node-modules", t.TempDir()}, &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Hocuspocus: not measured: no npm", "nodes: not measured: no PostgreSQL"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("does not say %q:\n%s", want, stdout.String())
		}
	}
}

// TestTypistsWriteAndReadWhatADocumentTakes holds the few bytes written here against the real engine.
func TestTypistsWriteAndReadWhatADocumentTakes(t *testing.T) {
	d := crdt.New(crdt.Config{})
	var all [][]byte
	for _, client := range []uint64{7, 1 << 40} {
		all = append(all, newLine(nil, client))
		for clock := uint64(1); clock <= 300; clock++ {
			all = append(all, keystroke(nil, client, clock, byte('a'+clock%2)))
		}
	}
	merged, err := crdt.MergeUpdates(all...)
	if err != nil {
		t.Fatal(err)
	}
	for _, updates := range [][][]byte{all, {merged}} {
		seen := map[uint64]int{}
		for _, u := range updates {
			if err := d.Apply(u); err != nil {
				t.Fatal(err)
			}
			if err := typed(u, func(client, clock uint64, n int) {
				if int(clock) != seen[client] {
					t.Fatalf("client %d: clock %d after %d characters", client, clock, seen[client])
				}
				seen[client] += n
			}); err != nil {
				t.Fatal(err)
			}
		}
		if seen[7] != 301 || seen[1<<40] != 301 {
			t.Errorf("seen %v, want 301 of each", seen)
		}
	}
	if line := strings.Repeat("ba", 150) + "\n"; d.Text(collab.Root).String() != line+line || d.Pending() {
		t.Errorf("the document has %q", d.Text(collab.Root))
	}
	for i := range merged {
		if err := typed(merged[:i], func(uint64, uint64, int) {}); err == nil && i < len(merged)-1 {
			t.Errorf("an update cut off at %d of %d passes", i, len(merged))
		}
	}
}

func TestQuantilesAreThreePercentExact(t *testing.T) {
	var h histogram
	if h.quantile(0.95) != 0 {
		t.Error("an empty histogram has a quantile")
	}
	for i := range 1000 {
		h.add(time.Duration(i+1) * 100 * time.Microsecond)
	}
	for q, want := range map[float64]float64{0.5: 50, 0.95: 95, 1: 100} {
		if got := h.ms(q); got < want || got > 1.04*want {
			t.Errorf("quantile %v = %v ms, want %v", q, got, want)
		}
	}
}

func TestGoals(t *testing.T) {
	for _, c := range []struct {
		goal        goal
		ours, ratio float64
		want        string
	}{
		{goal{}, 5, 1, ""},
		{goal{atMost, 10}, 10, 0, "yes"},
		{goal{atMost, 10}, 11, 0.1, "NO"},
		{goal{ratioAtMost, 0.35}, 100, 0.3, "yes"},
		{goal{ratioAtMost, 0.35}, 1, 0.4, "NO"},
		{goal{ratioAtLeast, 2.5}, 1, 2.4, "NO"},
		{goal{ratioAtLeast, 2.5}, 1, 0, ""},
	} {
		if got := yesNo(c.goal.met(c.ours, c.ratio)); got != c.want {
			t.Errorf("%v, %v, %v: met %q, want %q", c.goal, c.ours, c.ratio, got, c.want)
		}
	}
}
