// Package access says who may do what. People have accounts (argon2id), sign in
// to sessions, and hold roles; rights on things are relation tuples (object,
// relation, subject) that a document inherits from its agenda and the agenda
// from its unit. Every handler asks one function, Rights.Can.
package access

import (
	"embed"
	"slices"
	"strings"

	"spolupis/security"
)

// Migrations creates the tables of accounts and rights.
//
//go:embed *.sql
var Migrations embed.FS

// Object is what a right is held on: "document:ID", "agenda:ID", "unit:ID", or
// the whole Office, which stands above all of them.
type Object string

// Office is the object above all others.
const Office Object = "office"

// Document returns the object of the document id.
func Document(id string) Object { return Object("document:" + id) }

// Agenda returns the object of the agenda id.
func Agenda(id string) Object { return Object("agenda:" + id) }

// Unit returns the object of the unit id.
func Unit(id security.UnitID) Object { return Object("unit:" + string(id)) }

func (o Object) valid() bool {
	kind, id, ok := strings.Cut(string(o), ":")
	if !ok {
		return o == Office
	}
	return id != "" && len(o) <= 200 && (kind == "document" || kind == "agenda" || kind == "unit")
}

func (o Object) document() bool { return strings.HasPrefix(string(o), "document:") }

// Subject is who holds a relation: "user:p-…", "unit:…" or "role:…".
type Subject string

// User returns the subject that is one person.
func User(id security.ActorID) Subject { return Subject("user:" + string(id)) }

// Members returns the subject that is everybody in a unit.
func Members(id security.UnitID) Subject { return Subject("unit:" + string(id)) }

// Holders returns the subject that is everybody with a role.
func Holders(r security.Role) Subject { return Subject("role:" + string(r)) }

func (s Subject) valid() bool {
	kind, id, ok := strings.Cut(string(s), ":")
	return ok && id != "" && len(s) <= 200 && (kind == "user" || kind == "unit" || kind == "role")
}

// Act is something a person wants to do with an object.
type Act string

// The acts. CreateDocument, Administer and the Audit of the whole log are asked
// for on Office.
const (
	View           Act = "view"
	Comment        Act = "comment"
	Suggest        Act = "suggest"
	Edit           Act = "edit"
	Manage         Act = "manage" // rights, rounds, routes, settling of comments
	Freeze         Act = "freeze"
	Approve        Act = "approve"
	Sign           Act = "sign"
	Publish        Act = "publish"
	Audit          Act = "audit" // who changed and read it
	Administer     Act = "administer"
	CreateDocument Act = "create_document"
)

// Acts lists every act.
var Acts = []Act{View, Comment, Suggest, Edit, Manage, Freeze, Approve, Sign, Publish, Audit, Administer, CreateDocument}

// Relation is what a subject is to an object.
type Relation string

// The relations. Each of the first five includes those before it.
const (
	Reader        Relation = "reader"
	Commenter     Relation = "commenter"
	Suggester     Relation = "suggester"
	Editor        Relation = "editor"
	Owner         Relation = "owner"
	Approver      Relation = "approver"
	Signer        Relation = "signer"
	Publisher     Relation = "publisher"
	AuditorOf     Relation = "auditor"
	Creator       Relation = "creator"       // may create documents; sees none by that
	Administrator Relation = "administrator" // looks after accounts; sees no document by that
)

var allowed = map[Relation][]Act{
	Reader:        {View},
	Commenter:     {View, Comment},
	Suggester:     {View, Comment, Suggest},
	Editor:        {View, Comment, Suggest, Edit},
	Owner:         {View, Comment, Suggest, Edit, Manage, Freeze},
	Approver:      {View, Comment, Approve},
	Signer:        {View, Comment, Sign},
	Publisher:     {View, Publish},
	AuditorOf:     {View, Audit},
	Creator:       {CreateDocument},
	Administrator: {Administer},
}

// Allows reports whether relation r includes act a.
func (r Relation) Allows(a Act) bool { return slices.Contains(allowed[r], a) }

// unseeing are the relations that do not let anybody see a document.
const unseeing = `'creator', 'administrator'`
