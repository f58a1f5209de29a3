package crdt_test

import (
	"fmt"

	"spolupis/collab/crdt"
)

// Two people write at the same time; whoever hears of the other's edit later, both
// end with the same text.
func Example() {
	eva := crdt.New(crdt.Config{Client: 1})
	jan := crdt.New(crdt.Config{Client: 2})

	start := eva.Transact(func() {
		eva.Text("body").Insert(0, "Rada schvaluje návrh.", nil)
	})
	jan.Apply(start)

	a := eva.Transact(func() { eva.Text("body").Insert(5, "kraje ", nil) })
	b := jan.Transact(func() { jan.Text("body").Format(15, 5, crdt.Attrs{"strong": true}) })
	eva.Apply(b)
	jan.Apply(a)

	for _, op := range jan.Text("body").Delta() {
		fmt.Printf("%q %v\n", op.Insert, op.Attrs)
	}
	fmt.Println(string(eva.Encode()) == string(jan.Encode()))
	// Output:
	// "Rada kraje schvaluje " map[]
	// "návrh" map[strong:true]
	// "." map[]
	// true
}

// A server keeps a document, gives newcomers what they lack, and holds on to a place.
func ExampleDoc_Diff() {
	server := crdt.New(crdt.Config{})
	client := crdt.New(crdt.Config{Client: 7})
	server.Apply(client.Transact(func() { client.Text("body").Insert(0, "Usnesení č. 12", nil) }))

	newcomer := crdt.New(crdt.Config{Client: 8})
	missing, err := server.Diff(newcomer.StateVector())
	if err != nil {
		fmt.Println(err)
		return
	}
	newcomer.Apply(missing)

	place := server.Text("body").RelativePosition(9, 0) // before "č."
	server.Apply(newcomer.Transact(func() { newcomer.Text("body").Insert(0, "Návrh: ", nil) }))
	index, ok := server.Index(place)
	fmt.Println(server.Text("body"), index, ok)
	// Output: Návrh: Usnesení č. 12 16 true
}
