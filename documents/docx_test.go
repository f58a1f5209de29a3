package documents_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"spolupis/documents"
	"spolupis/documents/body"
	docx "spolupis/documents/office"
	"spolupis/security/fault"
)

// say is a dictionary in which every sentence is its key and arguments.
func say(key string, args ...any) string {
	return strings.TrimSpace(fmt.Sprintln(append([]any{key}, args...)...))
}

func sampleDOCX(t testing.TB) []byte {
	t.Helper()
	file, err := os.ReadFile("office/testdata/libreoffice.docx")
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func (o *office) importDOCX(file []byte) (documents.Material, documents.ReportID) {
	o.t.Helper()
	m, report, err := o.ImportDOCX(o.ctx, drafter, documents.NewMaterial{Title: "Z Wordu", Agenda: "rada"}, file, say)
	o.ok(err)
	return m, report
}

func (o *office) comments(id documents.MaterialID) []documents.CommentView {
	o.t.Helper()
	all, err := o.Comments(o.ctx, drafter, id)
	o.ok(err)
	return all
}

func TestADocxBringsItsCommentsAndItsTrackedChangesAsProposals(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m, id := o.importDOCX(sampleDOCX(t))
		if got := o.text(m.ID); !strings.Contains(got, "opravy mostu ve výši 1 250 000 Kč podle zákona") || strings.Contains(got, "Celý nový") {
			t.Errorf("the text is not as it was before the changes: %q", got)
		}
		var told []string
		for _, c := range o.comments(m.ID) {
			wording := "-"
			if c.Proposed != nil {
				wording = *c.Proposed
			}
			if c.Author.ID != drafter.ID || c.Kind != documents.Advisory || c.Anchor == nil {
				t.Errorf("comment %+v", c)
			}
			told = append(told, c.Quote+" → "+wording+" | "+c.Text)
		}
		want := []string{
			"mostu → mostu v Turnově | Jan Novák, 3. 11. 2026 10:15 (DOCX)",
			"1 250 000 Kč → 1 350 000 Kč | Eva Malá, 4. 11. 2026 08:00 (DOCX)",
			"zákona o krajích → - | Olga Právní, 6. 11. 2026 11:00 (DOCX)\nKterý zákon?\nUveďte paragraf.",
			"Sb.] → Sb.]\nCelý nový odstavec. | Jan Novák, 5. 11. 2026 09:30 (DOCX)",
		}
		if !slices.Equal(told, want) {
			t.Errorf("comments:\n%s\nwant:\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
		}
		r, err := o.Report(o.ctx, drafter, m.ID, id)
		o.ok(err)
		if r.Comments != 4 || r.Proposals != 3 || r.Loose != 0 || len(r.Left) != 3 {
			t.Errorf("report %+v", r)
		}
		if got := o.happened("document:" + string(m.ID)); !slices.Contains(got, "documents.imported") || !slices.Contains(got, "documents.comment_added") {
			t.Errorf("journal has %v", got)
		}
		_, err = o.Report(o.ctx, reader, m.ID, id)
		o.refused(err, fault.NotFound, "fault.not_found")
		other := o.material(sample)
		_, err = o.Report(o.ctx, drafter, other.ID, id)
		o.refused(err, fault.NotFound, "fault.not_found")
	})
}

func TestAcceptingEveryProposalOfADocxGivesTheAcceptedText(t *testing.T) {
	o := onSQLite(t)
	file := sampleDOCX(t)
	d, err := docx.Read(file)
	o.ok(err)
	m, _ := o.importDOCX(file)
	for _, c := range o.comments(m.ID) {
		if c.Proposed != nil {
			_, err := o.command(drafter, m.ID, "comment.accept", map[string]any{"comment": c.ID})
			o.ok(err)
		}
	}
	got, err := o.Text(o.ctx, drafter, m.ID)
	o.ok(err)
	if want := docx.After(d.Body).Text(); got.Text() != want {
		t.Errorf("accepted text is\n%s\nwant\n%s", got.Text(), want)
	}
}

// TestProposalsAreAcceptedInAnyOrder: passages never overlap, so no acceptance takes the ground from under another.
func TestProposalsAreAcceptedInAnyOrder(t *testing.T) {
	o := onSQLite(t)
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 5))
		file, err := docx.Write(docx.Document{Body: tracked(r)})
		o.ok(err)
		d, err := docx.Read(file)
		o.ok(err)
		m, _ := o.importDOCX(file)
		comments := o.comments(m.ID)
		r.Shuffle(len(comments), func(i, j int) { comments[i], comments[j] = comments[j], comments[i] })
		for _, c := range comments {
			if c.Proposed == nil {
				t.Fatalf("seed %d: a change that cannot be accepted: %+v", seed, c)
			}
			_, err := o.command(drafter, m.ID, "comment.accept", map[string]any{"comment": c.ID})
			o.ok(err)
		}
		if got, want := strings.ReplaceAll(o.text(m.ID), " \n", "\n"), strings.ReplaceAll(docx.After(d.Body).Text(), " \n", "\n"); got != want {
			t.Fatalf("seed %d: accepted text is\n%q\nwant\n%q", seed, got, want)
		}
	}
}

// tracked is a text with changes in words, between paragraphs and of whole paragraphs.
func tracked(r *rand.Rand) (b body.Body) {
	change := func(n int) *body.Change {
		if r.IntN(n) > 0 {
			return nil
		}
		return &body.Change{By: []string{"Jan Novák", "Eva Malá"}[r.IntN(2)]}
	}
	for i := range 8 {
		x := body.Block{Kind: body.Paragraph}
		if i > 0 {
			if x.Ins = change(4); x.Ins == nil {
				x.Del = change(4)
			}
		}
		for range 1 + r.IntN(6) {
			run := body.Run{Text: []string{"Rada ", "kraje ", "schvaluje ", "záměr ", "a ", "§ 12 ", "x"}[r.IntN(7)], Strong: r.IntN(4) == 0}
			if run.Ins = change(3); run.Ins == nil {
				run.Del = change(3)
			}
			x.Runs = append(x.Runs, run)
		}
		b.Blocks = append(b.Blocks, x)
	}
	return b
}

// TestADocxComesBackTheSame: import, export, import.
func TestADocxComesBackTheSame(t *testing.T) {
	o := onSQLite(t)
	m, _ := o.importDOCX(sampleDOCX(t))
	first, err := o.DOCX(o.ctx, drafter, m.ID, say)
	o.ok(err)
	again, _ := o.importDOCX(first)
	if a, b := o.text(m.ID), o.text(again.ID); a != b {
		t.Errorf("text came back as\n%s\nwas\n%s", b, a)
	}
	summary := func(id documents.MaterialID) (out []string) {
		for _, c := range o.comments(id) {
			out = append(out, fmt.Sprint(c.Quote, "|", c.Text, "|", c.Wording(), "|", c.Proposed != nil))
		}
		return out
	}
	if a, b := summary(m.ID), summary(again.ID); !slices.Equal(a, b) {
		t.Errorf("comments came back as\n%s\nwere\n%s", strings.Join(b, "\n"), strings.Join(a, "\n"))
	}
}

func TestAnExportHoldsCommentsRepliesSettlementsAndWordings(t *testing.T) {
	o := onSQLite(t)
	m := o.material("# Záměr\n\nRada schvaluje záměr ve výši 100 Kč.\n\nDruhý odstavec s dlouhým textem.\n")
	c := add(o, m.ID, "100 Kč", map[string]any{"kind": "major", "reasoning": "Rozpočet.", "proposed": "200 Kč"})
	_, err := o.command(drafter, m.ID, "comment.reply", map[string]any{"comment": c.ID, "text": "Ověříme."})
	o.ok(err)
	add(o, m.ID, "výši 100", map[string]any{"proposed": "částce 100"}) // meets the other
	settled := add(o, m.ID, "Druhý", nil)
	_, err = o.command(drafter, m.ID, "comment.settle", map[string]any{"comment": settled.ID, "outcome": "explained", "reasoning": "Je to tak."})
	o.ok(err)
	file, err := o.DOCX(o.ctx, drafter, m.ID, say)
	o.ok(err)
	d, err := docx.Read(file)
	o.ok(err)
	if a := docx.After(d.Body).Text(); !strings.Contains(a, "částce 100 Kč.") && !strings.Contains(a, "ve výši 200 Kč.") {
		t.Errorf("no wording is a tracked change: %q", a)
	}
	if b := docx.Before(d.Body).Text(); !strings.Contains(b, "ve výši 100 Kč.") {
		t.Errorf("the text before is %q", b)
	}
	if len(d.Comments) != 3 {
		t.Fatalf("comments %+v", d.Comments)
	}
	all := fmt.Sprint(d.Comments)
	for _, want := range []string{"documents.docx.kind documents.kind.major", "documents.docx.reasoning Rozpočet.", "Ověříme.", "documents.docx.settled documents.outcome.explained", "Je to tak.", "documents.docx.propose"} {
		if !strings.Contains(all, want) {
			t.Errorf("the comments do not say %q: %s", want, all)
		}
	}
	done := 0
	for _, c := range d.Comments {
		if c.Done {
			done++
		}
	}
	if done != 1 {
		t.Errorf("%d comments are done, want the settled one", done)
	}
}

func TestAVersionAndItsChangesAreFiles(t *testing.T) {
	o := onSQLite(t)
	m := o.material("# Záměr\n\nRada schvaluje záměr ve výši 100 Kč.\n\n| Rok | Částka |\n|---|---|\n| 2026 | 100 |\n| 2027 | 300 |\n")
	c := add(o, m.ID, "100 Kč", map[string]any{"proposed": "200 Kč"})
	_, err := o.command(drafter, m.ID, "comment.accept", map[string]any{"comment": c.ID})
	o.ok(err)
	v, err := o.Freeze(o.ctx, drafter, m.ID)
	o.ok(err)
	file, err := o.VersionDOCX(o.ctx, drafter, v, say)
	o.ok(err)
	d, err := docx.Read(file)
	o.ok(err)
	if len(d.Comments) != 1 || !d.Comments[0].Done || d.Body.HasTrackedChanges() || !strings.Contains(d.Body.Text(), "200 Kč") {
		t.Errorf("version as a file: %+v %s", d.Comments, d.Body.Text())
	}
	o.ok(o.OpenDraft(o.ctx, drafter, m.ID))
	c = add(o, m.ID, "schvaluje záměr", map[string]any{"proposed": "bere na vědomí zprávu o záměru\nA ukládá ji zveřejnit"})
	_, err = o.command(drafter, m.ID, "comment.accept", map[string]any{"comment": c.ID})
	o.ok(err)
	file, _, _, err = o.CompareDOCX(o.ctx, drafter, m.ID, 1, 0, say)
	o.ok(err)
	d, err = docx.Read(file)
	o.ok(err)
	old, err := o.VersionBody(o.ctx, drafter, v.ID)
	o.ok(err)
	now, err := o.Text(o.ctx, drafter, m.ID)
	o.ok(err)
	if got, want := docx.Before(d.Body).Text(), old.Text(); got != want {
		t.Errorf("rejected, the changes give\n%s\nwant\n%s", got, want)
	}
	if got, want := docx.After(d.Body).Text(), now.Text(); got != want {
		t.Errorf("accepted, the changes give\n%s\nwant\n%s", got, want)
	}
	if !d.Body.HasTrackedChanges() {
		t.Error("no tracked change in the comparison")
	}
	_, err = o.DOCX(o.ctx, budget, m.ID, say)
	o.refused(err, fault.NotFound, "fault.not_found")
}

func TestAHostileDocxIsRefusedByPartAndLeavesNothing(t *testing.T) {
	o := onSQLite(t)
	file := sampleDOCX(t)
	for name, c := range map[string]struct {
		file []byte
		key  string
	}{
		"old":       {[]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 starý dokument"), "documents.fault.docx_old"},
		"truncated": {file[:len(file)-100], "documents.fault.docx_damaged"},
	} {
		_, _, err := o.ImportDOCX(o.ctx, drafter, documents.NewMaterial{Title: "x", Agenda: "rada"}, c.file, say)
		if f := fault.Of(err); f.Key != c.key {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, table := range []string{"documents_material", "documents_participant", "documents_intent", "documents_comment", "documents_blob"} {
		if n := o.count(`SELECT count(*) FROM ` + table); n != 0 {
			t.Errorf("%d rows left in %s", n, table)
		}
	}
}

// TestLongCommentsAndChangesAreKeptWhole: nothing is cut at the limits of a comment.
func TestLongCommentsAndChangesAreKeptWhole(t *testing.T) {
	o := onSQLite(t)
	long := strings.Repeat("dlouhý text ", 2500)
	by := &body.Change{By: "Jan", At: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC).UnixMilli()}
	d := docx.Document{
		Body:     body.Body{Blocks: []body.Block{{Kind: body.Paragraph, Runs: []body.Run{{Text: "Začátek "}, {Text: long + "konec", Ins: by}}}}},
		Comments: []docx.Comment{{Author: "Eva", Text: long + "závěr", From: docx.Point{}, To: docx.Point{Offset: 7}}},
	}
	file, err := docx.Write(d)
	o.ok(err)
	m, id := o.importDOCX(file)
	r, err := o.Report(o.ctx, drafter, m.ID, id)
	o.ok(err)
	if r.Comments != 2 || r.Loose != 1 {
		t.Errorf("report %+v", r)
	}
	all := ""
	for _, c := range o.comments(m.ID) {
		all += c.Text
		for _, a := range c.Replies {
			all += a.Text
		}
	}
	if !strings.Contains(all, long+"konec") || !strings.Contains(all, long+"závěr") {
		t.Errorf("%d characters of comments do not hold the two long texts", len(all))
	}
}
