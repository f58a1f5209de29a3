package workflow_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"spolupis/documents/workflow"
	"spolupis/security/fault"
)

var now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// satisfied makes one condition hold, or not.
var satisfied = map[string]func(f *workflow.Facts, holds bool){
	"reason":            func(f *workflow.Facts, h bool) { f.Reason = text(h) },
	"units_named":       func(f *workflow.Facts, h bool) { f.Units = one(h) },
	"deadline_ahead":    func(f *workflow.Facts, h bool) { f.Due = now.Add(day(h)) },
	"deadline_passed":   func(f *workflow.Facts, h bool) { f.Due = now.Add(-day(h)) },
	"baseline":          func(f *workflow.Facts, h bool) { f.Baseline = h },
	"round_waived":      func(f *workflow.Facts, h bool) { f.RoundRequired, f.Reason = true, text(h) },
	"all_spoken":        func(f *workflow.Facts, h bool) { f.Silent = one(!h) },
	"substantive":       func(f *workflow.Facts, h bool) { f.Substantive = h },
	"all_settled":       func(f *workflow.Facts, h bool) { f.Open = one(!h) },
	"no_dispute":        func(f *workflow.Facts, h bool) { f.Disputes = one(!h) },
	"major_rejected":    func(f *workflow.Facts, h bool) { f.MajorRejected = one(h) },
	"agreed":            func(f *workflow.Facts, h bool) { f.Agreed = h },
	"dispute_described": func(f *workflow.Facts, h bool) { f.DisputeDescribed = h },
	"last":              func(f *workflow.Facts, h bool) { f.Last = h },
	"not_last":          func(f *workflow.Facts, h bool) { f.Last = !h },
	"same_text":         func(f *workflow.Facts, h bool) { f.SameText = h },
	"text_changed":      func(f *workflow.Facts, h bool) { f.SameText = !h },
	"meeting_chosen":    func(f *workflow.Facts, h bool) { f.Meeting = text(h) },
	"before_closing":    func(f *workflow.Facts, h bool) { f.Closing, f.Reason = now.Add(day(h)), "" },
	"quorum":            func(f *workflow.Facts, h bool) { f.Members, f.Present = 9, 4+one(h) },
	"majority":          func(f *workflow.Facts, h bool) { f.Members, f.For = 9, 4+one(h) },
	"no_majority":       func(f *workflow.Facts, h bool) { f.Members, f.For = 9, 4+one(!h) },
	"amended":           func(f *workflow.Facts, h bool) { f.Amended = h },
	"recommends":        func(f *workflow.Facts, h bool) { f.Recommends = h },
	"wording":           func(f *workflow.Facts, h bool) { f.Wording = h },
	"own_number":        func(f *workflow.Facts, h bool) { f.Number = text(h) },
	"ten_days":          func(f *workflow.Facts, h bool) { f.Notice = 9 + one(h) },
	"signed":            func(f *workflow.Facts, h bool) { f.Signed = h },
	"anonymised":        func(f *workflow.Facts, h bool) { f.Anonymised = h },
	"no_tasks":          func(f *workflow.Facts, h bool) { f.Tasks = one(!h) },
	"tasks_complete":    func(f *workflow.Facts, h bool) { f.Tasks, f.TasksIncomplete = 1, one(!h) },
	"all_done":          func(f *workflow.Facts, h bool) { f.TasksOpen = one(!h) },
	"by_resolution":     func(f *workflow.Facts, h bool) { f.Resolution = text(h) },
	"handed_over":       func(f *workflow.Facts, h bool) { f.Records = text(h) },
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

func text(b bool) string {
	if b {
		return "ano"
	}
	return ""
}

func day(ahead bool) time.Duration {
	if ahead {
		return 24 * time.Hour
	}
	return -24 * time.Hour
}

func meeting(t workflow.Transition) workflow.Facts {
	f := workflow.Facts{Now: now}
	for _, g := range t.Guards {
		satisfied[g](&f, true)
	}
	return f
}

// dictionary is the sentences of one language.
func dictionary(t *testing.T, lang string) map[string]string {
	t.Helper()
	all := map[string]string{}
	files, err := filepath.Glob("../../frontend/i18n/*." + lang + ".json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &all); err != nil {
			t.Fatal(name, err)
		}
	}
	return all
}

// said checks that a refusal has a sentence in both languages with everything
// filled in.
func said(t *testing.T, cs, en map[string]string, what string, err error) {
	t.Helper()
	f := fault.Of(err)
	for lang, d := range map[string]map[string]string{"cs": cs, "en": en} {
		s, ok := d[f.Key]
		if !ok || len(s) < 10 {
			t.Errorf("%s: no %s sentence for %v", what, lang, err)
		}
		for i := range 3 {
			if strings.Contains(s, fmt.Sprintf("{%d}", i)) && i >= len(f.Args) {
				t.Errorf("%s: %q lacks argument %d", what, s, i)
			}
		}
	}
}

// TestEveryRoleOnEveryTransition walks all ways from every place with every
// role: exactly what the data says is allowed, and every refusal says why.
func TestEveryRoleOnEveryTransition(t *testing.T) {
	d := workflow.Material()
	if len(d.States) != 20 || len(d.Transitions) != 45 {
		t.Fatalf("%d places and %d ways, want 20 and 45", len(d.States), len(d.Transitions))
	}
	cs, en := dictionary(t, "cs"), dictionary(t, "en")
	walked, refused := 0, 0
	for _, tr := range d.Transitions {
		name := string(tr.From) + " " + string(tr.Event)
		for _, r := range d.Roles {
			got, err := d.Next(tr.From, tr.Event, []workflow.Role{r.Name}, meeting(tr), "cs")
			if want := slices.Contains(tr.Roles, r.Name); want != (err == nil) {
				t.Errorf("%s as %s: %v, allowed by the data: %v", name, r.Name, err, want)
			}
			if err != nil {
				refused++
				said(t, cs, en, name+" as "+string(r.Name), err)
				continue
			}
			walked++
			if got.To != tr.To {
				t.Errorf("%s leads to %s, want %s", name, got.To, tr.To)
			}
			for _, g := range tr.Guards { // each condition alone stops it
				f := meeting(tr)
				satisfied[g](&f, false)
				_, err := d.Next(tr.From, tr.Event, []workflow.Role{r.Name}, f, "cs")
				if err == nil {
					t.Errorf("%s is allowed though %q does not hold", name, g)
					continue
				}
				refused++
				said(t, cs, en, name+" without "+g, err)
			}
		}
		if _, err := d.Next(tr.From, tr.Event, nil, meeting(tr), "cs"); err == nil {
			t.Errorf("%s is allowed to nobody in particular", name)
		}
	}
	for _, s := range d.States { // every event from where it does not exist
		for _, tr := range d.Transitions {
			if _, ok := d.Find(s.Name, tr.Event); ok {
				continue
			}
			_, err := d.Next(s.Name, tr.Event, tr.Roles, meeting(tr), "cs")
			if err == nil {
				t.Errorf("%s is possible from %s", tr.Event, s.Name)
				continue
			}
			refused++
			said(t, cs, en, string(s.Name)+" "+string(tr.Event), err)
		}
	}
	t.Logf("%d acts allowed, %d refused with a reason", walked, refused)
	for _, name := range workflow.Guards() {
		if satisfied[name] == nil {
			t.Errorf("condition %q is not simulated", name)
		}
		for _, k := range []string{"workflow.guard.", "workflow.when."} {
			if cs[k+name] == "" || en[k+name] == "" {
				t.Errorf("no sentence %s%s", k, name)
			}
		}
	}
}

// TestEveryPathCanEnd walks at random, by ways that roles and facts really
// open, and comes to an end from everywhere.
func TestEveryPathCanEnd(t *testing.T) {
	d := workflow.Material()
	taken := map[string]bool{}
	longest := 0
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 5))
		p := d.Initial
		if seed < uint64(len(d.States)) {
			p = d.States[seed].Name
		}
		steps := 0
		for ; !d.Ended(p); steps++ {
			if steps > 20_000 {
				t.Fatalf("walk %d goes on and on, now at %s", seed, p)
			}
			ways := d.From(p)
			w := ways[r.IntN(len(ways))]
			got, err := d.Next(p, w.Event, []workflow.Role{w.Roles[r.IntN(len(w.Roles))]}, meeting(w), "cs")
			if err != nil {
				t.Fatalf("walk %d: %s from %s: %v", seed, w.Event, p, err)
			}
			taken[string(p)+" "+string(w.Event)] = true
			p = got.To
		}
		longest = max(longest, steps)
	}
	if len(taken) != len(d.Transitions) {
		t.Errorf("the walks took %d of %d ways", len(taken), len(d.Transitions))
	}
	t.Logf("500 walks ended, the longest after %d steps", longest)
}

func TestTheCourseIsTheOneOfTheOffice(t *testing.T) {
	d := workflow.Material()
	again, err := workflow.Parse(d.JSON())
	if err != nil {
		t.Fatal(err)
	}
	if string(again.JSON()) != string(d.JSON()) {
		t.Error("an exported course is not the same when it is read again")
	}
	for p, want := range map[workflow.Place]workflow.Place{workflow.Draft: "navrh", workflow.Closed: "uzavreno", workflow.Cancelled: "storno"} {
		if p != want || d.State(p) == nil {
			t.Errorf("%s is not a place of the course", p)
		}
	}
	known := []workflow.Event{workflow.StartRound, workflow.SendToApprove, workflow.Cancel, workflow.RoundExpired, workflow.EndRoundEarly, workflow.ExtendRound,
		workflow.NewRound, workflow.AllSettled, workflow.OpenDispute, workflow.ResolveDispute, workflow.SubmitDisputed, workflow.ApproveStep, workflow.ApproveLast,
		workflow.Return, workflow.TextChanged, workflow.Rework, workflow.PutOnProgram, workflow.MoveOnProgram, workflow.WithdrawFrom, workflow.BeginDiscussion,
		workflow.Adopt, workflow.AdoptChanged, workflow.NotAdopt, workflow.Postpone, workflow.PutAgain, workflow.Refer, workflow.SendToSign, workflow.FoundForAssembly,
		workflow.SignResolution, workflow.CloseWithout, workflow.SendTasks, workflow.ExtendTask, workflow.AllDone, workflow.Repeal, workflow.Close}
	for _, tr := range d.Transitions {
		if !slices.Contains(known, tr.Event) {
			t.Errorf("no name for the event %s", tr.Event)
		}
	}
	for _, e := range known {
		if !slices.ContainsFunc(d.Transitions, func(tr workflow.Transition) bool { return tr.Event == e }) {
			t.Errorf("the course has no event %s", e)
		}
	}
}

func TestACourseThatCouldNotBeFollowedIsRefusedByName(t *testing.T) {
	cs, en := dictionary(t, "cs"), dictionary(t, "en")
	for name, c := range map[string]struct {
		change func(d *workflow.Definition)
		key    string
		names  string
	}{
		"unknown place":  {func(d *workflow.Definition) { d.Transitions[0].To = "nikde" }, "state", "nikde"},
		"unknown start":  {func(d *workflow.Definition) { d.Initial = "nikde" }, "state", "nikde"},
		"unknown end":    {func(d *workflow.Definition) { d.Terminal = []workflow.Place{"nikde"} }, "state", "nikde"},
		"no end":         {func(d *workflow.Definition) { d.Terminal = nil }, "no_end", ""},
		"unreachable":    {func(d *workflow.Definition) { drop(d, "schvalovani", "schvalit_posledni") }, "unreachable", "predlozeno"},
		"dead end":       {func(d *workflow.Definition) { drop(d, "storno", "uzavrit") }, "dead_end", "storno"},
		"after the end":  {func(d *workflow.Definition) { d.Terminal = append(d.Terminal, "storno") }, "after_end", "storno"},
		"no label":       {func(d *workflow.Definition) { d.Transitions[3].Label.EN = "  " }, "label", "pripominky"},
		"no state label": {func(d *workflow.Definition) { d.States[2].Label.CS = "" }, "label", "vyporadani"},
		"unknown guard":  {func(d *workflow.Definition) { d.Transitions[1].Guards = []string{"uplynek"} }, "guard", "uplynek"},
		"unknown role":   {func(d *workflow.Definition) { d.Transitions[1].Roles = []workflow.Role{"kdosi"} }, "role", "kdosi"},
		"nobody may":     {func(d *workflow.Definition) { d.Transitions[1].Roles = nil }, "no_role", "navrh"},
		"unknown holder": {func(d *workflow.Definition) { d.Roles[0].HeldBy = []string{"luck"} }, "holding", "luck"},
		"twice":          {func(d *workflow.Definition) { d.Transitions = append(d.Transitions, d.Transitions[0]) }, "name", "zahajit_pripominky"},
		"place twice":    {func(d *workflow.Definition) { d.States = append(d.States, d.States[0]) }, "name", "navrh"},
		"unknown stage":  {func(d *workflow.Definition) { d.States[0].Stage = "pekelný" }, "stage", "pekelný"},
		"who sees":       {func(d *workflow.Definition) { d.States[0].Visible = []string{"všichni"} }, "visible", "všichni"},
		"unknown page":   {func(d *workflow.Definition) { d.Transitions[0].Where = "jinde" }, "where", "jinde"},
		"unknown field":  {func(d *workflow.Definition) { d.Transitions[0].Ask = []string{"heslo"} }, "ask", "heslo"},
		"deadline":       {func(d *workflow.Definition) { d.States[0].WorkingDays = -1 }, "days", "navrh"},
		"no version":     {func(d *workflow.Definition) { d.Version = 0 }, "id", ""},
		"nothing in it":  {func(d *workflow.Definition) { d.States = nil }, "size", ""},
	} {
		d := workflow.Material()
		c.change(d)
		_, err := workflow.Parse(d.JSON())
		f := fault.Of(err)
		if f.Key != "workflow.import."+c.key || !strings.Contains(fmt.Sprint(f.Args...), c.names) {
			t.Errorf("%s: %v, want %s naming %q", name, err, c.key, c.names)
			continue
		}
		said(t, cs, en, name, err)
	}
	for _, file := range []string{"", "[]", `{"id":"x","surprise":1}`, string(workflow.Material().JSON()) + "{}"} {
		if _, err := workflow.Parse([]byte(file)); fault.Of(err).Key != "workflow.import.json" {
			t.Errorf("%.20q: %v", file, err)
		}
	}
	if _, err := workflow.Parse(make([]byte, workflow.MaxSize+1)); fault.Of(err).Key != "workflow.import.large" {
		t.Errorf("too large: %v", err)
	}
}

func drop(d *workflow.Definition, from workflow.Place, e workflow.Event) {
	d.Transitions = slices.DeleteFunc(d.Transitions, func(t workflow.Transition) bool { return t.From == from && t.Event == e })
}
