package documents_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"spolupis/collab/crdt"
	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

// settling is a material whose round has ended, with one comment of each unit.
func settling(o *office, passages map[string]map[string]any) (documents.Material, map[string]documents.CommentView) {
	o.t.Helper()
	m := o.material(sample)
	o.start(m.ID, units("pravni"), nil)
	out := map[string]documents.CommentView{}
	for passage, more := range passages {
		out[passage] = add(o, m.ID, passage, more)
	}
	o.ok(o.State(o.ctx, juristsHead, m.ID, "pravni", documents.WithRemarks, ""))
	o.ok(o.EndRound(o.ctx, drafter, m.ID))
	return m, out
}

func (o *office) settle(id documents.MaterialID, c documents.CommentID, outcome documents.Outcome, reasoning string) error {
	o.t.Helper()
	_, err := o.command(drafter, id, "comment.settle", map[string]any{"comment": c, "outcome": outcome, "reasoning": reasoning})
	return err
}

func TestAFormalCommentIsNeverMajorAndAMajorOneIsReasoned(t *testing.T) {
	o := onSQLite(t)
	m := o.material(sample)
	for _, kind := range []string{"formal,major", "major formal", "zásadní", ""} {
		_, err := o.command(jurist, m.ID, "comment.add", map[string]any{"kind": kind, "text": "x", "reasoning": "y"})
		o.refused(err, fault.Invalid, "documents.fault.comment_kind")
	}
	_, err := o.command(jurist, m.ID, "comment.add", map[string]any{"kind": "major", "text": "x", "reasoning": "  "})
	o.refused(err, fault.Invalid, "documents.fault.comment_reasoning")
	c := add(o, m.ID, "opravu mostu", map[string]any{"kind": "formal"})
	_, err = o.command(jurist, m.ID, "comment.edit", map[string]any{"comment": c.ID, "kind": "major", "text": "x"})
	o.refused(err, fault.Invalid, "documents.fault.comment_reasoning")
}

func TestAllSevenOutcomesAndWhichOfThemNeedReasoning(t *testing.T) {
	o := onSQLite(t)
	m, c := settling(o, map[string]map[string]any{"opravu mostu": nil})
	id := c["opravu mostu"].ID
	for _, outcome := range documents.Outcomes {
		err := o.settle(m.ID, id, outcome, "")
		switch outcome {
		case documents.WithdrawnByAuthor:
			o.ok(err)
		case documents.Accepted: // only because the text does not show it
			o.refused(err, fault.Invalid, "documents.fault.settle_unchanged")
		default:
			o.refused(err, fault.Invalid, "documents.fault.settle_reasoning")
		}
		o.ok(o.settle(m.ID, id, outcome, "Proto."))
		if v := o.comment(drafter, m.ID, id); v.Settlement.Outcome != outcome {
			t.Errorf("%s: %+v", outcome, v.Settlement)
		}
	}
}

func TestAcceptingNeedsAChangedTextOrAWordWhereItIs(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m, c := settling(o, map[string]map[string]any{"opravu mostu": nil, "Druhý odstavec": nil})
		first, second := c["opravu mostu"].ID, c["Druhý odstavec"].ID
		o.refused(o.settle(m.ID, first, documents.Accepted, ""), fault.Invalid, "documents.fault.settle_unchanged")
		o.edit(m.ID, func(t *crdt.Text) { t.Insert(index(t, "opravu mostu"), "celkovou ", nil) })
		o.ok(o.settle(m.ID, first, documents.Accepted, ""))
		o.refused(o.settle(m.ID, second, documents.Accepted, ""), fault.Invalid, "documents.fault.settle_unchanged")

		x, err := o.Case(o.ctx, drafter, m.ID, o.comment(drafter, m.ID, first).Number)
		o.ok(err)
		if before, after := x.Proof.Excerpt(); !x.Proof.Changed || !strings.Contains(after, "celkovou opravu") || strings.Contains(before, "celkovou") {
			t.Errorf("proof %q -> %q", before, after)
		}
		o.ok(o.settle(m.ID, second, documents.Accepted, "Zapracováno do přílohy č. 2."))

		// Taking the change back afterwards is found out when the text is frozen.
		o.edit(m.ID, func(t *crdt.Text) { t.Delete(index(t, "celkovou "), len([]rune("celkovou "))) })
		_, err = o.Freeze(o.ctx, drafter, m.ID)
		o.refused(err, fault.Conflict, "documents.fault.accepted_unchanged")
		if o.state(m.ID) != documents.Settling {
			t.Errorf("state %s", o.state(m.ID))
		}
		o.edit(m.ID, func(t *crdt.Text) { t.Insert(index(t, "opravu mostu"), "úplnou ", nil) })
		v, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		if v.Manifest.Table == nil {
			t.Error("the version has no table")
		}
	})
}

// A new paragraph right behind the passage, the passage deleted with its paragraph, and a change elsewhere.
func TestWhatCountsAsAChangeOfTheText(t *testing.T) {
	long := sample + "\nTřetí odstavec je jinde.\n\nČtvrtý taky.\n"
	for name, x := range map[string]struct {
		change func(t *crdt.Text)
		want   bool
	}{
		"nothing":              {func(*crdt.Text) {}, false},
		"elsewhere":            {func(t *crdt.Text) { t.Insert(index(t, "Čtvrtý"), "Celý ", nil) }, false},
		"formatting only":      {func(t *crdt.Text) { t.Format(index(t, "Druhý"), 5, crdt.Attrs{"em": true}) }, false},
		"within the paragraph": {func(t *crdt.Text) { t.Insert(index(t, "citaci"), "krátkou ", nil) }, true},
		"a new paragraph after": {func(t *crdt.Text) {
			i := index(t, "Třetí") - 1
			t.InsertMap(i, map[string]any{"kind": "p"}, nil)
			t.Insert(i+1, "Doplněno.", nil)
		}, true},
		"all of it deleted": {func(t *crdt.Text) { i := index(t, "Druhý") - 1; t.Delete(i, index(t, "Třetí")-1-i) }, true},
		"rewritten": {func(t *crdt.Text) {
			i := index(t, "Druhý odstavec")
			t.Delete(i, len([]rune("Druhý odstavec")))
			t.Insert(i, "Následující část", nil)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			o := onSQLite(t)
			m := o.material(long)
			o.start(m.ID, units("pravni"), nil)
			c := add(o, m.ID, "Druhý odstavec", nil)
			whole := add(o, m.ID, "", nil)
			o.ok(o.State(o.ctx, juristsHead, m.ID, "pravni", documents.WithRemarks, ""))
			o.ok(o.EndRound(o.ctx, drafter, m.ID))
			o.edit(m.ID, x.change)
			err := o.settle(m.ID, c.ID, documents.Accepted, "")
			if got := err == nil; got != x.want {
				t.Errorf("accepted %v (%v), want %v", got, err, x.want)
			}
			if err := o.settle(m.ID, whole.ID, documents.Accepted, ""); (err == nil) != (name != "nothing" && name != "formatting only") {
				t.Errorf("the comment on the whole: %v", err)
			}
		})
	}
}

func TestOneClickAcceptsAWordingAndItsDuplicatesWithIt(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		o.start(m.ID, units("pravni", "finance"), nil)
		c := add(o, m.ID, "4 250 000 Kč", map[string]any{"text": "Částka v rozpočtu je jiná.", "proposed": "5 000 000 Kč"})
		same, err := o.command(budgetsHead, m.ID, "comment.add", map[string]any{"kind": "formal", "text": "Jiná částka je v rozpočtu.", "anchor": o.anchor(m.ID, "4 250 000 Kč")})
		o.ok(err)
		far := add(o, m.ID, "Druhý odstavec", map[string]any{"text": "Zkrátit prosím."})
		_, err = o.command(drafter, m.ID, "comment.group", map[string]any{"comment": c.ID, "others": []string{string(same.ID)}})
		o.refused(err, fault.Conflict, "documents.fault.settle_working")
		o.ok(o.State(o.ctx, juristsHead, m.ID, "pravni", documents.WithRemarks, ""))
		o.ok(o.State(o.ctx, budgetsHead, m.ID, "finance", documents.WithRemarks, ""))
		x, err := o.Case(o.ctx, drafter, m.ID, c.Number)
		o.ok(err)
		if len(x.Alike) != 1 || x.Alike[0].ID != same.ID {
			t.Errorf("alike %+v", x.Alike)
		}
		_, err = o.command(jurist, m.ID, "comment.group", map[string]any{"comment": c.ID, "others": []string{string(same.ID)}})
		o.refused(err, fault.Denied, "fault.denied")
		_, err = o.command(drafter, m.ID, "comment.group", map[string]any{"comment": c.ID})
		o.refused(err, fault.Invalid, "documents.fault.group_none")
		_, err = o.command(drafter, m.ID, "comment.group", map[string]any{"comment": c.ID, "others": []string{string(same.ID), string(far.ID)}})
		o.ok(err)
		o.refused(o.settle(m.ID, same.ID, documents.Explained, "Viz výše."), fault.Conflict, "documents.fault.comment_twin")
		_, err = o.command(drafter, m.ID, "comment.ungroup", map[string]any{"comment": far.ID})
		o.ok(err)
		_, err = o.command(drafter, m.ID, "comment.accept", map[string]any{"comment": c.ID})
		o.ok(err)
		if v := o.comment(drafter, m.ID, same.ID); v.State != documents.Settled || v.Settlement.Outcome != documents.Accepted || v.Twin != c.ID {
			t.Errorf("the duplicate %+v", v)
		}
		if v := o.comment(drafter, m.ID, far.ID); v.State != documents.Open {
			t.Errorf("what was taken out of the group is settled: %+v", v)
		}
		if notices, err := o.Notices(o.ctx, budgetsHead, 0); err != nil || len(notices) != 1 || notices[0].Kind != "settled" {
			t.Errorf("the author of the duplicate is not told: %+v %v", notices, err)
		}
	})
}

func TestADisputeGoesUpThroughItsLevels(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m, cs := settling(o, map[string]map[string]any{"opravu mostu": {"kind": "major", "reasoning": "Zákon."}, "Druhý odstavec": nil})
		c, minor := cs["opravu mostu"], cs["Druhý odstavec"]
		say := func(who security.Actor, cmd string, c documents.CommentID, why string) error {
			_, err := o.command(who, m.ID, cmd, map[string]any{"comment": c, "reasoning": why})
			return err
		}
		o.refused(say(juristsHead, "comment.insist", c.ID, "Trváme."), fault.Conflict, "documents.fault.stand_early")
		o.ok(o.settle(m.ID, c.ID, documents.NotAccepted, "Není to třeba."))
		o.ok(o.settle(m.ID, minor.ID, documents.NotAccepted, "Není to třeba."))
		o.ok(say(jurist, "comment.insist", minor.ID, "Škoda.")) // noted, no dispute
		o.refused(say(jurist, "comment.insist", c.ID, "Trváme."), fault.Denied, "documents.fault.not_head")
		o.refused(say(juristsHead, "comment.insist", c.ID, " "), fault.Invalid, "documents.fault.insist_reasoning")
		o.ok(say(juristsHead, "comment.insist", c.ID, "Zákon to žádá."))
		o.refused(say(juristsHead, "comment.insist", c.ID, "Trváme."), fault.Conflict, "documents.fault.dispute_open")
		_, err := o.Freeze(o.ctx, drafter, m.ID)
		o.refused(err, fault.Conflict, "documents.fault.disputes_open")

		o.refused(o.Decide(o.ctx, director, m.ID, c.ID, documents.DisputeDismissed, "Ne."), fault.NotFound, "fault.not_found")
		o.refused(o.Decide(o.ctx, drafter, m.ID, c.ID, documents.DisputeDismissed, "Ne."), fault.Conflict, "documents.fault.dispute_heads")
		o.refused(o.Escalate(o.ctx, jurist, m.ID, c.ID, director.ID, "Neshodli jsme se."), fault.Denied, "documents.fault.not_head")
		o.refused(o.Escalate(o.ctx, juristsHead, m.ID, c.ID, "p-nikdo", "Neshodli jsme se."), fault.Invalid, "documents.fault.dispute_decider")
		o.refused(o.Escalate(o.ctx, juristsHead, m.ID, c.ID, reader.ID, "Neshodli jsme se."), fault.Invalid, "documents.fault.dispute_decider")
		o.ok(o.Escalate(o.ctx, juristsHead, m.ID, c.ID, director.ID, "Neshodli jsme se."))
		o.refused(o.Escalate(o.ctx, juristsHead, m.ID, c.ID, director.ID, "Znovu."), fault.Conflict, "documents.fault.dispute_level")
		tasks, err := o.Inbox(o.ctx, director)
		o.ok(err)
		if len(tasks) == 0 || tasks[0].What != "decide" {
			t.Errorf("the director's inbox %+v", tasks)
		}
		o.refused(o.Decide(o.ctx, juristsHead, m.ID, c.ID, documents.DisputeUpheld, "Ano."), fault.Denied, "documents.fault.dispute_not_yours")
		o.refused(o.Decide(o.ctx, director, m.ID, c.ID, documents.DisputeDismissed, ""), fault.Invalid, "documents.fault.dispute_reason")
		o.refused(o.Decide(o.ctx, director, m.ID, c.ID, documents.DisputeOpened, "x"), fault.Invalid, "documents.fault.dispute_act")
		o.ok(o.Decide(o.ctx, director, m.ID, c.ID, documents.DisputeUpheld, "Právní odbor má pravdu."))
		if v := o.comment(drafter, m.ID, c.ID); v.State != documents.Open || v.Settlement != nil {
			t.Errorf("the comment is not to be settled anew: %+v", v)
		}
		_, err = o.Freeze(o.ctx, drafter, m.ID)
		o.refused(err, fault.Conflict, "documents.fault.majors_open")
		o.ok(o.settle(m.ID, c.ID, documents.Explained, "Doplněno v příloze."))
		o.ok(say(juristsHead, "comment.agree", c.ID, ""))
		ds, err := o.Disputes(o.ctx, drafter, m.ID)
		o.ok(err)
		if len(ds) != 1 || ds[0].Result() != documents.DisputeUpheld || len(ds[0].Acts) != 3 || ds[0].Acts[2].By != director.ID || ds[0].Acts[2].Level != documents.LevelDirector {
			t.Errorf("disputes %+v", ds)
		}
		_, err = o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
	})
}

func TestAgreementAndWithdrawalEndADisputeAmongHeads(t *testing.T) {
	o := onSQLite(t)
	for act, outcome := range map[documents.DisputeAct]documents.Outcome{documents.DisputeAgreed: documents.NotAccepted, documents.DisputeWithdrawn: documents.WithdrawnByAuthor} {
		m, cs := settling(o, map[string]map[string]any{"opravu mostu": {"kind": "major", "reasoning": "Zákon."}})
		c := cs["opravu mostu"]
		o.ok(o.settle(m.ID, c.ID, documents.NotAccepted, "Není to třeba."))
		_, err := o.command(juristsHead, m.ID, "comment.insist", map[string]any{"comment": c.ID, "reasoning": "Zákon to žádá."})
		o.ok(err)
		o.ok(o.Decide(o.ctx, juristsHead, m.ID, c.ID, act, "Dohodli jsme se při jednání."))
		v := o.comment(drafter, m.ID, c.ID)
		if v.Settlement.Outcome != outcome || v.Standing.Stand != documents.Agrees {
			t.Errorf("%s: %+v %+v", act, v.Settlement, v.Standing)
		}
		_, err = o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		o.refused(o.Decide(o.ctx, juristsHead, m.ID, c.ID, act, "Znovu."), fault.Conflict, "documents.fault.dispute_none")
	}
}

const words = "Odbor právní trvá na tom, že opravu mostu schvaluje zastupitelstvo; předkladatel má za to, že postačí rada."

// disputed is a material with a dispute that the director is to decide.
func disputed(o *office) (documents.Material, documents.CommentView) {
	o.t.Helper()
	m, cs := settling(o, map[string]map[string]any{"opravu mostu": {"kind": "major", "reasoning": "Zákon."}})
	c := cs["opravu mostu"]
	o.ok(o.settle(m.ID, c.ID, documents.NotAccepted, "Není to třeba."))
	_, err := o.command(juristsHead, m.ID, "comment.insist", map[string]any{"comment": c.ID, "reasoning": "Zákon to žádá."})
	o.ok(err)
	o.ok(o.Escalate(o.ctx, juristsHead, m.ID, c.ID, director.ID, "Neshodli jsme se."))
	return m, c
}

func TestADisputeBeforeTheCouncilStandsInTheText(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m, c := disputed(o)
		o.refused(o.Carry(o.ctx, director, m.ID, c.ID, " \n "), fault.Invalid, "documents.fault.dispute_words")
		o.refused(o.Carry(o.ctx, juristsHead, m.ID, c.ID, words), fault.Denied, "documents.fault.dispute_not_yours")
		o.ok(o.Carry(o.ctx, director, m.ID, c.ID, words))
		if text := o.text(m.ID); !strings.HasSuffix(strings.TrimSpace(text), "Rozpory\n"+words) {
			t.Errorf("text %q", text)
		}
		// A description that has gone from the text would go unnoticed by the council.
		o.edit(m.ID, func(t *crdt.Text) { t.Delete(index(t, "Odbor právní trvá"), 5) })
		_, err := o.Freeze(o.ctx, drafter, m.ID)
		o.refused(err, fault.Conflict, "documents.fault.dispute_unsaid")
		o.edit(m.ID, func(t *crdt.Text) { t.Insert(index(t, " právní trvá"), "Odbor", nil) })
		v, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		table, err := o.VersionTable(o.ctx, drafter, v)
		o.ok(err)
		if r := table.Rows[0]; r.Dispute != documents.DisputeCarried || r.Level != documents.LevelCouncil {
			t.Errorf("row %+v", r)
		}
		// The council has decided; the secretariat writes it down, though the text is frozen.
		o.ok(o.Invite(o.ctx, drafter, m.ID, documents.Participant{Subject: "user:" + string(secretary.ID), Relation: "owner"}))
		o.refused(o.Decide(o.ctx, director, m.ID, c.ID, documents.DisputeDismissed, "Usnesení 12/2026"), fault.Denied, "documents.fault.dispute_council")
		o.refused(o.Decide(o.ctx, secretary, m.ID, c.ID, documents.DisputeUpheld, "Usnesení 12/2026"), fault.Conflict, "documents.fault.dispute_frozen")
		o.ok(o.Decide(o.ctx, secretary, m.ID, c.ID, documents.DisputeDismissed, "Usnesení 12/2026"))
	})
}

func TestADescriptionGoesWhereTheReportSpeaksOfOpinions(t *testing.T) {
	o := onSQLite(t)
	for before, want := range map[string]string{
		"# Stanoviska\n\nOdbor právní souhlasí.\n\n# Návrh usnesení\n\nRada kraje schvaluje opravu mostu.\n":               "Stanoviska\nOdbor právní souhlasí.\nRozpory\n" + words + "\nNávrh usnesení\nRada kraje schvaluje opravu mostu.",
		"# Zpráva\n\n## Rozpory\n\nDříve nic.\n\n### Podrobně\n\nNic.\n\n## Konec\n\nRada kraje schvaluje opravu mostu.\n": "Zpráva\nRozpory\nDříve nic.\nPodrobně\nNic.\n" + words + "\nKonec\nRada kraje schvaluje opravu mostu.",
	} {
		m := o.material(before)
		o.start(m.ID, units("pravni"), nil)
		c := add(o, m.ID, "opravu mostu", map[string]any{"kind": "major", "reasoning": "Zákon."})
		o.ok(o.State(o.ctx, juristsHead, m.ID, "pravni", documents.WithRemarks, ""))
		o.ok(o.EndRound(o.ctx, drafter, m.ID))
		o.ok(o.settle(m.ID, c.ID, documents.NotAccepted, "Není to třeba."))
		_, err := o.command(juristsHead, m.ID, "comment.insist", map[string]any{"comment": c.ID, "reasoning": "Zákon to žádá."})
		o.ok(err)
		o.ok(o.Escalate(o.ctx, juristsHead, m.ID, c.ID, director.ID, "Neshodli jsme se."))
		o.ok(o.Carry(o.ctx, director, m.ID, c.ID, words))
		if got := o.text(m.ID); got != want {
			t.Errorf("text\n%s\nwant\n%s", got, want)
		}
	}
}

// A material with a dispute is sent to approvers once the council has something to decide on, and not before.
func TestAMaterialWithADisputeIsSentRoundAsSuch(t *testing.T) {
	o := onSQLite(t)
	m, c := disputed(o)
	_, err := o.Freeze(o.ctx, drafter, m.ID)
	o.refused(err, fault.Conflict, "documents.fault.disputes_open")
	o.ok(o.Carry(o.ctx, director, m.ID, c.ID, words))
	v, err := o.Freeze(o.ctx, drafter, m.ID)
	o.ok(err)
	_, err = o.StartRoute(o.ctx, drafter, v.ID, documents.Route{Approvers: []documents.Group{{Members: []security.ActorID{head.ID}, Rule: documents.All}}})
	o.ok(err)
	var moves []string
	for _, e := range o.entries(m.ID) {
		if e.Kind == "documents.moved" {
			var b struct{ Event string }
			o.ok(json.Unmarshal(e.Body, &b))
			moves = append(moves, b.Event)
		}
	}
	if got := strings.Join(moves, " "); got != "zahajit_pripominky ukoncit_predcasne otevrit_rozpor predlozit_s_rozporem" {
		t.Errorf("moves: %s", got)
	}
}

func TestADeputyOfTheDirectorDecidesForHim(t *testing.T) {
	o := onSQLite(t)
	m, c := disputed(o)
	o.ok(o.Invite(o.ctx, drafter, m.ID, documents.Participant{Subject: "user:" + string(secretary.ID), Relation: "reader"}))
	o.refused(o.Decide(o.ctx, secretary, m.ID, c.ID, documents.DisputeDismissed, "Ne."), fault.Denied, "documents.fault.dispute_not_yours")
	o.Service.Rights = named{access.NewRights(o.db, o.journal), nil, map[security.ActorID]security.ActorID{secretary.ID: director.ID}}
	x, err := o.Case(o.ctx, secretary, m.ID, c.Number)
	o.ok(err)
	if !x.Decides {
		t.Error("the deputy is not offered the decision")
	}
	if tasks, err := o.Inbox(o.ctx, secretary); err != nil || !slices.ContainsFunc(tasks, func(x documents.Task) bool { return x.What == "decide" && x.For == director.ID }) {
		t.Errorf("the deputy's inbox %+v, %v", tasks, err)
	}
	o.ok(o.Decide(o.ctx, secretary, m.ID, c.ID, documents.DisputeDismissed, "Ne."))
	d, err := o.store.Dispute(o.ctx, c.ID)
	o.ok(err)
	if last := d.Acts[len(d.Acts)-1]; last.By != secretary.ID || last.Behalf != director.ID {
		t.Errorf("decided by %+v", last)
	}
}

// The text and the record are two stores: however the work is cut off, asking again or Recover leaves the description there once.
func TestADescriptionOfADisputeIsWrittenOnceWhateverHappens(t *testing.T) {
	o := onSQLite(t)
	for step := 1; step <= 2; step++ {
		for _, saved := range []bool{false, true} {
			m, c := disputed(o)
			broken := o.serve(&failingStore{o.store, step, saved}, o.hub)
			if err := broken.Carry(o.ctx, director, m.ID, c.ID, words); !errors.Is(err, errDied) {
				t.Errorf("step %d: %v", step, err)
			}
			o.later(time.Minute)
			_, err := o.Recover(o.ctx)
			o.ok(err)
			d, err := o.store.Dispute(o.ctx, c.ID)
			o.ok(err)
			if d.State == documents.DisputeOpen {
				o.ok(o.Carry(o.ctx, director, m.ID, c.ID, words))
			}
			if n := strings.Count(o.text(m.ID), words); n != 1 {
				t.Errorf("step %d saved %v: the description stands there %d times", step, saved, n)
			}
			if d, err = o.store.Dispute(o.ctx, c.ID); err != nil || d.State != documents.DisputeCarried || len(d.Acts) != 3 {
				t.Errorf("step %d saved %v: %+v %v", step, saved, d, err)
			}
			if n := o.count(`SELECT count(*) FROM documents_intent`); n != 0 {
				t.Errorf("step %d saved %v: an intent is left", step, saved)
			}
		}
	}
}

func TestANewRoundAfterSettlementAsksOnlyWhomTheChangeConcerns(t *testing.T) {
	o := onSQLite(t)
	m := o.material(sample)
	o.start(m.ID, units("pravni", "finance"), nil)
	add(o, m.ID, "opravu mostu", nil)
	_, err := o.command(budgetsHead, m.ID, "comment.add", map[string]any{"kind": "advisory", "text": "x", "anchor": o.anchor(m.ID, "Druhý odstavec")})
	o.ok(err)
	o.ok(o.State(o.ctx, juristsHead, m.ID, "pravni", documents.WithRemarks, ""))
	o.ok(o.State(o.ctx, budgetsHead, m.ID, "finance", documents.WithRemarks, ""))
	o.ok(o.EndRound(o.ctx, drafter, m.ID))
	if u, err := o.Affected(o.ctx, drafter, m.ID); err != nil || len(u) != 0 {
		t.Errorf("affected %v %v", u, err)
	}
	o.edit(m.ID, func(t *crdt.Text) { t.Insert(index(t, "Druhý"), "Nový ", nil) })
	u, err := o.Affected(o.ctx, drafter, m.ID)
	o.ok(err)
	if len(u) != 1 || u[0] != "finance" {
		t.Errorf("affected %v", u)
	}
	_, err = o.StartRound(o.ctx, drafter, m.ID, documents.NewRound{Required: u})
	o.refused(err, fault.Invalid, "documents.fault.round_why")
	r, err := o.StartRound(o.ctx, drafter, m.ID, documents.NewRound{Required: u, Why: "Změnila se věta o příspěvku."})
	o.ok(err)
	if r.Number != 2 || len(r.Asked) != 1 || r.Baseline == "" {
		t.Errorf("round %+v", r)
	}
}

// A version frozen before there were tables has a manifest without one, and its id must come out the same for ever.
func TestAVersionWithoutCommentsHasTheManifestItAlwaysHad(t *testing.T) {
	o := onSQLite(t)
	m := o.material(sample)
	v, err := o.Freeze(o.ctx, drafter, m.ID)
	o.ok(err)
	raw, err := o.VersionFile(o.ctx, drafter, v.ID, documents.FileManifest)
	o.ok(err)
	var fields map[string]json.RawMessage
	o.ok(json.Unmarshal(raw, &fields))
	if _, ok := fields["settlement_table"]; ok || len(fields) != 14 {
		t.Errorf("manifest %s", raw)
	}
	_, err = o.VersionTable(o.ctx, drafter, v)
	o.refused(err, fault.NotFound, "fault.not_found")
}
