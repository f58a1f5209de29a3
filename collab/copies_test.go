package collab

import (
	"testing"

	"spolupis/collab/crdt"
	"spolupis/collab/wire"
)

// TestACopyWithWhatFollowsIsTheWholeDocument has somebody come in after each of many edits.
func TestACopyWithWhatFollowsIsTheWholeDocument(t *testing.T) {
	for name, length := range map[string]int{"short": 3, "long": 50_000} {
		t.Run(name, func(t *testing.T) {
			r := &room{d: crdt.New(crdt.Config{Client: 1})}
			write := func(s string) {
				r.changed(r.d.Transact(func() { r.d.Text(Root).Insert(r.d.Text(Root).Len()/2, s, nil) }))
			}
			write(string(make([]byte, length)))
			var first *Message
			shared := 0
			for i := range 300 {
				write("word ")
				got := crdt.New(crdt.Config{})
				messages := r.whole()
				for n, msg := range messages {
					m, err := wire.Decode(msg.Bytes)
					if last := n == len(messages)-1; err != nil || last != (m.Step == wire.Step2) { // who has the answer has all
						t.Fatalf("message %d of %d: step %d, %v", n+1, len(messages), m.Step, err)
					}
					if err := got.Apply(m.Body); err != nil {
						t.Fatal(err)
					}
				}
				if got.Text(Root).String() != r.d.Text(Root).String() {
					t.Fatalf("after %d edits the copy is not the document", i+1)
				}
				if r.copy.base == first {
					shared++
				}
				first = r.copy.base
			}
			if length > 1000 && shared < 250 {
				t.Errorf("%d of 300 copies were shared", shared)
			}
		})
	}
}
