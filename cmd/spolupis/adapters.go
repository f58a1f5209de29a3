package main

import (
	"context"
	"errors"
	"sync"

	"spolupis/citizen"
	"spolupis/collab"
	"spolupis/documents"
	"spolupis/documents/compare"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/signing"
)

// The types here let one domain serve as another's port. They translate names
// and hold no rules.

// liveRights answers live editing from the relations of security/access.
type liveRights struct {
	rights    *access.Rights
	accounts  *access.Accounts
	materials documents.Store

	mu   sync.Mutex
	said map[access.Place]saidRight // guarded by mu; what somebody may do, for as long as his epoch there stays
}

type saidRight struct {
	right collab.Right
	epoch int64
}

// mostSaid bounds what is remembered. Who comes back after a failure of the network, with everybody else, is answered from it.
const mostSaid = 20_000

// Right implements collab.Rights. A material that is still being imported is
// nobody's to open.
func (l *liveRights) Right(ctx context.Context, who security.Actor, doc collab.DocumentID) (collab.Right, int64, error) {
	at := access.Place{Who: who.ID, On: access.Document(string(doc))}
	epoch, err := l.rights.Epoch(ctx, at.Who, at.On)
	if err != nil {
		return collab.None, 0, err
	}
	l.mu.Lock()
	said, ok := l.said[at]
	l.mu.Unlock()
	if ok && said.epoch == epoch {
		return said.right, epoch, nil
	}
	right, err := l.lookUp(ctx, who, doc)
	if err == nil && right != collab.None { // that one would also come of an import which is not done: no epoch tells when it is
		l.mu.Lock()
		if l.said == nil || len(l.said) >= mostSaid {
			l.said = map[access.Place]saidRight{}
		}
		l.said[at] = saidRight{right, epoch}
		l.mu.Unlock()
	}
	return right, epoch, err
}

func (l *liveRights) lookUp(ctx context.Context, who security.Actor, doc collab.DocumentID) (collab.Right, error) {
	m, err := l.materials.Material(ctx, doc)
	if errors.Is(err, fault.NotFound) {
		return collab.None, nil
	} else if err != nil {
		return collab.None, err
	}
	// Who came in with the roles of that hour; what counts are those of now.
	p, err := l.accounts.Person(ctx, who.ID)
	if err != nil {
		return collab.None, err
	}
	if p.Disabled {
		return collab.None, nil
	}
	who.Roles, who.Unit = p.Roles, p.Unit
	acts, err := l.rights.Allowed(ctx, who, access.Document(string(doc)))
	if err != nil {
		return collab.None, err
	}
	switch {
	case m.State == documents.Cancelled && acts[access.View]: // cancelling changes who may read, so the epoch has moved
		return collab.View, nil
	case acts[access.Edit]:
		return collab.Edit, nil
	case acts[access.Comment]:
		return collab.Comment, nil
	case acts[access.View]:
		return collab.View, nil
	}
	return collab.None, nil
}

// Epoch implements collab.Rights.
func (l *liveRights) Epoch(ctx context.Context, who security.ActorID, doc collab.DocumentID) (int64, error) {
	return l.rights.Epoch(ctx, who, access.Document(string(doc)))
}

// signedDocuments shows frozen versions to signing. Signing asks as the
// service itself: whether the person may see a version is decided by the
// request that names him.
type signedDocuments struct{ documents *documents.Service }

func (d signedDocuments) Version(ctx context.Context, id signing.VersionID) (signing.VersionInfo, error) {
	v, err := d.documents.Version(ctx, security.System, documents.VersionID(id))
	if err != nil {
		return signing.VersionInfo{}, err
	}
	m, err := d.documents.Get(ctx, security.System, v.Material)
	if err != nil {
		return signing.VersionInfo{}, err
	}
	all, err := d.documents.Versions(ctx, security.System, v.Material)
	if err != nil {
		return signing.VersionInfo{}, err
	}
	latest := v.Number
	for _, other := range all {
		latest = max(latest, other.Number)
	}
	return signing.VersionInfo{ID: id, Material: signing.MaterialID(v.Material), MaterialNumber: m.Number, Title: m.Title,
		Number: v.Number, State: signing.VersionState(v.State), Latest: latest}, nil
}

func (d signedDocuments) PDF(ctx context.Context, id signing.VersionID) ([]byte, error) {
	return d.documents.VersionPDF(ctx, security.System, documents.VersionID(id))
}

func (d signedDocuments) Changes(ctx context.Context, from, to signing.VersionID) (int, error) {
	a, err := d.documents.VersionBody(ctx, security.System, documents.VersionID(from))
	if err != nil {
		return 0, err
	}
	b, err := d.documents.VersionBody(ctx, security.System, documents.VersionID(to))
	if err != nil {
		return 0, err
	}
	n := 0
	for _, row := range compare.Compare(a, b).Rows {
		if row.Kind != compare.Same {
			n++
		}
	}
	return n, nil
}

// names gives signing the names of people.
type names struct{ accounts *access.Accounts }

func (n names) Name(ctx context.Context, id security.ActorID) (string, error) {
	p, err := n.accounts.Person(ctx, id)
	return p.Name, err
}

// publicDocuments shows materials and agendas to the citizen side.
type publicDocuments struct {
	documents *documents.Service
	accounts  *access.Accounts
}

func (p publicDocuments) Document(ctx context.Context, who security.Actor, id citizen.DocumentID) (citizen.Document, error) {
	m, err := p.documents.Get(ctx, who, documents.MaterialID(id))
	if err != nil {
		return citizen.Document{}, err
	}
	return citizen.Document{ID: id, Number: m.Number, Title: m.Title, Agenda: citizen.AgendaID(m.Agenda),
		AgendaName: m.AgendaName, Unit: m.Unit, UnitName: p.unit(ctx, m.Unit)}, nil
}

func (p publicDocuments) Agendas(ctx context.Context, _ security.Actor) ([]citizen.Agenda, error) {
	all, err := p.documents.Agendas(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]citizen.Agenda, len(all))
	for i, a := range all {
		out[i] = citizen.Agenda{ID: citizen.AgendaID(a.ID), Name: a.Name, UnitName: p.unit(ctx, a.Unit)}
	}
	return out, nil
}

func (p publicDocuments) Agenda(ctx context.Context, who security.Actor, id citizen.AgendaID) (citizen.Agenda, error) {
	all, err := p.Agendas(ctx, who)
	if err != nil {
		return citizen.Agenda{}, err
	}
	for _, a := range all {
		if a.ID == id {
			return a, nil
		}
	}
	return citizen.Agenda{}, fault.NotFound
}

// unit is the name of a department; its id when it has none.
func (p publicDocuments) unit(ctx context.Context, id security.UnitID) string {
	units, err := p.accounts.Units(ctx)
	if err == nil {
		for _, u := range units {
			if u.ID == id {
				return u.Name
			}
		}
	}
	return string(id)
}

// signingTasks puts the signing basket into the inbox.
type signingTasks struct{ app *App }

func (s signingTasks) Waiting(ctx context.Context, who security.Actor) ([]documents.Task, error) {
	n, since, err := s.app.Signing.Pending(ctx, who)
	if err != nil || n == 0 {
		return nil, err
	}
	return []documents.Task{{What: "sign", Link: "/signing", Count: n, Since: since}}, nil
}

// papers shows signed documents to the citizen side.
type papers struct{ app *App }

func (p papers) Final(ctx context.Context, id citizen.DocumentID) (citizen.Paper, error) {
	m, err := p.app.Documents.Get(ctx, security.System, documents.MaterialID(id))
	if err != nil {
		return citizen.Paper{}, err
	}
	all, err := p.app.Documents.Versions(ctx, security.System, m.ID)
	if err != nil {
		return citizen.Paper{}, err
	}
	for _, v := range all { // newest first
		if v.State == documents.Signed || v.State == documents.Published {
			title, err := p.app.Documents.PublicTitle(ctx, v)
			return citizen.Paper{ID: string(v.ID), Title: title, Version: v.Number}, err
		}
	}
	return citizen.Paper{}, fault.NotFound
}

// PDF is the approved text for the public where there is one, and the signed
// original only where nobody made one.
func (p papers) PDF(ctx context.Context, id string) ([]byte, error) {
	_, public, err := p.app.Documents.PublicText(ctx, documents.VersionID(id))
	if err == nil || !errors.Is(err, fault.NotFound) {
		return public, err
	}
	file, _, err := p.app.Signing.Signed(ctx, signing.VersionID(id))
	return file, err
}
