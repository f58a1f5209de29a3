package documents

import (
	"context"
	"time"

	"spolupis/collab"
	"spolupis/collab/crdt"
	"spolupis/documents/meeting"
	"spolupis/documents/workflow"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/journal"
)

// Reader answers what is stored. A missing thing is fault.NotFound.
type Reader interface {
	Agendas(ctx context.Context) ([]Agenda, error) // by name
	Agenda(ctx context.Context, id AgendaID) (Agenda, error)
	Material(ctx context.Context, id MaterialID) (Material, error)
	Participants(ctx context.Context, id MaterialID) ([]Participant, error)
	Rounds(ctx context.Context, id MaterialID) ([]Round, error) // the first one first
	Comments(ctx context.Context, id MaterialID) ([]Comment, error)
	CommentNumbers(ctx context.Context, id MaterialID) (n, last int, err error) // how many comments, and the highest number
	Comment(ctx context.Context, id CommentID) (Comment, error)
	Twins(ctx context.Context, lead CommentID) ([]Comment, error) // its duplicates, by number
	Dispute(ctx context.Context, c CommentID) (Dispute, error)
	Disputes(ctx context.Context, id MaterialID) ([]Dispute, error) // by the number of the comment
	// Answered returns the comment that a command with this idempotency key
	// changed and the digest of the command, or "" when there was none.
	Answered(ctx context.Context, who security.ActorID, key string) (c CommentID, digest string, err error)
	Versions(ctx context.Context, id MaterialID) ([]Version, error) // newest first
	Version(ctx context.Context, id VersionID) (Version, error)
	Blob(ctx context.Context, sha256 string) ([]byte, error)
	Circulation(ctx context.Context, id VersionID) (Circulation, error) // the last one of the version
	Intent(ctx context.Context, id MaterialID) (Intent, bool, error)
	Courses(ctx context.Context) ([]CourseVersion, error)    // imported ones, newest first
	Course(ctx context.Context, version int) ([]byte, error) // its JSON
	PrintStore
	DerivativeReader
	AttachmentReader
	CalendarReader
	MeetingReader
	TemplateReader
}

// MeetingReader answers what is stored about meetings.
type MeetingReader interface {
	Meeting(ctx context.Context, id string) (meeting.Meeting, error)
	Meetings(ctx context.Context, before string, limit int) ([]meeting.Meeting, error) // latest first; before is "day.id"
	Items(ctx context.Context, meeting string) ([]meeting.Item, error)                 // in order of the programme
	Item(ctx context.Context, id string) (meeting.Item, error)
	ItemsOf(ctx context.Context, id MaterialID) ([]meeting.Item, error) // newest first
	ResolutionOf(ctx context.Context, item string) (meeting.Resolution, error)
	ResolutionNumbered(ctx context.Context, number string) (meeting.Resolution, error)
	TasksOf(ctx context.Context, id MaterialID) ([]meeting.Task, error)
	MeetingTask(ctx context.Context, id string) (meeting.Task, error)
	OpenTasks(ctx context.Context, unit security.UnitID, person security.ActorID, limit int) ([]meeting.Task, error) // by deadline
	TasksUntil(ctx context.Context, kind meeting.Kind, first, last access.Day, limit int) ([]meeting.Task, error)
}

// MeetingWriter changes meetings within a transaction.
type MeetingWriter interface {
	LockMeeting(ctx context.Context, id string) (meeting.Meeting, error)
	AddMeeting(ctx context.Context, m meeting.Meeting) (meeting.Meeting, error) // numbered
	PublishProgramme(ctx context.Context, m meeting.Meeting) error
	NextItem(ctx context.Context, meeting string) (int, error)
	AddItem(ctx context.Context, i meeting.Item) error
	SetItem(ctx context.Context, i meeting.Item) error
	NextResolution(ctx context.Context, kind meeting.Kind, year int) (int, error)
	AddResolution(ctx context.Context, r meeting.Resolution) error
	SignResolution(ctx context.Context, r meeting.Resolution) error // fault.Conflict when it is signed
	AddMeetingTask(ctx context.Context, t meeting.Task) error
	SetMeetingTask(ctx context.Context, t meeting.Task) error // fault.Conflict when it is closed
}

// Store keeps materials. Write runs do in one transaction: all of it is
// durable when Write returns nil, none of it when do returns an error. An error
// from Write itself may mean either, as with any commit; callers that must know
// read again.
type Store interface {
	Reader
	Index
	MailSettings
	Outgoing(ctx context.Context, limit int) ([]Outgoing, error) // newest first
	List(ctx context.Context, who security.Actor, q Query) (Page, error)
	Notices(ctx context.Context, who security.ActorID, before int64, limit int) ([]Notice, error) // newest first
	Unseen(ctx context.Context, who security.ActorID) (int, error)
	Asked(ctx context.Context, who security.ActorID) ([]Task, error)                              // approvals waiting for him
	ToComment(ctx context.Context, who security.ActorID, unit security.UnitID) ([]Task, error)    // open rounds of his unit
	ToRead(ctx context.Context, who security.ActorID) ([]Task, error)                             // notices he has not seen, by material
	Duties(ctx context.Context, person security.ActorID, units []security.UnitID) ([]Task, error) // open tasks from resolutions
	ToSettle(ctx context.Context, who security.ActorID) ([]Task, error)                           // his materials with open comments
	SavedViews(ctx context.Context, who security.ActorID) ([]SavedView, error)                    // by name
	SavedView(ctx context.Context, id string) (SavedView, error)
	History(ctx context.Context, id MaterialID, reads bool, before int64, limit int) ([]journal.Entry, error)
	// Placed lists materials that have been at a place since before a time, longest first.
	Placed(ctx context.Context, place workflow.Place, before time.Time, limit int) ([]MaterialID, error)
	Intents(ctx context.Context, before time.Time) ([]Intent, error)      // started before that time
	DueRounds(ctx context.Context, now time.Time) ([]MaterialID, error)   // with a round that runs past its deadline
	ToState(ctx context.Context, units []security.UnitID) ([]Task, error) // statements these units owe
	ToDecide(ctx context.Context, who security.ActorID) ([]Task, error)   // disputes that wait for his decision
	// CountTasks is how many tasks all these list together for somebody of a unit, who leads and heads these.
	CountTasks(ctx context.Context, who security.ActorID, unit security.UnitID, leads, heads []security.UnitID) (int, error)
	Write(ctx context.Context, do func(tx Tx) error) error
}

// Tx is one transaction of a Store. Reads see its own writes.
type Tx interface {
	Reader
	// Lock reads a material and keeps others from changing it, its comments
	// or its versions until the transaction ends.
	Lock(ctx context.Context, id MaterialID) (Material, error)
	AddAgenda(ctx context.Context, by security.Actor, a Agenda) error
	NextNumber(ctx context.Context, agenda AgendaID, year int) (int, error)
	AddMaterial(ctx context.Context, m Material) error
	SetMaterial(ctx context.Context, m Material) error
	DropMaterial(ctx context.Context, by security.Actor, id MaterialID) error // only one that is Importing
	AddParticipant(ctx context.Context, by security.Actor, id MaterialID, p Participant) error
	DropParticipant(ctx context.Context, by security.Actor, id MaterialID, p Participant) error
	AddRound(ctx context.Context, r Round) error
	SetRound(ctx context.Context, r Round) error // deadline, statements, end
	AddExtension(ctx context.Context, round string, x Extension) error
	PutDispute(ctx context.Context, d Dispute) error                       // without its acts
	AddDisputeStep(ctx context.Context, d Dispute, step DisputeStep) error // as the last of d.Acts
	AddComment(ctx context.Context, c Comment) error
	SetComment(ctx context.Context, c Comment) error
	AddReply(ctx context.Context, c CommentID, r Reply) error
	Answer(ctx context.Context, who security.ActorID, key, digest string, c CommentID, at time.Time) error
	PutBlob(ctx context.Context, sha256 string, bytes []byte) error
	AddVersion(ctx context.Context, v Version) error
	SetVersionState(ctx context.Context, id VersionID, state State) error
	AddCirculation(ctx context.Context, c Circulation) error
	SetCirculation(ctx context.Context, c Circulation) error
	AddNotice(ctx context.Context, n Notice) error
	SetMailSetting(ctx context.Context, m MailSetting, digest time.Time) error // digest: when the next one is due
	SeeNotice(ctx context.Context, who security.ActorID, seq int64, at time.Time) error
	SeeNotices(ctx context.Context, who security.ActorID, upTo int64, at time.Time) error
	AddView(ctx context.Context, v SavedView) error
	DropView(ctx context.Context, who security.ActorID, id string) error // fault.NotFound when it is not his
	AddIntent(ctx context.Context, i Intent) error
	SetIntent(ctx context.Context, i Intent) error   // fault.Conflict when it is gone or in another step than i.Was
	DropIntent(ctx context.Context, id string) error // fault.Conflict when it is gone
	AddCourse(ctx context.Context, v CourseVersion, definition []byte) error
	MeetingWriter
	Record(ctx context.Context, entries ...journal.Entry) error
	TemplateWriter
	PrintWriter
	DerivativeWriter
	AttachmentWriter
	CalendarWriter
}

// Hub is the live text of materials (collab.Hub).
type Hub interface {
	Head(ctx context.Context, doc MaterialID) (collab.Head, error)
	Edit(ctx context.Context, who security.Actor, doc MaterialID, change func(d *crdt.Doc) error) (collab.Head, error)
	View(ctx context.Context, doc MaterialID) (any, error) // made by View of this package
	Seal(ctx context.Context, doc MaterialID) (collab.Sealed, error)
	Reopen(ctx context.Context, doc MaterialID) error
	Origins(ctx context.Context, doc MaterialID) (*collab.Origins, error)
	Push(ctx context.Context, doc MaterialID, event []byte)
}

// Rights says who may do what (access.Rights).
type Rights interface {
	Can(ctx context.Context, who security.Actor, act access.Act, on access.Object) error
	Allowed(ctx context.Context, who security.Actor, on access.Object) (map[access.Act]bool, error) // all he may do under his own name
	// Represents and Standing tell for whom who may act now; Leads whether he
	// acts as the head of a department.
	Represents(ctx context.Context, who security.Actor, on access.Object) ([]security.ActorID, error)
	Standing(ctx context.Context, who security.Actor) ([]access.Deputyship, error)
	Leads(ctx context.Context, who security.Actor, unit security.UnitID) (behalf security.ActorID, ok bool, err error)
	Heads(ctx context.Context) (map[security.UnitID]security.ActorID, error)
}

// People knows the names behind actors (access.Accounts).
type People interface {
	Person(ctx context.Context, id security.ActorID) (access.Person, error)
	ByID(ctx context.Context, ids ...security.ActorID) (map[security.ActorID]access.Person, error) // unknown ones are left out
}

// Reads records that somebody read something, before he gets it (journal.Journal).
type Reads interface {
	Recorded(ctx context.Context, who security.Actor, kind, subject string, body any) error
}

// Waiting is another domain's answer to what waits for a person, such as
// signatures. Its tasks join those of this package in the inbox.
type Waiting interface {
	Waiting(ctx context.Context, who security.Actor) ([]Task, error)
}
