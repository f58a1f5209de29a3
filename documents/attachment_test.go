package documents_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/fault"
)

func pdfFile(words string) []byte { return []byte("%PDF-1.7\n" + words) }

func (o *office) attach(id documents.MaterialID, name, words string) documents.Attachment {
	o.t.Helper()
	added, err := o.Attach(o.ctx, drafter, id, []documents.Upload{{Name: name, Bytes: pdfFile(words)}})
	o.ok(err)
	return added[0]
}

func TestAttachmentsAreAddedReadAndRemovedWhileTheTextIsOpen(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		added, err := o.Attach(o.ctx, drafter, m.ID, []documents.Upload{
			{Name: `C:\Plochy\Rozpo` + "c\u030cet.pdf", Bytes: pdfFile("a")}, {Name: "data.csv", Bytes: []byte("a;b\n")}})
		o.ok(err)
		if len(added) != 2 || added[0].Name != "Rozpočet.pdf" || added[0].Number != 1 || added[1].Number != 2 || added[1].MediaType != "text/csv" || added[0].SHA256 != hash(pdfFile("a")) {
			t.Fatalf("added %+v", added)
		}
		// The same form twice adds nothing.
		again, err := o.Attach(o.ctx, drafter, m.ID, []documents.Upload{{Name: "data.csv", Bytes: []byte("a;b\n")}})
		o.ok(err)
		if again[0].ID != added[1].ID {
			t.Errorf("the same file is there twice: %+v", again)
		}
		seen, err := o.Attachments(o.ctx, reader, m.ID)
		o.ok(err)
		if !slices.Equal(seen, added) {
			t.Errorf("a reader sees %+v", seen)
		}
		a, b, err := o.AttachmentFile(o.ctx, reader, m.ID, added[0].ID)
		o.ok(err)
		if a.Name != "Rozpočet.pdf" || !bytes.Equal(b, pdfFile("a")) {
			t.Errorf("downloaded %+v %q", a, b)
		}
		if got := o.happened("attachment:" + string(m.ID) + "/" + a.SHA256); !slices.Equal(got, []string{"documents.attachment_read"}) {
			t.Errorf("the reading left %v", got)
		}

		// Rights: who does not see the material does not see that there is anything; who only reads cannot change it.
		_, err = o.Attachments(o.ctx, budget, m.ID)
		o.refused(err, fault.NotFound, "fault.not_found")
		_, _, err = o.AttachmentFile(o.ctx, budget, m.ID, added[0].ID)
		o.refused(err, fault.NotFound, "fault.not_found")
		_, err = o.Attach(o.ctx, reader, m.ID, []documents.Upload{{Name: "x.pdf", Bytes: pdfFile("x")}})
		o.refused(err, fault.Denied, "fault.denied")
		o.refused(o.Detach(o.ctx, jurist, m.ID, added[0].ID), fault.Denied, "fault.denied")
		other := o.material(sample)
		_, _, err = o.AttachmentFile(o.ctx, drafter, other.ID, added[0].ID)
		o.refused(err, fault.NotFound, "attachments.fault.gone")
		o.refused(o.Detach(o.ctx, drafter, other.ID, added[0].ID), fault.NotFound, "attachments.fault.gone")

		// One that is removed is hidden and not lost; the next one takes its number.
		o.ok(o.Detach(o.ctx, drafter, m.ID, added[0].ID))
		o.refused(o.Detach(o.ctx, drafter, m.ID, added[0].ID), fault.NotFound, "attachments.fault.gone")
		_, _, err = o.AttachmentFile(o.ctx, drafter, m.ID, added[0].ID)
		o.refused(err, fault.NotFound, "attachments.fault.gone")
		if o.count(`SELECT count(*) FROM documents_blob WHERE sha256 = $1`, added[0].SHA256) != 1 {
			t.Error("the bytes of a removed attachment are gone")
		}
		if x := o.attach(m.ID, "Rozpočet 2.pdf", "b"); x.Number != 1 {
			t.Errorf("what replaces number 1 has number %d", x.Number)
		}
		got := o.happened("document:" + string(m.ID))
		for kind, n := range map[string]int{"documents.attachment_added": 3, "documents.attachment_removed": 1} {
			count := 0
			for _, k := range got {
				if k == kind {
					count++
				}
			}
			if count != n {
				t.Errorf("%s stands %d times in the journal, want %d", kind, count, n)
			}
		}
		// Names of files are often names of people: they are sealed.
		if n := o.count(`SELECT count(*) FROM journal_entry WHERE body LIKE '%Rozpočet%'`); n != 0 {
			t.Error("the journal holds the name of a file in the open")
		}
	})
}

func TestFilesThatAreRefusedAreNamedAndLeaveNothing(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		good := documents.Upload{Name: "dobrý.pdf", Bytes: pdfFile("x")}
		for _, c := range []struct {
			file documents.Upload
			kind fault.Kind
			key  string
		}{
			{documents.Upload{Name: "a.exe", Bytes: []byte("MZ\x00")}, fault.Invalid, "attachments.fault.program"},
			{documents.Upload{Name: "a.svg", Bytes: []byte("<svg/>")}, fault.Invalid, "attachments.fault.page"},
			{documents.Upload{Name: "a.pdf", Bytes: []byte("<html>")}, fault.Invalid, "attachments.fault.page"},
			{documents.Upload{Name: "a.rar", Bytes: []byte("Rar!")}, fault.Invalid, "attachments.fault.extension"},
			{documents.Upload{Name: "a.pdf", Bytes: []byte("text")}, fault.Invalid, "attachments.fault.content"},
			{documents.Upload{Name: "a.pdf"}, fault.Invalid, "attachments.fault.empty"},
			{documents.Upload{Name: "a/..", Bytes: pdfFile("x")}, fault.Invalid, "attachments.fault.name"},
			{documents.Upload{Name: "a.pdf", Bytes: append(pdfFile(""), make([]byte, documents.MaxAttachment)...)}, fault.TooLarge, "attachments.fault.large"},
			{documents.Upload{Name: "Dobrý.pdf", Bytes: pdfFile("jiný")}, fault.Conflict, "attachments.fault.twice"},
		} {
			_, err := o.Attach(o.ctx, drafter, m.ID, []documents.Upload{good, c.file})
			o.refused(err, c.kind, c.key)
			if f := fault.Of(err); c.key != "attachments.fault.name" && f.Args[0] != c.file.Name {
				t.Errorf("%s does not name the file: %v", c.key, f.Args)
			}
		}
		_, err := o.Attach(o.ctx, drafter, m.ID, nil)
		o.refused(err, fault.Invalid, "attachments.fault.none")
		if n := o.count(`SELECT count(*) FROM documents_attachment`); n != 0 {
			t.Errorf("refused uploads left %d files", n)
		}

		for i := range documents.MaxAttachments {
			o.attach(m.ID, fmt.Sprintf("%d.pdf", i), "x")
		}
		_, err = o.Attach(o.ctx, drafter, m.ID, []documents.Upload{good})
		o.refused(err, fault.TooMany, "attachments.fault.many")
	})
}

func TestAttachmentsOfAMaterialHaveALimitTogether(t *testing.T) {
	o := onSQLite(t)
	m := o.material(sample)
	for i := range documents.MaxAttached / documents.MaxAttachment {
		file := make([]byte, documents.MaxAttachment)
		copy(file, pdfFile(fmt.Sprint(i)))
		_, err := o.Attach(o.ctx, drafter, m.ID, []documents.Upload{{Name: fmt.Sprint(i, ".pdf"), Bytes: file}})
		o.ok(err)
	}
	_, err := o.Attach(o.ctx, drafter, m.ID, []documents.Upload{{Name: "o jeden víc.pdf", Bytes: pdfFile("x")}})
	o.refused(err, fault.TooLarge, "attachments.fault.total")
}

func TestAVersionCarriesTheAttachmentsOfItsMoment(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		bare, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		raw, err := o.VersionFile(o.ctx, drafter, bare.ID, documents.FileManifest)
		o.ok(err)
		if strings.Contains(string(raw), "attachments") {
			t.Errorf("a manifest without attachments speaks of them, and ids of old versions would change: %s", raw)
		}
		_, err = o.Attach(o.ctx, drafter, m.ID, []documents.Upload{{Name: "a.pdf", Bytes: pdfFile("x")}})
		o.refused(err, fault.Conflict, "documents.fault.frozen")

		o.ok(o.OpenDraft(o.ctx, drafter, m.ID))
		a := o.attach(m.ID, "Rozpočet.pdf", "první")
		v2, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		if v2.ID == bare.ID || v2.Number != 2 {
			t.Fatal("an attachment makes no new version")
		}
		raw, err = o.VersionFile(o.ctx, drafter, v2.ID, documents.FileManifest)
		o.ok(err)
		var manifest documents.Manifest
		o.ok(json.Unmarshal(raw, &manifest))
		want := []documents.Annex{{Number: 1, Name: "Rozpočet.pdf", MediaType: "application/pdf", Size: len(pdfFile("první")), SHA256: hash(pdfFile("první"))}}
		if !slices.Equal(manifest.Annexes, want) || hash(raw) != string(v2.ID) {
			t.Errorf("the manifest lists %+v", manifest.Annexes)
		}
		if v2.Manifest.Markdown != bare.Manifest.Markdown || v2.Manifest.PDF == bare.Manifest.PDF {
			t.Error("the signed file does not depend on the attachments, or the text does")
		}
		o.refused(o.Detach(o.ctx, drafter, m.ID, a.ID), fault.Conflict, "documents.fault.frozen")

		// The same files again are the same version; another one under the same name is not.
		o.ok(o.OpenDraft(o.ctx, drafter, m.ID))
		o.ok(o.Detach(o.ctx, drafter, m.ID, a.ID))
		o.attach(m.ID, "Rozpočet.pdf", "první")
		same, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		if same.ID != v2.ID {
			t.Error("the same text with the same files is another version")
		}
		o.ok(o.OpenDraft(o.ctx, drafter, m.ID))
		all, err := o.Attachments(o.ctx, drafter, m.ID)
		o.ok(err)
		o.ok(o.Detach(o.ctx, drafter, m.ID, all[0].ID))
		o.attach(m.ID, "Rozpočet.pdf", "druhý")
		v3, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		if v3.ID == v2.ID || v3.Manifest.PDF == v2.Manifest.PDF {
			t.Error("other content under the same name changes nothing")
		}

		// Each version hands out its own, to who may see the version.
		for v, words := range map[documents.VersionID]string{v2.ID: "první", v3.ID: "druhý"} {
			x, b, err := o.VersionAnnex(o.ctx, reader, v, 1)
			o.ok(err)
			if !bytes.Equal(b, pdfFile(words)) || x.Name != "Rozpočet.pdf" {
				t.Errorf("version %s hands out %q", v, b)
			}
			_, _, err = o.VersionAnnex(o.ctx, budget, v, 1)
			o.refused(err, fault.NotFound, "fault.not_found")
			_, _, err = o.VersionAnnex(o.ctx, reader, v, 2)
			o.refused(err, fault.NotFound, "attachments.fault.gone")
		}
		before, after, diff, err := o.Compare(o.ctx, reader, m.ID, 2, 3)
		o.ok(err)
		changed := documents.AnnexChanges(before.Annexes, after.Annexes)
		if formal, _ := diff.Formal(); !formal || len(changed) != 1 || changed[0].Kind != "replaced" {
			t.Errorf("compared: %+v", changed)
		}
	})
}

func TestApprovalsAreNotCarriedOverToOtherAttachments(t *testing.T) {
	o := onSQLite(t)
	m := o.material(sample)
	o.attach(m.ID, "Rozpočet.pdf", "x")
	v, err := o.Freeze(o.ctx, drafter, m.ID)
	o.ok(err)
	_, err = o.StartRoute(o.ctx, drafter, v.ID, documents.Route{Approvers: []documents.Group{group(documents.All, head)}})
	o.ok(err)
	_, err = o.Approve(o.ctx, head, v.ID)
	o.ok(err)
	o.ok(o.OpenDraft(o.ctx, drafter, m.ID))
	o.attach(m.ID, "Dodatek.pdf", "y")
	next, err := o.Freeze(o.ctx, drafter, m.ID)
	o.ok(err)
	_, err = o.Carryable(o.ctx, drafter, next)
	o.refused(err, fault.Conflict, "documents.fault.not_formal")
	if f := fault.Of(err); f.Args[0] != "Dodatek.pdf" {
		t.Errorf("the refusal does not name the file: %v", f.Args)
	}
}

// Whatever the order of uploads and a freeze, a file that was taken is in the
// version, and one that is not in it was refused.
func TestAnUploadDuringAFreezeIsInTheVersionOrRefused(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		var wg sync.WaitGroup
		taken := make([]bool, 8)
		var v documents.Version
		for i := range taken {
			wg.Go(func() {
				_, err := o.Attach(o.ctx, drafter, m.ID, []documents.Upload{{Name: fmt.Sprint(i, ".pdf"), Bytes: pdfFile(fmt.Sprint(i))}})
				if err != nil && !errors.Is(err, fault.Conflict) {
					t.Errorf("upload %d: %v", i, err)
				}
				taken[i] = err == nil
			})
			if i == len(taken)/2 {
				wg.Go(func() {
					var err error
					if v, err = o.Freeze(o.ctx, drafter, m.ID); err != nil {
						t.Errorf("freeze: %v", err)
					}
				})
			}
		}
		wg.Wait()
		for i, was := range taken {
			in := slices.ContainsFunc(v.Manifest.Annexes, func(a documents.Annex) bool { return a.Name == fmt.Sprint(i, ".pdf") })
			if was != in {
				t.Errorf("file %d: taken %v, in the version %v", i, was, in)
			}
		}
	})
}

func TestAPaperIsNotCurrentWhenOnlyAnAttachmentChanged(t *testing.T) {
	o := onSQLite(t)
	m := o.material(sample)
	o.attach(m.ID, "Rozpočet.pdf", "x")
	_, err := o.Freeze(o.ctx, drafter, m.ID)
	o.ok(err)
	p, err := o.Print(o.ctx, drafter, m.ID, 1)
	o.ok(err)
	o.ok(o.OpenDraft(o.ctx, drafter, m.ID))
	if x, err := o.Verify(o.ctx, security.Actor{}, p.Code); err != nil || !x.Current || x.Draft {
		t.Errorf("before the change: %+v, %v", x, err)
	}
	o.attach(m.ID, "Dodatek.pdf", "y")
	if x, err := o.Verify(o.ctx, security.Actor{}, p.Code); err != nil || !x.Current || !x.Draft {
		t.Errorf("with a draft: %+v, %v", x, err)
	}
	_, err = o.Freeze(o.ctx, drafter, m.ID)
	o.ok(err)
	if x, err := o.Verify(o.ctx, security.Actor{}, p.Code); err != nil || x.Current || !x.Superseded {
		t.Errorf("after the change: %+v, %v", x, err)
	}
}

func TestTheAuthorOfACommentAttachesFilesUntilItIsConfirmedOrSettled(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		o.start(m.ID, units("pravni"), nil)
		c := add(o, m.ID, "opravu mostu", nil)
		file := []documents.Upload{{Name: "Posudek.pdf", Bytes: pdfFile("posudek")}}
		o.ok(o.AttachToComment(o.ctx, jurist, m.ID, c.ID, file))
		o.ok(o.AttachToComment(o.ctx, jurist, m.ID, c.ID, file)) // the form sent twice
		seen := o.comment(drafter, m.ID, c.ID)
		if len(seen.Attachments) != 1 || seen.Attachments[0].Name != "Posudek.pdf" || !strings.HasPrefix(seen.Attachments[0].URL, "/documents/"+string(m.ID)+"/attachments/") {
			t.Fatalf("attachments %+v", seen.Attachments)
		}
		a := seen.Attachments[0].ID
		_, b, err := o.AttachmentFile(o.ctx, drafter, m.ID, a)
		o.ok(err)
		if !bytes.Equal(b, pdfFile("posudek")) {
			t.Errorf("downloaded %q", b)
		}
		if own, err := o.Attachments(o.ctx, drafter, m.ID); err != nil || len(own) != 0 {
			t.Errorf("the file of a comment is among those of the material: %+v, %v", own, err)
		}

		o.refused(o.AttachToComment(o.ctx, drafter, m.ID, c.ID, file), fault.Denied, "documents.fault.comment_not_yours")
		o.refused(o.DetachFromComment(o.ctx, drafter, m.ID, c.ID, a), fault.Denied, "documents.fault.comment_not_yours")
		o.refused(o.AttachToComment(o.ctx, budget, m.ID, c.ID, file), fault.NotFound, "fault.not_found")
		o.refused(o.AttachToComment(o.ctx, reader, m.ID, c.ID, file), fault.Denied, "fault.denied")
		o.refused(o.AttachToComment(o.ctx, jurist, m.ID, "c-nowhere", file), fault.NotFound, "documents.fault.comment_gone")
		o.refused(o.Detach(o.ctx, drafter, m.ID, a), fault.NotFound, "attachments.fault.gone") // it is not the material's
		o.refused(o.AttachToComment(o.ctx, jurist, m.ID, c.ID, []documents.Upload{{Name: "a.html", Bytes: []byte("x")}}), fault.Invalid, "attachments.fault.page")
		var many []documents.Upload
		for i := range documents.MaxCommentAttachments {
			many = append(many, documents.Upload{Name: fmt.Sprint(i, ".pdf"), Bytes: pdfFile("x")})
		}
		o.refused(o.AttachToComment(o.ctx, jurist, m.ID, c.ID, many), fault.TooMany, "attachments.fault.many")
		o.ok(o.AttachToComment(o.ctx, jurist, m.ID, c.ID, many[:1]))
		o.ok(o.DetachFromComment(o.ctx, jurist, m.ID, c.ID, o.comment(jurist, m.ID, c.ID).Attachments[1].ID))
		o.refused(o.DetachFromComment(o.ctx, jurist, m.ID, c.ID, "a-nowhere"), fault.NotFound, "attachments.fault.gone")

		// What the head confirms is confirmed with its attachments.
		o.ok(o.State(o.ctx, juristsHead, m.ID, "pravni", documents.WithRemarks, ""))
		o.refused(o.AttachToComment(o.ctx, jurist, m.ID, c.ID, many), fault.Conflict, "documents.fault.statement_closed")
		o.refused(o.DetachFromComment(o.ctx, jurist, m.ID, c.ID, a), fault.Conflict, "documents.fault.statement_closed")

		o.ok(o.EndRound(o.ctx, drafter, m.ID))
		_, err = o.command(drafter, m.ID, "comment.settle", map[string]any{"comment": c.ID, "outcome": "explained", "reasoning": "Viz posudek."})
		o.ok(err)
		v, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		for _, f := range []documents.File{documents.FileComments, documents.FileTable} {
			raw, err := o.VersionFile(o.ctx, drafter, v.ID, f)
			o.ok(err)
			if !strings.Contains(string(raw), `"name":"Posudek.pdf"`) || !strings.Contains(string(raw), hash(pdfFile("posudek"))) {
				t.Errorf("%s of the version does not name the attachment: %s", f, raw)
			}
		}
		if len(v.Manifest.Annexes) != 0 {
			t.Errorf("an attachment of a comment is one of the version: %+v", v.Manifest.Annexes)
		}
	})
}

// Comments without attachments are kept in versions as they were before there were any.
func TestACommentWithoutAttachmentsIsKeptAsBefore(t *testing.T) {
	o := onSQLite(t)
	m := o.material(sample)
	c := add(o, m.ID, "opravu mostu", nil)
	_, err := o.command(drafter, m.ID, "comment.settle", map[string]any{"comment": c.ID, "outcome": "explained", "reasoning": "Viz."})
	o.ok(err)
	v, err := o.Freeze(o.ctx, drafter, m.ID)
	o.ok(err)
	for _, f := range []documents.File{documents.FileComments, documents.FileTable} {
		raw, err := o.VersionFile(o.ctx, drafter, v.ID, f)
		o.ok(err)
		if strings.Contains(string(raw), "attachments") {
			t.Errorf("%s speaks of attachments: %s", f, raw)
		}
	}
}
