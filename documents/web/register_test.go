package web_test

import (
	"bytes"
	"mime/multipart"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// hidden reads the value of a hidden field out of a page.
func hidden(a answer, name string) string {
	m := regexp.MustCompile(`type="hidden" name="` + name + `" value="([^"]*)"`).FindStringSubmatch(a.body)
	if m == nil {
		a.t.Fatalf("%s has no hidden field %s:\n%s", a.url, name, a.text())
	}
	return m[1]
}

// csv sends a file to the import page.
func (s *site) csv(as, name, content string) answer {
	s.t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	file, err := form.CreateFormFile("file", name)
	s.ok(err)
	file.Write([]byte(content))
	s.ok(form.Close())
	return s.do(as, "POST", "/register/import", &b, map[string]string{"Content-Type": form.FormDataContentType()})
}

func TestTheRegisterByPlainForms(t *testing.T) {
	s := serve(t)
	s.get("drafter", "/register").want(200, "V registru zatím není žádná agenda")
	entry := url.Values{"id": {"posta"}, "name": {"Interní pošta"}, "kind": {"internal"}, "unit": {"doprava"}, "state_receive": {"paper"}, "state_sign": {"electronic"}, "minutes_receive": {"2,5"}}
	s.post("drafter", "/register/new", entry).want(403, "Zápis agendy mění vedoucí a sekretariát jejího útvaru nebo správce")
	entry.Set("volume", "100")
	refused := s.post("admin", "/register/new", entry).want(422, "K počtu dokumentů uveďte, odkud je.")
	if !strings.Contains(refused.body, `aria-describedby="e-volume_source"`) || !strings.Contains(refused.body, `value="Interní pošta"`) {
		t.Error("the error does not stand beside its field, or what was typed is gone")
	}
	entry.Set("volume_source", "podatelna")
	s.post("admin", "/register/new", entry).want(200, "Agenda Interní pošta je zapsána.", "hybridní", "papír", "2,5", "podatelna")

	// Electronic only needs a mandate.
	edit := s.get("admin", "/register/posta/edit").want(200)
	entry.Set("version", hidden(edit, "version"))
	entry.Set("only", "yes")
	s.post("admin", "/register/posta/edit", entry).want(422, "Pouze elektronicky může agenda obíhat jen s úplným pověřením")
	for k, v := range map[string]string{"mandate": "usnesení 5/26/RK", "mandate_by": "rada kraje", "mandate_on": "2026-10-01", "mandate_from": "2026-11-01", "why": "rada rozhodla"} {
		entry.Set(k, v)
	}
	s.post("admin", "/register/posta/edit", entry).want(200, "Uloženo jako verze 2.", "usnesení 5/26/RK", "některá její fáze však elektronická není")
	s.post("admin", "/register/posta/edit", entry).want(409, "Mezitím zápis změnil někdo jiný (verze 2).")

	// A barrier: refused beside its field, kept, changed, removed.
	form := s.get("admin", "/register/posta/barriers/new").want(200, "Přidat překážku")
	barrier := url.Values{"version": {hidden(form, "version")}, "text": {"Chybí skener"}, "type": {"technical"}, "side": {"office"}, "unit": {"doprava"}, "status": {"open"}}
	refused = s.post("admin", "/register/posta/barriers/new", barrier).want(422, "Uveďte termín, do kdy se má překážka odstranit.", "Chybí skener")
	if !strings.Contains(refused.body, `aria-describedby="e-due"`) {
		t.Error("the error of the barrier does not stand beside its field")
	}
	barrier.Set("due", "2026-11-01")
	a := s.post("admin", "/register/posta/barriers/new", barrier).want(200, "Uloženo.", "Chybí skener", "po termínu")
	address := regexp.MustCompile(`/register/posta/barriers/k-[a-z2-7]+`).FindString(a.body)
	form = s.get("admin", address).want(200, "Chybí skener", "Odstranit")
	s.get("admin", "/register/posta/barriers/k-nic").want(404)
	s.get("admin", "/register/posta/nic/new").want(404)
	s.get("drafter", address).want(403)

	// Paper in it is a leak; everybody of the unit may write it down.
	s.post("drafter", "/register/posta/paper", url.Values{"day": {"2026-12-24"}, "count": {"1"}, "phase": {"receive"}}).want(422, "Uveďte den, který už nastal.")
	s.post("drafter", "/register/posta/paper", url.Values{"day": {"2026-11-20"}, "count": {"3"}, "phase": {"receive"}, "note": {"posel"}}).want(200, "Papírů od té doby: 3.", "únik na papír", "Eva Nová")
	s.post("jurist", "/register/posta/paper", url.Values{"day": {"2026-11-20"}, "count": {"3"}, "phase": {"receive"}}).want(403)

	// A saving counted from events; a loss is called one.
	form = s.get("admin", "/register/posta/savings/new").want(200)
	s.post("admin", "/register/posta/savings/new", url.Values{"version": {hidden(form, "version")}, "what": {"Nový postup"}, "minutes": {"-6"}, "yearly": {"100"}, "method": {"stopky"}}).
		want(200, "ztráta", "−10 h", "Způsob: stopky")
	s.get("jurist", "/register").want(200, "1 agenda: papírových 0, hybridních 1", "Chybí skener", "ztráta −10 h", "usnesení 5/26/RK", "únik na papír")

	history := s.get("jurist", "/register/posta/history").want(200, "Verze 2", "rada rozhodla", "Obíhá pouze elektronicky", "bylo: ne", "nyní: ano")
	if strings.Contains(history.text(), "technical") {
		t.Error("the history shows identifiers")
	}
	barrier.Set("version", hidden(s.get("admin", address), "version"))
	barrier.Set("do", "remove")
	s.post("admin", address, barrier).want(200, "Odstraněno.", "Žádná překážka není zapsána.")
}

func TestTheImportShowsFirstAndThenDoesThat(t *testing.T) {
	s := serve(t)
	s.csv("admin", "a.csv", "kód;název;útvar\na;A;Odbor dopravy\nb;B;Odbor kouzel\n").want(422, "V souborech je chyba", "a.csv", "3", "útvar", "Útvar „Odbor kouzel“ v úřadu není.")
	shown := s.csv("admin", "a.csv", "kód;název;útvar;fáze příjem\na;Agenda A;Odbor dopravy;papír\n").want(200, "Nové agendy: 1. Změněné: 0. Beze změny: 0.", "Agenda A", "papírová")
	s.get("admin", "/register").want(200, "V registru zatím není žádná agenda") // nothing yet
	confirm := url.Values{"digest": {hidden(shown, "digest")}, "name": {hidden(shown, "name")}, "content": {hidden(shown, "content")}}
	forged := url.Values{"digest": confirm["digest"], "name": confirm["name"], "content": {"a29kO25hemV2O3V0dmFyCmE7QjtvaQo="}}
	s.post("admin", "/register/import", forged).want(422)
	s.post("admin", "/register/import", confirm).want(200, "Načteno: nových agend 1, změněných 0.", "Agenda A")
	s.csv("admin", "a.csv", "kód;fáze příjem\na;elektronicky\n").want(200, "Změněné: 1", "bylo: papír", "nyní: elektronicky")
	file := s.get("jurist", "/register/export/agendy.csv").want(200)
	if !strings.HasPrefix(file.body, "\ufeffkód;název;") || !strings.Contains(file.body, "a;Agenda A;vnitřní;Odbor dopravy;") || file.header.Get("Content-Disposition") != `attachment; filename="registr-agendy.csv"` {
		t.Errorf("the export is %q", file.body)
	}
	s.get("jurist", "/register/export/nic.csv").want(404)
	s.post("admin", "/register/import", nil).want(422, "Vyberte alespoň jeden soubor CSV.")

	plan := s.get("admin", "/register/plan").want(200, "Ceny, se kterými se počítají úspory")
	s.get("drafter", "/register/plan").want(403)
	v := url.Values{"version": {hidden(plan, "version")}, "hour": {"500"}, "page": {"2,5"}, "start": {"2026-01-01"}, "source": {"účtárna"},
		"year": {"2", "1"}, "activity": {"2", "1"}, "what": {"Změny", ""}, "state": {"planned", "done"}, "note": {"", ""}}
	s.post("admin", "/register/plan", v).want(422, "Napište obsah kroku")
	v["what"] = []string{"Změny", "Analýza"}
	s.post("admin", "/register/plan", v).want(200, "Plán je uložen.", "Aktivita 1: Analýza hotovo", "1. rok právě běží", "Počítáno s 500 Kč za hodinu a 2,5 Kč za stranu. Zdroj: účtárna.")
}
