package documents

import (
	"context"
	"time"

	"spolupis/collab"
	"spolupis/collab/crdt"
	"spolupis/documents/body"
	"spolupis/security"
	"spolupis/security/access"
)

// ChangeView is one tracked change of a live text, for people.
type ChangeView struct {
	ID string     `json:"id"`
	By PersonView `json:"by"` // as the change says
	// File says that By is a name in a file that was imported, and nobody's account.
	File   bool         `json:"file,omitempty"`
	At     time.Time    `json:"at"`
	Block  string       `json:"block"`
	Pieces []body.Piece `json:"pieces"`
	// WrittenBy are those who really wrote the inserted text when that was not By, or who brought in the file; only Changes
	// with origins looks it up.
	WrittenBy []PersonView `json:"writtenBy,omitempty"`
}

// Changes lists the open tracked changes of the live text in its order. A change says itself whose it is. With origins it is
// compared with who the inserted text was accepted from, which the log says; that takes as long as the log is.
func (s *Service) Changes(ctx context.Context, who security.Actor, id MaterialID, origins bool) ([]ChangeView, error) {
	text, err := s.Text(ctx, who, id)
	if err != nil {
		return nil, err
	}
	person := s.named(ctx)
	var writers map[string][]security.ActorID
	out := []ChangeView{}
	for _, p := range text.Proposals() {
		if origins && writers == nil {
			o, err := s.Hub.Origins(ctx, id)
			if err != nil {
				return nil, wrap("origins of changes in", id, err)
			}
			writers = insertedBy(o)
		}
		v := ChangeView{ID: p.ID, Block: p.Block, Pieces: p.Pieces}
		if name, ok := p.File(); ok {
			v.By, v.File = PersonView{ID: security.ActorID(p.By), Name: name}, true
		} else {
			v.By = person(security.ActorID(p.By))
		}
		if p.At != 0 {
			v.At = time.UnixMilli(p.At)
		}
		for _, w := range writers[p.By+"|"+p.ID] {
			if string(w) != p.By {
				v.WrittenBy = append(v.WrittenBy, person(w))
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// insertedBy tells for each insertion, by author and id, from whom its text was accepted.
func insertedBy(o *collab.Origins) map[string][]security.ActorID {
	out := map[string][]security.ActorID{}
	for _, op := range o.Doc.Text(collab.Root).Authored() {
		c := body.InsertionOf(op)
		if c == nil {
			continue
		}
		n := uint32(1)
		if op.Map == nil {
			n = uint32(units(op.Insert))
		}
		key := c.By + "|" + c.ID
		for _, part := range o.Written(crdt.Range{Client: op.ID.Client, Clock: op.ID.Clock, Len: n}) {
			known := false
			for _, w := range out[key] {
				known = known || w == part.Person
			}
			if !known {
				out[key] = append(out[key], part.Person)
			}
		}
	}
	return out
}

// MayDecide reports whether who may accept and reject tracked changes: whoever may write in the text.
func (s *Service) MayDecide(ctx context.Context, who security.Actor, id MaterialID) bool {
	return s.May(ctx, who, access.Edit, id)
}
