package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "spolupis"

// floors lists the domains from the ground up. A package may import those
// before it and never those after it.
var floors = []string{"security", "collab", "documents", "signing", "citizen", "cmd"}

// rulesOnly names what a package that holds a domain's rules must not need.
var rulesOnly = []string{"database/sql", "net/http", "os", "github.com/jackc/pgx", "github.com/gorilla", "github.com/redis", "github.com/go-chi", "modernc.org"}

// met only in cmd: how a domain is stored and shown is no other domain's
// business.
var edges = []string{"store", "web", "ws"}

type listed struct {
	ImportPath string
	Doc        string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,Imports", module+"/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImportsGoDown(t *testing.T) {
	for _, p := range packages(t) {
		from, sub := split(p.ImportPath)
		for _, imp := range p.Imports {
			for _, complaint := range judge(from, sub, imp) {
				t.Errorf("%s imports %s: %s", p.ImportPath, imp, complaint)
			}
		}
	}
}

// judge returns what is wrong with package from/sub importing imp.
func judge(from, sub, imp string) (complaints []string) {
	to, tosub := split(imp)
	if to == "" {
		if sub == "" && floor(from) >= 0 && from != "cmd" && slices.ContainsFunc(rulesOnly, func(bad string) bool { return imp == bad || strings.HasPrefix(imp, bad+"/") }) {
			complaints = append(complaints, "rules do no input or output; put this into store, web or a port")
		}
		return complaints
	}
	if from == "frontend" {
		return append(complaints, "frontend imports nothing of ours")
	}
	if to == "frontend" && from != "cmd" {
		return append(complaints, "pages reach a domain through web.Renderer; only cmd knows frontend")
	}
	if floor(to) > floor(from) {
		complaints = append(complaints, "imports go down ("+strings.Join(floors, " < ")+")")
	}
	edge, _, _ := strings.Cut(tosub, "/")
	if to != from && to != "security" && from != "cmd" && slices.Contains(edges, edge) {
		complaints = append(complaints, "stores and handlers of another domain are met only in cmd")
	}
	return complaints
}

func TestTheRulesCatchWhatTheyShould(t *testing.T) {
	for _, c := range []struct{ from, sub, imp string }{
		{"collab", "", module + "/documents"},
		{"collab", "ws", module + "/documents/store"},
		{"documents", "", "database/sql"},
		{"signing", "", "net/http"},
		{"signing", "web", module + "/documents/store"},
		{"frontend", "", module + "/security"},
		{"documents", "web", module + "/frontend"},
	} {
		if len(judge(c.from, c.sub, c.imp)) == 0 {
			t.Errorf("%s/%s may import %s", c.from, c.sub, c.imp)
		}
	}
	for _, c := range []struct{ from, sub, imp string }{
		{"documents", "", module + "/collab"},
		{"documents", "store", "database/sql"},
		{"signing", "web", module + "/security/web"},
		{"cmd", "spolupis", module + "/citizen/store"},
	} {
		if bad := judge(c.from, c.sub, c.imp); len(bad) > 0 {
			t.Errorf("%s/%s may not import %s: %v", c.from, c.sub, c.imp, bad)
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.Doc) < 20 {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

func TestTopLevelFoldersAreTheHouse(t *testing.T) {
	want := []string{"cmd", "collab", "documents", "signing", "citizen", "security", "frontend"}
	out, err := exec.Command("git", "-C", "../../..", "ls-files").Output()
	if err != nil {
		t.Skipf("SKIPPED: not a git checkout: %v", err)
	}
	for _, f := range strings.Fields(string(out)) {
		top, _, nested := strings.Cut(f, "/")
		if nested && !strings.HasPrefix(f, ".") && !slices.Contains(want, top) {
			t.Errorf("%s: the top level holds only %v", f, want)
		}
	}
}

func split(path string) (top, sub string) {
	rest, ok := strings.CutPrefix(path, module+"/")
	if !ok {
		return "", ""
	}
	top, sub, _ = strings.Cut(rest, "/")
	return top, sub
}

func floor(top string) int { return slices.Index(floors, top) }
