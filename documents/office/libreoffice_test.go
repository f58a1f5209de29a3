package office

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"spolupis/documents/body"
	"spolupis/documents/compare"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

// outline is a document as a golden file shows it.
func outline(d Document) string {
	var s strings.Builder
	s.WriteString("text" + show(named(d.Body)) + "\n\ncomments\n")
	for _, c := range d.Comments {
		s.WriteString("  " + quote(d.Body, c))
		if c.Text != "" {
			s.WriteString(" | " + c.Author + ": " + strings.ReplaceAll(c.Text, "\n", "¶"))
		}
		if c.Done {
			s.WriteString(" (done)")
		}
		for _, r := range c.Replies {
			s.WriteString(" | " + r.Author + ": " + strings.ReplaceAll(r.Text, "\n", "¶"))
		}
		s.WriteString("\n")
	}
	s.WriteString("\nchanges\n")
	text, _ := Numbered(d.Body)
	for _, x := range text.Proposals() {
		s.WriteString("  " + x.By)
		if x.At != 0 {
			s.WriteString(time.UnixMilli(x.At).UTC().Format(" 2006-01-02 15:04"))
		}
		for _, y := range x.Pieces {
			s.WriteString(" " + y.How + " " + strconv.Quote(y.Text))
		}
		s.WriteString("\n")
	}
	for _, accept := range []bool{true, false} {
		s.WriteString("\n" + map[bool]string{true: "accepted", false: "rejected"}[accept] + decided(d.Body, accept) + "\n")
	}
	s.WriteString("\nleft\n")
	for _, l := range d.Left {
		s.WriteString("  " + l.Kind + ": " + strings.Join(l.Texts, " · ") + "\n")
	}
	return s.String()
}

// decided are the blocks of a text with all tracked changes accepted or rejected, those that stay as they are as dots.
func decided(b body.Body, accept bool) string {
	was := map[string]bool{}
	for _, x := range named(b) {
		was[show([]body.Block{x})] = true
	}
	var s strings.Builder
	for _, x := range named(b.Decided(accept).Canonical()) {
		line := show([]body.Block{x})
		if x.Cell == nil && was[line] {
			line = "\n  …"
		}
		s.WriteString(line)
	}
	return s.String()
}

// quote is the passage of a comment.
func quote(b body.Body, c Comment) string {
	if c.From == c.To {
		return "(whole)"
	}
	return strings.ReplaceAll(flat(b)[flatAt(b, c.From):flatAt(b, c.To)], "\n", "¶")
}

// TestFilesOfOtherProducers reads every .docx in testdata, compares it with its golden file and takes it through Write and Read.
func TestFilesOfOtherProducers(t *testing.T) {
	files, err := filepath.Glob("testdata/*.docx")
	if err != nil || len(files) < 2 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, name := range files {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Read(file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		golden := strings.TrimSuffix(name, ".docx") + ".txt"
		if *update {
			if err := os.WriteFile(golden, []byte(outline(d)), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got := outline(d); got != string(want) {
			t.Errorf("%s reads as\n%s\nwant\n%s", name, got, want)
		}
		written, err := Write(d)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Read(written)
		if err != nil {
			t.Fatal(err)
		}
		again.Left = d.Left
		if got := outline(again); got != string(want) {
			t.Errorf("%s comes back as\n%s\nwant\n%s", name, got, want)
		}
	}
}

// TestLibreOfficeOpensWhatWeWrite needs LibreOffice and is run by hand: SPOLUPIS_TEST_LIBREOFFICE=soffice. It opens an export without a
// window, sees the tracked changes as changes and the comments as comments, and its own .docx of it reads as ours did.
func TestLibreOfficeOpensWhatWeWrite(t *testing.T) {
	soffice := os.Getenv("SPOLUPIS_TEST_LIBREOFFICE")
	if soffice == "" {
		t.Skip("SPOLUPIS_TEST_LIBREOFFICE names no LibreOffice")
	}
	documents := map[string]Document{"a redline": exampleRedline(t)}
	names, err := filepath.Glob("testdata/*.docx")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Read(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Comments) > 0 {
			d.Comments[0].Replies = []Reply{{Author: "Jan Novák", Text: "Zákon č. 129/2000 Sb."}}
		}
		documents[name] = d
	}
	for name, d := range documents {
		ours, err := Write(d)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "ours.docx"), ours, 0o666); err != nil {
			t.Fatal(err)
		}
		odt := convert(t, soffice, dir, "ours.docx", "fodt")
		changes := len(regexp.MustCompile(`<text:changed-region`).FindAll(odt, -1))
		comments := len(regexp.MustCompile(`<office:annotation `).FindAll(odt, -1))
		remarks := len(d.Comments)
		for _, c := range d.Comments {
			remarks += len(c.Replies)
		}
		if changes == 0 || comments != remarks {
			t.Errorf("%s: LibreOffice sees %d tracked changes and %d comments, want some and %d", name, changes, comments, remarks)
		}
		theirs, err := Read(convert(t, soffice, dir, "ours.fodt", "docx"))
		if err != nil {
			t.Fatal(err)
		}
		for _, accept := range []bool{false, true} {
			// Of text put in and taken out again LibreOffice keeps, of Word's own files too, only that it was taken out.
			if !accept && twice(d.Body) {
				continue
			}
			if got, want := theirs.Body.Decided(accept).Text(), d.Body.Decided(accept).Text(); got != want {
				t.Errorf("%s, accepted %v, through LibreOffice:\n%s\nwant\n%s", name, accept, got, want)
			}
		}
		t.Logf("%s: %d tracked changes, %d comments", name, changes, comments)
	}
}

// twice reports whether anything was put in and taken out again.
func twice(b body.Body) bool {
	for _, x := range b.Blocks {
		if x.Ins != nil && x.Del != nil {
			return true
		}
		for _, r := range x.Runs {
			if r.Ins != nil && r.Del != nil {
				return true
			}
		}
	}
	return false
}

// exampleRedline has every sort of change a comparison knows: words, paragraphs, joins, items, rows, a move.
func exampleRedline(t *testing.T) Document {
	parse := func(md string) body.Body {
		b, err := body.Parse([]byte(md))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	old := parse("# Záměr\n\nRada schvaluje záměr ve výši 100 Kč.\n\nTento odstavec odejde celý.\n\n- první\n- druhá\n\n| Rok | Částka |\n|---|---|\n| 2026 | 100 |\n| 2027 | 200 |\n\nTento dlouhý odstavec se přesune na konec.\n\nZávěr zůstává.\n")
	now := parse("# Záměr prodeje\n\nRada schvaluje nový záměr ve výši 200 Kč.\n\n- první\n- druhá\n- třetí přibyla\n\n| Rok | Částka |\n|---|---|\n| 2026 | 150 |\n| 2028 | 300 |\n\nZávěr zůstává.\n\nNový odstavec před přesunem.\n\nTento dlouhý odstavec se přesune na konec.\n")
	return Document{Body: Redline(compare.Compare(old, now), body.Change{By: "Eva Malá", At: 1_780_000_000_000}), Footer: "KULK 1/2026, změny"}
}

// convert lets LibreOffice make another format of a file in dir and returns it.
func convert(t *testing.T, soffice, dir, from, to string) []byte {
	t.Helper()
	cmd := exec.Command(soffice, "-env:UserInstallation=file://"+filepath.Join(dir, "profile"), "--headless", "--convert-to", to, "--outdir", dir, filepath.Join(dir, from))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	made, err := os.ReadFile(filepath.Join(dir, "ours."+to))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return made
}
