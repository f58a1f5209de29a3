package web_test

import (
	"bytes"
	"mime/multipart"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"spolupis/documents"
)

type part struct {
	name    string
	content string
}

// send uploads files as a plain form does.
func (s *site) send(as, path string, files ...part) answer {
	s.t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, f := range files {
		w, err := form.CreateFormFile("file", f.name)
		s.ok(err)
		_, err = w.Write([]byte(f.content))
		s.ok(err)
	}
	s.ok(form.Close())
	return s.do(as, "POST", path, &b, map[string]string{"Content-Type": form.FormDataContentType()})
}

func TestAttachmentsByPlainForms(t *testing.T) {
	s := serve(t)
	id, _ := s.create("Oprava mostu v Turnově", sample)
	doc := "/documents/" + id
	s.get("drafter", doc+"/attachments").want(200, "Materiál nemá žádnou přílohu", "Přidat přílohy", "pdf, docx, xlsx")
	s.get("jurist", doc+"/attachments").want(404)
	s.send("drafter", doc+"/attachments").want(422, "Vyberte alespoň jeden soubor.")
	s.send("drafter", doc+"/attachments", part{"", ""}).want(422, "Vyberte alespoň jeden soubor.")
	refused := s.send("drafter", doc+"/attachments", part{"dobrý.pdf", "%PDF-1.7"}, part{"../../útok.svg", "<svg onload='alert(1)'/>"}).
		want(422, "Soubor útok.svg nelze přiložit", "Materiál nemá žádnou přílohu")
	if !strings.Contains(refused.body, `aria-describedby="h-file e-file"`) || !strings.Contains(refused.body, `id="e-file"`) {
		t.Error("the error does not stand beside its field")
	}
	s.send("drafter", doc+"/attachments", part{"velký.pdf", "%PDF-1.7" + strings.Repeat("x", documents.MaxAttachment)}).want(413, "Soubor velký.pdf je větší než 20 MB.")
	s.send("drafter", doc+"/attachments", part{"obrovský.pdf", "%PDF-1.7" + strings.Repeat("x", documents.MaxAttachment+2<<20)}).want(413, "příliš velká")
	page := s.send("drafter", doc+"/attachments", part{"Žádost č. 1.pdf", "%PDF-1.7 text"}, part{"<b>.csv", "a;b"}).want(200, "Přílohy jsou přidány.", "Žádost č. 1.pdf", "_b_.csv", "13 B", "Eva Nová")
	link := regexp.MustCompile(`href="(/documents/[^"]+/attachments/a-[a-z2-7]+)" download>Žádost`).FindStringSubmatch(page.body)[1]
	for _, a := range []answer{s.get("drafter", link), s.get("drafter", link)} {
		a.want(200)
		if a.body != "%PDF-1.7 text" || a.header.Get("Content-Type") != "application/pdf" || a.header.Get("X-Content-Type-Options") != "nosniff" ||
			a.header.Get("Content-Security-Policy") != "default-src 'none'; sandbox" ||
			a.header.Get("Content-Disposition") != "attachment; filename*=utf-8''%C5%BD%C3%A1dost%20%C4%8D.%201.pdf" {
			t.Errorf("downloaded %q with %v", a.body, a.header)
		}
	}
	s.get("jurist", link).want(404)
	s.get("drafter", "/api/v1/documents/"+id+"/attachments").want(200, `"number":1,"name":"Žádost č. 1.pdf","media_type":"application/pdf","size":13`)

	s.post("drafter", doc+"/freeze", nil).want(200, "Znění je zmrazeno.")
	version := s.get("drafter", doc+"/versions/1").want(200, "Přílohy této verze", "Žádost č. 1.pdf", "SHA-256")
	if !strings.Contains(version.body, "attachments/1\"") {
		t.Error("the version has no link to its attachment")
	}
	if a := s.get("drafter", doc+"/versions/1/attachments/1").want(200); a.body != "%PDF-1.7 text" || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment;") {
		t.Errorf("the version hands out %q with %v", a.body, a.header)
	}
	s.get("jurist", doc+"/versions/1/attachments/1").want(404)
	s.get("drafter", doc+"/versions/1/attachments/3").want(404, "Taková příloha tu není")
	s.send("drafter", doc+"/attachments", part{"c.csv", "x"}).want(409, "zmrazen")
	s.get("drafter", doc+"/attachments").want(200, "Otevřete nový koncept")

	s.post("drafter", doc+"/draft", nil).want(200)
	s.post("drafter", link+"/remove", url.Values{}).want(200, "Příloha je odebrána.", "_b_.csv")
	s.get("drafter", link).want(404, "Taková příloha tu není")
	s.get("drafter", doc+"/compare?from=1&to=0").want(200, "Změny příloh", "1. Žádost č. 1.pdf", "odebrána")
	s.follow()
	s.get("drafter", doc+"/history").want(200, "Příloha č. 1 přidána", "Příloha č. 1 stažena", "Příloha č. 1 odebrána")
}

// What the public gets is a text of its own; attachments are no part of it.
func TestADerivativeForThePublicHasNoAttachments(t *testing.T) {
	s := serve(t)
	id, _ := s.create("Oprava mostu", sample)
	doc := "/documents/" + id
	s.send("drafter", doc+"/attachments", part{"Jan Novák.pdf", "%PDF-1.7 tajné"}).want(200)
	s.post("drafter", doc+"/freeze", nil).want(200)
	v, err := s.service.Numbered(t.Context(), everybody["drafter"], documents.MaterialID(id), 1)
	s.ok(err)
	d, err := s.service.Derive(t.Context(), everybody["drafter"], v.ID, documents.ForPublic, nil)
	s.ok(err)
	md, err := s.store.Blob(t.Context(), d.Markdown)
	s.ok(err)
	if strings.Contains(string(md), "Novák") || strings.Contains(string(md), v.Manifest.Annexes[0].SHA256) {
		t.Errorf("the text for the public names an attachment:\n%s", md)
	}
}

func TestAttachmentsOfACommentStandWhereItIsRead(t *testing.T) {
	s := serve(t)
	id, _ := s.create("Oprava mostu", sample)
	doc := "/documents/" + id
	s.post("drafter", doc+"/round", url.Values{"unit_pravni": {"required"}, "days": {"5"}}).want(200)
	page := s.get("jurist", doc+"/comments")
	s.post("jurist", doc+"/comments", url.Values{"command": {"comment.add"}, "key": {key(page)}, "kind": {"advisory"}, "text": {"Viz posudek."}}).want(200)
	one := doc + "/settlement/1"
	s.get("jurist", one).want(200, "Přidat přílohy", "5 příloh jedné připomínky")
	if a := s.get("drafter", one).want(200); strings.Contains(a.body, "Přidat přílohy") {
		t.Error("somebody else is offered to attach files")
	}
	s.send("drafter", one+"/attachments", part{"x.pdf", "%PDF-1.7"}).want(403)
	refused := s.send("jurist", one+"/attachments", part{"posudek.exe", "MZ\x00"}).want(422, "Soubor posudek.exe nelze přiložit: je to spustitelný program.")
	if !strings.Contains(refused.body, `id="e-file"`) || !strings.Contains(refused.body, "<details open>") {
		t.Error("the form that was refused is closed, or does not say why")
	}
	s.send("jurist", one+"/attachments", part{"posudek.pdf", "%PDF-1.7 posudek"}).want(200, "Přílohy jsou přidány.", "posudek.pdf")
	for _, where := range []string{"/comments", "/settlement/1"} {
		a := s.get("drafter", doc+where).want(200, "posudek.pdf")
		link := regexp.MustCompile(`href="(/documents/[^"]+/attachments/a-[a-z2-7]+)" download>posudek`).FindStringSubmatch(a.body)
		if link == nil {
			t.Fatalf("%s has no link to the file", where)
		}
		if b := s.get("drafter", link[1]).want(200); b.body != "%PDF-1.7 posudek" {
			t.Errorf("downloaded %q", b.body)
		}
	}
	s.get("drafter", "/api/v1/documents/"+id+"/comments").want(200, `"attachments":[{"id":"a-`, `"name":"posudek.pdf"`)
	s.post("lawhead", doc+"/round/statement", url.Values{"act": {"state"}, "unit": {"pravni"}, "statement": {"remarks"}}).want(200)
	s.get("drafter", doc+"/settlement").want(200, "Přílohy: posudek.pdf")
	if csv := s.get("drafter", doc+"/settlement.csv").want(200); !strings.Contains(csv.body, "Přílohy: posudek.pdf") {
		t.Errorf("the CSV does not name the attachment: %s", csv.body)
	}
	s.send("jurist", one+"/attachments", part{"dalsi.pdf", "%PDF-1.7"}).want(409)
	s.follow()
	s.get("drafter", doc+"/history").want(200, "Příloha připomínky přidána", "Příloha připomínky stažena")
}
