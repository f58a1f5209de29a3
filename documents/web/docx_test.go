package web_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"spolupis/collab/crdt"
	"spolupis/documents"
	"spolupis/documents/office"
	"spolupis/security/journal"
)

func docx(t testing.TB) []byte {
	t.Helper()
	file, err := os.ReadFile("../office/testdata/libreoffice.docx")
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestADocxIsImportedByFormAndTheReportSaysWhatWasLeftOut(t *testing.T) {
	s := serve(t)
	report := s.upload("Z Wordu", "material.docx", docx(t)).want(200, "Materiál je založen pod č. j. KULK 1/2026.", "Zpráva o převzetí z DOCX",
		"Sledované změny v textu3", "podle souboruJan Novák, Eva Malá", "Připomínky1", "Přejít na návrhy změn", "Poznámky pod čarou", "Zákon č. 129/2000 Sb.", "Číslování jiné než 1., 2., 3.", "a)")
	id := regexp.MustCompile(`^/documents/([^/]+)/import/`).FindStringSubmatch(report.url)[1]
	doc := "/documents/" + id
	s.get("drafter", doc+"/text").want(200, "opravy mostu v Turnově ve výši 1 250 000 Kč1 350 000 Kč", "V textu jsou 3 návrhy změn.")
	s.get("drafter", doc+"/comments").want(200, "Olga Právní, 6. 11. 2026 11:00 (DOCX)", "Který zákon?")
	changes := s.get("drafter", doc+"/changes").want(200, "Jan Novák (podle souboru)", "Eva Malá (podle souboru)", "4. 11. 2026 08:00", "Vypustit: 1 250 000 Kč", "Vložit: 1 350 000 Kč",
		"Podle záznamu změn vložený text do materiálu přinesl(a): "+everybody["drafter"].Name)
	if strings.Contains(changes.body, "notice--warn") {
		t.Error("the page calls changes of a file forged")
	}
	if api := s.get("drafter", "/api/v1"+doc+"/changes").want(200); !strings.Contains(api.body, `"by":{"id":"file:Jan Novák","name":"Jan Novák"},"file":true`) {
		t.Errorf("the API does not say that an author comes from a file: %s", api.body)
	}
	s.follow()
	history := s.get("drafter", doc+"/history").want(200, "Text převzat z DOCX", "Zpráva o převzetí")
	if !strings.Contains(history.body, report.url) {
		t.Error("the history does not lead to the report")
	}
	s.get("jurist", report.url).want(404)
	s.get("drafter", doc+"/import/"+strings.Repeat("0", 64)).want(404)
	other, _ := s.create("Jiný", sample)
	s.get("drafter", strings.Replace(report.url, id, other, 1)).want(404)
}

func TestARefusedDocxIsShownBesideTheFileInBothLanguages(t *testing.T) {
	s := serve(t)
	a := s.upload("Nový", "starý.doc", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 cokoli")).want(422, "starém formátu .doc")
	if !strings.Contains(a.body, `id="e-file"`) || !strings.Contains(a.body, `aria-describedby="h-import e-file"`) || !strings.Contains(a.body, `value="Nový"`) {
		t.Error("the error is not beside the field, or the title was lost")
	}
	file := docx(t)
	s.upload("Nový", "x.docx", file[:len(file)/2]).want(422, "Soubor je poškozený nebo neúplný.")
	s.get("drafter", "/documents").want(200, "Zatím tu není žádný materiál.")
}

func TestTextsVersionsAndComparisonsAreDocxFilesAndTheReadingIsRecorded(t *testing.T) {
	s := serve(t)
	id, _ := s.create("Materiál", "# Název\n\nRada schvaluje záměr.\n")
	doc := "/documents/" + id
	read := func(path, name string) office.Document {
		t.Helper()
		a := s.get("drafter", path).want(200)
		if got := a.header.Get("Content-Disposition"); got != `attachment; filename="`+name+`"` {
			t.Errorf("%s is called %s", path, got)
		}
		d, err := office.Read([]byte(a.body))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return d
	}
	if d := read(doc+"/document.docx", "KULK_1_2026-koncept1.docx"); d.Body.Text() != "Název\nRada schvaluje záměr." {
		t.Errorf("live text %q", d.Body.Text())
	}
	s.post("drafter", doc+"/freeze", nil).want(200)
	read(doc+"/versions/1/document.docx", "KULK_1_2026-v1.docx")
	s.post("drafter", doc+"/draft", nil).want(200)
	_, err := s.hub.Edit(t.Context(), everybody["drafter"], documents.MaterialID(id), func(d *crdt.Doc) error {
		d.Text("body").Insert(d.Text("body").Len()-6, "nový ", nil)
		return nil
	})
	s.ok(err)
	page := s.get("drafter", doc+"/compare?from=1&to=0").want(200, "Změny jako DOCX (změnový režim)")
	if !strings.Contains(page.body, doc+`/compare.docx?from=1&amp;to=0`) {
		t.Error("the comparison does not lead to its file")
	}
	d := read(doc+"/compare.docx?from=1&to=0", "KULK_1_2026-zmeny-v1-koncept.docx")
	if !d.Body.HasTrackedChanges() || d.Body.Decided(true).Text() != "Název\nRada schvaluje nový záměr." || d.Body.Decided(false).Text() != "Název\nRada schvaluje záměr." {
		t.Errorf("comparison %+v", d.Body)
	}
	s.get("drafter", doc+"/compare.docx?from=7&to=0").want(404)
	for _, path := range []string{"/document.docx", "/versions/1/document.docx", "/compare.docx?from=1&to=0"} {
		s.get("jurist", doc+path).want(404)
	}
	s.follow()
	entries, _, err := s.service.History(t.Context(), everybody["drafter"], documents.MaterialID(id), 0)
	s.ok(err)
	// What follows within minutes of one login is the same reading.
	if !slices.ContainsFunc(entries, func(e journal.Entry) bool { return strings.Contains(string(e.Body), `"page":"document.docx"`) }) {
		t.Errorf("no reading of the file is recorded: %+v", entries)
	}
}
