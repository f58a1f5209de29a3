package collabbench

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// result is one figure of one row.
type result struct {
	Row        string   `json:"row"`
	What       string   `json:"what"`
	Figure     string   `json:"figure"`
	Unit       string   `json:"unit,omitempty"`
	Ours       float64  `json:"ours"`
	Hocuspocus *float64 `json:"hocuspocus"`     // null where it was not measured
	Ratio      *float64 `json:"ratio"`          // ours to Hocuspocus
	Goal       string   `json:"goal,omitempty"` // "× " ones are for the ratio
	Met        *bool    `json:"met"`            // null where there is no goal, or no ratio for it
	Note       string   `json:"note,omitempty"`
}

// compare makes the result of figure i of row r; theirs has no values when they were not measured.
func compare(r row, f figure, ours, theirs sample, i int) result {
	out := result{Row: r.name, What: r.what, Figure: f.name, Unit: f.unit, Ours: ours.values[i], Goal: f.goal.String(), Note: ours.note}
	ratio := 0.0
	if len(theirs.values) > 0 {
		out.Hocuspocus = &theirs.values[i]
		if theirs.values[i] != 0 {
			ratio = ours.values[i] / theirs.values[i]
			out.Ratio = &ratio
		}
		if theirs.note != "" {
			out.Note = strings.TrimPrefix(out.Note+"; Hocuspocus: "+theirs.note, "; ")
		}
	}
	out.Met = f.goal.met(out.Ours, ratio)
	return out
}

// report is where results go.
type report interface {
	note(string) // what is measured with, what is not measured and why
	add(result)
	end() error
}

// jsonReport writes a line per result, and notes elsewhere.
type jsonReport struct {
	w, notes io.Writer
	err      error // the first
}

func (j *jsonReport) note(s string) { fmt.Fprintln(j.notes, s) }
func (j *jsonReport) end() error    { return j.err }
func (j *jsonReport) add(r result) {
	if err := json.NewEncoder(j.w).Encode(r); err != nil && j.err == nil {
		j.err = err
	}
}

// table writes notes at once and all results at the end, as a table that Markdown understands too.
type table struct {
	w    io.Writer
	rows []result
	err  error // the first
}

func (t *table) note(s string) {
	if _, err := fmt.Fprintln(t.w, s); err != nil && t.err == nil {
		t.err = err
	}
}

func (t *table) add(r result) { t.rows = append(t.rows, r) }

func (t *table) end() error {
	w := tabwriter.NewWriter(t.w, 0, 8, 1, ' ', 0)
	fmt.Fprint(w, "\n| row\t| figure\t| ours\t| Hocuspocus\t| ratio\t| goal\t| met\t| note\t|\n|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|\n")
	for _, r := range t.rows {
		fmt.Fprintf(w, "| %s\t|\n", strings.Join([]string{r.Row, r.Figure, number(&r.Ours, r.Unit), number(r.Hocuspocus, r.Unit),
			number(r.Ratio, "×"), r.Goal, yesNo(r.Met), r.Note}, "\t| "))
	}
	if err := w.Flush(); err != nil && t.err == nil {
		t.err = err
	}
	return t.err
}

// number prints two or three significant digits.
func number(x *float64, unit string) string {
	if x == nil {
		return "–"
	}
	digits := 2
	switch {
	case *x >= 100 || *x == 0:
		digits = 0
	case *x >= 10:
		digits = 1
	}
	return strings.TrimSpace(strconv.FormatFloat(*x, 'f', digits, 64) + " " + unit)
}

func yesNo(x *bool) string {
	switch {
	case x == nil:
		return ""
	case *x:
		return "yes"
	}
	return "NO"
}
