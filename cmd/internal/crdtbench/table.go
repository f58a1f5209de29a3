package crdtbench

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// result is one row: how an engine did in a phase of a workload.
type result struct {
	Workload     string   `json:"workload"`
	Phase        string   `json:"phase"`
	Engine       string   `json:"engine"`
	Median       int64    `json:"median_ns"` // of one run of the phase
	PerOp        float64  `json:"per_op_ns"`
	Allocs       *float64 `json:"allocs_per_op"` // null where it is not known: other engines
	Bytes        int      `json:"bytes"`
	Equal        bool     `json:"equal"`           // content and state are as expected
	Ratio        float64  `json:"ratio,omitempty"` // times as long as ours
	Runs         int      `json:"runs"`
	BytesPerChar float64  `json:"bytes_per_char,omitempty"`
	Note         string   `json:"note,omitempty"`
}

// report is where results go.
type report interface {
	note(string) // which engines there are, what is not measured and why
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

// table writes a block of aligned rows for each workload as soon as it is complete.
type table struct {
	w    io.Writer
	rows []result // of one workload
	err  error    // the first
}

func (t *table) note(s string) { t.printf("%s\n", s) }

func (t *table) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(t.w, format, args...); err != nil && t.err == nil {
		t.err = err
	}
}

func (t *table) add(r result) {
	if len(t.rows) > 0 && t.rows[0].Workload != r.Workload {
		t.flush()
	}
	t.rows = append(t.rows, r)
}

func (t *table) end() error {
	t.flush()
	return t.err
}

func (t *table) flush() {
	t.printf("\n")
	w := tabwriter.NewWriter(t.w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "workload\tphase\tengine\tmedian\tper op\tratio to ours\tallocs/op\tbytes\tequal\t")
	for _, r := range t.rows {
		fmt.Fprintln(w, strings.Join([]string{
			r.Workload, r.Phase, r.Engine, duration(float64(r.Median)), duration(r.PerOp), number(r.Ratio, 2), allocs(r.Allocs),
			strconv.Itoa(r.Bytes), yesNo(r.Equal), r.remark(),
		}, "\t"))
	}
	if err := w.Flush(); err != nil && t.err == nil {
		t.err = err
	}
	t.rows = nil
}

// remark is what does not fit the columns.
func (r result) remark() string {
	var out []string
	if r.BytesPerChar > 0 {
		out = append(out, fmt.Sprintf("%.1f B per character", r.BytesPerChar))
	}
	if r.Note != "" {
		out = append(out, r.Note)
	}
	return strings.Join(out, "; ")
}

// duration prints three significant digits.
func duration(ns float64) string {
	switch d := time.Duration(ns); {
	case ns == 0:
		return "-"
	case ns < 1e3:
		return fmt.Sprintf("%.3g ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.3g µs", ns/1e3)
	case ns < 1e9:
		return fmt.Sprintf("%.3g ms", ns/1e6)
	default:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
}

func number(x float64, digits int) string {
	if x == 0 {
		return "-"
	}
	return strconv.FormatFloat(x, 'f', digits, 64)
}

func allocs(x *float64) string {
	if x == nil {
		return "-"
	}
	return strconv.FormatFloat(*x, 'f', 3, 64)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "NO"
}
