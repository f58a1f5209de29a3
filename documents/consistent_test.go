package documents_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"spolupis/documents"
	"spolupis/documents/meeting"
	"spolupis/documents/workflow"
	"spolupis/security"
	"spolupis/security/fault"
)

// TestPlaceAndStateNeverContradict makes acts at random, allowed or not, and
// compares after each: where the text is open the state follows from the place,
// and where the office has it in hands the text is closed.
func TestPlaceAndStateNeverContradict(t *testing.T) {
	open := map[workflow.Place][]documents.State{
		workflow.Draft: {documents.Draft}, workflow.Commenting: {documents.Commenting}, workflow.Settling: {documents.Settling}, workflow.Disputed: {documents.Settling},
		workflow.Approving: {documents.Settling}, // settled, and not frozen yet
	}
	o := onSQLite(t)
	o.secretariat()
	places, refused := map[workflow.Place]bool{}, 0
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 7))
		m := o.material(donation)
		var trail []string
		for range 40 {
			now, err := o.store.Material(o.ctx, m.ID)
			o.ok(err)
			acts := map[string]func() error{
				"round": func() error {
					_, err := o.StartRound(o.ctx, drafter, m.ID, documents.NewRound{Optional: []security.UnitID{"pravni"}, Why: "Změnila se částka."})
					return err
				},
				"end":    func() error { return o.EndRound(o.ctx, drafter, m.ID) },
				"freeze": func() error { _, err := o.Freeze(o.ctx, drafter, m.ID); return err },
				"edit": func() error {
					if now.State.Editable() {
						o.edit(m.ID, replace("Popis", fmt.Sprintf("Popis %d", r.IntN(1000))))
					}
					return nil
				},
				"route": func() error {
					_, err := o.StartRoute(o.ctx, drafter, now.Current, documents.Route{Approvers: []documents.Group{group(documents.All, head), group(documents.Any, budget, jurist)}})
					return err
				},
				"approve head":   func() error { _, err := o.Approve(o.ctx, head, now.Current); return err },
				"approve budget": func() error { _, err := o.Approve(o.ctx, budget, now.Current); return err },
				"reject":         func() error { _, err := o.Reject(o.ctx, head, now.Current, "Ne."); return err },
				"carry":          func() error { _, err := o.CarryApprovals(o.ctx, drafter, now.Current); return err },
				"draft":          func() error { return o.OpenDraft(o.ctx, drafter, m.ID) },
				"return":         func() error { return o.Act(o.ctx, marie, m.ID, workflow.Return, "Vada.", "") },
				"cancel": func() error {
					if r.IntN(8) > 0 {
						return nil
					}
					return o.Act(o.ctx, drafter, m.ID, workflow.Cancel, "Zbytečné.", "")
				},
			}
			names := []string{"round", "end", "freeze", "freeze", "edit", "route", "route", "approve head", "approve head", "approve budget", "approve budget", "reject", "carry", "draft", "return", "cancel"}
			name := names[r.IntN(len(names))]
			err = acts[name]()
			trail = append(trail, name)
			if err != nil {
				refused++
				if k := fault.Of(err); k.Kind == fault.Internal {
					t.Fatalf("walk %d: %s: %v", seed, strings.Join(trail, ", "), err)
				}
				trail[len(trail)-1] += " (refused)"
			}
			after, err := o.store.Material(o.ctx, m.ID)
			o.ok(err)
			places[after.Place] = true
			ok := !after.State.Editable() || slices.Contains(open[after.Place], after.State)
			switch after.Place {
			case workflow.Submitted:
				ok = ok && after.State == documents.Approved
			case workflow.Returned:
				ok = ok && after.State == documents.Rejected || after.State == documents.Approved // returned by the secretariat
			case workflow.Cancelled:
				ok = ok && after.State == documents.Cancelled
			}
			if !ok {
				t.Fatalf("walk %d: %s and %s after %s", seed, after.Place, after.State, strings.Join(trail, ", "))
			}
		}
	}
	for _, p := range []workflow.Place{workflow.Draft, workflow.Commenting, workflow.Settling, workflow.Approving, workflow.Submitted, workflow.Returned, workflow.Cancelled} {
		if !places[p] {
			t.Errorf("no walk came to %s", p)
		}
	}
	t.Logf("%d places, %d acts refused", len(places), refused)
}

func TestThePartOfAResolutionIsOneThing(t *testing.T) {
	if meeting.PartKey != string(documents.PartResolution) {
		t.Errorf("meetings look for the part %q, templates make %q", meeting.PartKey, documents.PartResolution)
	}
}
