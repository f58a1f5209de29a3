package documents_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"spolupis/documents"
	"spolupis/documents/body"
	"spolupis/security"
	"spolupis/security/fault"
)

const private = "# Dotace pro Jana Nováka\n\nŽadatel **Jan** Novák, narozen 1. 2. 1970, bytem [Lipová 5](mailto:jan@example.org), žádá o 50 000 Kč.\n\nRodné číslo: 700201/1234\n\n| Jméno | Částka |\n|---|---|\n| Jan Novák | 50 000 |\n"

func TestWhatIsBlackedOutIsInNoFile(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(private)
		v, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		original, err := o.VersionPDF(o.ctx, drafter, v.ID)
		o.ok(err)
		text, err := o.VersionBody(o.ctx, drafter, v.ID)
		o.ok(err)
		id := 1 + slices.IndexFunc(text.Canonical().Blocks, func(b body.Block) bool { return strings.HasPrefix(b.Text(), "Rodné") })
		marks := []documents.Mark{{Quote: "Jana Nováka", Reason: "personal"}, {Quote: "Jan Novák", Reason: "personal"}, {Quote: "1. 2. 1970", Reason: "personal"}, {Quote: "Lipová", Reason: "personal"}, {Block: id, Reason: "law"}}
		d, err := o.Derive(o.ctx, drafter, v.ID, documents.ForPublic, marks)
		o.ok(err)
		if d.Original != v.Manifest.PDF.SHA256 || d.State != documents.DerivativeProposed || d.Number != 1 {
			t.Errorf("derivative %+v", d)
		}
		md, err := o.store.Blob(o.ctx, d.Markdown)
		o.ok(err)
		for _, gone := range []string{"Novák", "1970", "Lipová", "example.org", "700201", "Eva"} {
			if strings.Contains(string(md), gone) {
				t.Errorf("%q is still in the text:\n%s", gone, md)
			}
		}
		for _, stays := range []string{"50 000 Kč", "■■■■■ (osobní údaj)", "■■■■■ (chráněno zákonem)", "Částka", d.Original} {
			if !strings.Contains(string(md), stays) {
				t.Errorf("%q is not in the text:\n%s", stays, md)
			}
		}
		_, pdf, err := o.DerivativePDF(o.ctx, drafter, d.ID)
		o.ok(err)
		if !bytes.HasPrefix(pdf, []byte("%PDF-")) || bytes.Contains(pdf, []byte("Eva")) {
			t.Error("the file is no PDF or names who froze the version")
		}
		again, err := o.VersionPDF(o.ctx, drafter, v.ID)
		if err != nil || !bytes.Equal(original, again) {
			t.Error("the original has changed")
		}
		if got := o.happened("document:" + string(m.ID)); !slices.Contains(got, "documents.derivative_proposed") {
			t.Errorf("journal has %v", got)
		}

		// It takes a second person.
		o.refused(o.DecideDerivative(o.ctx, drafter, d.ID, true, ""), fault.Conflict, "documents.fault.derivative_own")
		o.refused(o.DecideDerivative(o.ctx, reader, d.ID, true, ""), fault.Denied, "fault.denied")
		o.refused(o.DecideDerivative(o.ctx, budget, d.ID, true, ""), fault.NotFound, "fault.not_found")
		if _, _, err := o.PublicText(o.ctx, v.ID); err == nil {
			t.Error("a text nobody approved can be published")
		}
		o.ok(o.Invite(o.ctx, drafter, m.ID, documents.Participant{Subject: "user:" + string(head.ID), Relation: "approver"}))
		o.refused(o.DecideDerivative(o.ctx, head, d.ID, false, " "), fault.Invalid, "documents.fault.reject_reason")
		o.ok(o.DecideDerivative(o.ctx, head, d.ID, true, ""))
		o.refused(o.DecideDerivative(o.ctx, head, d.ID, true, ""), fault.Conflict, "documents.fault.derivative_decided")
		if got, file, err := o.PublicText(o.ctx, v.ID); err != nil || got.ID != d.ID || !bytes.Equal(file, pdf) {
			t.Errorf("public text %v, %v", got.ID, err)
		}
		if kept, err := o.Store.Derivatives(o.ctx, v.ID); err != nil || len(kept) != 1 || kept[0].State != documents.DerivativeApproved || kept[0].DecidedBy != head.ID || len(kept[0].Marks) != len(marks) {
			t.Errorf("kept %+v, %v", kept, err)
		}
		if title, err := o.PublicTitle(o.ctx, v); err != nil || title != v.Manifest.Title {
			t.Errorf("public title %q, %v", title, err)
		}
	})
}

func TestADerivativeIsOpenToItsAudienceOnly(t *testing.T) {
	o := onSQLite(t)
	m := o.material(private)
	v, err := o.Freeze(o.ctx, drafter, m.ID)
	o.ok(err)
	d, err := o.Derive(o.ctx, drafter, v.ID, documents.ForCouncillors, nil)
	o.ok(err)
	councillor := security.Actor{ID: "p-radni", Name: "Hana Radní", Session: "s9", Roles: []security.Role{security.Councillor}}
	everybody[councillor.ID] = councillor
	defer delete(everybody, councillor.ID)
	open := func(who security.Actor) bool {
		_, _, err := o.DerivativePDF(o.ctx, who, d.ID)
		return err == nil
	}
	if open(councillor) || open(budget) || !open(drafter) {
		t.Error("a text that waits for approval is open to others, or not to its author")
	}
	o.ok(o.Invite(o.ctx, drafter, m.ID, documents.Participant{Subject: "user:" + string(head.ID), Relation: "approver"}))
	o.ok(o.DecideDerivative(o.ctx, head, d.ID, true, ""))
	if !open(councillor) || open(budget) {
		t.Error("an approved text for councillors is not open to them, or to others")
	}
	if _, err := o.Get(o.ctx, councillor, m.ID); err == nil {
		t.Error("the material itself became open")
	}
}

func TestMarksThatMissAreRefused(t *testing.T) {
	o := onSQLite(t)
	m := o.material(private)
	v, err := o.Freeze(o.ctx, drafter, m.ID)
	o.ok(err)
	for key, mark := range map[string]documents.Mark{
		"mark_nowhere": {Quote: "Petr", Reason: "personal"}, "mark_place": {Block: 999, Quote: "Jan", Reason: "personal"}, "mark_short": {Quote: "J", Reason: "personal"},
		"mark_reason": {Quote: "Jan", Reason: "x"}, "mark_long": {Quote: strings.Repeat("x", 501), Reason: "personal"}, "mark_left": {Quote: "Žad", Reason: "personal"},
	} {
		_, err := o.Derive(o.ctx, drafter, v.ID, documents.ForPublic, []documents.Mark{mark})
		o.refused(err, fault.Invalid, "documents.fault."+key)
	}
	_, err = o.Derive(o.ctx, drafter, v.ID, documents.ForPublic, []documents.Mark{{Quote: "Žadatel", Reason: "personal"}, {Quote: "Dotace", Reason: "law"}})
	o.ok(err)
	a := documents.Anonymise("x", body.Body{Blocks: []body.Block{{Kind: body.Paragraph, Runs: []body.Run{{Text: "NOVÁK a Novák"}}}}}, []documents.Mark{{Quote: "Novák", Reason: "personal"}})
	if !slices.Equal(a.Left, []string{"Novák"}) || a.Hits[0] != 1 {
		t.Errorf("left %v, hits %v", a.Left, a.Hits)
	}
	_, err = o.Derive(o.ctx, reader, v.ID, documents.ForPublic, nil)
	o.refused(err, fault.Denied, "fault.denied")
	_, err = o.Derive(o.ctx, drafter, v.ID, "everybody", nil)
	o.refused(err, fault.Invalid, "documents.fault.audience")
}

func TestBlackingOutMindsMarksAndRepeats(t *testing.T) {
	runs := []body.Run{{Text: "ab"}, {Text: "ab", Strong: true}, {Text: "xab", Link: "https://a.example/ab"}, {Text: " ."}, {Text: "konec", Link: "https://a.example/ab"}}
	a := documents.Anonymise("ab", body.Body{Blocks: []body.Block{{Kind: body.Paragraph, Runs: runs}}}, []documents.Mark{{Quote: "bab", Reason: "personal"}, {Quote: "ab", Reason: "personal"}})
	want := "a■■■■■ (osobní údaj)x■■■■■ (osobní údaj) .konec"
	if got := a.Body.Blocks[0].Text(); got != want || a.Title != "■■■■■ (osobní údaj)" || !slices.Equal(a.Hits, []int{1, 2}) {
		t.Errorf("got %q, title %q, hits %v", got, a.Title, a.Hits)
	}
	for _, r := range a.Body.Blocks[0].Runs {
		if r.Link != "" {
			t.Errorf("the link of a blacked out passage stays at %q", r.Text)
		}
	}
}
