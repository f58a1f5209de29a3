package signing

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"spolupis/security/fault"
	"spolupis/signing/seal"
)

const (
	chunk    = 16               // items that go through the steps together
	stampers = 8                // time stamps asked for at once
	poll     = 2 * time.Second  // how soon work left behind by another server is noticed
	again    = 5 * time.Second  // how soon a worker that met an error tries again
	waitMin  = 15 * time.Second // first pause after a time-stamp authority failed; it doubles
	waitMax  = 10 * time.Minute
)

// Run works on batches until ctx ends, which is the only error it returns. Any number of servers may run it on one store.
func (s *Service) Run(ctx context.Context) error {
	for {
		worked, err := s.Work(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && s.Failed != nil {
			s.Failed(err)
		}
		if worked && err == nil {
			continue
		}
		timer := time.NewTimer(poll)
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// Work takes one batch that is due and goes on with it as far as it gets. It reports whether there was one. After an error, or when
// the process dies inside, the batch is taken up again from the last step written down.
func (s *Service) Work(ctx context.Context) (worked bool, err error) {
	now := s.Now()
	b, err := s.Store.Claim(ctx, now, now.Add(s.Lease))
	if errors.Is(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for a batch: %w", err)
	}
	w := &worker{Service: s, batch: b, prepared: map[int]*seal.Prepared{}, base: map[int][]byte{}}
	if err := w.run(ctx); err != nil {
		err = fmt.Errorf("batch %s: %w", b.ID, err)
		if errors.Is(err, ErrLost) || ctx.Err() != nil {
			return true, err
		}
		return true, errors.Join(err, s.Store.Release(ctx, b, w.batch.State, s.Now().Add(again), ""))
	}
	return true, nil
}

// worker goes on with one batch. It is owned by Work.
type worker struct {
	*Service
	batch    Batch
	items    []Item
	cert     Certificate
	session  Session
	cred     Credential
	down     bool                   // the time-stamp authority failed in this pass
	prepared map[int]*seal.Prepared // by position, while the item is in hand
	base     map[int][]byte         // frozen documents of the same
}

// errPause: the person is needed.
var errPause = errors.New("authorise again")

func (w *worker) run(ctx context.Context) error {
	var err error
	if _, w.items, err = w.Store.Batch(ctx, w.batch.ID); err != nil {
		return err
	}
	defer func() {
		if w.session != nil {
			w.session.Close()
		}
	}()
	size := chunk
	if w.batch.State == BatchRunning {
		if err := w.credential(ctx); err != nil {
			return err
		}
		if w.cert.MaxBatch > 0 {
			size = min(size, w.cert.MaxBatch)
		}
	}
	for part := range slices.Chunk(w.left(), size) {
		if w.batch.State != BatchRunning {
			break
		}
		err := w.chunk(ctx, part)
		if errors.Is(err, errPause) {
			return w.Store.Release(ctx, w.batch, BatchPaused, w.Now(), "")
		}
		if err != nil {
			return err
		}
		clear(w.prepared)
		clear(w.base)
	}
	return w.finish(ctx)
}

// left returns the items that have not ended.
func (w *worker) left() []*Item {
	var out []*Item
	for i := range w.items {
		if !w.items[i].Step.Ended() {
			out = append(out, &w.items[i])
		}
	}
	return out
}

// credential finds the key. When it is not the one that was authorised nothing can be signed any more.
func (w *worker) credential(ctx context.Context) error {
	cred, err := w.Keys.Credential(ctx, w.batch.Signer)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return fmt.Errorf("find the key: %w", err)
	}
	if err == nil {
		w.cred, w.cert = cred, cred.Certificate()
		if sum(w.cert.Cert.Raw) == w.batch.Fingerprint {
			return nil
		}
	}
	left := w.left()
	for _, it := range left {
		it.end(Failed, CodeKey)
	}
	return w.save(ctx, left)
}

func (it *Item) end(step Step, code string) { it.Step, it.Code, it.Waits = step, code, false }

// restart sends an item back to the start: what was prepared does not fit the file any more.
func (it *Item) restart() {
	it.Step, it.Tries = Chosen, it.Tries+1
	it.DTBS, it.Signature, it.Token, it.SHA256 = nil, nil, nil, ""
}

// save writes items down and learns whether the batch was stopped meanwhile.
func (w *worker) save(ctx context.Context, items []*Item) error {
	if len(items) == 0 {
		return nil
	}
	now := w.Now()
	list := make([]Item, len(items))
	for i, it := range items {
		it.ChangedAt = now
		list[i] = *it
	}
	state, err := w.Store.Save(ctx, w.batch, now.Add(w.Lease), list...)
	if err != nil {
		return fmt.Errorf("save steps: %w", err)
	}
	w.batch.State = state
	return nil
}

// chunk takes some items through the steps. After each step they are written down; an item found in a later step goes on from there.
func (w *worker) chunk(ctx context.Context, items []*Item) error {
	for _, step := range []struct {
		from Step
		do   func(context.Context, []*Item) error
	}{{Chosen, w.prepare}, {Prepared, w.sign}, {Signed, w.stamp}, {Stamped, w.embed}, {Embedded, w.verify}, {Verified, w.keep}} {
		var here []*Item
		for _, it := range items {
			if it.Step == step.from {
				here = append(here, it)
			}
		}
		if len(here) == 0 {
			continue
		}
		if err := step.do(ctx, here); err != nil {
			return err
		}
		if w.batch.State != BatchRunning {
			return nil
		}
	}
	return nil
}

func (w *worker) prepare(ctx context.Context, items []*Item) error {
	for _, it := range items {
		if err := w.prepareOne(ctx, it); err != nil {
			code := reasonable(err)
			if code == "" || ctx.Err() != nil {
				return err
			}
			it.end(Failed, code)
		}
	}
	return w.save(ctx, items)
}

func (w *worker) prepareOne(ctx context.Context, it *Item) error {
	v, err := w.Documents.Version(ctx, it.Version)
	if err != nil {
		return fmt.Errorf("version %s: %w", it.Version, err)
	}
	requests, err := w.Store.Requests(ctx, it.Version)
	if err != nil {
		return fmt.Errorf("requests of %s: %w", it.Version, err)
	}
	if code := gone(v, requests, w.batch); code != "" {
		it.end(Skipped, code)
		return nil
	}
	if w.Now().After(w.batch.Expires) {
		it.end(Failed, CodeExpired)
		return nil
	}
	file, revisions, err := w.Signed(ctx, it.Version)
	if err != nil {
		return err
	}
	if !onTheList(it.Revision, file, revisions) {
		it.end(Failed, CodeChanged)
		return nil
	}
	it.Base = len(revisions)
	it.Field = fmt.Sprintf("Podpis%d", it.Base+1)
	it.Reason = w.Reason(v, w.cert.Class)
	it.ClaimedAt = w.Now().UTC().Truncate(time.Second)
	p, err := seal.Prepare(file, w.field(it), seal.Room)
	if err != nil {
		return fmt.Errorf("prepare %s: %w", it.Version, err)
	}
	w.prepared[it.Position] = p
	it.DTBS = w.cert.Algorithm.Digest(w.attributes(p))
	it.Step = Prepared
	return nil
}

// gone says why there is nothing to sign any more, or "".
func gone(v VersionInfo, requests []Request, b Batch) string {
	if v.State == Superseded || v.State == Rejected {
		return CodeSuperseded
	}
	for _, r := range requests {
		if r.Signer != b.Signer {
			continue
		}
		switch {
		case r.State == RequestOpen:
			return ""
		case r.State == RequestSigned:
			return CodeAlready
		case r.Why == CodeSuperseded:
			return CodeSuperseded
		}
	}
	return CodeWithdrawn
}

// onTheList tells whether the file that was on the list is the file, or a revision of it: others of the same group may have signed
// since, which changes nothing in what is being signed.
func onTheList(revision string, file []byte, revisions []Revision) bool {
	if len(revisions) == 0 {
		return sum(file) == revision
	}
	return sum(file[:revisions[0].Offset]) == revision ||
		slices.ContainsFunc(revisions, func(r Revision) bool { return r.SHA256 == revision })
}

func (w *worker) field(it *Item) seal.Field {
	return seal.Field{Name: it.Field, Signer: w.batch.SignerName, Reason: it.Reason, At: it.ClaimedAt}
}

func (w *worker) attributes(p *seal.Prepared) []byte {
	return seal.Attributes(p.Digest(w.cert.Algorithm.Hash()), w.cert.Cert)
}

// errMoved: the prepared document is not the current one any more.
var errMoved = errors.New("prepared on an older revision")

// again rebuilds what was prepared, after a restart. The same bytes must come out.
func (w *worker) again(ctx context.Context, it *Item) (*seal.Prepared, error) {
	if p := w.prepared[it.Position]; p != nil {
		return p, nil
	}
	file, revisions, err := w.Signed(ctx, it.Version)
	if err != nil {
		return nil, err
	}
	if len(revisions) != it.Base {
		return nil, errMoved
	}
	p, err := seal.Prepare(file, w.field(it), seal.Room)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(w.cert.Algorithm.Digest(w.attributes(p)), it.DTBS) {
		return nil, errMoved // the frozen bytes, or our writer, are not what they were: prepare and sign anew
	}
	w.prepared[it.Position] = p
	return p, nil
}

// sign is the one step that uses the private key. An error of the key stops the batch until the person is there: a wrong PIN tried
// a hundred times locks a card.
func (w *worker) sign(ctx context.Context, items []*Item) error {
	var ready []*Item
	for _, it := range items {
		_, err := w.again(ctx, it)
		switch {
		case errors.Is(err, errMoved):
			it.restart()
		case err != nil:
			return err
		case w.Now().After(w.batch.Expires):
			it.end(Failed, CodeExpired)
		default:
			ready = append(ready, it)
		}
	}
	if len(ready) == 0 {
		return w.save(ctx, items)
	}
	if err := w.open(ctx); err != nil {
		return err
	}
	hashes := make([][]byte, len(ready))
	for i, it := range ready {
		hashes[i] = it.DTBS
	}
	signatures, err := w.session.SignHashes(ctx, w.cert.Algorithm, hashes)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil || len(signatures) != len(hashes) {
		if w.Failed != nil {
			w.Failed(fmt.Errorf("batch %s: key: %w", w.batch.ID, err))
		}
		return errPause
	}
	for i, it := range ready {
		it.Signature, it.Step = signatures[i], Signed
	}
	return w.save(ctx, items)
}

func (w *worker) open(ctx context.Context) error {
	if w.session != nil {
		return nil
	}
	b := w.batch
	session, err := w.cred.Open(ctx, Grant{Batch: b.ID, Signer: b.Signer, Fingerprint: b.Fingerprint, List: b.List, Count: b.Count, Expires: b.Expires})
	if errors.Is(err, ErrAuthoriseAgain) {
		return errPause
	}
	if err != nil {
		return fmt.Errorf("open the key: %w", err)
	}
	w.session = session
	return nil
}

// stamp asks for time stamps, several at once. When the authority fails, the signatures wait; without a time stamp the law does not
// know them, so they are not shown as done.
func (w *worker) stamp(ctx context.Context, items []*Item) error {
	slots := make(chan struct{}, stampers)
	var wg sync.WaitGroup
	for _, it := range items {
		if it.Waits = w.down; w.down {
			continue
		}
		wg.Add(1)
		slots <- struct{}{}
		go func() {
			defer func() { <-slots; wg.Done() }()
			ask, cancel := context.WithTimeout(ctx, w.Lease/3)
			defer cancel()
			token, err := w.Stamper.Stamp(ask, seal.Imprint(it.Signature))
			if err != nil {
				it.Waits, it.Tries = true, it.Tries+1
				if w.Failed != nil {
					w.Failed(fmt.Errorf("batch %s: time stamp: %w", w.batch.ID, err))
				}
				return
			}
			it.Token, it.Step, it.Waits = token, Stamped, false
		}()
	}
	wg.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, it := range items {
		w.down = w.down || it.Waits
		if it.Waits && w.Now().After(w.batch.Expires) {
			it.end(Failed, CodeNoStamp)
		}
	}
	return w.save(ctx, items)
}

// file puts the signed file together.
func (w *worker) file(ctx context.Context, it *Item) ([]byte, error) {
	p, err := w.again(ctx, it)
	if err != nil {
		return nil, err
	}
	return p.Embed(seal.Assemble(seal.Parts{
		Algorithm: w.cert.Algorithm, Attributes: w.attributes(p), Signature: it.Signature, Cert: w.cert.Cert, Chain: w.cert.Chain, Token: it.Token,
	}))
}

// each does one thing with every item; an item whose ground has moved starts again.
func (w *worker) each(ctx context.Context, items []*Item, do func(it *Item, file []byte) error) error {
	for _, it := range items {
		file, err := w.file(ctx, it)
		if err == nil {
			err = do(it, file)
		}
		switch {
		case errors.Is(err, errMoved), errors.Is(err, ErrMoved):
			delete(w.prepared, it.Position)
			it.restart()
		case err != nil && reasonable(err) != "" && ctx.Err() == nil:
			it.end(Failed, reasonable(err))
		case err != nil:
			return err
		}
	}
	return nil
}

func (w *worker) embed(ctx context.Context, items []*Item) error {
	if err := w.each(ctx, items, func(it *Item, file []byte) error {
		it.SHA256, it.Step = sum(file), Embedded
		return nil
	}); err != nil {
		return err
	}
	return w.save(ctx, items)
}

// verify runs our own validator over every file before it is kept.
func (w *worker) verify(ctx context.Context, items []*Item) error {
	if err := w.each(ctx, items, func(it *Item, file []byte) error {
		if sum(file) != it.SHA256 {
			return errMoved
		}
		r, err := w.validate(ctx, it, file)
		if err != nil {
			return err
		}
		if r.Indication != seal.Passed {
			if w.Failed != nil {
				w.Failed(fmt.Errorf("batch %s, version %s: %s %s: %s", w.batch.ID, it.Version, r.Indication, r.Subindication, r.Detail))
			}
			it.end(Failed, CodeNotVerified)
			return nil
		}
		it.Step = Verified
		return nil
	}); err != nil {
		return err
	}
	return w.save(ctx, items)
}

func (w *worker) validate(ctx context.Context, it *Item, file []byte) (seal.Report, error) {
	base := w.base[it.Position]
	if base == nil {
		var err error
		if base, err = w.Documents.PDF(ctx, it.Version); err != nil {
			return seal.Report{}, fmt.Errorf("frozen document %s: %w", it.Version, err)
		}
		w.base[it.Position] = base
	}
	return seal.Validate(file, base, w.Trust(), w.Now()), nil
}

// keep stores the signatures, one transaction each, so that a failure costs one and not the batch.
func (w *worker) keep(ctx context.Context, items []*Item) error {
	if err := w.each(ctx, items, func(it *Item, file []byte) error {
		rev, err := w.revision(ctx, it, file)
		if err != nil {
			return err
		}
		done := *it
		done.end(Stored, "")
		done.ChangedAt = w.Now()
		err = w.Store.Keep(ctx, w.batch, done, rev)
		if errors.Is(err, ErrGone) {
			return w.lapse(ctx, it)
		}
		if err != nil {
			return fmt.Errorf("keep %s: %w", it.Version, err)
		}
		*it = done
		return nil
	}); err != nil {
		return err
	}
	var rest []*Item
	for _, it := range items {
		if it.Step != Stored {
			rest = append(rest, it)
		}
	}
	return w.save(ctx, rest)
}

// revision is what is to be kept of a signed file, which is checked once more: the process may have died since it was.
func (w *worker) revision(ctx context.Context, it *Item, file []byte) (Revision, error) {
	r, err := w.validate(ctx, it, file)
	if err != nil {
		return Revision{}, err
	}
	if sum(file) != it.SHA256 || r.Indication != seal.Passed {
		return Revision{}, errMoved
	}
	last, before := len(r.Signatures)-1, r.Base.Length
	if last > 0 {
		before = r.Signatures[last-1].Covers.Length
	}
	return Revision{
		Version: it.Version, Number: it.Base + 1, Signer: w.batch.Signer, SignerName: w.batch.SignerName, Batch: w.batch.ID,
		Level: r.Signatures[last].Level, Class: r.Signatures[last].Class, At: r.Signatures[last].At,
		Offset: before, Length: len(file), SHA256: it.SHA256, Increment: file[before:],
	}, nil
}

// lapse ends an item whose request is not open any more, although it was when it was prepared.
func (w *worker) lapse(ctx context.Context, it *Item) error {
	v, err := w.Documents.Version(ctx, it.Version)
	if err != nil {
		return err
	}
	requests, err := w.Store.Requests(ctx, it.Version)
	if err != nil {
		return err
	}
	code := gone(v, requests, w.batch)
	if code == "" {
		code = CodeWithdrawn
	}
	it.end(Skipped, code)
	return nil
}

// finish gives the batch back: done, cancelled, or to be gone on with later.
func (w *worker) finish(ctx context.Context) error {
	left := w.left()
	if w.batch.State == BatchCancelling {
		for _, it := range left {
			it.end(Cancelled, CodeCancelled)
		}
		if err := w.save(ctx, left); err != nil {
			return err
		}
		return w.Store.Release(ctx, w.batch, BatchCancelled, w.Now(), resultRoot(w.batch, w.items))
	}
	if len(left) == 0 {
		return w.Store.Release(ctx, w.batch, BatchDone, w.Now(), resultRoot(w.batch, w.items))
	}
	wait := again
	for _, it := range left {
		if it.Waits {
			wait = min(waitMax, waitMin<<min(it.Tries, 6))
		}
	}
	for _, it := range left {
		if it.Step == Chosen { // another signer was faster; nothing to wait for
			wait = 0
		}
	}
	return w.Store.Release(ctx, w.batch, BatchRunning, w.Now().Add(wait), "")
}

// Fingerprint names a certificate: SHA-256 of its DER in hex.
func Fingerprint(c *x509.Certificate) string { return sum(c.Raw) }
