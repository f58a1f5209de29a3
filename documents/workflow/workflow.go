// Package workflow is the course of a material as data: where a material can
// be, what moves it from there, who may do that and on what conditions. The
// course itself is JSON (material.json is the one we bring; an office can
// import its own), checked by Parse; the conditions are predicates named in it
// and written in Go over a few facts (guard.go).
//
// The package does no input or output and keeps nothing. Package documents
// stores the place of a material and moves it within the transaction of the
// act that caused the move.
package workflow

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"spolupis/security/fault"
)

// Place is where a material is in its course, such as "pripominky".
type Place string

// Event is what moves a material, such as "zahajit_pripominky".
type Event string

// Role is what somebody is to a material in its course, such as "zpracovatel".
type Role string

// The places that the rules of materials know by name.
const (
	Draft      Place = "navrh"
	Commenting Place = "pripominky"
	Settling   Place = "vyporadani"
	Disputed   Place = "rozpor"
	Approving  Place = "schvalovani"
	Returned   Place = "vraceno"
	Submitted  Place = "predlozeno"
	OnProgram  Place = "zarazeno"
	Discussed  Place = "projednava_se"
	Postponed  Place = "odlozeno"
	Referred   Place = "postoupeno_zk"
	Adopted    Place = "usneseni_prijato"
	NotAdopted Place = "neprijato"
	Withdrawn  Place = "vzato_zpet"
	ToSign     Place = "podpis_usneseni"
	Published  Place = "zverejneno"
	Fulfilling Place = "v_plneni"
	Fulfilled  Place = "splneno"
	Closed     Place = "uzavreno"
	Cancelled  Place = "storno"
)

// The events that the rules of materials fire.
const (
	StartRound       Event = "zahajit_pripominky"
	SendToApprove    Event = "predlozit_ke_schvaleni"
	Cancel           Event = "stornovat"
	RoundExpired     Event = "uplynuti_lhuty"
	EndRoundEarly    Event = "ukoncit_predcasne"
	ExtendRound      Event = "prodlouzit"
	NewRound         Event = "nove_kolo"
	AllSettled       Event = "vse_vyporadano"
	OpenDispute      Event = "otevrit_rozpor"
	ResolveDispute   Event = "rozpor_odstranen"
	SubmitDisputed   Event = "predlozit_s_rozporem"
	ApproveStep      Event = "schvalit_krok"
	ApproveLast      Event = "schvalit_posledni"
	Return           Event = "vratit"
	TextChanged      Event = "zmena_textu"
	Rework           Event = "prepracovat"
	PutOnProgram     Event = "zaradit"
	MoveOnProgram    Event = "preradit"
	WithdrawFrom     Event = "stahnout"
	BeginDiscussion  Event = "zahajit_projednani"
	Adopt            Event = "prijmout"
	AdoptChanged     Event = "prijmout_se_zmenou"
	NotAdopt         Event = "neprijmout"
	Postpone         Event = "odlozit"
	PutAgain         Event = "znovu_zaradit"
	Refer            Event = "postoupit"
	SendToSign       Event = "k_podpisu"
	FoundForAssembly Event = "zalozit_material_zk"
	SignResolution   Event = "podepsat"
	CloseWithout     Event = "bez_ukolu"
	SendTasks        Event = "rozeslat_ukoly"
	ExtendTask       Event = "prodlouzit_termin"
	AllDone          Event = "vse_splneno"
	Repeal           Event = "zrusit_usneseni"
	Close            Event = "uzavrit"
)

// The roles that acts of the program itself take.
const (
	Drafter   Role = "zpracovatel"
	Head      Role = "vedouci_odboru"
	Unit      Role = "pripominkove_misto"
	Director  Role = "reditel"
	Approver  Role = "schvalovatel"
	Submitter Role = "predkladatel"
	Secretary Role = "organizacni_oddeleni"
	Recorder  Role = "zapisovatel"
	Chair     Role = "hejtman"
	Verifier  Role = "overovatel"
	Council   Role = "rada"
	Assembly  Role = "zastupitelstvo"
	System    Role = "system"
)

// Label is what people call a thing, in both languages of the office.
type Label struct {
	CS string `json:"cs"`
	EN string `json:"en"`
}

// In returns the label in a language; Czech unless it is "en".
func (l Label) In(lang string) string {
	if lang == "en" {
		return l.EN
	}
	return l.CS
}

// Definition is a whole course.
type Definition struct {
	ID          string       `json:"id"`
	Version     int          `json:"version"`
	Label       Label        `json:"label"`
	Initial     Place        `json:"initial"`
	Terminal    []Place      `json:"terminal"`
	Stages      []Stage      `json:"stages"`
	Roles       []RoleInfo   `json:"roles"`
	States      []State      `json:"states"`
	Transitions []Transition `json:"transitions"`
}

// Stage is a part of the course, for the line of steps on a page.
type Stage struct {
	Name  string `json:"name"`
	Label Label  `json:"label"`
}

// RoleInfo says what a role is called and by what it is held; see Holdings.
type RoleInfo struct {
	Name   Role     `json:"name"`
	Label  Label    `json:"label"`
	HeldBy []string `json:"held_by"`
}

// Holdings are the ways to hold a role: a right on the material, heading its
// department, being asked to comment or approve now, being whose approval
// submits it, a role in the office or at the meeting, a body that decided, or
// being the program itself.
var Holdings = []string{"right:manage", "head", "asked:comment", "asked:approve", "submitter", "role:secretariat", "role:director", "role:head",
	"role:approver", "role:councillor", "meeting:recorder", "meeting:chair", "meeting:verifier", "body:council", "body:assembly", "system"}

// State is one place.
type State struct {
	Name  Place  `json:"name"`
	Label Label  `json:"label"`
	Stage string `json:"stage"`
	// WorkingDays is how long a material should stay here; 0: no deadline.
	WorkingDays int `json:"working_days,omitempty"`
	// Visible are those who may read the material here besides whoever was
	// invited to it: "role:…" or "unit:…".
	Visible []string `json:"visible,omitempty"`
}

// Transition is one way from a place.
type Transition struct {
	From   Place    `json:"from"`
	Event  Event    `json:"event"`
	To     Place    `json:"to"`
	Roles  []Role   `json:"roles"`
	Guards []string `json:"guards"`
	Label  Label    `json:"label"` // of the button
	// Where is the page on which the act is done: one of Pages. On "" the
	// material's own page shows a button.
	Where string `json:"where,omitempty"`
	// Ask are the fields that the button on the material's page asks for: one
	// of Asks.
	Ask []string `json:"ask,omitempty"`
}

// Pages and Asks are what Transition.Where and Transition.Ask may hold.
var (
	Pages = []string{"", "round", "comments", "route", "programme", "tasks", "system"}
	Asks  = []string{"reason", "records"}
)

// Limits of an imported definition.
const (
	MaxSize        = 256 << 10
	maxStates      = 100
	maxTransitions = 500
	maxLabel       = 200
)

//go:embed material.json
var material []byte

// Material returns the course that the program brings: 20 places and 45 ways.
func Material() *Definition {
	d, err := Parse(material)
	if err != nil {
		panic("workflow: material.json: " + err.Error()) // a test parses it
	}
	return d
}

// Parse reads a definition and refuses (fault.Invalid) one that could not be
// followed: what is unknown, unreachable, without an end or without a name is
// named in the fault's arguments.
func Parse(b []byte) (*Definition, error) {
	if len(b) > MaxSize {
		return nil, fault.New(fault.TooLarge, "workflow.import.large", MaxSize>>10)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	d := &Definition{}
	if err := dec.Decode(d); err != nil {
		return nil, fmt.Errorf("%w (%w)", fault.New(fault.Invalid, "workflow.import.json", err.Error()), err)
	}
	if dec.More() {
		return nil, fault.New(fault.Invalid, "workflow.import.json", "}")
	}
	return d, d.check()
}

// JSON is the definition as Parse reads it.
func (d *Definition) JSON() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(d); err != nil {
		panic("workflow: " + err.Error()) // strings and numbers only
	}
	return b.Bytes()
}

func wrong(code string, args ...any) error {
	return fault.New(fault.Invalid, "workflow.import."+code, args...)
}

func (l Label) missing() bool {
	return strings.TrimSpace(l.CS) == "" || strings.TrimSpace(l.EN) == "" || len(l.CS) > maxLabel || len(l.EN) > maxLabel
}

func (d *Definition) check() error {
	switch {
	case d.ID == "" || len(d.ID) > 60 || d.Version < 1:
		return wrong("id")
	case d.Label.missing():
		return wrong("label", d.ID)
	case len(d.States) == 0 || len(d.States) > maxStates || len(d.Transitions) > maxTransitions:
		return wrong("size", maxStates, maxTransitions)
	}
	for _, check := range []func() error{d.checkNames, d.checkTransitions, d.checkEnds} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// named refuses names that are empty, double or unlabelled.
type named struct {
	name  string
	label Label
}

func checkNamed(all []named) error {
	seen := map[string]bool{}
	for _, n := range all {
		if n.name == "" || len(n.name) > 60 || seen[n.name] {
			return wrong("name", n.name)
		}
		seen[n.name] = true
		if n.label.missing() {
			return wrong("label", n.name)
		}
	}
	return nil
}

func (d *Definition) checkNames() error {
	var stages, roles, states []named
	for _, s := range d.Stages {
		stages = append(stages, named{s.Name, s.Label})
	}
	for _, r := range d.Roles {
		roles = append(roles, named{string(r.Name), r.Label})
	}
	for _, s := range d.States {
		states = append(states, named{string(s.Name), s.Label})
	}
	for _, list := range [][]named{stages, roles, states} {
		if err := checkNamed(list); err != nil {
			return err
		}
	}
	for _, r := range d.Roles {
		for _, h := range r.HeldBy {
			if !slices.Contains(Holdings, h) {
				return wrong("holding", r.Name, h)
			}
		}
	}
	for _, s := range d.States {
		if !slices.ContainsFunc(d.Stages, func(x Stage) bool { return x.Name == s.Stage }) {
			return wrong("stage", s.Name, s.Stage)
		}
		for _, v := range s.Visible {
			if kind, id, ok := strings.Cut(v, ":"); !ok || id == "" || kind != "role" && kind != "unit" {
				return wrong("visible", s.Name, v)
			}
		}
		if s.WorkingDays < 0 || s.WorkingDays > 366 {
			return wrong("days", s.Name)
		}
	}
	if d.State(d.Initial) == nil {
		return wrong("state", d.Initial)
	}
	for _, t := range d.Terminal {
		if d.State(t) == nil {
			return wrong("state", t)
		}
	}
	return nil
}

func (d *Definition) checkTransitions() error {
	type key struct {
		Place
		Event
	}
	seen := map[key]bool{}
	for _, t := range d.Transitions {
		name := string(t.From) + " → " + string(t.Event)
		for _, p := range []Place{t.From, t.To} {
			if d.State(p) == nil {
				return wrong("state", p)
			}
		}
		k := key{t.From, t.Event}
		switch {
		case t.Event == "" || len(t.Event) > 60 || seen[k]:
			return wrong("name", name)
		case t.Label.missing():
			return wrong("label", name)
		case len(t.Roles) == 0:
			return wrong("no_role", name)
		case slices.Contains(d.Terminal, t.From):
			return wrong("after_end", name)
		case !slices.Contains(Pages, t.Where):
			return wrong("where", name, t.Where)
		}
		seen[k] = true
		for _, r := range t.Roles {
			if d.Role(r) == nil {
				return wrong("role", name, r)
			}
		}
		for _, g := range t.Guards {
			if _, ok := guards[g]; !ok {
				return wrong("guard", name, g)
			}
		}
		for _, a := range t.Ask {
			if !slices.Contains(Asks, a) {
				return wrong("ask", name, a)
			}
		}
	}
	return nil
}

// checkEnds refuses places that nothing leads to and places from which no end
// can be reached.
func (d *Definition) checkEnds() error {
	if len(d.Terminal) == 0 {
		return wrong("no_end")
	}
	reached := d.closure([]Place{d.Initial}, func(t Transition) (Place, Place) { return t.From, t.To })
	ends := d.closure(d.Terminal, func(t Transition) (Place, Place) { return t.To, t.From })
	for _, s := range d.States {
		if !reached[s.Name] {
			return wrong("unreachable", s.Name)
		}
		if !ends[s.Name] {
			return wrong("dead_end", s.Name)
		}
	}
	return nil
}

// closure is everything that can be got to from some places along edges.
func (d *Definition) closure(from []Place, edge func(Transition) (Place, Place)) map[Place]bool {
	got := map[Place]bool{}
	for todo := slices.Clone(from); len(todo) > 0; {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if got[p] {
			continue
		}
		got[p] = true
		for _, t := range d.Transitions {
			if a, b := edge(t); a == p {
				todo = append(todo, b)
			}
		}
	}
	return got
}

// State returns a place by name, nil when there is none.
func (d *Definition) State(p Place) *State {
	for i := range d.States {
		if d.States[i].Name == p {
			return &d.States[i]
		}
	}
	return nil
}

// Role returns a role by name, nil when there is none.
func (d *Definition) Role(r Role) *RoleInfo {
	for i := range d.Roles {
		if d.Roles[i].Name == r {
			return &d.Roles[i]
		}
	}
	return nil
}

// Ended reports whether a place is an end.
func (d *Definition) Ended(p Place) bool { return slices.Contains(d.Terminal, p) }

// From lists the ways that lead from a place, in the order of the data.
func (d *Definition) From(p Place) []Transition {
	var out []Transition
	for _, t := range d.Transitions {
		if t.From == p {
			out = append(out, t)
		}
	}
	return out
}

// Find returns the way that an event opens from a place.
func (d *Definition) Find(p Place, e Event) (Transition, bool) {
	for _, t := range d.Transitions {
		if t.From == p && t.Event == e {
			return t, true
		}
	}
	return Transition{}, false
}

// Next is where an event moves a material that is at p, made by somebody with
// these roles while these facts hold. Otherwise it says in lang why not: the
// event does not exist there (fault.Conflict, "workflow.fault.not_here"), it is
// somebody else's (fault.Denied, "workflow.fault.role"), or a condition does
// not hold (fault.Conflict, "workflow.guard.<name>").
func (d *Definition) Next(p Place, e Event, roles []Role, f Facts, lang string) (Transition, error) {
	t, ok := d.Find(p, e)
	if !ok {
		return t, fault.New(fault.Conflict, "workflow.fault.not_here", d.PlaceName(p, lang), d.EventName(e, lang))
	}
	return t, d.refusal(t, roles, f, lang, false)
}

func (d *Definition) refusal(t Transition, roles []Role, f Facts, lang string, later bool) error {
	if !slices.ContainsFunc(t.Roles, func(r Role) bool { return slices.Contains(roles, r) }) {
		var names []string
		for _, r := range t.Roles {
			names = append(names, d.Role(r).Label.In(lang))
		}
		return fault.New(fault.Denied, "workflow.fault.role", t.Label.In(lang), strings.Join(names, ", "))
	}
	for _, name := range t.Guards {
		g := guards[name]
		if later && g.input {
			continue
		}
		if !g.holds(f) {
			var args []any
			if g.args != nil {
				args = g.args(f)
			}
			return fault.New(fault.Conflict, "workflow.guard."+name, args...)
		}
	}
	return nil
}

// Offer is one way from where a material is, as a page shows it.
type Offer struct {
	Transition
	Refusal error // nil: it can be done now
}

// Offers lists every way from a place. Conditions about what a person has yet
// to fill in are left to the act.
func (d *Definition) Offers(p Place, roles []Role, f Facts, lang string) []Offer {
	var out []Offer
	for _, t := range d.From(p) {
		out = append(out, Offer{t, d.refusal(t, roles, f, lang, true)})
	}
	return out
}

// PlaceName is what people call a place; its name when it is unknown.
func (d *Definition) PlaceName(p Place, lang string) string {
	if s := d.State(p); s != nil {
		return s.Label.In(lang)
	}
	return string(p)
}

// EventName is what the button of an event says; its name when it is unknown.
func (d *Definition) EventName(e Event, lang string) string {
	for _, t := range d.Transitions {
		if t.Event == e {
			return t.Label.In(lang)
		}
	}
	return string(e)
}
