package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// shared is what several tests use: the binary, and one office that no test kills.
var shared struct {
	once   sync.Once
	dir    string
	err    error
	open   sync.Once
	office *office
}

func deep(short, long int) int {
	if os.Getenv("SPOLUPIS_DEEP") != "" {
		return long
	}
	return short
}

// theServer builds the real server, as make build does, so that the compiler's cache serves both.
func theServer(t *testing.T) string {
	t.Helper()
	shared.once.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "hammer-test-"); shared.err != nil {
			return
		}
		if out, err := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(shared.dir, "spolupis"), "spolupis/cmd/spolupis").CombinedOutput(); err != nil {
			shared.err = fmt.Errorf("build: %w: %s", err, out)
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return filepath.Join(shared.dir, "spolupis")
}

// fill gives o what the flags would.
func fill(t *testing.T, o options) options {
	o.agenda, o.unit, o.log = "rada", "oi", t.Logf
	o.create = max(1, o.create)
	if o.every == 0 {
		o.every = 60 * time.Millisecond
	}
	return o
}

// inOffice plays a scenario in the shared office of the real product.
func inOffice(t *testing.T, name string, o options) {
	t.Helper()
	server := theServer(t)
	shared.open.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		var err error
		if shared.office, err = found(ctx, options{server: server}, 1); err != nil {
			t.Fatal(err)
		}
	})
	if shared.office == nil {
		t.Fatal("no office")
	}
	f := shared.office
	o.nodes, o.url, o.people, o.admin, o.product = f.options.nodes, f.url, f.people, f.admin, true
	held(t, name, o)
}

func held(t *testing.T, name string, o options) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	v, err := perform(ctx, name, fill(t, o))
	if err != nil {
		t.Fatal(err)
	}
	if !v.Held {
		t.Errorf("broken: %q", v.Broken)
	}
	t.Log(v.Figures)
}

func TestSpoiledLinesLoseNothing(t *testing.T) {
	inOffice(t, "garbled", options{clients: 12, runs: deep(2, 30), every: 40 * time.Millisecond})
}

func TestWithdrawnRightsEndInMidSentence(t *testing.T) {
	inOffice(t, "revoke", options{runs: deep(4, 100), every: 30 * time.Millisecond})
}

func TestFrozenTextsHoldWhatWasAcknowledged(t *testing.T) {
	inOffice(t, "freeze", options{clients: 8, runs: deep(2, 50)})
}

// TestSlowReadersDoNotHoldUpTheOthers allows more than the promise: few samples, and the machine runs other tests.
func TestSlowReadersDoNotHoldUpTheOthers(t *testing.T) {
	inOffice(t, "slow", options{clients: 10, runs: 1, lasting: time.Duration(deep(2, 60)) * time.Second, ratio: 8})
}

func TestALongDayNeedsNoMoreThanAMorning(t *testing.T) {
	inOffice(t, "soak", options{clients: 10, lasting: time.Duration(deep(4, 600)) * time.Second})
}

func TestLoadIsMeasured(t *testing.T) {
	inOffice(t, "load", options{clients: 10, lasting: time.Second})
}

// needsFaultyDisk skips where no disk can be mounted; .ci/install says so aloud.
func needsFaultyDisk(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	d, err := mountFaulty(filepath.Join(dir, "disk"), filepath.Join(dir, "data"))
	if err != nil {
		t.Skip("SKIPPED:", err)
	}
	d.Close()
}

func TestNothingAcknowledgedIsLostWithThePower(t *testing.T) {
	needsFaultyDisk(t)
	held(t, "powerloss", options{server: theServer(t), clients: 12, runs: deep(3, 50), create: 2})
}

func TestAFailingDiskLosesNothingAndIsSurvived(t *testing.T) {
	needsFaultyDisk(t)
	held(t, "diskfull", options{server: theServer(t), clients: 10, runs: deep(2, 20), pause: time.Duration(deep(1, 5)) * time.Second})
}

// TestAServerThatDoesNotSyncIsFoundOut shows that a loss of power can be lost to: a database set to sync later must lose.
func TestAServerThatDoesNotSyncIsFoundOut(t *testing.T) {
	needsFaultyDisk(t)
	dir := t.TempDir()
	d, err := mountFaulty(filepath.Join(dir, "disk"), filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	t.Setenv("HAMMER_TEST_DATABASE", filepath.Join(dir, "data", "small.db"))
	t.Setenv("HAMMER_TEST_UNSYNCED", "1")
	addr := free(t)
	o := fill(t, options{server: os.Args[0], args: []string{addr}, url: "http://" + addr, nodes: []string{"http://" + addr}, documents: []string{"a"},
		clients: 10, runs: 2, every: 40 * time.Millisecond, office: &office{disk: d}})
	o.create, o.people = 0, []credential{{token: "eva"}, {token: "jana"}}
	v, err := powerLoss(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Broken) == 0 {
		t.Error("a server that acknowledges what is not synced passed")
	}
}

// TestTwoNodesSurviveWhatTheyStandOn plays on one pair of nodes with a PostgreSQL and a Redis of their own.
func TestTwoNodesSurviveWhatTheyStandOn(t *testing.T) {
	if os.Getenv("SPOLUPIS_REQUIRE_SERVERS") != "1" && os.Getenv("SPOLUPIS_DEEP") == "" {
		t.Skip("SKIPPED: starts PostgreSQL and Redis; make test sets SPOLUPIS_REQUIRE_SERVERS=1")
	}
	f, err := found(t.Context(), options{server: theServer(t), cabled: true}, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	for _, s := range []struct {
		name string
		play func(context.Context, options) (*verdict, error)
	}{{"redis", frozenRedis}, {"postgres", crashedPostgres}, {"upgrade", upgrade}, {"partition", partition}} {
		t.Run(s.name, func(t *testing.T) {
			o := fill(t, f.options)
			o.office, o.clients, o.runs, o.pause = f, 10, deep(1, 20), time.Duration(deep(1, 5))*time.Second
			v, err := s.play(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if len(v.Broken) > 0 {
				t.Errorf("broken: %q", v.Broken)
			}
			t.Log(v.Figures)
		})
	}
}

// small starts the small server of this package, whose heartbeat a test may choose.
func small(t *testing.T) options {
	t.Helper()
	t.Setenv("HAMMER_TEST_DATABASE", filepath.Join(t.TempDir(), "small.db"))
	addr := free(t)
	o := fill(t, options{server: os.Args[0], args: []string{addr}, url: "http://" + addr, nodes: []string{"http://" + addr}, documents: []string{"a"}})
	o.create = 0
	for _, name := range []string{"eva", "karel", "jana"} {
		o.people = append(o.people, credential{token: name})
	}
	s := &victim{o: o}
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	return o
}

func TestDeadLinesAreNoticedAndNothingIsLost(t *testing.T) {
	t.Setenv("HAMMER_TEST_BEAT", "200ms")
	o := small(t)
	o.clients, o.runs, o.notice = 8, deep(2, 20), 10*time.Second
	v, err := halfOpen(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Broken) > 0 {
		t.Errorf("broken: %q", v.Broken)
	}
	t.Log(v.Figures)
}

func TestAServerThatDoesNotNoticeDeadLinesIsFoundOut(t *testing.T) {
	o := small(t) // 10 s between heartbeats
	o.clients, o.runs, o.notice = 2, 1, time.Second
	v, err := halfOpen(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Broken) == 0 {
		t.Error("a server that kept the dead among the living passed")
	}
}

func TestTheLedgerFindsWhatIsWrong(t *testing.T) {
	words := []word{{text: "⟨1.0⟩", kept: true}, {text: "⟨1.1⟩"}, {text: "⟨1.2⟩", kept: true}}
	for text, want := range map[string]int{
		"⟨1.0⟩⟨1.1⟩⟨1.2⟩":      0,
		"⟨1.0⟩ ⟨2.7⟩ ⟨1.2⟩":    0, // 1.1 was never acknowledged
		"⟨1.0⟩⟨1.1⟩":           1, // lost
		"⟨1.0⟩⟨1.1⟩⟨1.1⟩⟨1.2⟩": 1, // twice
		"⟨1.1⟩⟨1.0⟩⟨1.2⟩":      1, // out of order
		"":                     2,
	} {
		if got := faults(words, text); len(got) != want {
			t.Errorf("faults in %q = %q, want %d", text, got, want)
		}
	}
}
