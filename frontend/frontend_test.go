package frontend

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

func TestBothLanguagesHaveTheSameEntries(t *testing.T) {
	p, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	cs, en := p.Texts("cs"), p.Texts("en")
	if len(cs) < 20 {
		t.Fatalf("the Czech dictionary has only %d entries", len(cs))
	}
	for k, v := range cs {
		other, ok := en[k]
		if !ok {
			t.Errorf("%q is missing in English", k)
			continue
		}
		if a, b := placeholders(v), placeholders(other); a != b {
			t.Errorf("%q takes %s in Czech and %s in English", k, a, b)
		}
	}
	for k := range en {
		if _, ok := cs[k]; !ok {
			t.Errorf("%q is missing in Czech", k)
		}
	}
}

var placeholder = regexp.MustCompile(`\{\d\}`)

func placeholders(s string) string {
	seen := map[string]bool{}
	var out []string
	for d := '0'; d <= '9'; d++ {
		for _, m := range placeholder.FindAllString(s, -1) {
			if m == "{"+string(d)+"}" && !seen[m] {
				seen[m] = true
				out = append(out, m)
			}
		}
	}
	return strings.Join(out, " ")
}

func TestEveryKeyATemplateNamesIsInTheDictionary(t *testing.T) {
	p, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`\b(t|plural) "([a-z0-9_.]+)"`)
	n := 0
	for _, name := range append(p.Names(), "layout") {
		body, err := files.ReadFile("templates/" + name + ".html")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range call.FindAllStringSubmatch(string(body), -1) {
			n++
			keys := []string{m[2]}
			if m[1] == "plural" {
				keys = []string{m[2] + ".one", m[2] + ".few", m[2] + ".many"}
			}
			for _, k := range keys {
				if strings.HasSuffix(k, ".") {
					continue // completed by printf in the template
				}
				if _, ok := p.Texts("cs")[k]; !ok {
					t.Errorf("%s.html: no entry %q", name, k)
				}
			}
		}
	}
	if n == 0 {
		t.Fatal("found no dictionary call in any template")
	}
}

func TestTemplatesHaveNoInlineScriptOrStyle(t *testing.T) {
	p, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	inline := regexp.MustCompile(`(?i)\sstyle="|<style|<script[^>]*>[^<]|\son[a-z]+="`)
	for _, name := range append(p.Names(), "layout") {
		body, err := files.ReadFile("templates/" + name + ".html")
		if err != nil {
			t.Fatal(err)
		}
		if m := inline.Find(body); m != nil {
			t.Errorf("%s.html: %q would be refused by our own content security policy", name, m)
		}
	}
}

func TestPluralFollowsCzechRules(t *testing.T) {
	p := &Pages{texts: map[string]map[string]string{"cs": {"d.one": "{0} den", "d.few": "{0} dny", "d.many": "{0} dnů"}}}
	for n, want := range map[int]string{0: "0 dnů", 1: "1 den", 2: "2 dny", 4: "4 dny", 5: "5 dnů", 22: "22 dnů"} {
		if got := p.plural("cs", "d", n); got != want {
			t.Errorf("plural(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestRenderNamesAnUnknownPage(t *testing.T) {
	p, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Render(&bytes.Buffer{}, "cs", "no/such", nil); err == nil || !strings.Contains(err.Error(), "no/such") {
		t.Errorf("got %v, want an error that names the page", err)
	}
}
