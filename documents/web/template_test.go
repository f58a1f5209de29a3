package web_test

import (
	"net/url"
	"strings"
	"testing"
)

func TestAMaterialFromATemplateSaysWhatItLacks(t *testing.T) {
	s := serve(t)
	s.ok(s.service.EnsureTemplates(t.Context()))
	s.get("drafter", "/documents/new").want(200, "Materiál pro radu kraje", "Materiál pro zastupitelstvo kraje", "bez šablony")
	a := s.post("drafter", "/documents", url.Values{"title": {"Most"}, "agenda": {"rada"}, "template": {"rada"}}).
		want(200, "Než materiál předložíte, doplňte:", "Návrh usnesení: část je prázdná")
	doc := strings.SplitN(a.url, "?", 2)[0]
	text := s.get("drafter", doc+"/text").want(200, "Popis problému", "Co je potřeba vyřešit a proč právě teď.", "Eva Nová, Útvar doprava")
	for _, part := range strings.Split(a.body, `href="`+doc+`/text#`)[1:] {
		id := part[:strings.Index(part, `"`)]
		if !strings.Contains(text.body, `id="`+id+`"`) {
			t.Errorf("the link to %s leads nowhere", id)
		}
	}
	s.post("drafter", doc+"/freeze", nil).want(200, "Znění je zmrazeno.")
	version := hidden(s.get("drafter", doc+"/route"), "version")
	s.post("drafter", doc+"/route", url.Values{"version": {version}, "approvers1": {"p-karel"}, "approvers1_rule": {"all"}}).
		want(409, "Nelze předložit: nejsou vyplněné části Předkládá, Popis problému, Návrh řešení, Stanoviska, Návrh usnesení, Odpovědnost, Termín.")
	// A text that was brought along is checked only when asked.
	a = s.post("drafter", "/documents", url.Values{"title": {"Vlastní"}, "agenda": {"rada"}, "template": {"rada"}, "markdown": {"# Vlastní\n\nText."}}).want(200)
	if strings.Contains(a.text(), "Než materiál předložíte") {
		t.Error("a text of its own is checked against a template nobody asked for")
	}
	s.post("drafter", "/documents", url.Values{"title": {"Vlastní"}, "agenda": {"rada"}, "template": {"rada"}, "check": {"yes"}, "markdown": {"# Vlastní\n\nText."}}).
		want(200, "Termín: část v textu chybí")
	s.post("drafter", "/documents", url.Values{"title": {"X"}, "agenda": {"rada"}, "template": {"nic"}}).want(422, "Taková šablona není")
}

func TestTemplatesAreManagedByForms(t *testing.T) {
	s := serve(t)
	s.ok(s.service.EnsureTemplates(t.Context()))
	s.get("drafter", "/templates").want(200, "Materiál pro radu kraje", "rada", "povinná")
	s.get("drafter", "/templates/rada").want(403)
	s.get("admin", "/templates/nic").want(404)
	page := s.get("admin", "/templates/new").want(200, "Nová šablona")
	v := url.Values{"version": {hidden(page, "version")}, "id": {"kratky"}, "name": {"Krátký materiál"}, "body": {"council"}, "used_title": {"yes"}, "required_title": {"yes"}, "order_title": {"1"},
		"used_problem": {"yes"}, "heading_problem": {""}, "order_problem": {"3"}, "used_resolution": {"yes"}, "heading_resolution": {"Usnesení"}, "order_resolution": {"2"}}
	s.post("admin", "/templates/new", v).want(422, "Každá část potřebuje nadpis")
	v.Set("heading_problem", "O co jde")
	s.post("admin", "/templates/new", v).want(200, "Šablona Krátký materiál je uložena.", "UsneseníO co jde")
	s.post("admin", "/templates/new", v).want(409, "Šablona s tímto kódem už je.")
	page = s.get("admin", "/templates/kratky").want(200, "Krátký materiál")
	v.Set("version", hidden(page, "version"))
	v.Set("closed", "yes")
	s.post("admin", "/templates/kratky", v).want(200, "nenabízí se", "Verze 2")
	if strings.Contains(s.get("drafter", "/documents/new").text(), "Krátký materiál") {
		t.Error("a closed template is offered")
	}
}
