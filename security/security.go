// Package security says who is acting. It is the floor of the program: every
// other package may import it and it imports none of them. What people may do
// is in security/access, what they did in security/journal, the kinds of error
// in security/fault.
package security

import "slices"

// ActorID names a person, or the service itself, without saying who that is:
// "p-" and random characters for people. The empty ActorID is nobody.
type ActorID string

// SystemID is the service acting on its own: timers, reactions, repairs.
const SystemID ActorID = "system"

// UnitID names a department or the secretariat.
type UnitID string

// Role is what a person is to the whole office. Rights on a single document
// come from relations, not from roles; see security/access.
type Role string

// The roles of an office.
const (
	Drafter       Role = "drafter"
	Commenter     Role = "commenter"
	Head          Role = "head"
	Approver      Role = "approver"
	Signer        Role = "signer"
	Secretariat   Role = "secretariat"
	Councillor    Role = "councillor"
	Auditor       Role = "auditor"
	Administrator Role = "administrator"
	Director      Role = "director" // of the office
)

// Roles lists every role, in the order pages show them.
var Roles = []Role{Drafter, Commenter, Head, Approver, Signer, Secretariat, Councillor, Auditor, Administrator, Director}

// Actor is the person or service on whose behalf a call is made. The zero
// Actor is nobody: a citizen, or a request before sign-in.
type Actor struct {
	ID         ActorID
	Name       string
	Unit       UnitID
	UnitName   string
	Roles      []Role
	Session    string  // pseudonymous identifier of the login, not the session secret
	Lang       string  // "cs" or "en"
	OnBehalfOf ActorID // the person represented ("v zastoupení"), or empty
}

// Has reports whether a holds role r.
func (a Actor) Has(r Role) bool { return slices.Contains(a.Roles, r) }

// Known reports whether a is somebody.
func (a Actor) Known() bool { return a.ID != "" }

// System is the service itself.
var System = Actor{ID: SystemID, Name: "Spolupis", Lang: "cs"}
