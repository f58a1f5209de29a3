package web_test

import (
	"strings"
	"testing"

	"spolupis/collab/crdt"
	"spolupis/documents"
)

// A change names its author itself; the page compares that with whom the text was accepted from.
func TestTrackedChangesAreListedWithWhereAndWhose(t *testing.T) {
	s := serve(t)
	id, _ := s.create("Dotace", "Rada schvaluje dotaci.\n\nDruhý odstavec.\n")
	doc := "/documents/" + id
	s.get("drafter", doc+"/changes").want(200, "V textu nejsou žádné návrhy změn.")
	change := func(id, by string) map[string]any {
		return map[string]any{"id": id, "by": by, "at": int64(1764322200000)}
	}
	_, err := s.hub.Edit(t.Context(), everybody["drafter"], documents.MaterialID(id), func(d *crdt.Doc) error {
		text := d.Text("body")
		text.Insert(6, "prý ", crdt.Attrs{"ins:c1": change("c1", string(everybody["drafter"].ID))})
		text.Insert(6, "snad ", crdt.Attrs{"ins:c2": change("c2", string(everybody["head"].ID))})
		text.Format(1, 4, crdt.Attrs{"del:c3": change("c3", string(everybody["drafter"].ID))})
		return nil
	})
	s.ok(err)

	page := s.get("drafter", doc+"/changes").want(200, "V textu jsou 3 návrhy změn.", "Vložit: prý", "Vypustit: Rada", "vložený text napsal(a) někdo jiný: "+everybody["drafter"].Name, "Rozhodnout v editoru")
	if n := strings.Count(page.text(), "napsal(a) někdo jiný"); n != 1 {
		t.Errorf("%d changes are called somebody else's, want the forged one", n)
	}
	s.get("drafter", doc+"/text").want(200, "V textu jsou 3 návrhy změn.", "Seznam návrhů změn")
	if api := s.get("drafter", "/api/v1"+doc+"/changes").want(200); !strings.Contains(api.body, `"name":"`+everybody["drafter"].Name+`"`) {
		t.Errorf("the API does not name people: %s", api.body)
	}
	s.post("drafter", doc+"/freeze", nil).want(409, "v textu čekají návrhy změn (3)", "Seznam návrhů změn")
}
