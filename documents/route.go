package documents

import (
	"cmp"
	"slices"
	"time"

	"spolupis/security"
	"spolupis/security/fault"
)

// Rule says how many members of a group must act before the next group's turn.
type Rule string

// Rules of a group. One refusal returns the material whatever the rule.
const (
	All Rule = "all"
	Any Rule = "any"
	N   Rule = "n" // Group.N of them
)

// Group is a set of people asked at the same time.
type Group struct {
	Members []security.ActorID `json:"members"`
	Rule    Rule               `json:"rule"`
	N       int                `json:"n,omitempty"`
}

func (g Group) needed() int {
	switch g.Rule {
	case Any:
		return 1
	case N:
		return g.N
	}
	return len(g.Members)
}

// Route is whom a version is to pass: groups of approvers one after another,
// then groups of signers. Everybody named as a signer signs: their rule is All.
type Route struct {
	Approvers []Group `json:"approvers"`
	Signers   []Group `json:"signers"`
}

// Check refuses a route that could not be walked to its end.
func (r Route) Check() error {
	if len(r.Approvers)+len(r.Signers) == 0 {
		return fault.New(fault.Invalid, "documents.fault.route_empty")
	}
	for _, g := range append(slices.Clone(r.Approvers), r.Signers...) {
		if len(g.Members) == 0 {
			return fault.New(fault.Invalid, "documents.fault.route_group_empty")
		}
		for i, p := range g.Members {
			if p == "" || slices.Contains(g.Members[:i], p) {
				return fault.New(fault.Invalid, "documents.fault.route_twice")
			}
		}
		if g.Rule != All && g.Rule != Any && g.Rule != N || g.Rule == N && (g.N < 1 || g.N > len(g.Members)) {
			return fault.New(fault.Invalid, "documents.fault.route_rule")
		}
	}
	for _, g := range r.Signers {
		if g.Rule != All {
			return fault.New(fault.Invalid, "documents.fault.route_sign_all")
		}
	}
	return nil
}

// Act is what a member of a group did.
type Act string

// Acts of members. An empty Act means not yet.
const (
	ActApproved Act = "approved"
	ActRefused  Act = "refused"
	ActSigned   Act = "signed"
)

// Member is one person asked in one step.
type Member struct {
	Person security.ActorID
	Act    Act
	At     time.Time // zero until he acts
	Reason string    // of a refusal
	// Deputy is who acted for him ("v zastoupení"), "" when he acted himself.
	Deputy security.ActorID
	// Carried is the earlier version he approved, when only its form changed
	// since; see formal.go.
	Carried VersionID
}

// Step is one group of a circulation.
type Step struct {
	Sign    bool // false: approval, true: signature
	Rule    Rule
	Needed  int
	Members []Member
}

func (s Step) count(act Act) (n int) {
	for _, m := range s.Members {
		if m.Act == act {
			n++
		}
	}
	return n
}

// Done reports whether enough members acted.
func (s Step) Done() bool {
	if s.Sign {
		return s.count(ActSigned) >= s.Needed
	}
	return s.count(ActApproved) >= s.Needed
}

// CirculationState says how far a circulation got.
type CirculationState string

// States of a circulation.
const (
	Running  CirculationState = "running"  // an approver's turn
	ToSign   CirculationState = "to_sign"  // all approved, signers' turn
	Finished CirculationState = "finished" // all acted
	Refused  CirculationState = "refused"
	Stopped  CirculationState = "stopped" // a new draft was opened or a newer version frozen
)

// Circulation is a route being walked by one version.
type Circulation struct {
	ID        string
	Version   VersionID
	Material  MaterialID
	State     CirculationState
	Current   int // index of the step whose turn it is
	Steps     []Step
	StartedBy security.ActorID
	StartedAt time.Time
}

func (r Route) circulation() Circulation {
	var c Circulation
	add := func(groups []Group, sign bool) {
		for _, g := range groups {
			step := Step{Sign: sign, Rule: g.Rule, Needed: g.needed()}
			for _, p := range g.Members {
				step.Members = append(step.Members, Member{Person: p})
			}
			c.Steps = append(c.Steps, step)
		}
	}
	add(r.Approvers, false)
	add(r.Signers, true)
	c.State = Running
	c.settle()
	return c
}

// settle moves on over steps that are done and sets the state accordingly.
func (c *Circulation) settle() {
	for c.Current < len(c.Steps) && c.Steps[c.Current].Done() {
		c.Current++
	}
	switch {
	case c.Current == len(c.Steps):
		c.State = Finished
	case c.Steps[c.Current].Sign:
		c.State = ToSign
	}
}

// Signers are the groups of people whose signature is asked for.
func (c Circulation) Signers() [][]security.ActorID {
	groups := [][]security.ActorID{}
	for _, s := range c.Steps {
		if s.Sign {
			var g []security.ActorID
			for _, m := range s.Members {
				g = append(g, m.Person)
			}
			groups = append(groups, g)
		}
	}
	return groups
}

// Asked reports whether it is person's turn to approve.
func (c Circulation) Asked(person security.ActorID) bool {
	if c.State != Running {
		return false
	}
	return slices.ContainsFunc(c.Steps[c.Current].Members, func(m Member) bool { return m.Person == person && m.Act == "" })
}

// decide records an approver's act, made by himself (deputy is "") or by his
// deputy. It fails when the circulation has ended, when it is not his turn,
// when he has acted in this step already, and when the human being who acts has
// acted in it for anybody: who approves twice is still one pair of eyes.
func (c *Circulation) decide(person, deputy security.ActorID, act Act, reason string, at time.Time) error {
	if c.State != Running {
		return fault.New(fault.Conflict, "documents.fault.route_over")
	}
	for i := range c.Steps[c.Current].Members {
		m := &c.Steps[c.Current].Members[i]
		if m.Person != person {
			continue
		}
		if m.Act != "" {
			return fault.New(fault.Conflict, "documents.fault.acted")
		}
		hand := cmp.Or(deputy, person)
		for _, other := range c.Steps[c.Current].Members {
			if other.Act != "" && cmp.Or(other.Deputy, other.Person) == hand {
				return fault.New(fault.Conflict, "deputy.fault.twice")
			}
		}
		m.Act, m.At, m.Reason, m.Deputy = act, at, reason, deputy
		if act == ActRefused {
			c.State = Refused
			return nil
		}
		c.settle()
		return nil
	}
	for i, s := range c.Steps {
		for _, m := range s.Members {
			if m.Person == person && !s.Sign {
				if i < c.Current {
					return fault.New(fault.Conflict, "documents.fault.acted")
				}
				return fault.New(fault.Conflict, "documents.fault.out_of_turn")
			}
		}
	}
	return fault.New(fault.Denied, "documents.fault.not_asked")
}

// sign records a signature made elsewhere. It never fails: the signature
// exists, whatever the route thinks. The same signature twice changes nothing.
func (c *Circulation) sign(person security.ActorID, at time.Time) {
	for i := range c.Steps {
		for j := range c.Steps[i].Members {
			if m := &c.Steps[i].Members[j]; c.Steps[i].Sign && m.Person == person && m.Act == "" {
				m.Act, m.At = ActSigned, at
			}
		}
	}
	if c.State == ToSign {
		c.settle()
	}
}

// people lists everybody who acted or was asked, once each.
func (c Circulation) people() []security.ActorID {
	var out []security.ActorID
	for i, s := range c.Steps {
		for _, m := range s.Members {
			asked := m.Act != "" || i <= c.Current
			if asked && !slices.Contains(out, m.Person) {
				out = append(out, m.Person)
			}
			if m.Deputy != "" && !slices.Contains(out, m.Deputy) {
				out = append(out, m.Deputy)
			}
		}
	}
	return out
}
