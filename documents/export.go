package documents

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"spolupis/documents/body"
	"spolupis/documents/office"
	"spolupis/documents/render"
)

// Columns are the thirteen columns of a settlement table, by the ends of their dictionary keys "settlement.column.…".
var Columns = [13]string{"number", "unit", "kind", "place", "comment", "proposed", "reasoning", "outcome", "answer", "change", "dispute", "settled", "consent"}

// columnShare is how wide the columns are beside each other.
var columnShare = []int{4, 11, 4, 10, 13, 10, 11, 10, 11, 12, 8, 9, 8}

// Export writes settlement tables as files, in the language of Say and with the days of Zone. Names must have filled the table in.
type Export struct {
	Say  Say
	Zone *time.Location
}

func (x Export) day(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.In(x.Zone).Format("2. 1. 2006")
}

// Cells are the thirteen cells of a row in words; lines are parted by line feeds.
func (x Export) Cells(r TableRow) [13]string {
	say := x.Say
	kind := say("settlement.kind." + string(r.Kind))
	var place []string
	switch {
	case r.Orphan:
		place = append(place, say("settlement.orphan"))
	case r.Heading != "" && r.Paragraph > 0:
		place = append(place, say("settlement.place", r.Heading, r.Paragraph))
	case r.Heading != "":
		place = append(place, r.Heading)
	case r.Paragraph > 0:
		place = append(place, say("settlement.paragraph", r.Paragraph))
	}
	if r.Quote != "" {
		place = append(place, say("settlement.quote", strings.ReplaceAll(r.Quote, "\n", " ")))
	}
	if len(place) == 0 {
		place = append(place, say("settlement.whole"))
	}
	proposed := ""
	if r.Proposed != nil {
		if proposed = *r.Proposed; proposed == "" {
			proposed = say("settlement.delete")
		}
	}
	outcome := say("settlement.waits")
	if r.Outcome != "" {
		outcome = say("documents.outcome." + string(r.Outcome))
	}
	text := r.Text
	if len(r.Annexes) > 0 {
		var names []string
		for _, a := range r.Annexes {
			names = append(names, a.Name)
		}
		text = strings.TrimSpace(text + "\n" + say("attachments.of_comment", strings.Join(names, ", ")))
	}
	answer := r.Answer
	if r.With != 0 {
		answer = strings.TrimSpace(say("settlement.with", r.With) + "\n" + answer)
	}
	return [13]string{
		strconv.Itoa(r.Number), r.UnitName, kind, strings.Join(place, "\n"), text, proposed, r.Reasoning, outcome, answer,
		x.change(r), x.Dispute(r), join2(r.ByName, x.day(r.At)), x.consent(r),
	}
}

func join2(a, b string) string { return strings.Trim(a+", "+b, ", ") }

func (x Export) change(r TableRow) string {
	switch {
	case r.Before == "" && r.After == "" && !r.Changed:
		return ""
	case r.Before == "" && r.After == "":
		return x.Say("settlement.changed")
	case r.After == "":
		return x.Say("settlement.gone", r.Before)
	case r.Before == "":
		return x.Say("settlement.added", r.After)
	}
	return x.Say("settlement.before", r.Before) + "\n" + x.Say("settlement.after", r.After)
}

// Dispute says in words how far the dispute over a comment is.
func (x Export) Dispute(r TableRow) string {
	switch {
	case r.Dispute == "":
		return ""
	case r.Result != "":
		return x.Say("settlement.dispute.settled", r.Level, x.Say("settlement.result."+string(r.Result)))
	}
	return x.Say("settlement.dispute."+string(r.Dispute), r.Level)
}

func (x Export) consent(r TableRow) string {
	if r.Stand == "" {
		return ""
	}
	return x.Say("settlement.stand."+string(r.Stand)) + "\n" + join2(r.StandName, x.day(r.StandAt))
}

func (x Export) heads() (out [13]string) {
	for i, c := range Columns {
		out[i] = x.Say("settlement.column." + c)
	}
	return out
}

// JSON is the table with names filled in.
func (x Export) JSON(t Table) ([]byte, error) {
	b, err := json.MarshalIndent(t, "", "  ")
	return append(b, '\n'), err
}

// CSV is the table for a Czech Excel: UTF-8 with a mark, semicolons, CRLF. What a spreadsheet would take for a formula begins
// with an apostrophe.
func (x Export) CSV(t Table) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("\ufeff")
	w := csv.NewWriter(&out)
	w.Comma, w.UseCRLF = ';', true
	heads := x.heads()
	if err := w.Write(heads[:]); err != nil {
		return nil, err
	}
	for _, r := range t.Rows {
		cells := x.Cells(r)
		for i := range cells {
			cells[i] = harmless(cells[i])
		}
		if err := w.Write(cells[:]); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return out.Bytes(), w.Error()
}

// harmless keeps a spreadsheet from calculating a text (CSV injection). Spaces and control characters before a sign do not help it.
func harmless(s string) string {
	trimmed := strings.TrimLeft(s, " \t\r\n\u00a0\u200b\ufeff")
	if s != "" && strings.ContainsRune("\t\r\n", rune(s[0])) {
		return "'" + s
	}
	if trimmed != "" && strings.ContainsAny(trimmed[:1], "=+-@|%") || strings.HasPrefix(trimmed, "＝") || strings.HasPrefix(trimmed, "＋") || strings.HasPrefix(trimmed, "－") || strings.HasPrefix(trimmed, "＠") {
		return "'" + s
	}
	return s
}

// DOCX is the table as a landscape document.
func (x Export) DOCX(t Table, author string) ([]byte, error) {
	return office.Write(office.Document{Body: x.Body(t), Title: x.title(t), Number: t.Number, Author: author, Footer: x.foot(t), Landscape: true, Columns: columnShare})
}

// PDF is the table as PDF/A, landscape.
func (x Export) PDF(t Table, author, lang string, at time.Time) ([]byte, error) {
	return render.PDF(x.Body(t), render.PDFMeta{Title: x.title(t), Number: t.Number, Version: t.Version, Author: author, Lang: lang, Date: at, Landscape: true})
}

func (x Export) title(t Table) string { return x.Say("settlement.file_title", t.Number) }

func (x Export) foot(t Table) string {
	if t.Version > 0 {
		return x.Say("documents.docx.footer_version", t.Number, t.Version)
	}
	return x.Say("settlement.foot_draft", t.Number)
}

// maxTableRows keeps one table within the limit of cells of a body.
const maxTableRows = body.MaxCells/13 - 1

// Body is the table as a text: its head, what the units said, and the thirteen columns.
func (x Export) Body(t Table) body.Body {
	var b body.Body
	line := func(kind body.Kind, level int, text string) {
		b.Blocks = append(b.Blocks, body.Block{Kind: kind, Level: level, Runs: []body.Run{{Text: text}}})
	}
	line(body.Heading, 1, x.Say("settlement.file_heading"))
	line(body.Paragraph, 0, x.Say("settlement.file_of", t.Number, t.Title))
	for _, r := range t.Rounds {
		line(body.Heading, 2, x.Say("settlement.round", r.Number))
		line(body.Paragraph, 0, x.Say("settlement.round_days", x.day(&r.Started), x.day(&r.Due), r.Days))
		for _, s := range append([]Statement{""}, append(Statements, Silent)...) {
			var names []string
			for _, u := range r.Units {
				if u.Statement == s {
					name := u.Name
					if !u.Required {
						name = x.Say("settlement.optional", name)
					}
					names = append(names, name)
				}
			}
			if len(names) > 0 {
				line(body.Bullet, 0, x.Say("settlement.said", x.Say("rounds.statement."+stateKey(s)), strings.Join(names, ", ")))
			}
		}
	}
	if len(t.Rows) == 0 {
		line(body.Paragraph, 0, x.Say("settlement.none"))
	}
	for from := 0; from < len(t.Rows); from += maxTableRows {
		line(body.Heading, 2, x.Say("settlement.comments"))
		if from == 0 {
			line(body.Paragraph, 0, x.Say("settlement.legend"))
		}
		x.tableBlocks(&b, fmt.Sprint("t", from), t.Rows[from:min(from+maxTableRows, len(t.Rows))])
	}
	return b
}

func stateKey(s Statement) string {
	if s == "" {
		return "none"
	}
	return string(s)
}

func (x Export) tableBlocks(b *body.Body, id string, rows []TableRow) {
	cell := func(row, col int, head bool, text string) {
		at := &body.Cell{Table: id, Row: "r" + strconv.Itoa(row), Col: "c" + strconv.Itoa(col), Head: head}
		for _, l := range strings.Split(text, "\n") {
			block := body.Block{Kind: body.Paragraph, Cell: at}
			if l != "" {
				block.Runs = []body.Run{{Text: l}}
			}
			b.Blocks = append(b.Blocks, block)
		}
	}
	for j, h := range x.heads() {
		cell(0, j, true, h)
	}
	for i, r := range rows {
		for j, c := range x.Cells(r) {
			cell(i+1, j, false, c)
		}
	}
}
