package web

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

// Rule says who may call a route. Exactly one of the constructors below makes
// one; the zero Rule lets nobody in.
type Rule struct {
	kind  ruleKind
	Roles []security.Role
	Act   access.Act
	On    func(r *http.Request) access.Object
}

type ruleKind int

const (
	unclassified ruleKind = iota
	public
	signedIn
	roles
	object
)

// Public lets everybody in, citizens included.
var Public = Rule{kind: public}

// SignedIn lets in everybody who has an account.
var SignedIn = Rule{kind: signedIn}

// Roles lets in whoever has one of rs.
func Roles(rs ...security.Role) Rule { return Rule{kind: roles, Roles: rs} }

// Object lets in whoever may do act on the object that on finds in the
// request.
func Object(act access.Act, on func(r *http.Request) access.Object) Rule {
	return Rule{kind: object, Act: act, On: on}
}

// Document is Object on the document named by the URL parameter "id".
func Document(act access.Act) Rule {
	return Object(act, func(r *http.Request) access.Object { return access.Object("document:" + chi.URLParam(r, "id")) })
}

// Classified reports whether the rule was made by a constructor.
func (r Rule) Classified() bool { return r.kind != unclassified }

// String names the rule for tables and tests.
func (r Rule) String() string {
	return [...]string{"unclassified", "public", "signed-in", "roles", "object"}[r.kind]
}

// Route is one entry of the route table.
type Route struct {
	Method  string
	Pattern string
	Rule    Rule
}

// Routes returns the table of everything registered so far. A test walks it
// with every role.
func (k *Kit) Routes() []Route { return k.routes }

// Route registers h and the rule that is checked before it runs.
func (k *Kit) Route(r chi.Router, method, pattern string, rule Rule, h http.HandlerFunc) {
	k.routes = append(k.routes, Route{method, pattern, rule})
	r.MethodFunc(method, pattern, func(w http.ResponseWriter, req *http.Request) {
		if err := k.allow(req, rule); err != nil {
			k.Fail(w, req, err)
			return
		}
		h(w, req)
	})
}

// Get and Post are Route for the two methods pages use.
func (k *Kit) Get(r chi.Router, pattern string, rule Rule, h http.HandlerFunc) {
	k.Route(r, http.MethodGet, pattern, rule, h)
}

// Post registers a handler of a form or of an API command.
func (k *Kit) Post(r chi.Router, pattern string, rule Rule, h http.HandlerFunc) {
	k.Route(r, http.MethodPost, pattern, rule, h)
}

func (k *Kit) allow(r *http.Request, rule Rule) error {
	who := Who(r)
	switch rule.kind {
	case public:
		return nil
	case unclassified:
		return fault.Denied
	}
	if !who.Known() {
		return fault.Unauthenticated
	}
	switch rule.kind {
	case roles:
		for _, role := range rule.Roles {
			if who.Has(role) {
				return nil
			}
		}
		return fault.Denied
	case object:
		return k.Rights(r.Context(), who, rule.Act, rule.On(r))
	}
	return nil
}
