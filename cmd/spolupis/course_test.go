package main

import (
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"spolupis/security/access"
)

// clerk is somebody of the demo office at a browser without JavaScript.
type clerk struct {
	t      *testing.T
	a      *App
	cookie *http.Cookie
}

func (c clerk) do(method, path string, form url.Values) (int, string) {
	c.t.Helper()
	for range 4 {
		r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.AddCookie(c.cookie)
		w := httptest.NewRecorder()
		c.a.Handler.ServeHTTP(w, r)
		if w.Code != http.StatusSeeOther {
			return w.Code, html.UnescapeString(w.Body.String())
		}
		to, _, _ := strings.Cut(w.Header().Get("Location"), "#")
		method, path, form = http.MethodGet, to, nil
	}
	c.t.Fatalf("%s leads in a circle", path)
	return 0, ""
}

func (c clerk) get(path string, want ...string) string {
	c.t.Helper()
	status, page := c.do(http.MethodGet, path, nil)
	c.sees(path, status, http.StatusOK, page, want)
	return page
}

func (c clerk) post(path string, form url.Values, want ...string) string {
	c.t.Helper()
	status, page := c.do(http.MethodPost, path, form)
	c.sees(path, status, http.StatusOK, page, want)
	return page
}

func (c clerk) refused(path string, form url.Values, status int, want ...string) {
	c.t.Helper()
	got, page := c.do(http.MethodPost, path, form)
	c.sees(path, got, status, page, want)
}

func (c clerk) sees(path string, got, status int, page string, want []string) {
	c.t.Helper()
	if got != status {
		c.t.Fatalf("%s: %d, want %d\n%s", path, got, status, page)
	}
	for _, w := range want {
		if !strings.Contains(page, w) {
			c.t.Fatalf("%s: the page lacks %q\n%s", path, w, page)
		}
	}
}

// find is the first group of an expression in a page.
func find(t *testing.T, page, expression string) string {
	t.Helper()
	m := regexp.MustCompile(expression).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("nothing like %s in\n%s", expression, page)
	}
	return m[1]
}

const gift = `# Dar obci Turnov

Obec žádá o dar na opravu hřiště ve výši 100 000 Kč.

## Návrh usnesení

Rada kraje po projednání

- **schvaluje** dar obci Turnov ve výši 100 000 Kč,
- **ukládá** vedoucí odboru ekonomického vyplatit dar, termín: 15. 1. 2027.
`

// TestAMaterialFromDraftToTheReport plays the whole life of a council material
// through the pages: draft, round, settlement, approval by two of three with a
// deputy, programme, adoption with a change, resolution, tasks, report.
func TestAMaterialFromDraftToTheReport(t *testing.T) {
	a := furnished(t)
	at := func(login string) clerk { return clerk{t, a, cookie(t, a, login)} }
	id := func(login string) string { return string(actor(t, a, login).ID) }
	alena, fiala, maly, lenka, benes, marie, pavel, eva := at("dvorakova"), at("fiala"), at("maly"), at("horakova"), at("benes"), at("vesela"), at("kolar"), at("kralova")
	day := func(days int) string { return string(access.DayOf(time.Now().AddDate(0, 0, days))) }

	// Draft and round.
	page := alena.post("/documents", url.Values{"title": {"Dar obci Turnov"}, "agenda": {"rada"}, "markdown": {gift}}, "Průběh", "Návrh (rozpracováno)", "Zahájit připomínkové řízení")
	doc := "/documents/" + find(t, page, `/documents/(m-[a-z0-9]+)/edit`)
	alena.post(doc+"/round", url.Values{"unit": {"op"}, "due": {day(5)}}, "V připomínkovém řízení", "Ukončit připomínkové řízení předčasně")
	fiala.post(doc+"/comments", url.Values{"command": {"comment.add"}, "key": {"k1"}, "kind": {"major"}, "quote": {"opravu hřiště"}, "text": {"Upřesněte účel."},
		"reasoning": {"Účel musí být určitý."}, "proposed": {"opravu dětského hřiště"}}, "Upřesněte účel.")
	alena.post(doc+"/round", url.Values{"close": {"1"}}, "Vypořádání připomínek", "Zbývají nevypořádané připomínky: 1.")
	alena.refused(doc+"/freeze", nil, http.StatusConflict, "nevypořádané zásadní připomínky: 1")
	comment := find(t, alena.get(doc+"/comments"), `name="comment" value="(c-[^"]+)"`)
	alena.post(doc+"/comments", url.Values{"command": {"comment.accept"}, "key": {"k2"}, "comment": {comment}}, "akceptováno")

	// Approval by two of three, one of them by a deputy.
	alena.post(doc+"/freeze", nil, "Verze 1")
	version := find(t, alena.get(doc+"/route"), `name="version" value="([0-9a-f]{64})"`)
	alena.post(doc+"/route", url.Values{"version": {version}, "approvers1": {id("maly"), id("horakova"), id("pokorna")}, "approvers1_rule": {"n"}, "approvers1_n": {"2"}}, "na řadě", "2")
	maly.post(doc+"/route/decision", url.Values{"version": {version}, "decision": {"approve"}}, "schváleno")
	benes.refused(doc+"/route/decision", url.Values{"version": {version}, "decision": {"approve"}, "behalf": {id("horakova")}}, http.StatusNotFound)
	lenka.post("/deputies", url.Values{"deputy": {id("benes")}, "first": {day(0)}, "last": {day(3)}}, "Tomáš Beneš", "platí")
	benes.get("/", "v zastoupení: Lenka Horáková", "Dar obci Turnov")
	benes.get(doc+"/route", "v zastoupení: Lenka Horáková")
	benes.post(doc+"/route/decision", url.Values{"version": {version}, "decision": {"approve"}, "behalf": {id("horakova")}}, "rozhodl(a) Tomáš Beneš v zastoupení:")
	alena.get(doc, "Předloženo organizačnímu oddělení", "„Zařadit na program“ může udělat jen: organizační oddělení")
	if err := a.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	alena.get(doc+"/history", "Tomáš Beneš", "Lenka Horáková")

	// Programme and decision.
	meeting := marie.post("/meetings", url.Values{"kind": {"council"}, "on": {day(0)}, "chair": {id("kolar")}, "recorder": {id("vesela")}, "members": {"A\nB\nC\nD\nE\nF\nG\nH\nI"}}, "Schůze rady", "Na programu zatím nic není.")
	g := find(t, meeting, `action="/meetings/(g-[a-z0-9]+)/publish"`)
	alena.refused(doc+"/programme", url.Values{"act": {"schedule"}, "meeting": {g}}, http.StatusForbidden, "organizační oddělení")
	page = marie.post(doc+"/programme", url.Values{"act": {"schedule"}, "meeting": {g}}, "RK-", "Zahájit projednání")
	item := find(t, page, `name="item" value="(b-[a-z0-9]+)"`)
	marie.get("/meetings/"+g, "Dar obci Turnov")
	marie.refused(doc+"/programme", url.Values{"act": {"begin"}, "item": {item}, "present": {"4"}}, http.StatusConflict, "nadpoloviční většina všech členů (4 z 9)")
	page = marie.post(doc+"/programme", url.Values{"act": {"begin"}, "item": {item}, "present": {"8"}}, "Výroky usnesení", "dar obci Turnov ve výši 100 000 Kč,", `value="2027-01-15"`)
	decision := url.Values{"act": {"decide"}, "item": {item}, "outcome": {"adopted"}, "present": {"8"}, "for": {"7"}, "against": {"0"}, "abstained": {"1"},
		"verb1": {"schvaluje"}, "text1": {"dar obci Turnov ve výši 90 000 Kč,"}, "verb2": {"ukládá"}, "text2": {find(t, page, `(?s)<textarea id="text2"[^>]*>(.*?)</textarea>`)}, "due2": {"2027-01-15"}, "unit2": {""}, "verb3": {""}, "text3": {""}}
	marie.refused(doc+"/programme", decision, http.StatusUnprocessableEntity, "Výrok 2 ukládá úkol: vyberte, který útvar nebo kdo ho splní.", "90 000 Kč")
	decision.Set("person2", id("kralova"))
	decision.Set("unit2", "oe")
	marie.refused(doc+"/programme", decision, http.StatusConflict, "Zvolte „přijato se změnou“")
	decision.Set("outcome", "adopted_changed")
	marie.refused(doc+"/programme", decision, http.StatusConflict, "Zapište, co se na schůzi změnilo")
	decision.Set("amendment", "Částka se snižuje na 90 000 Kč.")
	page = marie.post(doc+"/programme", decision, "přijato se změnou", "pro 7, proti 0, zdrželo se 1; přítomno 8 z 9", "Částka se snižuje", "Předat k podpisu")
	number := find(t, page, `Usnesení č. (\d+/\d+/\d{4}/RK)`)
	marie.get(doc+"/resolutions/"+item, "Usnesení č. "+number, "90 000 Kč", "Eva Králová, odbor ekonomický. Termín: 15. 1. 2027")

	// Signature, tasks, report.
	marie.post(doc+"/programme", url.Values{"act": {"to_sign"}, "item": {item}})
	sha := find(t, pavel.get(doc+"/programme", "Podepsat usnesení"), `name="sha256" value="([0-9a-f]{64})"`)
	pavel.refused(doc+"/programme", url.Values{"act": {"sign"}, "item": {item}, "sha256": {sha}}, http.StatusConflict, "neobsahuje osobní údaje")
	pavel.post(doc+"/programme", url.Values{"act": {"sign"}, "item": {item}, "sha256": {sha}, "anonymised": {"1"}}, "Podepsal(a) Pavel Kolář")
	eva.get("/", "Splnit úkol")
	task := find(t, eva.get(doc+"/programme", "Úkoly z usnesení", "v plnění"), `name="task" value="(k-[a-z0-9]+)"`)
	marie.refused(doc+"/tasks", url.Values{"act": {"confirm"}}, http.StatusConflict, "Zbývají nesplněné úkoly: 1.")
	eva.post(doc+"/tasks", url.Values{"act": {"complete"}, "task": {task}, "proof": {"příkaz k úhradě č. 77"}}, "splněno", "příkaz k úhradě č. 77")
	marie.post(doc+"/tasks", url.Values{"act": {"confirm"}}, "splněno")
	marie.post(doc+"/course", url.Values{"event": {"uzavrit"}, "records": {"KULK 5/2027"}}, "Uzavřeno a předáno do spisové služby")
	half := url.Values{"kind": {"council"}, "year": {"2027"}, "half": {"1"}, "agenda": {"rada"}}
	page = marie.post("/tasks/report", half, "Zpráva o plnění usnesení rady kraje za 1. pololetí 2027", "Návrh (rozpracováno)")
	report := "/documents/" + find(t, page, `/documents/(m-[a-z0-9]+)/edit`)
	marie.get(report+"/text", "<table", number, "příkaz k úhradě č. 77", "bere na vědomí")
}
