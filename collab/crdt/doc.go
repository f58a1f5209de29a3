package crdt

// ID names one clock of one writer: a character, a value, an embedded type.
type ID struct {
	Client uint64
	Clock  uint32
}

// Config says how a document behaves.
type Config struct {
	// Client is the identity under which local edits are made. It must never be
	// used by two writers at once; see SetClient.
	Client uint64
	// KeepDeleted keeps the content of deleted items, so that any past state can
	// be read with At. It costs memory and up to 1.7 times the encoded size.
	KeepDeleted bool
}

// recentBits: so many of the people who write at the same time are found without the map.
const recentBits = 6

// Doc is one replica of a document. It belongs to one goroutine at a time.
type Doc struct {
	me          uint64
	keepDeleted bool

	clients     []client
	clientIndex map[uint64]int32
	ids         []uint64               // of clients, close together for conflict scans
	words       []uint64               // their ids as they stand on the wire, see wordOf
	order       []int32                // clients by id, the highest first
	recent      [1 << recentBits]int32 // clients of the last lookups, by a hash of their ids

	items  []item
	free   int32 // list of unused slots in items
	unused int   // length of that list
	bytes  int   // of content in the arenas
	marks  uint32

	types      []shared
	entries    []entry
	entryIndex map[uint64]int32
	roots      map[int32]int32
	strings    []string
	names      map[string]int32
	indexes    []posIndex
	cursor     cursor
	prelim     map[string]any // keys of the map that InsertMap is just making

	stamp    uint32 // number of the running or last transaction
	tx       transaction
	gap      gap
	wasteful bool
	rulers   []ruler       // see valueOffset
	rulerOf  map[int32]int // item -> its ruler

	waiting        [][]byte          // updates whose structs miss something
	missing        map[uint64]uint32 // retry when the client's clock passes this
	waitingDeletes []deletion

	observers []func(Event)
	followers []*Follower

	named   int // bytes of names, as NameBytes counted them
	namedAt int // when there were so many items

	version      uint64 // grows with every change
	encoded      []byte // full state at encodedAt
	encodedAt    uint64
	encodedValid bool
}

// New returns an empty document.
func New(cfg Config) *Doc {
	return &Doc{
		me:          cfg.Client,
		keepDeleted: cfg.KeepDeleted,
		clientIndex: make(map[uint64]int32),
		free:        none,
		roots:       make(map[int32]int32),
		names:       make(map[string]int32),
	}
}

// Client is the identity of local edits.
func (d *Doc) Client() uint64 { return d.me }

// SetClient changes the identity of local edits that follow. Two documents that
// edit under one identity diverge for good, so an identity may move only with the
// state it was used on. It must be at most 2^53-1.
func (d *Doc) SetClient(client uint64) { d.me = client & maxID }

// Clock is the next clock expected from a client: 0 for an unknown one.
func (d *Doc) Clock(client uint64) uint32 { return d.stateOf(client) }

// Pending reports whether something was received that waits for updates not seen yet.
func (d *Doc) Pending() bool { return len(d.waiting) > 0 || len(d.waitingDeletes) > 0 }

// Size is the number of bytes of text and values that the document holds.
func (d *Doc) Size() int { return d.bytes }

// Structs is the number of items the document consists of, deleted ones included.
func (d *Doc) Structs() int { return len(d.items) - d.unused }

// Transact runs f, whose edits become one update, and returns that update in
// format v1, or nil when nothing changed. A Transact inside another joins it and
// returns nil. If f panics, the edits made so far stay.
func (d *Doc) Transact(f func()) []byte {
	if d.tx.open {
		f()
		return nil
	}
	d.begin(true)
	defer func() {
		if d.tx.open { // f panicked
			d.tell(d.commit())
		}
	}()
	f()
	events := d.commit()
	var update []byte
	if len(d.tx.touched) > 0 || len(d.tx.deleted) > 0 {
		update = d.encodeTransaction()
	}
	d.tell(events)
	return update
}

// edit runs f inside the open transaction or in one of its own.
func (d *Doc) edit(f func()) {
	if d.tx.open {
		f()
		return
	}
	d.Transact(f)
}
