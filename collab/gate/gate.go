// Package gate decides whether an update sent by a client may touch a document.
//
// Rights are decided before: this client may edit. What is checked here is that the
// update is well-formed, that it speaks only in the client's own name, that it builds
// on what is there and nothing else, and that it is not out of proportion. An update
// that passes is applied completely: nothing of it is left waiting.
package gate

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"spolupis/collab/crdt"
)

// Limits bound what one update may contain; zero fields take the defaults.
type Limits struct {
	Bytes      int // of one update: 1 MiB
	Structs    int // new and known structs in one update: 20,000
	Clients    int // clients named by one update: 4,096
	Deletes    int // deleted ranges in one update: 200,000, a long history has many
	Collected  int // clocks of new content that comes deleted already: 1,000,000
	Nesting    int // of types in the document: 64
	Cuts       int // places where one update cuts an item in two: 4,000
	Alive      int // deleted ranges in one update that are not deleted yet: 40,000
	Entries    int // new types and map entries in one update, the dearest structs to keep: 12,000
	Names      int // different names of roots, keys, marks and elements in one update: 4,096
	Name       int // bytes of a root's, key's or mark's name: 256
	Value      int // bytes of one mark or embedded value: 64 KiB
	Conflict   int // items that placing the update may have to pass: 200,000
	Work       int // all of one update together, in structs: see judge.work: 24,000
	DocBytes   int // text, values and names of the document after the update: 10 MB
	DocStructs int // items of the document after the update: 1,000,000
}

// Default is what zero fields of Limits stand for.
var Default = Limits{
	Bytes: 1 << 20, Structs: 20_000, Clients: 4096, Deletes: 200_000, Collected: 1_000_000,
	Cuts: 4_000, Alive: 40_000, Entries: 12_000, Names: 4096, Nesting: 64, Name: 256, Value: 64 << 10, Conflict: 200_000, Work: 24_000, DocBytes: 10_000_000, DocStructs: 1_000_000,
}

// fill puts the defaults into the fields that are zero.
func (l *Limits) fill() {
	set := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	set(&l.Bytes, Default.Bytes)
	set(&l.Structs, Default.Structs)
	set(&l.Clients, Default.Clients)
	set(&l.Deletes, Default.Deletes)
	set(&l.Collected, Default.Collected)
	set(&l.Cuts, Default.Cuts)
	set(&l.Alive, Default.Alive)
	set(&l.Entries, Default.Entries)
	set(&l.Names, Default.Names)
	set(&l.Nesting, Default.Nesting)
	set(&l.Name, Default.Name)
	set(&l.Value, Default.Value)
	set(&l.Conflict, Default.Conflict)
	set(&l.Work, Default.Work)
	set(&l.DocBytes, Default.DocBytes)
	set(&l.DocStructs, Default.DocStructs)
}

// Request is one update to be judged against the document as it is.
type Request struct {
	Doc    *crdt.Doc // not changed; must have nothing pending
	Update []byte    // format v1
	Leased func(client uint64) bool
	Roots  []string // root types that an update may name; nil means any. What has an origin lies where that lies: a document that began with these roots only keeps to them
	Limits Limits
}

// ClientRange names new content of one client: clocks From up to, not including, To.
type ClientRange struct {
	Client   uint64
	From, To uint32
}

// Info describes an accepted update.
type Info struct {
	Clients []ClientRange // new content, by client
	Deletes bool          // deletes something that is alive, or new
	Structs int           // new structs
	Empty   bool          // nothing that the document does not have already: not worth applying
}

// Reasons of a refusal; stable, for logs, metrics and the client's message.
const (
	Malformed  = "malformed"  // not an update of format v1
	TooLarge   = "too_large"  // over a limit of one update
	Foreign    = "foreign"    // new content under a client id that is not leased
	Gap        = "gap"        // content that the server has not seen is missing before it
	Dependency = "dependency" // builds on something that does not exist
	Unborn     = "unborn"     // deletes something that does not exist
	Kind       = "kind"       // a kind of content, or a root, that clients may not send
	Tangled    = "tangled"    // made so that placing it takes out of proportion long
	Nesting    = "nesting"    // types nested too deep
	Full       = "full"       // the document would grow over its limit
)

// Refusal says why an update may not be applied.
type Refusal struct {
	Reason string // one of the constants
	Detail string // for the operator
}

func (r *Refusal) Error() string { return "update refused: " + r.Reason + ": " + r.Detail }

func refuse(reason, format string, args ...any) *Refusal {
	return &Refusal{reason, fmt.Sprintf(format, args...)}
}

// judge is the scratch space of one Check.
type judge struct {
	Request
	u       crdt.Update
	done    []int  // structs of each section judged so far
	busy    []bool // sections in the middle of a dependency
	types   bool   // the update brings types: it matters how deep they lie
	tangle  bool   // structs and items are so many that what placing costs must be estimated
	count   bool   // structs and deleted ranges are so many that cuts must be counted
	depths  [][]depth
	info    Info
	bytes   int
	deleted uint64
	cut     int
	entries int
	text    int // bytes of text
	values  int // bytes of other content
	named   int // bytes of names
	deep    int // sections being judged, each for the sake of the one before
	alive   int // deleted ranges that are not deleted yet
	view    view
}

// work is what judging and applying the update so far costs, in plain structs. A limit for
// each kind of dear thing would let through an update that has the most of every kind. The
// weights are measured; a text is only copied, values are read byte by byte.
func (j *judge) work() int {
	return j.info.Structs + j.entries + j.cut + j.alive + j.u.Deletes()/10 + j.text/256 + j.values/40 + j.view.steps/100
}

// depth of the new structs from a clock on: their own and, for one that holds a type,
// that of its content.
type depth struct {
	clock       uint32
	own, inside int16
}

var judges = sync.Pool{New: func() any { return new(judge) }}

// Check accepts an update or returns a *Refusal. It changes nothing.
func Check(r Request) (Info, error) {
	r.Limits.fill()
	if len(r.Update) > r.Limits.Bytes {
		return Info{}, refuse(TooLarge, "%d bytes", len(r.Update))
	}
	if k, ok := r.Doc.Keystroke(r.Update); ok && r.Limits.roomy(r.Doc) {
		return keystroke(&r, k)
	}
	return thorough(r)
}

// thorough is Check for any update, with all limits set.
func thorough(r Request) (Info, error) {
	j := judges.Get().(*judge)
	j.Request, j.info, j.bytes, j.deleted, j.cut, j.entries, j.text, j.values, j.named, j.alive, j.deep = r, Info{}, 0, 0, 0, 0, 0, 0, 0, 0, 0
	err := j.judge()
	info := j.info
	j.Request, j.info = Request{}, Info{}
	judges.Put(j) // the limits bound the scratch space too
	if err != nil {
		return Info{}, err
	}
	return info, nil
}

// roomy says that no limit on the number of something can refuse a keystroke.
func (l *Limits) roomy(d *crdt.Doc) bool {
	return l.Structs > 0 && l.Clients > 0 && l.Deletes > 0 && l.Alive > 0 && l.Cuts > 1 && l.Work > l.Bytes/256+2 && d.Structs() < l.Conflict
}

// keystroke judges what comes for every character typed or deleted, as thorough would.
func keystroke(r *Request, k crdt.Keystroke) (Info, error) {
	if k.Deletes {
		alive := r.Doc.Alive(k.Range)
		return Info{Deletes: alive, Empty: !alive}, nil
	}
	if !r.Leased(k.Client) {
		return Info{}, refuse(Foreign, "client %d", k.Client)
	}
	if err := full(r, k.Bytes, 1); err != nil {
		return Info{}, err
	}
	return Info{Clients: []ClientRange{{k.Client, k.Clock, k.Clock + k.Len}}, Structs: 1}, nil
}

// full refuses what makes the document too large; what adds nothing may be sent to any.
func full(r *Request, bytes, structs int) error {
	if have := r.Doc.Size() + r.Doc.NameBytes(); bytes > 0 && have+bytes > r.Limits.DocBytes {
		return refuse(Full, "%d bytes and %d more", have, bytes)
	}
	if structs > 0 && r.Doc.Structs()+structs > r.Limits.DocStructs {
		return refuse(Full, "%d items and %d more", r.Doc.Structs(), structs)
	}
	return nil
}

func (j *judge) judge() error {
	if err := j.u.DecodeWithin(j.Update, crdt.Bounds{Clients: j.Limits.Clients, Structs: j.Limits.Structs, Deletes: j.Limits.Deletes}); err != nil {
		if errors.Is(err, crdt.ErrTooMany) {
			return refuse(TooLarge, "%v", err)
		}
		return refuse(Malformed, "%v", err)
	}
	if j.u.Overlaps() {
		return refuse(Malformed, "deleted ranges overlap")
	}
	j.types = j.u.Types()
	n := j.u.Structs()
	j.tangle = n*(n+j.Doc.Structs()) > j.Limits.Conflict
	j.count = 2*(n+j.u.Deletes()) > j.Limits.Cuts
	j.view.reset(n, j.Limits.Cuts, j.tangle)
	n = j.u.Sections()
	j.done, j.busy, j.depths = j.done[:0], j.busy[:0], j.depths[:0]
	for i := range n {
		s := j.u.Section(i)
		have := j.Doc.Clock(s.Client)
		if s.From > have {
			if !j.Leased(s.Client) {
				return refuse(Foreign, "client %d", s.Client)
			}
			return refuse(Gap, "client %d: from %d, the document has %d", s.Client, s.From, have)
		}
		if s.End > have {
			if !j.Leased(s.Client) {
				return refuse(Foreign, "client %d", s.Client)
			}
			j.info.Clients = append(j.info.Clients, ClientRange{s.Client, have, s.End})
		}
		j.done, j.busy = append(j.done, 0), append(j.busy, false)
		if len(j.depths) < cap(j.depths) {
			j.depths = j.depths[:i+1]
			j.depths[i] = j.depths[i][:0]
		} else {
			j.depths = append(j.depths, nil)
		}
	}
	for i := range n {
		if err := j.section(i, j.u.Section(i).End-1); err != nil {
			return err
		}
	}
	if err := j.deletes(); err != nil {
		return err
	}
	if err := full(&j.Request, j.bytes+j.named, j.info.Structs); err != nil {
		return err
	}
	j.info.Empty = j.info.Structs == 0 && !j.info.Deletes
	return nil
}

// section judges the structs of a section up to the one that holds clock.
func (j *judge) section(i int, clock uint32) error {
	s := j.u.Section(i)
	if j.done[i] < s.Len() && j.u.ClockOf(s, j.done[i]) > clock {
		return nil // among those judged already
	}
	have := j.Doc.Clock(s.Client)
	if j.busy[i] {
		return refuse(Dependency, "client %d: structs that wait for each other", s.Client)
	}
	if j.deep++; j.deep > mostWaiting {
		return refuse(Tangled, "%d clients that wait for one another", j.deep)
	}
	j.busy[i] = true
	for j.done[i] < s.Len() {
		var st crdt.Struct
		j.u.Struct(s, j.done[i], &st)
		if st.Clock > clock {
			break
		}
		if err := j.structure(i, s, have, &st); err != nil {
			return err
		}
		j.done[i]++
	}
	j.busy[i] = false
	j.deep--
	return nil
}

// mostWaiting is how many clients may wait for one another in a row: as many calls lie in each
// other then. What hundreds of clients wrote by turns does not come near.
const mostWaiting = 512

func (j *judge) structure(i int, s crdt.Section, have uint32, st *crdt.Struct) error {
	fresh := st.Clock+st.Len > have
	if st.Kind == crdt.KindSkip && fresh {
		return refuse(Gap, "client %d: hole at %d", s.Client, st.Clock)
	}
	own, err := j.dependencies(s, st)
	if err != nil {
		return err
	}
	if !fresh {
		return nil
	}
	j.info.Structs++
	inside := int16(-1)
	switch st.Kind {
	case crdt.KindDoc:
		return refuse(Kind, "subdocument")
	case crdt.KindGC, crdt.KindDeleted:
		// a client that inserts and deletes in one go sends only the trace
		if j.deleted += uint64(st.Clock + st.Len - max(st.Clock, have)); j.deleted > uint64(j.Limits.Collected) {
			return refuse(TooLarge, "%d clocks without content", j.deleted)
		}
	case crdt.KindType:
		j.entries++
		inside = own + 1
		if int(inside) > j.Limits.Nesting {
			return refuse(Nesting, "%d types in each other", inside)
		}
	case crdt.KindEmbed, crdt.KindFormat, crdt.KindBinary:
		if st.Bytes > j.Limits.Value {
			return refuse(TooLarge, "value of %d bytes", st.Bytes)
		}
	}
	if st.InRoot && len(j.Roots) > 0 && !slices.Contains(j.Roots, string(st.Root)) {
		return refuse(Kind, "root type %.40q", st.Root)
	}
	if len(st.Key) > 0 {
		j.entries++
	}
	if j.entries > j.Limits.Entries {
		return refuse(TooLarge, "more than %d types and map entries", j.Limits.Entries)
	}
	if longest := max(len(st.Root), len(st.Key), len(st.Name)); longest > j.Limits.Name {
		return refuse(TooLarge, "name of %d bytes", longest)
	}
	if st.HasOrigin {
		j.cuts(crdt.ID{Client: st.Origin.Client, Clock: st.Origin.Clock + 1})
	}
	if st.HasRight {
		j.cuts(st.Right)
	}
	if j.cut > j.Limits.Cuts {
		return refuse(TooLarge, "cuts more than %d items", j.Limits.Cuts)
	}
	if n := j.view.named(st); n > j.Limits.Names {
		return refuse(TooLarge, "%d different names", n)
	}
	j.bytes += st.Bytes
	j.named += len(st.Root) + len(st.Key) + len(st.Name)
	if st.Kind == crdt.KindString {
		j.text += st.Bytes
	} else {
		j.values += st.Bytes
	}
	if j.work() > j.Limits.Work {
		return j.tooMuch()
	}
	if j.tangle {
		if j.view.steps += j.view.cost(j, s.Client, have, st); j.view.steps > j.Limits.Conflict {
			return refuse(Tangled, "placing %d structs passes more than %d items", j.info.Structs, j.Limits.Conflict)
		}
	}
	if !j.types {
		return nil
	}
	if d := j.depths[i]; len(d) == 0 || inside >= 0 || d[len(d)-1].own != own || d[len(d)-1].inside >= 0 {
		j.depths[i] = append(d, depth{st.Clock, own, inside})
	}
	return nil
}

func (j *judge) tooMuch() *Refusal {
	return refuse(TooLarge, "more work than %d structs are: %d structs, %d types and map entries, %d cuts, %d deletions, %d bytes of values", j.Limits.Work, j.info.Structs, j.entries, j.cut, j.alive, j.values)
}

// dependencies checks that all that st builds on exists, and says how deep st lies when the update brings types.
func (j *judge) dependencies(s crdt.Section, st *crdt.Struct) (int16, error) {
	var origin, right, inside int16
	var err error
	if st.HasOrigin {
		if origin, _, err = j.depend(s, st.Clock, st.Origin); err != nil {
			return 0, err
		}
	}
	if st.HasRight {
		if right, _, err = j.depend(s, st.Clock, st.Right); err != nil {
			return 0, err
		}
	}
	if st.HasParent {
		if _, inside, err = j.depend(s, st.Clock, st.Parent); err != nil {
			return 0, err
		}
	}
	return max(origin, right, inside), nil
}

// depend checks that what a struct builds on exists, in the document or earlier in
// the update, and says how deep it is when the update brings types.
func (j *judge) depend(s crdt.Section, clock uint32, on crdt.ID) (own, inside int16, err error) {
	if on.Clock < j.Doc.Clock(on.Client) {
		if !j.types {
			return 0, 0, nil
		}
		o, in, _ := j.Doc.Depth(on)
		return int16(min(o, 1<<14)), int16(min(in, 1<<14)), nil
	}
	k := j.u.SectionOf(on.Client)
	if k < 0 || on.Clock >= j.u.Section(k).End {
		return 0, -1, refuse(Dependency, "client %d at %d needs client %d at %d", s.Client, clock, on.Client, on.Clock)
	}
	if on.Client != s.Client {
		if err := j.section(k, on.Clock); err != nil {
			return 0, -1, err
		}
	}
	if !j.types {
		return 0, 0, nil
	}
	d := j.depths[k]
	n, found := slices.BinarySearchFunc(d, on.Clock, func(d depth, clock uint32) int { return int(int64(d.clock) - int64(clock)) })
	if !found {
		n--
	}
	if n < 0 {
		return 0, -1, nil
	}
	return d[n].own, d[n].inside, nil
}

func (j *judge) deletes() error {
	for i := range j.u.Deletes() {
		r := j.u.Delete(i)
		end := j.Doc.Clock(r.Client)
		fresh := end
		if k := j.u.SectionOf(r.Client); k >= 0 {
			fresh = max(end, j.u.Section(k).End)
		}
		if r.Clock+r.Len > fresh {
			return refuse(Unborn, "client %d: %d to %d, there is content up to %d", r.Client, r.Clock, r.Clock+r.Len, fresh)
		}
		if r.Clock+r.Len > end || j.Doc.Alive(r) {
			j.info.Deletes = true
			j.alive++
			j.cuts(crdt.ID{Client: r.Client, Clock: r.Clock})
			j.cuts(crdt.ID{Client: r.Client, Clock: r.Clock + r.Len})
		}
		if j.cut > j.Limits.Cuts || j.alive > j.Limits.Alive {
			return refuse(TooLarge, "more than %d deleted ranges, or %d cuts", j.Limits.Alive, j.Limits.Cuts)
		}
		if j.work() > j.Limits.Work {
			return j.tooMuch()
		}
	}
	return nil
}

// known says whether the document has a clock.
func (j *judge) known(id crdt.ID) bool { return id.Clock < j.Doc.Clock(id.Client) }

// cuts counts the places where an item of the document, or a struct of the update, has
// to be cut in two; each place once.
func (j *judge) cuts(at crdt.ID) {
	if !j.count {
		return
	}
	known := at.Clock < j.Doc.Clock(at.Client)
	if known && !j.Doc.Inside(at) || !known && !j.u.Inside(at) {
		return
	}
	if !j.view.small {
		if _, had := j.view.cuts.at(j.view.ids.key(at), j.cut <= j.Limits.Cuts); had {
			return
		}
	}
	j.cut++
}
