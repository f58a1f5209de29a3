// Package webtest walks the route table of a running product with every role
// and with nobody, and complains about each route that lets in the wrong ones.
package webtest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"spolupis/security"
	"spolupis/security/web"
)

// Config says what to walk.
type Config struct {
	Kit     *web.Kit
	Router  chi.Routes   // what was registered; a route missing from the kit's table fails
	Handler http.Handler // the router inside Kit.Middleware
	// SignIn makes r a request of somebody who holds the role and nothing else.
	SignIn func(r *http.Request, role security.Role)
	// Open lists patterns that need no place in the table, such as "/assets/*".
	Open []string
	// Skip lists "METHOD pattern" of routes that cannot be called here, with the
	// reason; they must still be classified.
	Skip map[string]string
}

var parameter = regexp.MustCompile(`\{[^}]*\}`)

// Walk checks, for every route:
//   - it stands in the kit's table with a classified rule;
//   - nobody is asked to sign in everywhere but on public routes;
//   - a role that the rule does not name is refused, one that it names is not;
//   - for objects, a thing that is not there answers as not found or refused;
//   - nothing answers with a server error.
//
// URL parameters are filled with an id that does not exist and forms are empty,
// so that nothing is changed by the walk.
func Walk(t *testing.T, c Config) {
	t.Helper()
	table := map[string]web.Route{}
	for _, r := range c.Kit.Routes() {
		name := r.Method + " " + r.Pattern
		if !r.Rule.Classified() {
			t.Errorf("%s has no rule", name)
			continue
		}
		table[name] = r
	}
	err := chi.Walk(c.Router, func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if _, ok := table[method+" "+pattern]; !ok && !slices.Contains(c.Open, pattern) {
			t.Errorf("%s %s is not in the route table: register it with Kit.Route", method, pattern)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(table) == 0 {
		t.Fatal("the route table is empty")
	}
	for name, r := range table {
		if _, skip := c.Skip[name]; skip {
			continue
		}
		for _, role := range append([]security.Role{""}, security.Roles...) {
			if complaint := judge(r, role, c.call(r, role)); complaint != "" {
				who := "nobody"
				if role != "" {
					who = "a " + string(role)
				}
				t.Errorf("%s (%s) for %s: %s", name, r.Rule, who, complaint)
			}
		}
	}
}

// answer is a response: its status, and whether it sends to the sign-in page.
type answer struct {
	status int
	signIn bool
	body   string
}

func (c Config) call(r web.Route, role security.Role) answer {
	path := strings.ReplaceAll(parameter.ReplaceAllString(r.Pattern, "nowhere"), "*", "nowhere")
	req := httptest.NewRequest(r.Method, path, strings.NewReader(""))
	if r.Method != http.MethodGet {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if role != "" {
		c.SignIn(req, role)
	}
	w := httptest.NewRecorder()
	c.Handler.ServeHTTP(w, req)
	body, _ := io.ReadAll(io.LimitReader(w.Body, 300))
	return answer{w.Code, w.Code == http.StatusUnauthorized || w.Code == http.StatusSeeOther && strings.HasPrefix(w.Header().Get("Location"), "/sign-in"), string(body)}
}

// judge returns what is wrong with an answer, or "".
func judge(r web.Route, role security.Role, a answer) string {
	refused := a.status == http.StatusForbidden
	says := fmt.Sprintf("answered %d", a.status)
	switch {
	case a.status >= 500:
		return says + ": " + a.body
	case r.Rule.String() == "public":
		if r.Pattern != "/sign-in" && r.Pattern != "/sign-out" && (a.signIn || refused) {
			return says + " on a public route"
		}
	case role == "":
		if !a.signIn {
			return says + " instead of asking to sign in"
		}
	case a.signIn:
		return says + " though signed in"
	case r.Rule.String() == "roles":
		if named := slices.Contains(r.Rule.Roles, role); named == refused {
			return says + fmt.Sprintf(", and the rule names %v", r.Rule.Roles)
		}
	case r.Rule.String() == "signed-in":
		// Whatever the handler says to an empty form: it decides by itself.
	case r.Rule.String() == "object":
		if a.status < 400 {
			return says + " for a thing that is not there"
		}
	}
	return ""
}
