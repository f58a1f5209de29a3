package web_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
)

func TestAPublicTextIsMarkedPreviewedAndApprovedByAnother(t *testing.T) {
	s := serve(t)
	id, _ := s.create("Oprava mostu v Turnově", sample)
	doc := "/documents/" + id
	s.post("drafter", doc+"/freeze", nil).want(200)
	page := doc + "/versions/1/derivatives"
	s.get("jurist", page).want(404)
	s.get("drafter", page).want(200, "Z této verze zatím není nic odvozeno.", "Pasáže k začernění", "4 250 000 Kč")
	form := url.Values{"audience": {"public"}, "quote": {"4 250 000", "nikde tu"}, "place": {"", ""}, "reason": {"secret", "personal"}, "block_reason": {"law"}, "do": {"preview"}}
	preview := s.post("drafter", page, form).want(200, "Náhled", "■■■■■ (obchodní tajemství) Kč", "V textu není: nikde tu")
	if !strings.Contains(preview.body, `value="4 250 000"`) {
		t.Error("the preview forgets the marks")
	}
	form.Set("do", "propose")
	s.post("drafter", page, form).want(422, "Pasáž „nikde tu“ v textu není.")
	form["quote"], form["place"], form["reason"] = []string{"4 250 000"}, []string{"x"}, []string{"secret"}
	s.post("drafter", page, form).want(422, "Zkontrolujte číslo odstavce.")
	form["place"] = []string{""}
	a := s.post("drafter", page, form).want(200, "Znění čeká na schválení druhou osobou.", "Schválit musí někdo jiný.", "Začerněno pasáží: 1")
	d := regexp.MustCompile(`d-[a-z2-7]{16}`).FindString(a.body)
	s.post("drafter", page+"/"+d, url.Values{"do": {"approve"}}).want(409, "Znění musí schválit někdo jiný")
	s.get("signer", "/derivatives/"+d+"/document.pdf").want(404)
	s.post("drafter", doc+"/participants", url.Values{"subject": {"user:p-karel"}, "relation": {"approver"}}).want(200)
	s.post("head", page+"/"+d, url.Values{"do": {"refuse"}}).want(422, "Napište, proč verzi vracíte.")
	s.post("head", page+"/"+d, url.Values{"do": {"approve"}}).want(200, "Znění je schváleno.", "schváleno", "Karel Vedoucí")
	if pdf := s.get("signer", "/derivatives/"+d+"/document.pdf").want(200); !strings.HasPrefix(pdf.body, "%PDF-") {
		t.Error("the public text is no PDF")
	}
	s.follow()
	s.get("drafter", doc+"/history").want(200, "Odvozené znění schváleno")
}
