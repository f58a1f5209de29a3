package documents

import (
	"context"
	"time"
	"unicode/utf16"

	"spolupis/collab"
	"spolupis/collab/crdt"
	"spolupis/documents/body"
	"spolupis/security"
	"spolupis/security/access"
)

// AuthoredBlock is a paragraph of a material's text with who wrote what in it.
type AuthoredBlock struct {
	Kind     body.Kind
	Passages []Passage
}

// Passage is neighbouring text that one person wrote on one day, and, if it is no longer there, that one person deleted on one day.
type Passage struct {
	Text   string
	Author collab.Act // At is that of the last character
	Gone   *collab.Act
}

// Authors returns the live text with its authors; with deleted also what has been deleted, which only those may see who may
// manage or audit the material. Others get fault.Denied.
func (s *Service) Authors(ctx context.Context, who security.Actor, id MaterialID, deleted bool) ([]AuthoredBlock, error) {
	if err := s.can(ctx, who, access.View, id); err != nil {
		return nil, err
	}
	if deleted && !s.MaySeeDeleted(ctx, who, id) {
		return nil, s.can(ctx, who, access.Audit, id)
	}
	o, err := s.Hub.Origins(ctx, id)
	if err != nil {
		return nil, err
	}
	return authored(o, deleted, s.Zone), nil
}

// MaySeeDeleted reports whether who may see what was deleted from a material's text.
func (s *Service) MaySeeDeleted(ctx context.Context, who security.Actor, id MaterialID) bool {
	return s.May(ctx, who, access.Manage, id) || s.May(ctx, who, access.Audit, id)
}

func authored(o *collab.Origins, deleted bool, zone *time.Location) []AuthoredBlock {
	text := o.Doc.Text(collab.Root)
	ops := text.Authored()
	if deleted {
		ops = text.Everything()
	}
	var blocks []AuthoredBlock
	for _, op := range ops {
		if op.Map != nil && !op.Deleted {
			blocks = append(blocks, blockOf(op.Map))
			continue
		}
		if op.Map != nil {
			op.Insert = "¶" // where a paragraph began that was joined with the one before
		}
		if op.Insert == "" {
			continue // a thing that is no text
		}
		if len(blocks) == 0 {
			blocks = append(blocks, AuthoredBlock{Kind: body.Paragraph})
		}
		b := &blocks[len(blocks)-1]
		b.Passages = appendPassages(b.Passages, o, op, zone)
	}
	return blocks
}

func blockOf(m *crdt.Map) AuthoredBlock {
	b := AuthoredBlock{Kind: body.Paragraph}
	if k, ok := m.Get("kind"); ok {
		if s, ok := k.(string); ok && s != "" {
			b.Kind = body.Kind(s)
		}
	}
	return b
}

// appendPassages cuts a piece of text wherever another act wrote or deleted it and adds it to passages. Acts that a reader need
// not tell apart are joined before their text is cut out: somebody's typing is an act for every keystroke.
func appendPassages(to []Passage, o *collab.Origins, op crdt.Op, zone *time.Location) []Passage {
	units := utf16.Encode([]rune(op.Insert))
	whole := crdt.Range{Client: op.ID.Client, Clock: op.ID.Clock, Len: uint32(len(units))}
	from, end := whole.Clock, whole.Clock // of the text that is not cut out yet
	var open Passage
	cut := func() {
		if end == from {
			return
		}
		open.Text = string(utf16.Decode(units[from-whole.Clock : end-whole.Clock]))
		if n := len(to); n > 0 && to[n-1].joins(open, zone) {
			to[n-1].Text += open.Text
			to[n-1].Author.At = open.Author.At
		} else {
			to = append(to, open)
		}
	}
	add := func(r crdt.Range, p Passage) {
		if r.Clock != end || !open.joins(p, zone) {
			cut()
			open, from = p, r.Clock
		}
		open.Author.At, end = p.Author.At, r.Clock+r.Len
	}
	for _, w := range o.Written(whole) {
		if !op.Deleted {
			add(w.Range, Passage{Author: w.Act})
			continue
		}
		for _, d := range o.Deleted(w.Range) {
			add(d.Range, Passage{Author: w.Act, Gone: &d.Act})
		}
	}
	cut()
	return to
}

// joins reports whether q continues p.
func (p Passage) joins(q Passage, zone *time.Location) bool {
	if !together(p.Author, q.Author, zone) || (p.Gone == nil) != (q.Gone == nil) {
		return false
	}
	return p.Gone == nil || together(*p.Gone, *q.Gone, zone)
}

func together(a, b collab.Act, zone *time.Location) bool {
	ay, am, ad := a.At.In(zone).Date()
	by, bm, bd := b.At.In(zone).Date()
	return a.Person == b.Person && ay == by && am == bm && ad == bd
}
