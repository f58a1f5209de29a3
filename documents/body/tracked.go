package body

import (
	"slices"
	"strconv"
	"strings"

	"spolupis/collab/crdt"
)

// Looks are what a block or a piece of text looked like before somebody proposed to change that. Of a block Kind, Level, Start
// and Align count, of text the rest.
type Looks struct {
	Change
	Kind   Kind   `json:"kind,omitempty"`
	Level  int    `json:"level,omitempty"`
	Start  int    `json:"start,omitempty"`
	Align  string `json:"align,omitempty"`
	Strong bool   `json:"strong,omitempty"`
	Em     bool   `json:"em,omitempty"`
	Code   bool   `json:"code,omitempty"`
	Link   string `json:"link,omitempty"`
}

// Every insertion and deletion of text has an attribute of its own, "ins:" or "del:" and its id ("ins" and "del" when it has
// none). See the frontend's flat.ts for why.
const (
	insPrefix = "ins"
	delPrefix = "del"
	wasPrefix = "was."
)

func named(key, prefix string) bool {
	rest, ok := strings.CutPrefix(key, prefix)
	return ok && (rest == "" || rest[0] == ':')
}

// IsTracked reports whether an attribute of text or a key of a marker is a tracked change.
func IsTracked(key string) bool {
	return named(key, insPrefix) || named(key, delPrefix) || key == "was" || strings.HasPrefix(key, wasPrefix)
}

// readTracked reads the tracked changes of a piece of text. Of insertions one within the other the newest brought it. A deletion
// whose range takes in what others inserted there in the meantime does not mean that: one of inserted text says of which insertion.
func readTracked(r *Run, a crdt.Attrs) {
	insertion := ""
	var dels []string
	for k, v := range a {
		switch {
		case !set(v):
		case named(k, insPrefix):
			if insertion == "" || newer(a, k, insertion) {
				insertion = k
			}
		case named(k, delPrefix):
			dels = append(dels, k)
		}
	}
	if insertion != "" && !plainText(a[insertion]) {
		r.Ins = readChange(a[insertion])
	}
	slices.Sort(dels)
	for _, k := range dels {
		if insertion == "" || insertion == insPrefix || over(a[k]) == insertion {
			r.Del = readChange(a[k])
			return
		}
	}
}

func newer(a crdt.Attrs, k, than string) bool {
	x, y := readChange(a[k]).At, readChange(a[than]).At
	return x > y || x == y && k > than
}

// plainText is text that somebody wrote directly within a change, or whose insertion was accepted there.
func plainText(v any) bool {
	m, _ := v.(map[string]any)
	return m["plain"] == true
}

func over(v any) string {
	m, _ := v.(map[string]any)
	s, _ := m["over"].(string)
	return s
}

// readLooks reads how a piece of text looked before. A look that is again what it was is no change.
func readLooks(r *Run, a crdt.Attrs) {
	was := Looks{Strong: r.Strong, Em: r.Em, Code: r.Code, Link: r.Link}
	now := was
	for _, look := range []string{"strong", "em", "code", "link"} {
		m, ok := a[wasPrefix+look].(map[string]any)
		if !ok {
			continue
		}
		switch look {
		case "strong":
			was.Strong = set(m["old"])
		case "em":
			was.Em = set(m["old"])
		case "code":
			was.Code = set(m["old"])
		case "link":
			was.Link = readLink(m["old"])
		}
		if was.ID == "" && was.By == "" {
			was.Change = *readChange(a[wasPrefix+look])
			now.Change = was.Change
		}
	}
	if was != now {
		r.Was = &was
	}
}

// readStyle reads what a block was before.
func readStyle(x *Block, v any) {
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	was := Looks{Change: *readChange(v), Kind: Paragraph, Level: number(m["level"]), Start: number(m["start"])}
	if k, ok := m["kind"].(string); ok && k != "" {
		was.Kind = Kind(k)
	}
	was.Align, _ = m["align"].(string)
	if was.Kind != x.Kind || was.Level != x.Level || was.Start != x.Start || was.Align != x.Align {
		x.Was = &was
	}
}

func readLink(v any) string {
	switch l := v.(type) {
	case map[string]any:
		s, _ := l["href"].(string)
		return s
	case string:
		return l
	}
	return ""
}

// writeTracked is the other way.
func writeTracked(a crdt.Attrs, r Run) {
	key := func(prefix string, c *Change) string {
		if c.ID == "" {
			return prefix
		}
		return prefix + ":" + c.ID
	}
	if r.Ins != nil {
		a[key(insPrefix, r.Ins)] = change(r.Ins)
	}
	if r.Del != nil {
		v, k := change(r.Del), key(delPrefix, r.Del)
		if r.Ins != nil && r.Ins.ID != "" {
			v["over"] = key(insPrefix, r.Ins)
			k += "~" + r.Ins.ID
		}
		a[k] = v
	}
	w := r.Was
	if w == nil {
		return
	}
	was := func(look string, now, old any, changed bool) {
		if !changed {
			return
		}
		v := change(&w.Change)
		if now == nil {
			v["old"] = old
		}
		a[wasPrefix+look] = v
	}
	on := func(b bool) any {
		if b {
			return true
		}
		return nil
	}
	was("strong", on(r.Strong), true, r.Strong != w.Strong)
	was("em", on(r.Em), true, r.Em != w.Em)
	was("code", on(r.Code), true, r.Code != w.Code)
	if r.Link != w.Link {
		v := change(&w.Change)
		if w.Link != "" {
			v["old"] = map[string]any{"href": w.Link}
		}
		a[wasPrefix+"link"] = v
	}
}

func writeStyle(w *Looks) map[string]any {
	m := change(&w.Change)
	if w.Kind != "" && w.Kind != Paragraph {
		m["kind"] = string(w.Kind)
	}
	if w.Level != 0 {
		m["level"] = int64(w.Level)
	}
	if w.Start != 0 {
		m["start"] = int64(w.Start)
	}
	if w.Align != "" {
		m["align"] = w.Align
	}
	return m
}

// Decided is b with all tracked changes accepted, or all rejected: just what the editor makes of it. Where a paragraph break goes,
// its text joins the block before.
func (b Body) Decided(accept bool) Body {
	if !b.HasTrackedChanges() {
		return b
	}
	gone := func(ins, del *Change) bool { return accept && del != nil || !accept && ins != nil }
	var out []Block
	for _, x := range b.Blocks {
		breakGone := gone(x.Ins, x.Del)
		var runs []Run
		for _, r := range x.Runs {
			if gone(r.Ins, r.Del) {
				continue
			}
			if w := r.Was; w != nil && !accept {
				r.Strong, r.Em, r.Code, r.Link = w.Strong, w.Em, w.Code, w.Link
			}
			r.Ins, r.Del, r.Was = nil, nil, nil
			runs = append(runs, r)
		}
		if w := x.Was; w != nil && !accept {
			x.Kind, x.Level, x.Start, x.Align = w.Kind, w.Level, w.Start, w.Align
		}
		x.Runs, x.Ins, x.Del, x.Was = runs, nil, nil, nil
		switch last := len(out) - 1; {
		case !breakGone:
			out = append(out, x)
		case last >= 0:
			out[last].Runs = append(out[last].Runs, runs...)
		case len(runs) > 0:
			out = append(out, Block{ID: implicit, Kind: Paragraph, Runs: runs})
		}
	}
	return Body{Blocks: out}
}

// WithChanges is b with every tracked change said as f says it.
func (b Body) WithChanges(f func(Change) Change) Body {
	if !b.HasTrackedChanges() {
		return b
	}
	said := func(c *Change) *Change {
		if c == nil {
			return nil
		}
		x := f(*c)
		return &x
	}
	looks := func(w *Looks) *Looks {
		if w == nil {
			return nil
		}
		x := *w
		x.Change = f(x.Change)
		return &x
	}
	out := slices.Clone(b.Blocks)
	for i := range out {
		x := &out[i]
		x.Ins, x.Del, x.Was, x.Runs = said(x.Ins), said(x.Del), looks(x.Was), slices.Clone(x.Runs)
		for k := range x.Runs {
			r := &x.Runs[k]
			r.Ins, r.Del, r.Was = said(r.Ins), said(r.Del), looks(r.Was)
		}
	}
	return Body{Blocks: out}
}

// Proposal is one tracked change, with its pieces in the order of the text.
type Proposal struct {
	Change
	Block  string  `json:"block"` // where it begins
	Pieces []Piece `json:"pieces"`
}

// Piece is a part of a tracked change: "ins", "del" or "was". A paragraph break is ¶.
type Piece struct {
	How  string `json:"how"`
	Text string `json:"text"`
}

// Proposals lists the tracked changes in the order in which they begin. Pieces with the same author and id are one change.
func (b Body) Proposals() []Proposal {
	var out []Proposal
	at := map[string]int{}
	add := func(block, how, text string, c *Change) {
		if c == nil {
			return
		}
		key := c.By + "|" + c.ID
		if c.ID == "" {
			key += strconv.FormatInt(c.At, 10)
		}
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, Proposal{Change: *c, Block: block})
		}
		p := &out[i]
		if n := len(p.Pieces); n > 0 && p.Pieces[n-1].How == how {
			p.Pieces[n-1].Text += text
			return
		}
		p.Pieces = append(p.Pieces, Piece{how, text})
	}
	looks := func(w *Looks) *Change {
		if w == nil {
			return nil
		}
		return &w.Change
	}
	for _, x := range b.Blocks {
		add(x.ID, "ins", "¶", x.Ins)
		add(x.ID, "del", "¶", x.Del)
		add(x.ID, "was", "¶", looks(x.Was))
		for _, r := range x.Runs {
			add(x.ID, "ins", r.Text, r.Ins)
			add(x.ID, "del", r.Text, r.Del)
			add(x.ID, "was", r.Text, looks(r.Was))
		}
	}
	return out
}

// InsertionOf is the tracked insertion that brought a piece of the shared text, or nil.
func InsertionOf(op crdt.Op) *Change {
	if op.Map != nil {
		return readMarker(op).Ins
	}
	return readRun(op.Insert, op.Attrs).Ins
}
