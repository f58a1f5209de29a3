package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"spolupis/documents"
	"spolupis/security/fault"
)

const selectVersion = `SELECT id, material, number, supersedes, state, frozen_at, frozen_by, manifest FROM documents_version`

func scanVersion(r row) (v documents.Version, err error) {
	var frozen int64
	var manifest string
	if err = r.Scan(&v.ID, &v.Material, &v.Number, &v.Supersedes, &v.State, &frozen, &v.FrozenBy, &manifest); err != nil {
		return v, err
	}
	v.FrozenAt = at(frozen)
	if err := json.Unmarshal([]byte(manifest), &v.Manifest); err != nil {
		return v, fmt.Errorf("manifest of %s: %w", v.ID, err)
	}
	return v, nil
}

func (r reader) Versions(ctx context.Context, id documents.MaterialID) ([]documents.Version, error) {
	return query(ctx, r.q, scanVersion, selectVersion+` WHERE material = $1 ORDER BY number DESC`, id)
}

func (r reader) Version(ctx context.Context, id documents.VersionID) (documents.Version, error) {
	v, err := scanVersion(r.q.QueryRowContext(ctx, selectVersion+` WHERE id = $1`, id))
	return v, gone(err, "documents.fault.version_gone")
}

func (t *tx) AddVersion(ctx context.Context, v documents.Version) error {
	manifest, err := json.Marshal(v.Manifest)
	if err != nil {
		return err
	}
	return t.exec(ctx, `
		INSERT INTO documents_version (id, material, number, supersedes, state, frozen_at, frozen_by, manifest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		v.ID, v.Material, v.Number, v.Supersedes, v.State, micros(v.FrozenAt), v.FrozenBy, string(manifest))
}

func (t *tx) SetVersionState(ctx context.Context, id documents.VersionID, state documents.State) error {
	return t.one(ctx, fault.NotFound, `UPDATE documents_version SET state = $1 WHERE id = $2`, state, id)
}

func (r reader) Blob(ctx context.Context, sha256 string) (b []byte, err error) {
	err = r.q.QueryRowContext(ctx, `SELECT bytes FROM documents_blob WHERE sha256 = $1`, sha256).Scan(&b)
	return b, gone(err, "fault.not_found")
}

func (t *tx) PutBlob(ctx context.Context, sha256 string, b []byte) error {
	return t.exec(ctx, `INSERT INTO documents_blob (sha256, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING`, sha256, b)
}

func (r reader) Circulation(ctx context.Context, id documents.VersionID) (c documents.Circulation, err error) {
	var started int64
	err = r.q.QueryRowContext(ctx, `
		SELECT id, version, material, state, current, started_by, started_at FROM documents_route WHERE version = $1 ORDER BY started_at DESC, id DESC LIMIT 1`, id).
		Scan(&c.ID, &c.Version, &c.Material, &c.State, &c.Current, &c.StartedBy, &started)
	if err != nil {
		return c, gone(err, "documents.fault.route_none")
	}
	c.StartedAt = at(started)
	c.Steps, err = query(ctx, r.q, func(r row) (s documents.Step, err error) {
		var sign int64
		err = r.Scan(&sign, &s.Rule, &s.Needed)
		s.Sign = sign == 1
		return s, err
	}, `SELECT sign, rule, needed FROM documents_step WHERE route = $1 ORDER BY step`, c.ID)
	if err != nil {
		return c, err
	}
	_, err = query(ctx, r.q, func(r row) (struct{}, error) {
		var step int
		var m documents.Member
		var acted int64
		if err := r.Scan(&step, &m.Person, &m.Act, &acted, &m.Reason, &m.Deputy, &m.Carried); err != nil {
			return struct{}{}, err
		}
		m.At = at(acted)
		c.Steps[step].Members = append(c.Steps[step].Members, m)
		return struct{}{}, nil
	}, `SELECT step, person, act, at, reason, deputy, carried FROM documents_member WHERE route = $1 ORDER BY step, place`, c.ID)
	return c, err
}

func (t *tx) AddCirculation(ctx context.Context, c documents.Circulation) error {
	if err := t.exec(ctx, `
		INSERT INTO documents_route (id, version, material, state, current, started_by, started_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		c.ID, c.Version, c.Material, c.State, c.Current, c.StartedBy, micros(c.StartedAt)); err != nil {
		return err
	}
	for i, s := range c.Steps {
		sign := 0
		if s.Sign {
			sign = 1
		}
		if err := t.exec(ctx, `INSERT INTO documents_step (route, step, sign, rule, needed) VALUES ($1, $2, $3, $4, $5)`, c.ID, i, sign, s.Rule, s.Needed); err != nil {
			return err
		}
		for j, m := range s.Members {
			if err := t.exec(ctx, `INSERT INTO documents_member (route, step, place, person, act, at, reason, deputy, carried) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
				c.ID, i, j, m.Person, m.Act, micros(m.At), m.Reason, m.Deputy, m.Carried); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tx) SetCirculation(ctx context.Context, c documents.Circulation) error {
	if err := t.one(ctx, fault.NotFound, `UPDATE documents_route SET state = $1, current = $2 WHERE id = $3`, c.State, c.Current, c.ID); err != nil {
		return err
	}
	for i, s := range c.Steps {
		for j, m := range s.Members {
			if m.Act == "" {
				continue
			}
			// An act is never rewritten: only a member who has not acted can act.
			if err := t.exec(ctx, `UPDATE documents_member SET act = $1, at = $2, reason = $3, deputy = $4 WHERE route = $5 AND step = $6 AND place = $7 AND act = ''`,
				m.Act, micros(m.At), m.Reason, m.Deputy, c.ID, i, j); err != nil {
				return err
			}
		}
	}
	return nil
}

const selectIntent = `SELECT id, material, kind, comment, version, person, at, step, prior FROM documents_intent`

func scanIntent(r row) (i documents.Intent, err error) {
	var begun int64
	err = r.Scan(&i.ID, &i.Material, &i.Kind, &i.Comment, &i.Version, &i.By, &begun, &i.Step, &i.Prior)
	i.At = at(begun)
	return i, err
}

func (r reader) Intent(ctx context.Context, id documents.MaterialID) (documents.Intent, bool, error) {
	i, err := scanIntent(r.q.QueryRowContext(ctx, selectIntent+` WHERE material = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return i, false, nil
	}
	return i, err == nil, err
}

// Intents lists work that began before a time, oldest first.
func (s *Store) Intents(ctx context.Context, before time.Time) ([]documents.Intent, error) {
	return query(ctx, s.db, scanIntent, selectIntent+` WHERE at < $1 ORDER BY at LIMIT 1000`, micros(before))
}

func (t *tx) AddIntent(ctx context.Context, i documents.Intent) error {
	return t.exec(ctx, `INSERT INTO documents_intent (id, material, kind, comment, version, person, at, step, prior) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		i.ID, i.Material, i.Kind, i.Comment, i.Version, i.By, micros(i.At), i.Step, i.Prior)
}

func busy() error { return fault.New(fault.Conflict, "documents.fault.busy") }

func (t *tx) SetIntent(ctx context.Context, i documents.Intent) error {
	return t.one(ctx, busy(), `UPDATE documents_intent SET step = $1 WHERE id = $2 AND step = $3`, i.Step, i.ID, i.Was)
}

func (t *tx) DropIntent(ctx context.Context, id string) error {
	return t.one(ctx, busy(), `DELETE FROM documents_intent WHERE id = $1`, id)
}
