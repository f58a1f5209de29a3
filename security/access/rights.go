package access

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"spolupis/security"
	"spolupis/security/database"
	"spolupis/security/fault"
	"spolupis/security/journal"
)

// MaxDepth is how many links may lie between a document and the top.
const MaxDepth = 4

// Rights decides what people may do. It keeps no right in memory: a change is
// in force for every check that begins after its commit, on every node.
type Rights struct {
	db      *database.DB
	journal *journal.Journal
	known   knownEpochs
	// Now is the clock of deputyships; nil = time.Now. Set it before the first use.
	Now func() time.Time
}

// NewRights returns the rights kept in db.
func NewRights(db *database.DB, j *journal.Journal) *Rights { return &Rights{db: db, journal: j} }

type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

// Can returns nil when who may do act on the object on. Otherwise it returns
// fault.Denied to those who may see the object and fault.NotFound to those who
// may not: what is not there and what is not theirs look alike. On Office
// everything refused is Denied, and nobody is told fault.Unauthenticated.
//
// Roles and unit are taken from the account as it is now, not from who, so a
// role withdrawn during an open connection is withdrawn there too. The service
// itself may do anything.
//
// An act made on behalf of somebody else (who.OnBehalfOf) is judged by the
// rights of that person, while the deputyship lasts; see Represents. A deputy
// may also see, under his own name, what those he stands for may see; so do Eyes.
func (r *Rights) Can(ctx context.Context, who security.Actor, act Act, on Object) error {
	if who.ID == security.SystemID {
		return nil
	}
	if !who.Known() {
		return fault.New(fault.Unauthenticated, "fault.unauthenticated")
	}
	if who.OnBehalfOf != "" {
		return r.canFor(ctx, who, act, on)
	}
	relations, err := r.relations(ctx, who, on)
	if err != nil {
		return fmt.Errorf("may %s %s on %s: %w", who.ID, act, on, err)
	}
	err = judged(relations, act, on)
	if !errors.Is(err, fault.NotFound) {
		return err
	}
	switch sees, failed := r.seesFor(ctx, who, on); {
	case failed != nil:
		return fmt.Errorf("may %s %s on %s: %w", who.ID, act, on, failed)
	case sees && act == View:
		return nil
	case sees:
		return fault.New(fault.Denied, "fault.denied")
	}
	return err
}

// judged is what somebody with these relations to the object is told.
func judged(relations []Relation, act Act, on Object) error {
	sees := on == Office
	for _, rel := range relations {
		if rel.Allows(act) {
			return nil
		}
		sees = sees || rel.Allows(View)
	}
	if !sees {
		return fault.New(fault.NotFound, "fault.not_found")
	}
	return fault.New(fault.Denied, "fault.denied")
}

// Allowed returns every act who may do on the object, for pages that show only
// what can be done. It is not a check: the act asks Can.
func (r *Rights) Allowed(ctx context.Context, who security.Actor, on Object) (map[Act]bool, error) {
	out := map[Act]bool{}
	if !who.Known() {
		return out, nil
	}
	if who.ID == security.SystemID {
		for _, a := range Acts {
			out[a] = true
		}
		return out, nil
	}
	relations, err := r.relations(ctx, who, on)
	if err != nil {
		return nil, err
	}
	for _, rel := range relations {
		for _, a := range allowed[rel] {
			out[a] = true
		}
	}
	return out, nil
}

// relations returns what who is to on, directly or by inheritance.
func (r *Rights) relations(ctx context.Context, who security.Actor, on Object) ([]Relation, error) {
	if !on.valid() {
		return nil, nil
	}
	subjects, err := r.subjects(ctx, r.db, who)
	if err != nil || len(subjects) == 0 {
		return nil, err
	}
	args := []any{string(on), MaxDepth}
	for _, s := range subjects {
		args = append(args, string(s))
	}
	rows, err := r.db.QueryContext(ctx, `
		WITH RECURSIVE chain (object, depth) AS (
			SELECT CAST($1 AS TEXT), 0
			UNION ALL
			SELECT l.parent, c.depth + 1 FROM access_link l JOIN chain c ON l.child = c.object WHERE c.depth < $2
		)
		SELECT DISTINCT relation FROM access_tuple
		WHERE object IN (SELECT object FROM chain UNION SELECT 'office') AND subject IN (`+placeholders(3, len(subjects))+`)`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Relation
	for rows.Next() {
		var rel Relation
		if err := rows.Scan(&rel); err != nil {
			return nil, err
		}
		out = append(out, rel)
	}
	return out, rows.Err()
}

// subjects returns all subjects that who is; none when the account is disabled.
// An actor without an account (nothing that signed in) is taken at his word.
func (r *Rights) subjects(ctx context.Context, q querier, who security.Actor) ([]Subject, error) {
	rows, err := q.QueryContext(ctx, `
		SELECT a.unit, a.disabled <> 0, coalesce(r.role, '') FROM access_account a LEFT JOIN access_role r ON r.account = a.id WHERE a.id = $1 ORDER BY r.role`, string(who.ID))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	account, disabled := security.Actor{}, false
	for rows.Next() {
		account.ID = who.ID
		var role security.Role
		if err := rows.Scan(&account.Unit, &disabled, &role); err != nil {
			return nil, err
		}
		if role != "" {
			account.Roles = append(account.Roles, role)
		}
	}
	switch err := rows.Err(); {
	case err != nil || disabled:
		return nil, err
	case account.ID == "":
		return stated(who), nil
	}
	return stated(account), nil
}

func stated(who security.Actor) []Subject {
	out := []Subject{User(who.ID)}
	if who.Unit != "" {
		out = append(out, Members(who.Unit))
	}
	for _, role := range who.Roles {
		out = append(out, Holders(role))
	}
	return out
}

func placeholders(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", first+i)
	}
	return b.String()
}

// Grant gives subject a relation to the object on, within tx, and journals it.
// Whether by may do that is for the caller to ask. Granting what is already
// there changes nothing.
func (r *Rights) Grant(ctx context.Context, tx *sql.Tx, by security.Actor, on Object, relation Relation, subject Subject) error {
	if !on.valid() || !subject.valid() || allowed[relation] == nil {
		return fault.New(fault.Invalid, "access.fault.grant")
	}
	res, err := tx.ExecContext(ctx, `
		INSERT INTO access_tuple (object, relation, subject) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		string(on), string(relation), string(subject))
	return r.changed(ctx, tx, res, err, by, "access.right_granted", on, relation, subject)
}

// Revoke takes a relation back, within tx, and journals it. After the commit no
// check passes by it. Revoking what is not there changes nothing.
func (r *Rights) Revoke(ctx context.Context, tx *sql.Tx, by security.Actor, on Object, relation Relation, subject Subject) error {
	res, err := tx.ExecContext(ctx, `DELETE FROM access_tuple WHERE object = $1 AND relation = $2 AND subject = $3`,
		string(on), string(relation), string(subject))
	return r.changed(ctx, tx, res, err, by, "access.right_revoked", on, relation, subject)
}

func (r *Rights) changed(ctx context.Context, tx *sql.Tx, res sql.Result, err error, by security.Actor, kind string, on Object, relation Relation, subject Subject) error {
	if err != nil {
		return fmt.Errorf("%s on %s: %w", kind, on, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	if err := bump(ctx, tx, string(on), 1); err != nil {
		return err
	}
	return record(ctx, tx, r.journal, by, kind, string(on), map[string]any{"relation": relation, "subject": subject}, nil, "")
}

// Link hangs child under parent, within tx, in place of the parent it had: the
// child inherits every relation to its parent. It is refused (fault.Invalid)
// under a document, which stands at the bottom, and when that would make a
// circle or a chain of more than MaxDepth links.
func (r *Rights) Link(ctx context.Context, tx *sql.Tx, child, parent Object) error {
	if !child.valid() || !parent.valid() || child == Office || parent.document() {
		return fault.New(fault.Invalid, "access.fault.grant")
	}
	before, err := chainOf(ctx, tx, child)
	if err != nil {
		return err
	}
	if len(before) > 1 && before[1] == parent {
		return nil
	}
	up, err := chainOf(ctx, tx, parent)
	if err != nil {
		return err
	}
	for _, o := range up {
		if o == child {
			return fault.New(fault.Invalid, "access.fault.circle")
		}
	}
	below, err := height(ctx, tx, child)
	if err != nil {
		return err
	}
	if below+len(up) > MaxDepth { // len(up) objects above the child = as many links
		return fault.New(fault.Invalid, "access.fault.deep")
	}
	// The child's own counter takes over what its old ancestors counted, so
	// that no epoch below it ever goes back.
	old, err := epochSum(ctx, tx, before)
	if err != nil {
		return err
	}
	if err := bump(ctx, tx, string(child), old+1); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `
		INSERT INTO access_link (child, parent) VALUES ($1, $2) ON CONFLICT (child) DO UPDATE SET parent = excluded.parent`,
		string(child), string(parent)); err != nil {
		return fmt.Errorf("link %s: %w", child, err)
	}
	return record(ctx, tx, r.journal, security.System, "access.linked", string(child), map[string]any{"parent": parent}, nil, "")
}

// chainOf returns o and its ancestors, nearest first.
func chainOf(ctx context.Context, q querier, o Object) ([]Object, error) {
	chain := []Object{o}
	for len(chain) <= MaxDepth+1 {
		var parent Object
		err := q.QueryRowContext(ctx, `SELECT parent FROM access_link WHERE child = $1`, string(chain[len(chain)-1])).Scan(&parent)
		if errors.Is(err, sql.ErrNoRows) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("chain of %s: %w", o, err)
		}
		chain = append(chain, parent)
	}
	return chain, nil
}

// height returns how many links lie below o, counted at most to MaxDepth+1.
func height(ctx context.Context, q querier, o Object) (int, error) {
	var h int
	err := q.QueryRowContext(ctx, `
		WITH RECURSIVE below (object, depth) AS (
			SELECT CAST($1 AS TEXT), 0
			UNION ALL
			SELECT l.child, b.depth + 1 FROM access_link l JOIN below b ON l.parent = b.object WHERE b.depth <= $2
		)
		SELECT max(depth) FROM below`, string(o), MaxDepth).Scan(&h)
	if err != nil {
		return 0, fmt.Errorf("height of %s: %w", o, err)
	}
	return h, nil
}

func epochSum(ctx context.Context, q querier, objects []Object) (int64, error) {
	args := make([]any, len(objects))
	for i, o := range objects {
		args[i] = string(o)
	}
	var n int64
	err := q.QueryRowContext(ctx, `SELECT CAST(coalesce(sum(n), 0) AS BIGINT) FROM access_epoch WHERE id IN (`+placeholders(1, len(objects))+`)`, args...).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("epoch: %w", err)
	}
	return n, nil
}

func bump(ctx context.Context, tx *sql.Tx, id string, by int64) error {
	if _, err := tx.ExecContext(ctx, `
		INSERT INTO access_epoch (id, n) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET n = access_epoch.n + excluded.n`, id, by); err != nil {
		return fmt.Errorf("epoch of %s: %w", id, err)
	}
	return nil
}

// Tuple is one relation, as pages list them.
type Tuple struct {
	Object   Object
	Relation Relation
	Subject  Subject
}

// Tuples returns the relations held on the object itself, without inherited
// ones, ordered by relation and subject.
func (r *Rights) Tuples(ctx context.Context, on Object) ([]Tuple, error) {
	rows, err := r.db.QueryContext(ctx, `
		SELECT object, relation, subject FROM access_tuple WHERE object = $1 ORDER BY relation, subject`, string(on))
	if err != nil {
		return nil, fmt.Errorf("relations to %s: %w", on, err)
	}
	defer rows.Close()
	var out []Tuple
	for rows.Next() {
		var t Tuple
		if err := rows.Scan(&t.Object, &t.Relation, &t.Subject); err != nil {
			return nil, fmt.Errorf("relations to %s: %w", on, err)
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

// record appends one entry about rights or accounts. personal may be nil; about
// is the person it is about.
func record(ctx context.Context, tx *sql.Tx, j *journal.Journal, by security.Actor, kind, subject string, body, personal any, about security.ActorID) error {
	e := journal.Entry{Actor: by.ID, OnBehalfOf: by.OnBehalfOf, Kind: kind, Subject: subject, About: about}
	var err error
	if body != nil {
		if e.Body, err = json.Marshal(body); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	if personal != nil {
		if e.Personal, err = json.Marshal(personal); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return j.Append(ctx, tx, e)
}
