package store

import (
	"context"
	"encoding/hex"
	"strings"
	"sync"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/fault"
)

// alphabet is the Czech one: ch after h, č after c. A collator is not safe for
// concurrent use.
var alphabet = sync.Pool{New: func() any { return collate.New(language.Czech, collate.Loose) }}

// collated is a key by which databases of any locale sort titles alphabetically.
func collated(title string) string {
	c := alphabet.Get().(*collate.Collator)
	defer alphabet.Put(c)
	var b collate.Buffer
	key := hex.EncodeToString(c.KeyFromString(&b, strings.TrimSpace(title)))
	return key[:min(len(key), 240)]
}

func scanView(r row) (v documents.SavedView, err error) {
	var made int64
	err = r.Scan(&v.ID, &v.Person, &v.Name, &v.Query, &made)
	v.At = at(made)
	return v, err
}

// SavedViews lists somebody's saved views.
func (s *Store) SavedViews(ctx context.Context, who security.ActorID) ([]documents.SavedView, error) {
	return query(ctx, s.db, scanView, `SELECT id, person, name, query, at FROM documents_view WHERE person = $1 ORDER BY name, id LIMIT $2`, who, documents.MaxViews)
}

// SavedView returns a saved view.
func (s *Store) SavedView(ctx context.Context, id string) (documents.SavedView, error) {
	v, err := scanView(s.db.QueryRowContext(ctx, `SELECT id, person, name, query, at FROM documents_view WHERE id = $1`, id))
	return v, gone(err, "search.fault.view_gone")
}

func (t *tx) AddView(ctx context.Context, v documents.SavedView) error {
	return t.exec(ctx, `INSERT INTO documents_view (id, person, name, query, at) VALUES ($1, $2, $3, $4, $5)`, v.ID, v.Person, v.Name, v.Query, micros(v.At))
}

func (t *tx) DropView(ctx context.Context, who security.ActorID, id string) error {
	return t.one(ctx, fault.New(fault.NotFound, "search.fault.view_gone"), `DELETE FROM documents_view WHERE id = $1 AND person = $2`, id, who)
}
