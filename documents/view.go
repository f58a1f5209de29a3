package documents

import (
	"context"
	"strings"
	"time"

	"spolupis/security"
	"spolupis/security/fault"
)

// SavedView is a filter of the list that somebody gave a name to. Others may use it
// by its link; what they see by it is what they may see anyway.
type SavedView struct {
	ID     string
	Person security.ActorID
	Name   string
	Query  string // as in the address of the list
	At     time.Time
}

// Limits of saved views.
const (
	MaxViews     = 50 // of one person
	maxViewName  = 80 // characters
	maxViewQuery = 1000
)

// SaveView keeps a filter under a name.
func (s *Service) SaveView(ctx context.Context, who security.Actor, name, query string) (SavedView, error) {
	if !who.Known() {
		return SavedView{}, fault.Unauthenticated
	}
	name = strings.Join(strings.Fields(name), " ")
	if name == "" || runes(name) > maxViewName || len(query) > maxViewQuery {
		return SavedView{}, invalid("search.fault.view_name", maxViewName)
	}
	v := SavedView{ID: newID("w"), Person: who.ID, Name: name, Query: query, At: s.now()}
	err := s.Store.Write(ctx, func(tx Tx) error {
		mine, err := s.Store.SavedViews(ctx, who.ID)
		if err != nil {
			return err
		}
		if len(mine) >= MaxViews {
			return conflict("search.fault.views_many", MaxViews)
		}
		if err := tx.AddView(ctx, v); err != nil {
			return err
		}
		e := s.entry(who, "documents.view_saved", "", map[string]any{}, nil)
		e.Subject = "view:" + v.ID
		return tx.Record(ctx, e)
	})
	return v, wrap("save view", v.ID, err)
}

// DropView deletes one's own saved view.
func (s *Service) DropView(ctx context.Context, who security.Actor, id string) error {
	return wrap("drop view", id, s.Store.Write(ctx, func(tx Tx) error {
		if err := tx.DropView(ctx, who.ID, id); err != nil {
			return err
		}
		e := s.entry(who, "documents.view_dropped", "", map[string]any{}, nil)
		e.Subject = "view:" + id
		return tx.Record(ctx, e)
	}))
}

// Views lists one's own saved views by name.
func (s *Service) Views(ctx context.Context, who security.Actor) ([]SavedView, error) {
	return s.Store.SavedViews(ctx, who.ID)
}

// SharedView returns a saved view of anybody, by its link.
func (s *Service) SharedView(ctx context.Context, who security.Actor, id string) (SavedView, error) {
	if !who.Known() {
		return SavedView{}, fault.Unauthenticated
	}
	return s.Store.SavedView(ctx, id)
}
