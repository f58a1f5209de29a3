package signing

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"spolupis/security"
	"spolupis/security/fault"
	"spolupis/signing/seal"
)

// Config is everything a Service needs. All fields without a remark are required.
type Config struct {
	Store     Store
	Documents Documents
	Keys      Keys
	Stamper   Stamper
	People    People
	Authorise Authorise
	Trust     func() seal.Trust // for checking what was signed
	Now       func() time.Time
	// Reason is written into the PDF as the reason of the signature; nil = the reference number and version.
	Reason func(v VersionInfo, class seal.Class) string
	// Validity is how long an authorisation may be used; 0 = 24 hours, so that a night without time stamps does not cost a batch.
	Validity time.Duration
	// Max is the largest batch; 0 = 1000.
	Max int
	// Reads records that a person read a signed document, before he gets it; nil = nothing is recorded.
	Reads Reads
	// Failed hears of errors that stopped a worker; it goes on by itself a little later. Called from
	// several goroutines. May be nil.
	Failed func(error)
	// Lease is how long a dead worker blocks its batch; 0 = 30 seconds.
	Lease time.Duration
}

// Service is signing. It is safe for concurrent use; several processes may share the store.
type Service struct {
	Config
	wake chan struct{} // a batch may be due
}

// New checks the configuration.
func New(cfg Config) (*Service, error) {
	for name, missing := range map[string]bool{
		"Store": cfg.Store == nil, "Documents": cfg.Documents == nil, "Keys": cfg.Keys == nil, "Stamper": cfg.Stamper == nil,
		"People": cfg.People == nil, "Authorise": cfg.Authorise == nil, "Trust": cfg.Trust == nil, "Now": cfg.Now == nil,
	} {
		if missing {
			return nil, fmt.Errorf("signing: no %s", name)
		}
	}
	if cfg.Validity == 0 {
		cfg.Validity = 24 * time.Hour
	}
	if cfg.Max == 0 {
		cfg.Max = 1000
	}
	if cfg.Lease == 0 {
		cfg.Lease = 30 * time.Second
	}
	if cfg.Reason == nil {
		cfg.Reason = func(v VersionInfo, _ seal.Class) string { return fmt.Sprintf("%s, v. %d", v.MaterialNumber, v.Number) }
	}
	return &Service{Config: cfg, wake: make(chan struct{}, 1)}, nil
}

// Basket returns what waits for the signature of who, with what he must know before he chooses.
func (s *Service) Basket(ctx context.Context, who security.Actor) ([]Row, error) {
	rows, err := s.Store.Basket(ctx, who.ID)
	if err != nil {
		return nil, err
	}
	var materials []MaterialID
	for _, r := range rows {
		materials = append(materials, r.Material)
	}
	seen, err := s.Store.Seen(ctx, who.ID, materials)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		r := &rows[i]
		last, ok := seen[r.Material]
		if !ok {
			continue
		}
		r.SeenAt, r.SeenNumber, r.Seen = last.At, last.Number, last.Version
		if r.Opened = last.Number >= r.Number; r.Opened {
			continue
		}
		if r.Changes, err = s.Documents.Changes(ctx, last.Version, r.Version); err != nil {
			return nil, fmt.Errorf("basket: %w", err)
		}
	}
	return rows, nil
}

// Class says what the signatures of who are worth before the law.
func (s *Service) Class(ctx context.Context, who security.Actor) (seal.Class, error) {
	c, err := s.Keys.Credential(ctx, who.ID)
	if err != nil {
		return "", err
	}
	return c.Certificate().Class, nil
}

// Lost returns the requests of who that were cancelled in the last 30 days, to be told on his page.
func (s *Service) Lost(ctx context.Context, who security.Actor) ([]Request, error) {
	return s.Store.Lost(ctx, who.ID, s.Now().AddDate(0, 0, -30))
}

// Pending counts what waits for who and says since when.
func (s *Service) Pending(ctx context.Context, who security.Actor) (count int, since time.Time, err error) {
	rows, err := s.Store.Basket(ctx, who.ID)
	for _, r := range rows {
		if r.Batch != "" {
			continue
		}
		if count++; since.IsZero() || r.ChangedAt.Before(since) {
			since = r.ChangedAt
		}
	}
	return count, since, err
}

// Opened remembers that who has the text of a version before his eyes. Documents he reads elsewhere come through React.
func (s *Service) Opened(ctx context.Context, who security.ActorID, version VersionID) (VersionInfo, error) {
	v, err := s.Documents.Version(ctx, version)
	if err != nil {
		return v, err
	}
	return v, s.Store.Saw(ctx, who, v.Material, Seen{Version: v.ID, Number: v.Number, At: s.Now()})
}

// Confirm builds the list of the chosen versions, in the order of the basket, for the person to see once more. It fails with
// fault.Conflict when one of them is not in his basket or must be opened first, with fault.Invalid when nothing, or too much, is
// chosen.
func (s *Service) Confirm(ctx context.Context, who security.Actor, versions []VersionID) (Intent, error) {
	if len(versions) == 0 {
		return Intent{}, fault.New(fault.Invalid, "signing.fault.nothing_chosen")
	}
	if len(versions) > s.Max {
		return Intent{}, fault.New(fault.Invalid, "signing.fault.too_many", s.Max)
	}
	rows, err := s.Basket(ctx, who)
	if err != nil {
		return Intent{}, err
	}
	in := Intent{Signer: who.ID, Expires: s.Now().Add(s.Validity)}
	for _, r := range rows {
		if !slices.Contains(versions, r.Version) {
			continue
		}
		if !r.Selectable() {
			key := "signing.fault.open_first"
			if r.Batch != "" {
				key = "signing.fault.in_batch"
			}
			return Intent{}, fault.New(fault.Conflict, key, r.MaterialNumber)
		}
		in.Rows = append(in.Rows, r)
	}
	slices.Sort(versions)
	if len(in.Rows) != len(slices.Compact(versions)) {
		return Intent{}, fault.New(fault.Conflict, "signing.fault.list_changed")
	}
	c, err := s.Keys.Credential(ctx, who.ID)
	if err != nil {
		return Intent{}, err
	}
	in.Fingerprint, in.Class = sum(c.Certificate().Cert.Raw), c.Certificate().Class
	return in, nil
}

// Authorise takes the one authorisation for a list that Confirm gave and the person saw: list is its hash. The secret goes to the
// step-up port and nowhere else. When it returns the batch is durable and the server works on it; nobody need wait.
//
// fault.Conflict: the list is not what was shown any more; it must be shown again. fault.Unauthenticated: wrong secret; nothing is
// signed, and nothing is tried a second time with it.
func (s *Service) Authorise(ctx context.Context, who security.Actor, versions []VersionID, list, secret string) (BatchID, error) {
	in, err := s.Confirm(ctx, who, versions)
	if err != nil {
		return "", err
	}
	if in.Hash() != list {
		return "", fault.New(fault.Conflict, "signing.fault.list_changed")
	}
	if err := s.Config.Authorise(ctx, who, secret, list); err != nil {
		return "", err
	}
	now := s.Now()
	b := Batch{
		ID: BatchID("b-" + rand.Text()), Signer: who.ID, SignerName: who.Name, Fingerprint: in.Fingerprint, List: list,
		Count: len(in.Rows), State: BatchRunning, CreatedAt: now, Expires: now.Add(s.Validity), NextAt: now,
	}
	items := make([]Item, len(in.Rows))
	for i, r := range in.Rows {
		items[i] = Item{
			Position: i, Version: r.Version, Material: r.Material, Label: fmt.Sprintf("%s %s (v. %d)", r.MaterialNumber, r.Title, r.Number),
			Revision: r.Revision, Opened: r.Opened, Step: Chosen, ChangedAt: now,
		}
	}
	if err := s.Store.CreateBatch(ctx, who, b, items); err != nil {
		return "", err
	}
	s.stir()
	return b.ID, nil
}

// AuthoriseAgain lets a paused batch go on with what is left of the same list.
func (s *Service) AuthoriseAgain(ctx context.Context, who security.Actor, id BatchID, secret string) error {
	b, _, err := s.Batch(ctx, who, id)
	if err != nil {
		return err
	}
	if b.State != BatchPaused {
		return fault.New(fault.Conflict, "signing.fault.not_paused")
	}
	if err := s.Config.Authorise(ctx, who, secret, b.List); err != nil {
		return err
	}
	if err := s.Store.Resume(ctx, who, id, s.Now().Add(s.Validity)); err != nil {
		return err
	}
	s.stir()
	return nil
}

// Cancel stops a batch of who. What is signed stays signed.
func (s *Service) Cancel(ctx context.Context, who security.Actor, id BatchID) error {
	b, _, err := s.Batch(ctx, who, id)
	if err != nil {
		return err
	}
	if b.State.Ended() || b.State == BatchCancelling {
		return nil
	}
	if err := s.Store.CancelBatch(ctx, who, id); err != nil {
		return err
	}
	s.stir()
	return nil
}

// Batch returns a batch and its items. Only its signer and auditors see it; for others it does not exist.
func (s *Service) Batch(ctx context.Context, who security.Actor, id BatchID) (Batch, []Item, error) {
	b, items, err := s.Store.Batch(ctx, id)
	if err != nil {
		return Batch{}, nil, err
	}
	if b.Signer != who.ID && !who.Has(security.Auditor) {
		return Batch{}, nil, fault.New(fault.NotFound, "signing.fault.no_batch")
	}
	return b, items, nil
}

// Batches returns the last batches of who, newest first.
func (s *Service) Batches(ctx context.Context, who security.Actor) ([]Batch, error) {
	return s.Store.Batches(ctx, who.ID, 20)
}

// Signed returns the signed file of a version: the frozen document and every increment, put together and compared with the hash
// kept for each. Without a signature it is the frozen document itself.
func (s *Service) Signed(ctx context.Context, version VersionID) ([]byte, []Revision, error) {
	pdf, err := s.Documents.PDF(ctx, version)
	if err != nil {
		return nil, nil, err
	}
	revisions, err := s.Store.File(ctx, version)
	if err != nil {
		return nil, nil, err
	}
	file := slices.Clone(pdf)
	for i, r := range revisions {
		if r.Number != i+1 || r.Offset != len(file) || r.Offset+len(r.Increment) != r.Length {
			return nil, nil, fmt.Errorf("revision %d of %s does not follow the one before", r.Number, version)
		}
		if file = append(file, r.Increment...); sum(file) != r.SHA256 {
			return nil, nil, fmt.Errorf("revision %d of %s is not what was stored", r.Number, version)
		}
	}
	return file, revisions, nil
}

// Status is what a person should know of the signatures of a version.
type Status struct {
	Version   VersionInfo
	Requests  []Request
	Revisions []Revision // without bytes
	Report    seal.Report
	// Newer is the number of the newest frozen version when that is not this one; the signatures here hold for this one only.
	Newer int
}

// Read records that who reads the signed file or its report. Call it before the answer.
func (s *Service) Read(ctx context.Context, who security.Actor, version VersionID, what string) error {
	if s.Reads == nil {
		return nil
	}
	v, err := s.Documents.Version(ctx, version)
	if err != nil {
		return err
	}
	return s.Reads.Recorded(ctx, who, "signing.read", "version:"+string(version),
		map[string]any{"document": v.Material, "version": version, "number": v.Number, "what": what})
}

// Status validates the signed file of a version now and reports.
func (s *Service) Status(ctx context.Context, version VersionID) (Status, error) {
	v, err := s.Documents.Version(ctx, version)
	if err != nil {
		return Status{}, err
	}
	base, err := s.Documents.PDF(ctx, version)
	if err != nil {
		return Status{}, err
	}
	st := Status{Version: v}
	if st.Requests, err = s.Store.Requests(ctx, version); err != nil {
		return Status{}, err
	}
	file, revisions, err := s.Signed(ctx, version)
	if err != nil {
		return Status{}, err
	}
	for _, r := range revisions {
		r.Increment = nil
		st.Revisions = append(st.Revisions, r)
	}
	st.Report = seal.Validate(file, base, s.Trust(), s.Now())
	if v.Latest > v.Number {
		st.Newer = v.Latest
	}
	return st, nil
}

// Check validates a file somebody brings, with nothing to compare it to.
func (s *Service) Check(file []byte) seal.Report { return seal.Validate(file, nil, s.Trust(), s.Now()) }

func (s *Service) stir() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// reasonable turns an error of a port into the code of a failed item, or "" when it is worth trying again.
func reasonable(err error) string {
	switch {
	case errors.Is(err, fault.NotFound), errors.Is(err, seal.ErrUnsupported), errors.Is(err, seal.ErrFormat), errors.Is(err, seal.ErrRoom):
		return CodeNoDocument
	}
	return ""
}
