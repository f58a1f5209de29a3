package crdt

type Config struct {
	Client      uint64
	KeepDeleted bool
}
type Doc struct{ cfg Config }
type ID struct {
	Client uint64
	Clock  uint32
}
type Attrs map[string]any
type Op struct {
	Insert string
	Embed  any
	Map    *Map
	Attrs  Attrs
	ID     ID
}
type Text struct{}
type Map struct{}
type Array struct{}

// Change is one step of an Event's delta; exactly one of Retain, Delete, Insert, Embed, Map, Values is set.
type Change struct {
	Retain int
	Delete int
	Insert string
	Embed  any
	Map    *Map
	Values []any
	Attrs  Attrs
	ID     ID
}
type Event struct {
	Root   string
	Local  bool
	Delta  []Change
	Keys   []string
	Nested []ID
}
type RelativePosition struct{}
type Snapshot struct{}

func New(cfg Config) *Doc                              { return &Doc{cfg} }
func (d *Doc) Apply(update []byte) error               { return nil }
func (d *Doc) ApplyV2(update []byte) error             { return nil }
func (d *Doc) Encode() []byte                          { return []byte{0, 0} }
func (d *Doc) Diff(stateVector []byte) ([]byte, error) { return []byte{0, 0}, nil }
func (d *Doc) StateVector() []byte                     { return []byte{0} }
func (d *Doc) Clock(client uint64) uint32              { return 0 }
func (d *Doc) Client() uint64                          { return d.cfg.Client }
func (d *Doc) SetClient(c uint64)                      { d.cfg.Client = c }
func (d *Doc) Pending() bool                           { return false }
func (d *Doc) Transact(f func()) []byte                { f(); return nil }
func (d *Doc) Observe(f func(Event))                   {}
func (d *Doc) Text(name string) *Text                  { return &Text{} }
func (d *Doc) Map(name string) *Map                    { return &Map{} }
func (d *Doc) Array(name string) *Array                { return &Array{} }
func (t *Text) Len() int                               { return 0 }
func (t *Text) String() string                         { return "" }
func (t *Text) Delta() []Op                            { return nil }
func (t *Text) Insert(i int, s string, a Attrs)        {}
func (t *Text) InsertEmbed(i int, v any, a Attrs)      {}
func (t *Text) InsertMap(i int, m map[string]any, a Attrs) *Map {
	return &Map{}
}
func (t *Text) Delete(i, n int)          {}
func (t *Text) Format(i, n int, a Attrs) {}
func (t *Text) RelativePosition(index, assoc int) RelativePosition {
	return RelativePosition{}
}
func (m *Map) Get(key string) (any, bool) { return nil, false }
func (m *Map) Set(key string, v any)      {}
func (m *Map) Delete(key string)          {}
func (m *Map) Keys() []string             { return nil }
func (m *Map) JSON() map[string]any       { return nil }
func (m *Map) ID() ID                     { return ID{} }
func (a *Array) Len() int                 { return 0 }
func (a *Array) Get(i int) any            { return nil }
func (a *Array) Insert(i int, v ...any)   {}
func (a *Array) Delete(i, n int)          {}
func (a *Array) JSON() []any              { return nil }
func (p RelativePosition) Encode() []byte { return nil }
func ParseRelativePosition(b []byte) (RelativePosition, error) {
	return RelativePosition{}, nil
}
func (d *Doc) Index(p RelativePosition) (index int, ok bool) { return 0, false }
func (d *Doc) Snapshot() Snapshot                            { return Snapshot{} }
func (s Snapshot) Encode() []byte                            { return nil }
func ParseSnapshot(b []byte) (Snapshot, error)               { return Snapshot{}, nil }
func (d *Doc) At(s Snapshot) (*Doc, error)                   { return New(Config{}), nil }
func MergeUpdates(us ...[]byte) ([]byte, error)              { return nil, nil }
func DiffUpdate(u, sv []byte) ([]byte, error)                { return nil, nil }
func StateVectorOf(update []byte) ([]byte, error)            { return nil, nil }
