package web_test

import (
	"net/url"
	"strings"
	"testing"

	"spolupis/collab/crdt"
	"spolupis/documents"
)

func TestAPrintoutIsJournalledAndVerifiable(t *testing.T) {
	s := serve(t)
	id, _ := s.create("Oprava mostu v Turnově", sample)
	doc := "/documents/" + id
	s.post("jurist", doc+"/print", nil).want(404)
	a := s.post("drafter", doc+"/print", nil).want(200, "Pracovní výtisk", "Oprava mostu v Turnově", "4 250 000 Kč", "Otisk znění:", "https://office.example/overeni/w-")
	if !strings.Contains(a.body, `<svg class="qr"`) || !strings.Contains(a.body, "printout--working") {
		t.Error("the printout has no QR code or does not say that it is a working one")
	}
	check := "/overeni/" + strings.TrimPrefix(a.url, "/prints/")
	for _, who := range []string{"", "jurist"} {
		seen := s.get(who, check).want(200, "Výtisk odpovídá nynějšímu znění.", "Obsah dokumentu se zde neukazuje.")
		if strings.Contains(seen.body, "Turnov") || strings.Contains(seen.body, id) || strings.Contains(seen.body, "Eva") {
			t.Errorf("the verification tells %q about the material:\n%s", who, seen.text())
		}
	}
	if a := s.get("", a.url); !strings.HasPrefix(a.url, "/sign-in?next=") { // who is not signed in sees nothing of it
		t.Errorf("the printout shows %s", a.text())
	}
	s.get("jurist", a.url).want(404)
	_, err := s.hub.Edit(t.Context(), everybody["drafter"], documents.MaterialID(id), func(d *crdt.Doc) error {
		d.Text("body").Insert(d.Text("body").Len(), " a dodatek", nil)
		return nil
	})
	s.ok(err)
	s.get("", check).want(200, "Text se od vytištění změnil.")
	s.get("drafter", check).want(200, "Co se od vytištění změnilo", "a dodatek", "KULK 1/2026")
	s.post("drafter", doc+"/freeze", nil).want(200)
	s.get("", check).want(200, "Výtisk je nahrazen verzí 1. Nepoužívejte ho.")
	s.post("drafter", doc+"/print", url.Values{"version": {"1"}}).want(200, "Výtisk verze 1", "a dodatek")
	s.post("drafter", doc+"/print", url.Values{"version": {"7"}}).want(404)
	s.get("drafter", doc+"/prints").want(200, "Pracovní výtisk", "Výtisk verze 1", "Eva Nová")
	s.get("", "/overeni/w-nic").want(404, "Výtisk s tímto kódem neznáme.")
	s.follow()
	s.get("drafter", doc+"/history").want(200, "Připraven výtisk")
}
