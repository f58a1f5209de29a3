package body

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"spolupis/collab/crdt"
)

// implicit is the id of text that stands before the first marker.
const implicit = "0:0"

// object stands for a thing in the text that we do not know: seen by the reader, not lost.
const object = "\ufffc"

// maxPart is the longest name of a part, in bytes.
const maxPart = 64

// Read takes the body out of the shared text (root type "body"): embedded maps are paragraph marks, the characters after
// one belong to it. Unknown keys and marks are left where they are; unknown kinds become paragraphs in Canonical.
func Read(t *crdt.Text) Body { return Body{Blocks: readOps(t.Delta())} }

func readOps(ops []crdt.Op) []Block {
	var blocks []Block
	for _, op := range ops {
		if op.Map != nil {
			blocks = append(blocks, readMarker(op))
			continue
		}
		if len(blocks) == 0 {
			blocks = append(blocks, Block{ID: implicit, Kind: Paragraph})
		}
		text := op.Insert
		if text == "" {
			text = object
		}
		last := &blocks[len(blocks)-1]
		last.Runs = append(last.Runs, readRun(text, op.Attrs))
	}
	return blocks
}

func readMarker(op crdt.Op) Block {
	get := func(key string) any { v, _ := op.Map.Get(key); return v }
	x := Block{
		ID:    strconv.FormatUint(op.ID.Client, 10) + ":" + strconv.FormatUint(uint64(op.ID.Clock), 10),
		Kind:  Paragraph,
		Level: number(get("level")),
		Start: number(get("start")),
		Ins:   readChange(get("ins"), op.Attrs["ins"]),
		Del:   readChange(get("del"), op.Attrs["del"]),
	}
	if k, ok := get("kind").(string); ok && k != "" {
		x.Kind = Kind(k)
	}
	if a, ok := get("align").(string); ok {
		x.Align = a
	}
	if p, ok := get("part").(string); ok && len(p) <= maxPart {
		x.Part = p
	}
	if c, ok := get("cell").(string); ok {
		if p := strings.Split(c, "|"); len(p) >= 3 && p[0] != "" {
			x.Cell = &Cell{Table: p[0], Row: p[1], Col: p[2], Head: len(p) > 3 && p[3] == "h"}
		}
	}
	readStyle(&x, get("was"))
	return x
}

func readRun(text string, a crdt.Attrs) Run {
	r := Run{Text: text, Strong: set(a["strong"]), Em: set(a["em"]), Code: set(a["code"]), Link: readLink(a["link"])}
	for k := range a {
		if named(k, insPrefix) || named(k, delPrefix) {
			readTracked(&r, a)
			break
		}
	}
	for k := range a {
		if strings.HasPrefix(k, wasPrefix) {
			readLooks(&r, a)
			break
		}
	}
	return r
}

// set reports whether a mark is on. Some editors write {} for true.
func set(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	}
	return true
}

func number(v any) int {
	switch n := v.(type) {
	case int64:
		return int(min(max(n, -1), maxNumber))
	case float64:
		if n >= 0 && n <= maxNumber {
			return int(n)
		}
	}
	return 0
}

// readChange takes the first tracked change among the values. A value we cannot read is still a change.
func readChange(vs ...any) *Change {
	for _, v := range vs {
		if !set(v) {
			continue
		}
		c := &Change{}
		if m, ok := v.(map[string]any); ok {
			c.ID, _ = m["id"].(string)
			c.By, _ = m["by"].(string)
			switch at := m["at"].(type) {
			case int64:
				c.At = at
			case float64:
				c.At = int64(at)
			case string:
				if t, err := time.Parse(time.RFC3339, at); err == nil {
					c.At = t.UnixMilli()
				}
			}
		}
		return c
	}
	return nil
}

// Write replaces the whole shared text by b. Call it inside a crdt.Doc.Transact; markers get new ids, so the ids in b are
// not kept. What it wrote, Read gives back but for those ids.
func Write(t *crdt.Text, b Body) {
	t.Delete(0, t.Len())
	at := 0
	for _, x := range b.Blocks {
		t.InsertMap(at, marker(x), crdt.Attrs{})
		at++
		for _, r := range x.Runs {
			if r.Text == "" {
				continue
			}
			t.Insert(at, r.Text, attributes(r))
			at += len(utf16.Encode([]rune(r.Text)))
		}
	}
}

func marker(x Block) map[string]any {
	m := map[string]any{"kind": string(x.Kind)}
	if x.Kind == "" {
		m["kind"] = string(Paragraph)
	}
	if x.Level != 0 {
		m["level"] = int64(x.Level)
	}
	if x.Start != 0 {
		m["start"] = int64(x.Start)
	}
	if x.Align != "" {
		m["align"] = x.Align
	}
	if x.Part != "" {
		m["part"] = x.Part
	}
	if c := x.Cell; c != nil {
		m["cell"] = c.Table + "|" + c.Row + "|" + c.Col
		if c.Head {
			m["cell"] = m["cell"].(string) + "|h"
		}
	}
	if x.Ins != nil {
		m["ins"] = change(x.Ins)
	}
	if x.Del != nil {
		m["del"] = change(x.Del)
	}
	if x.Was != nil {
		m["was"] = writeStyle(x.Was)
	}
	return m
}

// attributes are never nil: nil would inherit the marks of the text before.
func attributes(r Run) crdt.Attrs {
	a := crdt.Attrs{}
	for name, on := range map[string]bool{"strong": r.Strong, "em": r.Em, "code": r.Code} {
		if on {
			a[name] = true
		}
	}
	if r.Link != "" {
		a["link"] = map[string]any{"href": r.Link}
	}
	writeTracked(a, r)
	return a
}

func change(c *Change) map[string]any {
	return map[string]any{"id": c.ID, "by": c.By, "at": c.At}
}
