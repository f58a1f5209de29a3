package web_test

import (
	"net/url"
	"strings"
	"testing"

	"spolupis/security"
)

func TestAPersonNamesADeputyAndTheDeputySeesIt(t *testing.T) {
	p := start(t)
	karel, dana := p.account("karel", "Karel Vedoucí"), p.account("dana", "Dana Náhradní")
	p.account("jan", "Jan Jiný")
	k := p.browser()
	k.signIn("karel")
	status, body := k.get("/account")
	want(t, "own account", status, 200, body, `href="/deputies"`)
	form := url.Values{"deputy": {string(dana)}, "first": {"2026-11-23"}, "last": {"2026-11-20"}}
	status, body = k.post("/deputies", form)
	want(t, "days the wrong way round", status, 422, body, "Poslední den je před prvním", `value="2026-11-20"`)
	form.Set("last", "2026-11-30")
	status, body = k.post("/deputies", form)
	want(t, "named", status, 200, body, "Zástupce je určen.", "Dana Náhradní", "<strong>platí</strong>")

	d := p.browser()
	d.signIn("dana")
	status, body = d.get("/deputies")
	want(t, "the deputy's page", status, 200, body, "Karel Vedoucí")
	j := p.browser()
	j.signIn("jan")
	if _, body = j.get("/deputies"); strings.Contains(body, "Odvolat") {
		t.Error("a stranger sees the deputyship")
	}
	form.Set("person", string(karel))
	status, body = j.post("/deputies", form)
	want(t, "a stranger names a deputy for Karel", status, 403, body, "může určit jen zastupovaný sám nebo správce")

	id := body // find the address of the revoke form on Dana's page
	_, id = d.get("/deputies")
	_, id, _ = strings.Cut(id, `action="/deputies/`)
	id, _, _ = strings.Cut(id, `/revoke"`)
	if status, _ = j.post("/deputies/"+id+"/revoke", nil); status != 404 {
		t.Errorf("a stranger revokes: %d", status)
	}
	status, body = d.post("/deputies/"+id+"/revoke", nil)
	want(t, "revoked", status, 200, body, "Zastupování je odvoláno.", "odvoláno")
}

func TestAnAdministratorNamesHeadsAndDeputies(t *testing.T) {
	p := start(t)
	p.account("admin", "Správce", security.Administrator)
	karel, dana := p.account("karel", "Karel Vedoucí"), p.account("dana", "Dana Náhradní")
	a := p.browser()
	a.signIn("admin")
	a.post("/accounts/units", url.Values{"id": {"oi"}, "name": {"Odbor informatiky"}})
	status, body := a.post("/accounts/heads", url.Values{"unit": {"oi"}, "head": {string(karel)}, "confirm": {password}})
	want(t, "a head is named", status, 200, body, "Vedoucí útvaru je zapsán.", "vede Karel Vedoucí")
	status, body = a.post("/accounts/heads", url.Values{"unit": {"oi"}, "head": {"p-nobody"}, "confirm": {password}})
	want(t, "nobody as head", status, 422, body, "Vyberte člověka, který má platný účet.")
	status, body = a.post("/deputies", url.Values{"person": {string(karel)}, "deputy": {string(dana)}, "first": {"2026-12-01"}, "last": {"2026-12-05"}, "scope": {"unit:oi"}})
	want(t, "a deputy for somebody else", status, 200, body, "začne platit", "určil(a) Správce", "Odbor informatiky")
}
