package citizen

import (
	"cmp"
	"slices"
	"time"
)

// Op is what a publication does.
type Op string

// The ops. Publications are never changed or deleted: a correction and a
// withdrawal are publications themselves, and a withdrawal leaves the place
// where something stood visible.
const (
	OpPublish  Op = "publish"
	OpCorrect  Op = "correct"
	OpWithdraw Op = "withdraw"
)

// Publication is one entry of the append-only list of what was shown of a
// matter. It carries no more than a fact does; View takes from it what the
// scope in force allows.
type Publication struct {
	N       int // from 1 within the matter
	Op      Op
	Of      int   // for OpCorrect and OpWithdraw: N of the publication concerned
	Fact    int64 // Seq of the fact behind it
	Stage   Stage
	At      time.Time // when it happened
	Until   time.Time
	ByHand  bool
	Made    time.Time // when it was published
	Visible time.Time // from when it may be shown
}

// standing folds publications: what stands now, by the N under which it was
// first published.
type standingPublication struct {
	first int
	Publication
}

func fold(pubs []Publication) (shown []standingPublication, tombs []Publication) {
	root := map[int]int{}
	at := map[int]int{}
	for _, p := range pubs {
		switch p.Op {
		case OpPublish:
			root[p.N] = p.N
			at[p.N] = len(shown)
			shown = append(shown, standingPublication{p.N, p})
		case OpCorrect:
			r := root[p.Of]
			root[p.N] = r
			if i, ok := at[r]; ok {
				shown[i].Publication = p
			}
		case OpWithdraw:
			r := root[p.Of]
			if i, ok := at[r]; ok {
				shown[i].Op = OpWithdraw
				gone := p
				gone.At = shown[i].At
				tombs = append(tombs, gone)
			}
		}
	}
	shown = slices.DeleteFunc(shown, func(p standingPublication) bool { return p.Op == OpWithdraw })
	return shown, tombs
}

// Publish returns the publications to append so that what stands in pubs
// becomes what scope allows of facts: nothing if that already holds, so that
// it can be run again at any time.
func Publish(m Matter, s Scope, facts []Fact, pubs []Publication, now time.Time) []Publication {
	var wanted []Fact
	if s.Opens(m) {
		for _, f := range Standing(facts) {
			if s.Shows(f.Stage) {
				wanted = append(wanted, f)
			}
		}
	}
	root := roots(facts)
	shown, _ := fold(pubs)
	stands := map[int64]standingPublication{} // by the root of its fact
	for _, p := range shown {
		stands[root[p.Fact]] = p
	}
	var out []Publication
	add := func(op Op, of int, f Fact) {
		out = append(out, Publication{
			N: len(pubs) + len(out) + 1, Op: op, Of: of, Fact: f.Seq, Stage: f.Stage, At: f.At, Until: f.Until, ByHand: f.ByHand,
			Made: now, Visible: f.At.Add(time.Duration(s.DelayHours) * time.Hour),
		})
	}
	keep := map[int64]bool{}
	for _, f := range wanted {
		r := root[f.Seq]
		keep[r] = true
		p, ok := stands[r]
		switch {
		case !ok:
			add(OpPublish, 0, f)
		case p.Fact != f.Seq:
			add(OpCorrect, p.N, f)
		}
	}
	for _, p := range shown {
		if !keep[root[p.Fact]] {
			out = append(out, Publication{N: len(pubs) + len(out) + 1, Op: OpWithdraw, Of: p.N, Fact: p.Fact, At: p.At, Made: now, Visible: p.Visible})
		}
	}
	return out
}

// roots maps the Seq of every fact to the Seq of the one it finally corrects.
func roots(facts []Fact) map[int64]int64 {
	m := map[int64]int64{}
	for _, f := range facts {
		m[f.Seq] = f.Seq
		if r, ok := m[f.Corrects]; ok && f.Corrects != 0 {
			m[f.Seq] = r
		}
	}
	return m
}

func sortFacts(fs []Fact) {
	slices.SortStableFunc(fs, func(a, b Fact) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Seq, b.Seq)) })
}
