package citizen

// Stage is one step of a matter that means something to a citizen. Each has
// texts in the dictionaries: citizen.stage.<stage>.name (it happened), .ahead
// (it will), .means, .next, .now, .until and .until_date.
type Stage string

// The stages in their usual order, then the side events, which may come at any
// time and never wait in the list of what comes next.
const (
	Received      Stage = "received"
	Registered    Stage = "registered"
	Assigned      Stage = "assigned"
	InProgress    Stage = "in_progress"
	WaitingForYou Stage = "waiting_for_you" // výzva k doplnění
	Suspended     Stage = "suspended"       // přerušeno
	InApproval    Stage = "in_approval"
	Approved      Stage = "approved"
	Signed        Stage = "signed"
	Dispatched    Stage = "dispatched"
	Delivered     Stage = "delivered"
	Resolved      Stage = "resolved"
	Closed        Stage = "closed"

	Reopened        Stage = "reopened"
	Cancelled       Stage = "cancelled"
	Transferred     Stage = "transferred" // postoupeno jinému úřadu
	DeadlineChanged Stage = "deadline_changed"
)

// Stages lists every stage in order.
var Stages = []Stage{
	Received, Registered, Assigned, InProgress, WaitingForYou, Suspended, InApproval, Approved, Signed,
	Dispatched, Delivered, Resolved, Closed, Reopened, Cancelled, Transferred, DeadlineChanged,
}

var rank = func() map[Stage]int {
	m := map[Stage]int{}
	for i, s := range Stages {
		m[s] = i + 1
	}
	return m
}()

// Known reports whether s is a stage.
func (s Stage) Known() bool { return rank[s] > 0 }

// Side reports whether s may come at any time, or not at all, so that nobody
// is promised it as the next step.
func (s Stage) Side() bool {
	switch s {
	case WaitingForYou, Suspended, Reopened, Cancelled, Transferred, DeadlineChanged:
		return true
	}
	return false
}

// Ends reports whether nothing follows s.
func (s Stage) Ends() bool { return s == Closed || s == Cancelled || s == Transferred }

// ByHand lists the stages an official may record, because no event of the
// journal tells them.
var ByHand = []Stage{Assigned, InProgress, WaitingForYou, Suspended, Dispatched, Delivered, Resolved, Closed, Reopened, Cancelled, Transferred}
