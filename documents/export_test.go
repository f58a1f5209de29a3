package documents_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"spolupis/documents"
	docx "spolupis/documents/office"
	"spolupis/security"
)

// words is a dictionary that shows its keys.
func words13(key string, args ...any) string {
	if len(args) == 0 {
		return key
	}
	return key + " " + strings.Trim(fmt.Sprint(args...), "[]")
}

var exporter = documents.Export{Say: words13, Zone: time.UTC}

// table is a table of n comments as a drafter would have it after settling.
func table(n int) documents.Table {
	day := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	wording := "Rada kraje schvaluje rekonstrukci mostu ev. č. 2681-3 v celkové výši 5 000 000 Kč."
	t := documents.Table{Schema: 1, Material: "m-1", Number: "RK 1/2026", Title: "Oprava mostu", Rounds: []documents.TableRound{{Number: 1, Started: day, Days: 5, Due: day.AddDate(0, 0, 7),
		Units: []documents.TableUnit{{Unit: "op", Name: "odbor právní", Required: true, Statement: documents.WithRemarks}, {Unit: "os", Name: "odbor školství", Statement: documents.Silent}}}}}
	for i := range n {
		r := documents.TableRow{Number: i + 1, Round: 1, Unit: security.UnitID(fmt.Sprint("u", i%15)), UnitName: fmt.Sprintf("odbor číslo %d", i%15), Author: "p-1", AuthorName: "Martin Fiala",
			Kind: documents.Advisory, Heading: "Návrh řešení", Paragraph: i, Quote: "v celkové výši 4 250 000 Kč", Text: "Částka neodpovídá schválenému rozpočtu kraje, uveďte ji prosím podle poslední změny.", Proposed: &wording,
			Reasoning: "Rozpočet byl změněn usnesením zastupitelstva č. 12/2026 ze dne 3. listopadu.", Outcome: documents.AcceptedPartly, Answer: "Částka je opravena, název stavby zůstává podle smlouvy.",
			Changed: true, Before: "…mostu v celkové výši 4 250 000 Kč z rozpočtu…", After: "…mostu v celkové výši 5 000 000 Kč z rozpočtu…", By: "p-2", ByName: "Alena Dvořáková", At: &day, Stand: documents.Agrees, StandName: "Jana Pokorná", StandAt: &day}
		if i%50 == 7 {
			r.Kind, r.Outcome, r.Dispute, r.Level = documents.Major, documents.NotAccepted, documents.DisputeOpen, 2
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

func TestTheTableIsAFileInFourFormsWithThirteenColumns(t *testing.T) {
	in := table(3)
	file, err := exporter.CSV(in)
	if err != nil {
		t.Fatal(err)
	}
	rest, marked := bytes.CutPrefix(file, []byte("\xef\xbb\xbf"))
	r := csv.NewReader(bytes.NewReader(rest))
	r.Comma = ';'
	rows, err := r.ReadAll()
	if err != nil || !marked || len(rows) != 4 || len(rows[0]) != 13 || !bytes.Contains(file, []byte("\r\n")) {
		t.Fatalf("csv: mark %v, %d rows, %v", marked, len(rows), err)
	}
	if rows[1][1] != "odbor číslo 0" || rows[1][5] != *in.Rows[0].Proposed || rows[1][11] != "Alena Dvořáková, 23. 11. 2026" {
		t.Errorf("csv row %q", rows[1])
	}

	file, err = exporter.JSON(in)
	if err != nil {
		t.Fatal(err)
	}
	var back documents.Table
	if err := json.Unmarshal(file, &back); err != nil || len(back.Rows) != 3 || back.Rows[2].Answer != in.Rows[2].Answer || back.Rounds[0].Units[1].Statement != documents.Silent {
		t.Errorf("json %+v %v", back, err)
	}

	file, err = exporter.DOCX(in, "Alena Dvořáková")
	if err != nil {
		t.Fatal(err)
	}
	d, err := docx.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	cells := 0
	for _, b := range d.Body.Blocks {
		if b.Cell != nil {
			cells++
		}
	}
	text := d.Body.Text()
	if cells < 4*13 || !strings.Contains(text, "5 000 000 Kč") || !strings.Contains(text, "settlement.column.consent") || len(d.Left) != 1 || d.Left[0].Kind != "footer" {
		t.Errorf("docx: %d cells, left %v\n%s", cells, d.Left, text)
	}

	file, err = exporter.PDF(in, "Alena Dvořáková", "cs", time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
	if err != nil || !bytes.HasPrefix(file, []byte("%PDF-1.7")) || !bytes.Contains(file, []byte("/MediaBox[0 0 841.890 595.276]")) {
		t.Errorf("pdf %.20q %v", file, err)
	}
}

// What a spreadsheet would calculate is text: https://owasp.org/www-community/attacks/CSV_Injection
func TestNoCellOfACSVIsAFormula(t *testing.T) {
	for _, attack := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u00a0=cmd|' /C calc'!A0", "=HYPERLINK(\"http://x\")", "＝1", "%0A=1", "|x"} {
		in := table(1)
		in.Rows[0].Text, in.Rows[0].UnitName, in.Rows[0].Proposed, in.Rows[0].Answer = attack, attack, &attack, attack
		file, err := exporter.CSV(in)
		if err != nil {
			t.Fatal(err)
		}
		r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(file, []byte("\xef\xbb\xbf"))))
		r.Comma = ';'
		if _, err := r.Read(); err != nil {
			t.Fatal(err)
		}
		row, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range []int{1, 4, 5, 8} {
			if !strings.HasPrefix(row[i], "'") {
				t.Errorf("%q stands in column %d as %q", attack, i, row[i])
			}
		}
		if _, err := r.Read(); err != io.EOF {
			t.Errorf("%q makes another row", attack)
		}
	}
	in := table(1)
	in.Rows[0].Text = "Částka je - myslím - 5 %; viz „tabulka“\ndruhý řádek"
	file, _ := exporter.CSV(in)
	if !bytes.Contains(file, []byte(`"Částka je - myslím - 5 %; viz „tabulka“`)) || bytes.Contains(file, []byte("'Částka")) {
		t.Errorf("an ordinary text is changed: %s", file)
	}
}

func TestByUnitGoesByCzechNamesAndThenByTheText(t *testing.T) {
	in := documents.Table{}
	for i, u := range []string{"odbor živnostenský", "chráněné dílny", "odbor čistoty", "hejtmanství", "odbor dopravy", "odbor cestovního ruchu", "odbor čistoty"} {
		in.Rows = append(in.Rows, documents.TableRow{Number: i, UnitName: u})
	}
	in.Sort(documents.ByUnit)
	got := ""
	for _, r := range in.Rows {
		got += fmt.Sprint(r.Number, " ")
	}
	if got != "3 1 5 2 6 4 0 " { // h before ch, c before č before d, ž last
		t.Errorf("order %s", got)
	}
}

func BenchmarkSettlementTableOfFiveHundredAsAFile(b *testing.B) {
	in := table(500)
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	for name, write := range map[string]func() ([]byte, error){
		"docx": func() ([]byte, error) { return exporter.DOCX(in, "A") }, "pdf": func() ([]byte, error) { return exporter.PDF(in, "A", "cs", at) },
		"csv": func() ([]byte, error) { return exporter.CSV(in) }, "json": func() ([]byte, error) { return exporter.JSON(in) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				file, err := write()
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(file)))
			}
		})
	}
}
