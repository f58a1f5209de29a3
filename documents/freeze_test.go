package documents_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"spolupis/collab"
	"spolupis/collab/crdt"
	collabstore "spolupis/collab/store"
	"spolupis/documents"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

func hash(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func TestFreezingMakesAVersionNamedByItsContent(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		c := add(o, m.ID, "opravu mostu", nil)
		_, err := o.command(drafter, m.ID, "comment.settle", map[string]any{"comment": c.ID, "outcome": "explained", "reasoning": "Viz příloha."})
		o.ok(err)
		v, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		files := map[documents.File][]byte{}
		for _, f := range []documents.File{documents.FilePDF, documents.FileMarkdown, documents.FileManifest, documents.FileComments, documents.FileState} {
			files[f], err = o.VersionFile(o.ctx, reader, v.ID, f)
			o.ok(err)
		}
		var manifest documents.Manifest
		o.ok(json.Unmarshal(files[documents.FileManifest], &manifest))
		if got := hash(files[documents.FileManifest]); got != string(v.ID) {
			t.Errorf("version %s is not the hash of its manifest %s", v.ID, got)
		}
		for f, p := range map[documents.File]documents.Part{
			documents.FilePDF: manifest.PDF, documents.FileMarkdown: manifest.Markdown, documents.FileComments: manifest.Comments, documents.FileState: manifest.State,
		} {
			if hash(files[f]) != p.SHA256 || len(files[f]) != p.Size || p.Size == 0 {
				t.Errorf("%s does not match the manifest", f)
			}
		}
		if string(files[documents.FileMarkdown]) != sample || !strings.HasPrefix(string(files[documents.FilePDF]), "%PDF") || !strings.Contains(string(files[documents.FileComments]), "Viz příloha.") {
			t.Errorf("contents: %s %s", files[documents.FileMarkdown], files[documents.FileComments])
		}
		if manifest.Number != m.Number || manifest.Version != 1 || manifest.Supersedes != "" || manifest.FrozenBy != string(drafter.ID) || v.State != documents.Frozen {
			t.Errorf("manifest %+v", manifest)
		}
		got, err := o.Get(o.ctx, drafter, m.ID)
		o.ok(err)
		if got.State != documents.Frozen || got.Current != v.ID {
			t.Errorf("material %+v", got)
		}
		if !slices.Contains(o.happened("document:"+string(m.ID)), "documents.frozen") {
			t.Error("journal lacks documents.frozen")
		}
		_, err = o.VersionFile(o.ctx, signer, v.ID, documents.FilePDF)
		o.refused(err, fault.NotFound, "fault.not_found")
	})
}

func TestAFrozenTextTakesNoEditAndNoComment(t *testing.T) {
	o := onSQLite(t)
	m := o.material(sample)
	c := add(o, m.ID, "", nil)
	_, err := o.Freeze(o.ctx, drafter, m.ID)
	o.ok(err)
	_, err = o.hub.Edit(o.ctx, drafter, m.ID, func(d *crdt.Doc) error { d.Text("body").Insert(0, "x", nil); return nil })
	if !errors.Is(err, fault.Conflict) {
		t.Errorf("edit of a sealed text: %v", err)
	}
	_, err = o.command(jurist, m.ID, "comment.reply", map[string]any{"comment": c.ID, "text": "x"})
	o.refused(err, fault.Conflict, "documents.fault.frozen")
	o.refused(o.Rename(o.ctx, drafter, m.ID, "Jinak"), fault.Conflict, "documents.fault.frozen")
}

func TestFreezingTheSameTextAgainGivesTheSameVersion(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		first, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		second, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		o.ok(o.OpenDraft(o.ctx, drafter, m.ID))
		third, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		if first.ID != second.ID || first.ID != third.ID {
			t.Errorf("versions %s, %s, %s", first.ID, second.ID, third.ID)
		}
		o.ok(o.OpenDraft(o.ctx, drafter, m.ID))
		o.edit(m.ID, func(t *crdt.Text) { t.Insert(index(t, "Druhý"), "Nový ", nil) })
		fourth, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		if fourth.Number != 2 || fourth.Supersedes != first.ID {
			t.Errorf("version %+v", fourth)
		}
		old, err := o.Version(o.ctx, drafter, first.ID)
		o.ok(err)
		if old.State != documents.Superseded || !slices.Contains(o.happened("document:"+string(m.ID)), "documents.superseded") {
			t.Errorf("old version is %s", old.State)
		}
	})
}

func TestFreezingIsRefusedAndLeavesTheDraftOpen(t *testing.T) {
	o := onSQLite(t)
	m := o.material(sample)
	c, err := o.command(jurist, m.ID, "comment.add", map[string]any{"kind": "major", "text": "Nelze.", "reasoning": "Zákon."})
	o.ok(err)
	_, err = o.Freeze(o.ctx, drafter, m.ID)
	o.refused(err, fault.Conflict, "documents.fault.majors_open")
	_, err = o.command(drafter, m.ID, "comment.settle", map[string]any{"comment": c.ID, "outcome": "rejected", "reasoning": "Zákon to nežádá."})
	o.ok(err)

	o.edit(m.ID, func(t *crdt.Text) {
		t.Format(index(t, "opravu"), 6, crdt.Attrs{"del": map[string]any{"id": "t1", "by": "p-eva", "at": "2026-11-23T09:00:00Z"}})
	})
	_, err = o.Freeze(o.ctx, drafter, m.ID)
	o.refused(err, fault.Conflict, "documents.fault.tracked_open")
	o.edit(m.ID, func(t *crdt.Text) { t.Format(index(t, "opravu"), 6, crdt.Attrs{"del": nil}) }) // the room is open again
	got, err := o.Get(o.ctx, drafter, m.ID)
	o.ok(err)
	if got.State != documents.Draft || o.count(`SELECT count(*) FROM documents_intent`) != 0 {
		t.Errorf("material is %s", got.State)
	}
	_, err = o.Freeze(o.ctx, jurist, m.ID)
	o.refused(err, fault.Denied, "fault.denied")
	_, err = o.Freeze(o.ctx, drafter, m.ID)
	o.ok(err)
}

// dyingHub fails from the n-th call of Seal or Reopen on, before or after it took effect.
type dyingHub struct {
	documents.Hub
	left  int
	saved bool
}

func (h *dyingHub) Seal(ctx context.Context, id documents.MaterialID) (sealed collab.Sealed, err error) {
	h.left--
	if h.left > 0 || h.left == 0 && h.saved {
		sealed, err = h.Hub.Seal(ctx, id)
	}
	if h.left <= 0 {
		return collab.Sealed{}, errDied
	}
	return sealed, err
}

func (h *dyingHub) Reopen(ctx context.Context, id documents.MaterialID) error {
	if h.left <= 0 {
		return errDied // a dead process undoes nothing
	}
	return h.Hub.Reopen(ctx, id)
}

func TestAfterACrashAFreezeIsFinishedOrUndone(t *testing.T) {
	type crash struct {
		name  string
		write int // dies at this Write, 0 never
		seal  int
		saved bool
	}
	var crashes []crash
	for _, saved := range []bool{false, true} {
		for n := 1; n <= 3; n++ { // intent, sealed, version
			crashes = append(crashes, crash{fmt.Sprintf("write %d saved %v", n, saved), n, 0, saved})
		}
		crashes = append(crashes, crash{fmt.Sprintf("seal saved %v", saved), 0, 1, saved})
	}
	for _, c := range crashes {
		t.Run(c.name, func(t *testing.T) {
			o := onSQLite(t)
			m := o.material(sample)
			left := c.seal
			if left == 0 {
				left = 1 << 30
			}
			s := &failingStore{o.store, c.write, c.saved}
			if c.write == 0 {
				s.left = 1 << 30
			}
			if c.seal != 0 { // the process that dies in Seal writes nothing afterwards
				s.left = 2
			}
			_, err := o.serve(s, &dyingHub{o.hub, left, c.saved}).Freeze(o.ctx, drafter, m.ID)
			if !errors.Is(err, errDied) && err != nil {
				t.Fatalf("got %v", err)
			}
			if n, err := o.Recover(o.ctx); err != nil || n != 0 {
				t.Errorf("recovery at once touched %d freezes that may be another node's: %v", n, err)
			}
			o.later(time.Minute)
			if _, err := o.Recover(o.ctx); err != nil {
				t.Fatal(err)
			}
			got, err := o.Get(o.ctx, drafter, m.ID)
			o.ok(err)
			if n := o.count(`SELECT count(*) FROM documents_intent`); n != 0 {
				t.Errorf("%d intents left", n)
			}
			versions, err := o.Versions(o.ctx, drafter, m.ID)
			o.ok(err)
			head, err := o.hub.Head(o.ctx, m.ID)
			o.ok(err)
			switch {
			case got.State == documents.Draft && len(versions) == 0 && !head.Sealed: // undone
				v, err := o.Freeze(o.ctx, drafter, m.ID)
				if err != nil || v.Number != 1 {
					t.Errorf("freezing after recovery: %v %v", v.Number, err)
				}
			case got.State == documents.Frozen && len(versions) == 1 && head.Sealed && got.Current == versions[0].ID: // finished
			default:
				t.Errorf("half frozen: %s, %d versions, sealed %v", got.State, len(versions), head.Sealed)
			}
		})
	}
}

func TestACommitThatReportsAnErrorIsNotDoneTwice(t *testing.T) {
	o := onSQLite(t)
	m := o.material(sample)
	s := &onceFailing{Store: o.store, at: 3}
	v, err := o.serve(s, o.hub).Freeze(o.ctx, drafter, m.ID)
	o.ok(err)
	if v.Number != 1 || o.count(`SELECT count(*) FROM documents_version`) != 1 {
		t.Errorf("version %+v", v)
	}
}

// onceFailing reports an error of one Write that was in fact durable.
type onceFailing struct {
	documents.Store
	at int
}

func (f *onceFailing) Write(ctx context.Context, do func(documents.Tx) error) error {
	f.at--
	err := f.Store.Write(ctx, do)
	if f.at == 0 && err == nil {
		return errDied
	}
	return err
}

func TestAVersionIsComparedWithTheDraftAndRestored(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		v, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		o.ok(o.OpenDraft(o.ctx, drafter, m.ID))
		original := o.text(m.ID)
		o.edit(m.ID, func(t *crdt.Text) {
			t.Insert(index(t, "Druhý"), "Vložené slovo. ", nil)
			t.Delete(index(t, "opravu "), 7)
		})
		_, _, diff, err := o.Compare(o.ctx, drafter, m.ID, 1, 0)
		o.ok(err)
		if diff.Counts.Changed != 2 || diff.Counts.Inserted != 0 {
			t.Errorf("counts %+v, want two changed paragraphs", diff.Counts)
		}
		got, err := o.Restore(o.ctx, drafter, v.ID)
		o.ok(err)
		if o.text(m.ID) != original || got.State != documents.Draft {
			t.Errorf("restored text is %q", o.text(m.ID))
		}
		if !slices.Contains(o.happened("document:"+string(m.ID)), "documents.restored") || o.count(`SELECT count(*) FROM documents_version`) != 1 {
			t.Error("restoring is not journalled, or made a version")
		}
		_, err = o.Restore(o.ctx, jurist, v.ID)
		o.refused(err, fault.Denied, "fault.denied")
	})
}

func TestADamagedBlobIsNotHandedOut(t *testing.T) {
	o := onSQLite(t)
	m := o.material(sample)
	v, err := o.Freeze(o.ctx, drafter, m.ID)
	o.ok(err)
	_, err = o.db.ExecContext(o.ctx, `UPDATE documents_blob SET bytes = $1 WHERE sha256 = $2`, []byte("x"), v.Manifest.PDF.SHA256)
	o.ok(err)
	if _, err := o.VersionPDF(o.ctx, drafter, v.ID); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v", err)
	}
}

func TestReadsAreRecordedBeforeTheAnswer(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		v, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		_, err = o.Read(o.ctx, reader, m.ID, "text")
		o.ok(err)
		o.ok(o.ReadVersion(o.ctx, reader, v, "document.pdf"))
		_, err = o.Read(o.ctx, signer, m.ID, "text")
		o.refused(err, fault.NotFound, "fault.not_found")
		if !slices.Contains(o.happened("document:"+string(m.ID)), "documents.read") || !slices.Contains(o.happened("version:"+string(v.ID)), "documents.version_read") {
			t.Error("a read is not in the journal")
		}
		_, err = o.store.Follow(o.ctx)
		o.ok(err)
		count := func(who security.Actor) (n int) {
			entries, _, err := o.History(o.ctx, who, m.ID, 0)
			o.ok(err)
			for _, e := range entries {
				if strings.HasSuffix(e.Kind, "read") {
					n++
				}
			}
			return n
		}
		if owner, other := count(drafter), count(jurist); owner != 2 || other != 0 {
			t.Errorf("the owner sees %d readings and another %d, want 2 and 0", owner, other)
		}
	})
}

func TestOtherWorkThatACrashInterruptedIsFinishedOrUndoneToo(t *testing.T) {
	t.Run("import", func(t *testing.T) {
		o := onSQLite(t)
		_, err := o.serve(&failingStore{o.store, 2, false}, o.hub).Import(o.ctx, drafter, documents.NewMaterial{Title: "x", Agenda: "rada"}, []byte(sample))
		if !errors.Is(err, errDied) {
			t.Fatalf("got %v", err)
		}
		if page, err := o.List(o.ctx, drafter, documents.Query{}); err != nil || len(page.Materials) != 0 {
			t.Errorf("a half imported material is listed: %+v %v", page, err)
		}
		o.later(time.Minute)
		_, err = o.Recover(o.ctx)
		o.ok(err)
		if n := o.count(`SELECT count(*) FROM documents_material`); n != 0 {
			t.Errorf("%d materials left", n)
		}
	})
	t.Run("open draft", func(t *testing.T) {
		o := onSQLite(t)
		m := o.material(sample)
		_, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		if err := o.serve(o.store, &dyingHub{o.hub, 0, false}).OpenDraft(o.ctx, drafter, m.ID); !errors.Is(err, errDied) {
			t.Fatalf("got %v", err)
		}
		_, err = o.Freeze(o.ctx, drafter, m.ID)
		o.refused(err, fault.Conflict, "documents.fault.busy")
		o.later(time.Minute)
		_, err = o.Recover(o.ctx)
		o.ok(err)
		o.edit(m.ID, func(t *crdt.Text) { t.Insert(index(t, "Druhý"), "x", nil) })
	})
	t.Run("restore", func(t *testing.T) {
		o := onSQLite(t)
		m := o.material(sample)
		v, err := o.Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		o.ok(o.OpenDraft(o.ctx, drafter, m.ID))
		original := o.text(m.ID)
		o.edit(m.ID, func(t *crdt.Text) { t.Insert(index(t, "Druhý"), "x", nil) })
		if _, err := o.serve(&failingStore{o.store, 2, false}, o.hub).Restore(o.ctx, drafter, v.ID); !errors.Is(err, errDied) {
			t.Fatalf("got %v", err)
		}
		o.later(time.Minute)
		_, err = o.Recover(o.ctx)
		o.ok(err)
		if o.text(m.ID) != original || o.count(`SELECT count(*) FROM documents_intent`) != 0 {
			t.Errorf("text is %q", o.text(m.ID))
		}
	})
}

func TestOneNodeFreezesWhatAnotherWrote(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		m := o.material(sample)
		log := collabstore.New(o.db, collabstore.Config{Journal: o.journal, Now: o.clock})
		rights := access.NewRights(o.db, o.journal)
		other, err := collab.New(collab.Config{Log: log, Leases: log, Rights: rooms{rights}, Witness: log, Now: o.clock, View: documents.View})
		o.ok(err)
		t.Cleanup(func() {
			other.Close()
			log.Close()
		})
		_, err = other.Head(o.ctx, m.ID) // its room has the text as it was
		o.ok(err)
		o.edit(m.ID, func(t *crdt.Text) { t.Insert(index(t, "Druhý"), "Napsáno jinde. ", nil) })
		v, err := o.serve(o.store, other).Freeze(o.ctx, drafter, m.ID)
		o.ok(err)
		md, err := o.VersionFile(o.ctx, drafter, v.ID, documents.FileMarkdown)
		o.ok(err)
		if !strings.Contains(string(md), "Napsáno jinde. Druhý") {
			t.Errorf("the version lacks what was acknowledged elsewhere: %s", md)
		}
		if _, err := o.hub.Edit(o.ctx, drafter, m.ID, func(d *crdt.Doc) error { d.Text("body").Insert(0, "x", nil); return nil }); !errors.Is(err, fault.Conflict) {
			t.Errorf("the first node still takes edits: %v", err)
		}
	})
}
