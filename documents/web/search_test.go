package web_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"spolupis/documents"
)

// indexed brings the index up to now.
func (s *site) indexed() {
	s.t.Helper()
	s.follow()
	_, err := s.service.Reindex(s.t.Context(), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	s.ok(err)
}

func TestASearchByPlainForm(t *testing.T) {
	s := serve(t)
	id, _ := s.create("Oprava mostu v Turnově", "Rada kraje schvaluje poskytnutí <dotací> & podporu spolků.\n")
	s.create("Jiný materiál", "Nic k věci.\n")
	s.indexed()
	a := s.get("drafter", "/search?q=dotace").want(200, "Oprava mostu v Turnově", "V textu:", "KULK 1/2026")
	if !strings.Contains(a.body, "<mark>dotací</mark>") || strings.Contains(a.body, "<dotací>") || strings.Contains(a.text(), "Jiný materiál") {
		t.Errorf("results %s", a.body)
	}
	if !strings.Contains(s.get("drafter", "/search?q=mosty").body, "<mark>mostu</mark>") {
		t.Error("the title is not marked")
	}
	s.get("drafter", "/search?q=kulk+001%2F2026").want(200, "hledané č. j.")
	s.get("drafter", "/search?q=dotace&state=signed").want(200, "Nic jsme nenašli")
	s.get("drafter", "/search?q=dotace&drafter=me&from=2026-11-23&to=2026-11-23").want(200, "Oprava mostu")
	s.get("drafter", "/search?q=dotace&to=2026-11-22").want(200, "Nic jsme nenašli")
	s.get("drafter", "/search?q=dotace&from=loni").want(422, "Den napište")
	s.get("drafter", "/search?q=dotace&after=x").want(422, "Odkaz na stránku")
	s.get("drafter", "/search?q=%3F%21").want(200, "Napište slovo")
	s.get("signer", "/search?q=dotace").want(200, "Nic jsme nenašli")
	s.get("drafter", "/api/v1/search?q=dotace").want(200, `"id":"`+id+`"`, `"kind":"text"`)
	s.get("drafter", "/").want(200, "Hledat ve všech materiálech")
	for _, path := range []string{"/search", "/search?q=dotace", "/search?q=nic", "/documents", "/documents?state=draft&sort=title&q=most", "/?what=read"} {
		for _, lang := range []string{"cs", "en"} {
			a := s.do("drafter", "GET", path, nil, map[string]string{"Cookie": "lang=" + lang}).want(200)
			if m := regexp.MustCompile(`(search|documents)\.[a-z_]+(\.[a-z_]+)+`).FindString(a.text()); m != "" {
				t.Errorf("%s in %s shows the key %q", path, lang, m)
			}
			checkForms(t, path, a.body)
		}
	}
}

func TestAFilterIsSavedSharedAndDeleted(t *testing.T) {
	s := serve(t)
	s.create("Oprava mostu", "Text.\n")
	s.create("Chodník", "Text.\n")
	s.create("Cyklostezka", "Text.\n")
	a := s.get("drafter", "/documents?sort=title").want(200, "3 materiály")
	order := regexp.MustCompile(`<a href="/documents/m-[a-z0-9]+">([^<]+)</a>`).FindAllStringSubmatch(a.body, -1)
	if len(order) != 3 || order[0][1] != "Cyklostezka" || order[1][1] != "Chodník" || order[2][1] != "Oprava mostu" {
		t.Errorf("by title: %q", order)
	}
	s.get("drafter", "/documents?sort=nonsense").want(422, "Odkaz na stránku")
	a = s.post("drafter", "/views", url.Values{"query": {"q=most&drafter=me&evil=1&after=5.x"}, "name": {" Moje  mosty "}}).want(200, "Pohled Moje mosty je uložen.", "Oprava mostu", "1 materiál")
	if !strings.HasSuffix(a.url, "/documents?drafter=me&q=most") {
		t.Errorf("saved as %s", a.url)
	}
	s.post("drafter", "/views", url.Values{"query": {"q=most"}, "name": {"  "}}).want(422, "Pojmenujte pohled")
	link := regexp.MustCompile(`/views/w-[a-z0-9]+`).FindString(a.body)
	shared := s.get("jurist", link).want(200, "Filtru neodpovídá žádný materiál, který smíte vidět.") // the link gives no rights
	if !strings.HasSuffix(shared.url, "/documents?drafter=me&q=most") {
		t.Errorf("the link leads to %s", shared.url)
	}
	s.post("jurist", link+"/delete", nil).want(404)
	s.post("drafter", link+"/delete", nil).want(200, "Pohled je smazán.")
	s.get("drafter", link).want(404)
	for range documents.MaxViews {
		s.post("drafter", "/views", url.Values{"name": {"x"}}).want(200)
	}
	s.post("drafter", "/views", url.Values{"name": {"x"}}).want(409, "Některý nejprve smažte")
}
