package documents_test

import (
	"slices"
	"testing"

	"spolupis/collab/crdt"
	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/fault"
)

func TestAPrintoutTellsWhetherItStillHolds(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		holds := func(p documents.Printout, who security.Actor, current, superseded, draft bool) documents.Verification {
			t.Helper()
			v, err := o.Verify(o.ctx, who, p.Code)
			o.ok(err)
			if v.Current != current || v.Superseded != superseded || v.Draft != draft {
				t.Errorf("current %v, superseded %v, draft %v; want %v, %v, %v", v.Current, v.Superseded, v.Draft, current, superseded, draft)
			}
			return v
		}
		live, err := o.Print(o.ctx, drafter, m.ID, 0)
		o.ok(err)
		if got := o.happened("document:" + string(m.ID)); !slices.Contains(got, "documents.printed") {
			t.Errorf("journal has %v", got)
		}
		v := holds(live, drafter, true, false, false)
		if v.Inside == nil || v.Inside.Material.ID != m.ID {
			t.Error("who may see the material is not told which it is")
		}
		for _, who := range []security.Actor{{}, budget} {
			if v := holds(live, who, true, false, false); v.Inside != nil {
				t.Errorf("%q is told what was printed", who.ID)
			}
		}
		edit := func() {
			o.edit(m.ID, func(x *crdt.Text) { x.Insert(index(x, "Rada kraje"), "Nově: ", nil) })
		}
		edit()
		if v := holds(live, drafter, false, false, false); len(v.Inside.Changes.Rows) == 0 || v.Inside.To != 0 {
			t.Errorf("changes %+v", v.Inside)
		}
		second, err := o.Print(o.ctx, drafter, m.ID, 0)
		o.ok(err)
		_, err = o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		holds(second, drafter, true, false, false) // frozen as it was printed
		if v := holds(live, security.Actor{}, false, true, false); v.Newest != 1 {
			t.Errorf("superseded by %d", v.Newest)
		}
		one, err := o.Print(o.ctx, drafter, m.ID, 1)
		o.ok(err)
		if one.SHA256 != string(one.Version) || one.Version == "" {
			t.Errorf("the paper shows %q for version %q", one.SHA256, one.Version)
		}
		holds(one, drafter, true, false, false)
		o.ok(o.OpenDraft(o.ctx, drafter, m.ID))
		holds(one, drafter, true, false, false)
		edit()
		holds(one, drafter, true, false, true) // still in force, but not for long
		_, err = o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		if v := holds(one, drafter, false, true, false); v.Newest != 2 || v.Inside.To != 2 {
			t.Errorf("superseded by %d, compared with %d", v.Newest, v.Inside.To)
		}
		// What was printed stays what it was.
		_, _, text, err := o.Printed(o.ctx, drafter, live.Code)
		o.ok(err)
		if got := text.Text(); got == o.text(m.ID) || got == "" {
			t.Errorf("the printout became %q", got)
		}
		all, err := o.Printouts(o.ctx, drafter, m.ID)
		if err != nil || len(all) != 3 || all[0].Code != one.Code {
			t.Errorf("printouts %+v, %v", all, err)
		}
		_, err = o.Print(o.ctx, budget, m.ID, 0)
		o.refused(err, fault.NotFound, "fault.not_found")
		_, _, _, err = o.Printed(o.ctx, budget, live.Code)
		o.refused(err, fault.NotFound, "fault.not_found")
		_, err = o.Verify(o.ctx, drafter, "w-aaaaaaaaaaaaaaaa")
		o.refused(err, fault.NotFound, "documents.fault.print_gone")
		_, err = o.Verify(o.ctx, drafter, "w-'; --")
		o.refused(err, fault.NotFound, "documents.fault.print_gone")
	})
}
