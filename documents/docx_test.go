package documents_test

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

	"spolupis/collab/crdt"
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

func TestADocxBringsItsTrackedChangesAndItsComments(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m, id := o.importDOCX(sampleDOCX(t))
		want := []string{
			"Jan Novák, 3. 11. 2026 10:15, file true: ins \" v Turnově\"",
			"Eva Malá, 4. 11. 2026 08:00, file true: del \"1 250 000 Kč\" ins \"1 350 000 Kč\"",
			"Jan Novák, 5. 11. 2026 09:30, file true: ins \"¶Celý nový odstavec.\"",
		}
		if got := o.changes(m.ID); !slices.Equal(got, want) {
			t.Errorf("changes:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		var told []string
		for _, c := range o.comments(m.ID) {
			if c.Author.ID != drafter.ID || c.Kind != documents.Advisory || c.Anchor == nil || c.Proposed != nil {
				t.Errorf("comment %+v", c)
			}
			told = append(told, c.Quote+" | "+c.Text)
		}
		if want := []string{"zákona o krajích | Olga Právní, 6. 11. 2026 11:00 (DOCX)\nKterý zákon?\nUveďte paragraf."}; !slices.Equal(told, want) {
			t.Errorf("comments:\n%s\nwant:\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
		}
		r, err := o.Report(o.ctx, drafter, m.ID, id)
		o.ok(err)
		if r.Comments != 1 || r.Changes != 3 || !slices.Equal(r.Authors, []string{"Jan Novák", "Eva Malá"}) || len(r.Left) != 3 {
			t.Errorf("report %+v", r)
		}
		if got := o.happened("document:" + string(m.ID)); !slices.Contains(got, "documents.imported") || !slices.Contains(got, "documents.comment_added") {
			t.Errorf("journal has %v", got)
		}
		_, err = o.Freeze(o.ctx, drafter, m.ID)
		o.refused(err, fault.Conflict, "documents.fault.tracked_open")
		_, err = o.Report(o.ctx, reader, m.ID, id)
		o.refused(err, fault.NotFound, "fault.not_found")
		other := o.material(sample)
		_, err = o.Report(o.ctx, drafter, other.ID, id)
		o.refused(err, fault.NotFound, "fault.not_found")
	})
}

// changes are the tracked changes of a live text in words.
func (o *office) changes(id documents.MaterialID) (out []string) {
	o.t.Helper()
	all, err := o.Changes(o.ctx, drafter, id, false)
	o.ok(err)
	for _, c := range all {
		s := fmt.Sprintf("%s, %s, file %v:", c.By.Name, c.At.In(o.Zone).Format("2. 1. 2006 15:04"), c.File)
		for _, p := range c.Pieces {
			s += fmt.Sprintf(" %s %q", p.How, p.Text)
		}
		out = append(out, s)
	}
	return out
}

// TestTheAuthorOfAFileIsNobodysAccount: whatever name stands in a file, even the id of an account, it stays a name in a file.
func TestTheAuthorOfAFileIsNobodysAccount(t *testing.T) {
	o := onSQLite(t)
	p := body.Block{Kind: body.Paragraph, Runs: []body.Run{{Text: "Rada "}}}
	for _, name := range []string{string(head.ID), "file:" + string(head.ID), ""} {
		p.Runs = append(p.Runs, body.Run{Text: "schvaluje ", Ins: &body.Change{By: name, At: 1000}}, body.Run{Text: "záměr "})
	}
	file, err := docx.Write(docx.Document{Body: body.Body{Blocks: []body.Block{p}}})
	o.ok(err)
	m, _ := o.importDOCX(file)
	all, err := o.Changes(o.ctx, drafter, m.ID, true)
	o.ok(err)
	if len(all) != 3 {
		t.Fatalf("changes %+v", all)
	}
	real, err := o.Changes(o.ctx, drafter, m.ID, false)
	o.ok(err)
	for i, want := range []string{string(head.ID), "file:" + string(head.ID), "?"} {
		c := all[i]
		if !c.File || real[i].By.Name != want || c.By.Unit != "" || c.By.ID == head.ID || len(c.WrittenBy) != 1 || c.WrittenBy[0].ID != drafter.ID {
			t.Errorf("a change by %q reads %+v", want, c)
		}
	}
}

// TestDecidingOnTheChangesOfADocxGivesWhatWordGives, for the text the editor reads.
func TestDecidingOnTheChangesOfADocxGivesItsTwoTexts(t *testing.T) {
	o := onSQLite(t)
	file := sampleDOCX(t)
	d, err := docx.Read(file)
	o.ok(err)
	m, _ := o.importDOCX(file)
	live, err := o.Text(o.ctx, drafter, m.ID)
	o.ok(err)
	for _, accept := range []bool{true, false} {
		if got, want := live.Decided(accept).Text(), d.Body.Decided(accept).Text(); got != want {
			t.Errorf("accepted %v:\n%s\nwant\n%s", accept, got, want)
		}
	}
	if a, b := live.Decided(true).Text(), live.Decided(false).Text(); !strings.Contains(a, "mostu v Turnově ve výši 1 350 000 Kč") || !strings.Contains(b, "mostu ve výši 1 250 000 Kč") {
		t.Errorf("the text after is\n%s\nbefore\n%s", a, b)
	}
}

// tracked is a text with changes in words, between paragraphs and of whole paragraphs.
func tracked(r *rand.Rand) (b body.Body) {
	change := func(n int) *body.Change {
		if r.IntN(n) > 0 {
			return nil
		}
		return &body.Change{By: []string{"Jan Novák", "Eva Malá"}[r.IntN(2)], At: int64(1_780_000_000_000 + r.IntN(3)*60_000)}
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
			run.Ins, run.Del = change(3), change(4) // both: put in by one, taken out by another
			x.Runs = append(x.Runs, run)
		}
		b.Blocks = append(b.Blocks, x)
	}
	return b
}

func prague(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// brought is what an import made: its text with who proposes what, and its comments with their places.
func (o *office) brought(id documents.MaterialID) string {
	o.t.Helper()
	live, err := o.Text(o.ctx, drafter, id)
	o.ok(err)
	names := map[string]string{}
	name := func(s string) string {
		if names[s] == "" {
			names[s] = fmt.Sprint("n", len(names))
		}
		return names[s]
	}
	blocks := map[string]int{}
	for i := range live.Blocks {
		x := &live.Blocks[i]
		blocks[x.ID] = i
		x.ID = ""
		if c := x.Cell; c != nil {
			x.Cell = &body.Cell{Table: name(c.Table), Row: name(c.Row), Col: name(c.Col), Head: c.Head}
		}
	}
	text, err := json.MarshalIndent(live, "", " ")
	o.ok(err)
	out := []string{string(text)}
	for _, c := range o.comments(id) {
		s := fmt.Sprintf("comment in block %d %q…%q…%q: %q", blocks[c.Block], c.Prefix, c.Quote, c.Suffix, c.Text)
		for _, a := range c.Replies {
			s += fmt.Sprintf(" / %q", a.Text)
		}
		out = append(out, s)
	}
	return strings.Join(append(out, o.changes(id)...), "\n")
}

// TestADocxComesBackTheSame: import, export and import give the same text, tracked changes with authors and dates, and comments with their
// places, whoever made the file.
func TestADocxComesBackTheSame(t *testing.T) {
	o := onSQLite(t)
	o.Zone = prague(t)
	files := map[string][]byte{}
	all, err := filepath.Glob("office/testdata/*.docx")
	o.ok(err)
	for _, name := range all {
		files[filepath.Base(name)], err = os.ReadFile(name)
		o.ok(err)
	}
	for seed := range uint64(12) {
		file, err := docx.Write(docx.Document{Body: tracked(rand.New(rand.NewPCG(seed, 5)))})
		o.ok(err)
		files[fmt.Sprint("random ", seed)] = file
	}
	for name, file := range files {
		m, report := o.importDOCX(file)
		first, err := o.DOCX(o.ctx, drafter, m.ID, say)
		o.ok(err)
		again, second := o.importDOCX(first)
		if a, b := o.brought(m.ID), o.brought(again.ID); a != b {
			t.Errorf("%s came back as\n%s\nwas\n%s", name, b, a)
		}
		a, err := o.Report(o.ctx, drafter, m.ID, report)
		o.ok(err)
		b, err := o.Report(o.ctx, drafter, again.ID, second)
		o.ok(err)
		if a.Changes == 0 || a.Changes != b.Changes || a.Comments != b.Comments {
			t.Errorf("%s: %d changes and %d comments, then %d and %d", name, a.Changes, a.Comments, b.Changes, b.Comments)
		}
	}
}

// TestAnExportNamesAccountsAndFilesAlike: what somebody here proposed goes out with his name and the clock of the office.
func TestAnExportNamesAccountsAndFilesAlike(t *testing.T) {
	o := onSQLite(t)
	o.Zone = prague(t)
	m := o.material("Rada schvaluje záměr.\n")
	at := time.Date(2026, 7, 1, 8, 30, 0, 0, time.UTC) // half past ten in Prague
	_, err := o.Hub.Edit(o.ctx, drafter, m.ID, func(d *crdt.Doc) error {
		text := d.Text("body")
		by := func(id, by string) map[string]any { return map[string]any{"id": id, "by": by, "at": at.UnixMilli()} }
		text.Insert(6, "prý ", crdt.Attrs{"ins:c1": by("c1", string(drafter.ID))})
		text.Format(10, 9, crdt.Attrs{"del:f1": by("f1", "file:Eva Malá")})
		return nil
	})
	o.ok(err)
	file, err := o.DOCX(o.ctx, drafter, m.ID, say)
	o.ok(err)
	d, err := docx.Read(file)
	o.ok(err)
	var got []string
	for _, r := range d.Body.Blocks[0].Runs {
		for _, c := range []*body.Change{r.Ins, r.Del} {
			if c != nil {
				got = append(got, r.Text+"|"+c.By+"|"+time.UnixMilli(c.At).UTC().Format("15:04"))
			}
		}
	}
	if want := []string{"prý |" + drafter.Name + "|10:30", "schvaluje|Eva Malá|10:30"}; !slices.Equal(got, want) {
		t.Errorf("changes %q, want %q", got, want)
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
	if a := d.Body.Decided(true).Text(); !strings.Contains(a, "částce 100 Kč.") && !strings.Contains(a, "ve výši 200 Kč.") {
		t.Errorf("no wording is a tracked change: %q", a)
	}
	if b := d.Body.Decided(false).Text(); !strings.Contains(b, "ve výši 100 Kč.") {
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
	if got, want := d.Body.Decided(false).Text(), old.Text(); got != want {
		t.Errorf("rejected, the changes give\n%s\nwant\n%s", got, want)
	}
	if got, want := d.Body.Decided(true).Text(), now.Text(); got != want {
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
	if r.Comments != 1 || r.Changes != 1 {
		t.Errorf("report %+v", r)
	}
	if !strings.Contains(o.text(m.ID), long+"konec") {
		t.Error("the long insertion is not in the text")
	}
	all := ""
	for _, c := range o.comments(m.ID) {
		all += c.Text
		for _, a := range c.Replies {
			all += a.Text
		}
	}
	if !strings.Contains(all, long+"závěr") {
		t.Errorf("%d characters of comments do not hold the long text", len(all))
	}
}
