package documents_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"spolupis/collab"
	"spolupis/collab/crdt"
	"spolupis/documents"
	"spolupis/documents/body"
	"spolupis/security"
	"spolupis/security/fault"
)

func add(o *office, id documents.MaterialID, passage string, more map[string]any) documents.CommentView {
	o.t.Helper()
	args := map[string]any{"kind": "advisory", "text": "Prosím upřesnit."}
	if passage != "" {
		args["anchor"] = o.anchor(id, passage)
	}
	for k, v := range more {
		args[k] = v
	}
	c, err := o.command(jurist, id, "comment.add", args)
	o.ok(err)
	return c
}

func TestACommentKeepsTheServersOwnQuoteAndTheSessionsAuthor(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		c := add(o, m.ID, "opravu mostu", map[string]any{"author": "p-eva", "quote": "podvržená citace", "prefix": "x"})
		if c.Quote != "opravu mostu" || c.Author.ID != jurist.ID || c.Author.Name != "Olga Právní" || !c.Mine || c.Number != 1 {
			t.Errorf("comment %+v", c)
		}
		if c.Prefix != "ava mostu\nRada kraje schvaluje " && !strings.HasSuffix(c.Prefix, "Rada kraje schvaluje ") || len([]rune(c.Prefix)) != 32 || !strings.HasPrefix(c.Suffix, " v celkové výši") || c.Block == "" {
			t.Errorf("context %q … %q in %q", c.Prefix, c.Suffix, c.Block)
		}
		if got := o.happened("document:" + string(m.ID)); !slices.Contains(got, "documents.comment_added") {
			t.Errorf("journal has %v", got)
		}
		if other := o.comment(drafter, m.ID, c.ID); other.Mine {
			t.Error("somebody else's comment is shown as mine")
		}
	})
}

func TestTheSameCommandTwiceHasOneEffect(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		args := map[string]any{"kind": "formal", "text": "Překlep"}
		first, err := o.commandAgain(jurist, m.ID, "k", "comment.add", args)
		o.ok(err)
		second, err := o.commandAgain(jurist, m.ID, "k", "comment.add", args)
		o.ok(err)
		if first.ID != second.ID || o.count(`SELECT count(*) FROM documents_comment`) != 1 {
			t.Errorf("got %s and %s", first.ID, second.ID)
		}
		_, err = o.commandAgain(jurist, m.ID, "k", "comment.add", map[string]any{"kind": "formal", "text": "Jiný"})
		o.refused(err, fault.Conflict, "documents.fault.command_reused")
		if c, err := o.commandAgain(drafter, m.ID, "k", "comment.add", args); err != nil || c.ID == first.ID {
			t.Errorf("another person's key: %v %v", c.ID, err)
		}
	})
}

func TestCommentRules(t *testing.T) {
	o := onSQLite(t)
	m := o.material(sample)
	c := add(o, m.ID, "opravu mostu", nil)
	for name, x := range map[string]struct {
		who  security.Actor
		cmd  string
		args map[string]any
		kind fault.Kind
		key  string
	}{
		"readers may not comment":         {reader, "comment.add", map[string]any{"kind": "advisory", "text": "x"}, fault.Denied, "fault.denied"},
		"strangers see nothing":           {signer, "comment.add", map[string]any{"kind": "advisory", "text": "x"}, fault.NotFound, "fault.not_found"},
		"major needs reasoning":           {jurist, "comment.add", map[string]any{"kind": "major", "text": "x"}, fault.Invalid, "documents.fault.comment_reasoning"},
		"kinds are three":                 {jurist, "comment.add", map[string]any{"kind": "formal_major", "text": "x"}, fault.Invalid, "documents.fault.comment_kind"},
		"empty text":                      {jurist, "comment.add", map[string]any{"kind": "formal", "text": " \n"}, fault.Invalid, "documents.fault.comment_empty"},
		"too long":                        {jurist, "comment.add", map[string]any{"kind": "formal", "text": strings.Repeat("x", 10_001)}, fault.Invalid, "documents.fault.text_long"},
		"bad anchor":                      {jurist, "comment.add", map[string]any{"kind": "formal", "text": "x", "anchor": map[string]any{"start": "AAAA", "end": "AAAA"}}, fault.Invalid, "documents.fault.anchor"},
		"a quote that occurs twice":       {jurist, "comment.add", map[string]any{"kind": "formal", "text": "x", "quote": "most"}, fault.Invalid, "documents.fault.quote"},
		"wording without a place":         {jurist, "comment.add", map[string]any{"kind": "formal", "text": "x", "proposed": "y"}, fault.Invalid, "documents.fault.proposed_nowhere"},
		"wording that changes nothing":    {jurist, "comment.add", map[string]any{"kind": "formal", "text": "x", "quote": "opravu mostu", "proposed": "opravu mostu"}, fault.Invalid, "documents.fault.proposed_same"},
		"others' comments are not edited": {drafter, "comment.edit", map[string]any{"comment": c.ID, "text": "x"}, fault.Denied, "documents.fault.comment_not_yours"},
		"nor withdrawn":                   {drafter, "comment.withdraw", map[string]any{"comment": c.ID}, fault.Denied, "documents.fault.comment_not_yours"},
		"only editors settle":             {jurist, "comment.settle", map[string]any{"comment": c.ID, "outcome": "accepted"}, fault.Denied, "fault.denied"},
		"only editors accept":             {jurist, "comment.accept", map[string]any{"comment": c.ID}, fault.Denied, "fault.denied"},
		"rejecting needs reasoning":       {drafter, "comment.settle", map[string]any{"comment": c.ID, "outcome": "rejected"}, fault.Invalid, "documents.fault.settle_reasoning"},
		"outcomes are seven":              {drafter, "comment.settle", map[string]any{"comment": c.ID, "outcome": "maybe", "reasoning": "x"}, fault.Invalid, "documents.fault.outcome"},
		"nothing to accept":               {drafter, "comment.accept", map[string]any{"comment": c.ID}, fault.Conflict, "documents.fault.nothing_proposed"},
		"an empty reply":                  {jurist, "comment.reply", map[string]any{"comment": c.ID}, fault.Invalid, "documents.fault.reply_empty"},
		"a comment of another material":   {jurist, "comment.reply", map[string]any{"comment": "c-none", "text": "x"}, fault.NotFound, "documents.fault.comment_gone"},
		"an unknown command":              {jurist, "comment.explode", map[string]any{}, fault.Invalid, "documents.fault.command_name"},
		"arguments of the wrong shape":    {jurist, "comment.add", map[string]any{"kind": 7}, fault.Invalid, "documents.fault.command_args"},
		"reanchoring somebody else's":     {head, "comment.reanchor", map[string]any{"comment": c.ID, "quote": "opravu"}, fault.NotFound, "fault.not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := o.command(x.who, m.ID, x.cmd, x.args)
			o.refused(err, x.kind, x.key)
		})
	}
	if n := o.count(`SELECT count(*) FROM documents_comment`); n != 1 {
		t.Errorf("%d comments, want 1", n)
	}
}

func TestALifeOfAComment(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		c := add(o, m.ID, "opravu mostu", nil)
		c, err := o.command(jurist, m.ID, "comment.edit", map[string]any{"comment": c.ID, "kind": "major", "text": "Zásadní", "reasoning": "Zákon to žádá."})
		o.ok(err)
		c, err = o.command(drafter, m.ID, "comment.reply", map[string]any{"comment": c.ID, "text": "Rozumím."})
		o.ok(err)
		c, err = o.command(drafter, m.ID, "comment.settle", map[string]any{"comment": c.ID, "outcome": "accepted_partly", "reasoning": "Doplněno jen zčásti."})
		o.ok(err)
		if c.Kind != documents.Major || c.State != documents.Settled || len(c.Replies) != 1 || c.Replies[0].Author.Name != "Eva Nová" || c.Settlement.By.ID != drafter.ID {
			t.Errorf("comment %+v", c)
		}
		if notices, err := o.Notices(o.ctx, jurist, 0); err != nil || len(notices) != 1 || notices[0].Kind != "settled" {
			t.Errorf("the author was told %+v %v", notices, err)
		}
		_, err = o.command(jurist, m.ID, "comment.withdraw", map[string]any{"comment": c.ID})
		o.refused(err, fault.Conflict, "documents.fault.comment_closed")
		got := o.happened("document:" + string(m.ID))
		for _, want := range []string{"documents.comment_added", "documents.comment_edited", "documents.comment_replied", "documents.comment_settled"} {
			if !slices.Contains(got, want) {
				t.Errorf("journal lacks %s: %v", want, got)
			}
		}
	})
}

func TestACommentStaysOnItsPassage(t *testing.T) {
	o := onSQLite(t)
	m := o.material(sample)
	c := add(o, m.ID, "celkové výši", nil)
	o.edit(m.ID, func(t *crdt.Text) { // before, inside, a paragraph break inside, another style
		t.Insert(index(t, "Rada kraje"), "Na základě zákona ", nil)
		t.Insert(index(t, "výši"), "maximální ", nil)
		t.InsertMap(index(t, "maximální"), map[string]any{"kind": "h", "level": 2}, nil)
		t.Format(index(t, "celkové"), 4, crdt.Attrs{"strong": true})
	})
	got := o.comment(jurist, m.ID, c.ID)
	if got.Orphan || got.Quote != "celkové výši" {
		t.Errorf("comment %+v", got)
	}
	if now := o.at(m.ID, got); now != "celkové \nmaximální výši" {
		t.Errorf("comment is on %q now", now)
	}
}

// at reads the passage a comment's anchor names in the live text.
func (o *office) at(id documents.MaterialID, c documents.CommentView) string {
	o.t.Helper()
	h, err := o.hub.Head(o.ctx, id)
	o.ok(err)
	from, to, ok := collab.Resolve(h.Body, collab.Anchor{Start: c.Anchor.Start, End: c.Anchor.End})
	if !ok {
		o.t.Fatal("anchor does not resolve")
	}
	var out []rune
	for _, op := range h.Body.Text("body").Delta() {
		if op.Map != nil {
			out = append(out, '\n')
			continue
		}
		out = append(out, []rune(op.Insert)...)
	}
	return string(out[from:to])
}

func TestALostPassageIsFoundByItsWordingOrBlockButNeverGuessed(t *testing.T) {
	o := onSQLite(t)
	m := o.material("Odstavec první s jedinečnou větou.\n\nOdstavec druhý: shodná slova.\n\nOdstavec třetí.\n")
	unique := add(o, m.ID, "jedinečnou větou", nil)
	twice := add(o, m.ID, "shodná slova", nil)
	short := add(o, m.ID, "třetí", nil)
	o.edit(m.ID, func(t *crdt.Text) {
		i := index(t, "jedinečnou větou")
		t.Delete(i, len([]rune("jedinečnou větou")))
		t.Insert(index(t, "Odstavec druhý"), "Zde je jedinečnou větou znovu. ", nil)
		i = index(t, "Odstavec druhý: shodná slova.")
		t.Delete(i, len([]rune("Odstavec druhý: shodná slova.")))
		t.Insert(i, "shodná slova a opět shodná slova", nil)
		i = index(t, "třetí")
		t.Delete(i, 5)
		t.Insert(index(t, "Zde je"), "Třeba třetí. ", nil) // the only one now, but too short to trust
	})
	if got := o.comment(jurist, m.ID, unique.ID); got.Orphan || o.at(m.ID, got) != "jedinečnou větou" {
		t.Errorf("a unique quote was not found again: %+v", got)
	}
	if got := o.comment(jurist, m.ID, twice.ID); got.Orphan || strings.Count(o.at(m.ID, got), "shodná slova") != 2 {
		t.Errorf("two matches: want the whole block, got %q", o.at(m.ID, got))
	}
	if got := o.comment(jurist, m.ID, short.ID); got.Orphan || o.at(m.ID, got) != "Odstavec ." {
		t.Errorf("short quote: want the whole block, got %+v", got)
	}
	o.edit(m.ID, func(t *crdt.Text) { t.Delete(0, t.Len()) })
	if got := o.comment(jurist, m.ID, short.ID); !got.Orphan || got.Anchor != nil || got.Quote != "třetí" {
		t.Errorf("want an orphan that keeps its quote, got %+v", got)
	}
	o.edit(m.ID, func(t *crdt.Text) { t.Insert(0, "Nový text", nil) })
	got, err := o.command(jurist, m.ID, "comment.reanchor", map[string]any{"comment": short.ID, "anchor": o.anchor(m.ID, "Nový text")})
	o.ok(err)
	if got.Orphan || got.Quote != "Nový text" {
		t.Errorf("reanchored: %+v", got)
	}
}

func TestAcceptingPutsTheWordingIntoTheText(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		c := add(o, m.ID, "4 250 000 Kč", map[string]any{"proposed": "5 000 000 Kč 🏗️ včetně DPH"})
		c, err := o.command(drafter, m.ID, "comment.accept", map[string]any{"comment": c.ID})
		o.ok(err)
		if !c.Applied || c.State != documents.Settled || c.Settlement.Outcome != documents.Accepted || c.Settlement.By.ID != drafter.ID || c.Author.ID != jurist.ID {
			t.Errorf("comment %+v", c)
		}
		h, err := o.hub.Head(o.ctx, m.ID)
		o.ok(err)
		for _, b := range body.Read(h.Body.Text("body")).Blocks {
			for _, r := range b.Runs {
				if strings.Contains(r.Text, "5 000 000") && (r.Text != "5 000 000 Kč 🏗️ včetně DPH" || !r.Strong) {
					t.Errorf("run %+v, want the wording in the attributes of the first character", r)
				}
			}
		}
		if text := o.text(m.ID); !strings.Contains(text, "v celkové výši 5 000 000 Kč 🏗️ včetně DPH z rozpočtu") {
			t.Errorf("text is %q", text)
		}
		_, err = o.command(drafter, m.ID, "comment.accept", map[string]any{"comment": c.ID})
		o.refused(err, fault.Conflict, "documents.fault.comment_closed")
		if got := o.happened("document:" + string(m.ID)); !slices.Contains(got, "documents.wording_accepted") {
			t.Errorf("journal has %v", got)
		}
		if n := o.count(`SELECT count(*) FROM documents_intent`); n != 0 {
			t.Errorf("%d intents left", n)
		}
	})
}

func TestAcceptingWordingOfSeveralParagraphsOrNone(t *testing.T) {
	o := onSQLite(t)
	m := o.material("- první bod\n- druhý bod\n\nKonec odstavce.\n")
	c := add(o, m.ID, "první bod", map[string]any{"proposed": "bod A\nbod B"})
	_, err := o.command(drafter, m.ID, "comment.accept", map[string]any{"comment": c.ID})
	o.ok(err)
	c = add(o, m.ID, " odstavce", map[string]any{"proposed": ""})
	_, err = o.command(drafter, m.ID, "comment.accept", map[string]any{"comment": c.ID})
	o.ok(err)
	h, err := o.hub.Head(o.ctx, m.ID)
	o.ok(err)
	md, err := body.Markdown(body.Read(h.Body.Text("body")))
	o.ok(err)
	if got, want := string(md), "- bod A\n- bod B\n- druhý bod\n\nKonec.\n"; got != want {
		t.Errorf("markdown is %q, want %q", got, want)
	}
}

func TestAcceptingIsRefusedWhenThePassageIsGoneOrAcrossCells(t *testing.T) {
	o := onSQLite(t)
	m := o.material("| A | B |\n|---|---|\n| levá | pravá |\n\nTři slova zde.\n")
	c := add(o, m.ID, "slova", map[string]any{"proposed": "věty"})
	o.edit(m.ID, func(t *crdt.Text) { t.Delete(index(t, "slova"), 5) })
	before := o.text(m.ID)
	_, err := o.command(drafter, m.ID, "comment.accept", map[string]any{"comment": c.ID})
	o.refused(err, fault.Conflict, "documents.fault.passage_gone")

	h, err := o.hub.Head(o.ctx, m.ID)
	o.ok(err)
	body := h.Body.Text("body")
	across := map[string]any{"start": body.RelativePosition(index(body, "levá"), 0).Encode(), "end": body.RelativePosition(index(body, "pravá")+3, -1).Encode()}
	c, err = o.command(jurist, m.ID, "comment.add", map[string]any{"kind": "formal", "text": "x", "anchor": across, "proposed": "y"})
	o.ok(err)
	_, err = o.command(drafter, m.ID, "comment.accept", map[string]any{"comment": c.ID})
	o.refused(err, fault.Conflict, "documents.fault.across_cells")
	if o.text(m.ID) != before || o.count(`SELECT count(*) FROM documents_intent`) != 0 {
		t.Error("a refused acceptance left something behind")
	}
}

// failingStore fails the n-th Write, before or after its commit, and all that
// follow, as a process that dies there would.
type failingStore struct {
	documents.Store
	left  int
	saved bool
}

var errDied = errors.New("died")

func (f *failingStore) Write(ctx context.Context, do func(documents.Tx) error) error {
	f.left--
	switch {
	case f.left > 0:
		return f.Store.Write(ctx, do)
	case f.left == 0 && f.saved:
		if err := f.Store.Write(ctx, do); err != nil {
			return err
		}
	}
	return errDied
}

func TestACrashWhileAcceptingIsFinishedOnceAndNotTwice(t *testing.T) {
	for step := 1; step <= 2; step++ {
		for _, saved := range []bool{false, true} {
			o := onSQLite(t)
			m := o.material(sample)
			c := add(o, m.ID, "opravu mostu", map[string]any{"proposed": "rekonstrukci mostu"})
			dying := o.serve(&failingStore{o.store, step, saved}, o.hub)
			_, err := dying.Command(o.ctx, drafter, m.ID, "key", "comment.accept", []byte(`{"comment":"`+string(c.ID)+`"}`))
			if !errors.Is(err, errDied) {
				t.Fatalf("step %d: got %v", step, err)
			}
			o.later(time.Minute)
			_, err = o.Recover(o.ctx)
			o.ok(err)
			got := o.comment(drafter, m.ID, c.ID)
			applied := strings.Count(o.text(m.ID), "rekonstrukci mostu")
			if n := o.count(`SELECT count(*) FROM documents_intent`); n != 0 {
				t.Errorf("step %d saved %v: an intent is left", step, saved)
			}
			if begun := step > 1 || saved; begun && (applied != 1 || !got.Applied) || !begun && (applied != 0 || got.Applied) {
				t.Errorf("step %d saved %v: wording is there %d times, applied %v", step, saved, applied, got.Applied)
			}
		}
	}
}

func TestASettlementTableOfFiveHundredIsQuick(t *testing.T) {
	o := onSQLite(t)
	m := o.material(strings.Repeat("Odstavec s jedinečným textem a dalšími slovy.\n\n", 500))
	anchor := o.anchor(m.ID, "jedinečným textem")
	first, err := o.command(jurist, m.ID, "comment.add", map[string]any{"kind": "advisory", "text": "x", "anchor": anchor})
	o.ok(err)
	_, err = o.db.ExecContext(o.ctx, `
		WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
		INSERT INTO documents_comment SELECT 'c-' || n.i, material, n.i, kind, state, author, at, anchor_start, anchor_end, quote, prefix, suffix, block,
			text, reasoning, proposed, applied, outcome, outcome_reasoning, settled_by, settled_at, round, unit, twin, stand, stand_note, stand_by, stand_behalf, stand_at FROM documents_comment, n WHERE id = $1`, first.ID)
	o.ok(err)
	began := time.Now()
	all, err := o.Comments(o.ctx, drafter, m.ID)
	o.ok(err)
	took := time.Since(began)
	if len(all) != 500 || took > 2*time.Second {
		t.Errorf("%d comments in %v", len(all), took)
	}
	t.Logf("500 comments in %v", took)
}
