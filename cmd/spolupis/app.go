package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"golang.org/x/sync/errgroup"

	"spolupis/citizen"
	citizenstore "spolupis/citizen/store"
	citizenweb "spolupis/citizen/web"
	"spolupis/cmd/internal/bus"
	"spolupis/collab"
	collabstore "spolupis/collab/store"
	"spolupis/collab/ws"
	"spolupis/documents"
	"spolupis/documents/mail"
	"spolupis/documents/register"
	documentstore "spolupis/documents/store"
	documentweb "spolupis/documents/web"
	"spolupis/frontend"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/database"
	"spolupis/security/fault"
	"spolupis/security/journal"
	"spolupis/security/journal/witness"
	"spolupis/security/web"
	"spolupis/signing"
	"spolupis/signing/keys"
	signingstore "spolupis/signing/store"
	signingweb "spolupis/signing/web"
)

// App is the program with every part connected. The tests start the same App
// that main does.
type App struct {
	Config    Config
	Log       *slog.Logger
	Handler   http.Handler
	Kit       *web.Kit
	DB        *database.DB
	Journal   *journal.Journal
	Accounts  *access.Accounts
	Rights    *access.Rights
	Hub       *collab.Hub
	Documents *documents.Service
	Register  *register.Service
	Signing   *signing.Service
	Citizen   *citizen.Service

	pages     *frontend.Pages
	router    chi.Router // what Handler serves
	materials *documentstore.Store
	sockets   *ws.Handler
	witnesses []*witness.Client
	closers   []func() error // in the order of opening

	readiness sync.Mutex
	looked    time.Time // guarded by readiness; when the database was last asked
	unready   error     // guarded by readiness; what came of it
}

// sets are the migrations of every package, in the order of dependency.
var sets = []database.Set{
	{Name: "journal", FS: journal.Migrations},
	{Name: "access", FS: access.Migrations},
	{Name: "collab", FS: collabstore.Migrations},
	{Name: "documents", FS: documentstore.Migrations},
	{Name: "signing", FS: signingstore.Migrations},
	{Name: "citizen", FS: citizenstore.Migrations},
}

// Open connects the parts of the office that cfg describes. Close it; what
// runs in the background begins with Run.
func Open(ctx context.Context, cfg Config, log *slog.Logger) (app *App, err error) {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	pages, err := frontend.Open(cfg.Frontend)
	if err != nil {
		return nil, err
	}
	a := &App{Config: cfg, Log: log, pages: pages}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	for _, open := range []func(context.Context) error{a.openFloor, a.openLive, a.openDocuments, a.openSigning, a.openCitizen, a.openPages} {
		if err := open(ctx); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Close stops the parts in the reverse order of opening them.
func (a *App) Close() error {
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i]())
	}
	a.closers = nil
	return errors.Join(errs...)
}

func (a *App) onClose(f func() error) { a.closers = append(a.closers, f) }

func (a *App) openFloor(ctx context.Context) (err error) {
	if a.DB, err = database.Open(ctx, a.Config.database(), sets...); err != nil {
		return err
	}
	a.onClose(a.DB.Close)
	origin, key, err := a.logKey()
	if err != nil {
		return err
	}
	if a.Journal, err = journal.New(a.DB, journal.Config{Now: time.Now, Origin: origin, Key: key}); err != nil {
		return err
	}
	for _, w := range a.Config.witnesses() {
		client, err := witness.ParseClient(w)
		if err != nil {
			return fmt.Errorf("-witness: %w", err)
		}
		a.witnesses = append(a.witnesses, client)
	}
	a.Rights = access.NewRights(a.DB, a.Journal)
	a.Accounts = access.NewAccounts(a.DB, a.Journal, access.Config{Now: time.Now})
	return nil
}

// logKey is the name of the journal's log and the key it signs its checkpoints
// with: a file in the data folder, or, when several nodes share a database,
// the key that the database keeps for all of them.
func (a *App) logKey() (origin, key string, err error) {
	host := "spolupis"
	if u, err := url.Parse(a.Config.PublicURL); err == nil && u.Host != "" && a.Config.explicitURL {
		host = u.Host
	}
	origin = host + "/journal"
	if a.DB.Postgres {
		return origin, "", nil
	}
	key, err = journal.LoadKey(filepath.Join(a.Config.Data, "journal.key"), origin)
	return origin, key, err
}

func (a *App) openLive(context.Context) (err error) {
	a.materials = documentstore.New(a.DB, a.Journal, a.Rights)
	log := collabstore.New(a.DB, collabstore.Config{Journal: a.Journal, Now: time.Now, Logger: a.Log,
		Epochs: func(ctx context.Context, tx database.Tx, writers []collabstore.Writer) ([]int64, error) {
			places := make([]access.Place, len(writers))
			for i, w := range writers {
				places[i] = access.Place{Who: w.Person, On: access.Document(string(w.Document))}
			}
			return a.Rights.EpochsIn(ctx, tx, places)
		}})
	a.onClose(log.Close)
	cfg := collab.Config{Log: log, Leases: log, Witness: log, Rights: &liveRights{rights: a.Rights, accounts: a.Accounts, materials: a.materials},
		Now: time.Now, Logger: a.Log, Text: a.pages.Text, View: documents.View}
	if a.Config.RedisURL != "" {
		hints, err := bus.NewRedis(a.Config.RedisURL, a.Log)
		if err != nil {
			return err
		}
		a.onClose(hints.Close)
		cfg.Fanout = hints
	}
	if a.DB.Postgres {
		cfg.Poll = time.Second // other nodes may write; their hints may get lost
	}
	if a.Hub, err = collab.New(cfg); err != nil {
		return err
	}
	a.onClose(func() error { a.Hub.Close(); return nil })
	return nil
}

func (a *App) openDocuments(ctx context.Context) (err error) {
	a.Documents, err = documents.New(documents.Config{Store: a.materials, Hub: a.Hub, Rights: a.Rights, People: a.Accounts,
		Reads: a.Journal, Waiting: []documents.Waiting{signingTasks{a}}, Now: time.Now, Zone: citizen.Prague,
		UnitName: publicDocuments{accounts: a.Accounts}.unit,
		Members: func(ctx context.Context, id security.UnitID) ([]access.Person, error) {
			return a.Accounts.People(ctx, access.PeopleFilter{Unit: id})
		}})
	if err != nil {
		return err
	}
	if err := a.Documents.EnsureTemplates(ctx); err != nil {
		return fmt.Errorf("default templates: %w", err)
	}
	a.Register, err = register.New(register.Config{Store: a.materials.Register(), Rights: a.Rights, Directory: a.Accounts, Now: time.Now, Zone: citizen.Prague})
	if err != nil {
		return err
	}
	a.Hub.SetCommands(a.Documents)
	n, err := a.Documents.Recover(ctx)
	if err != nil {
		return fmt.Errorf("finish interrupted freezes: %w", err)
	}
	if n > 0 {
		a.Log.Info("finished interrupted work on materials", "count", n)
	}
	return nil
}

func (a *App) openSigning(context.Context) error {
	people := names{a.Accounts}
	folder, err := keys.Open(filepath.Join(a.Config.Data, "keys"), keys.Config{People: people, Now: time.Now})
	if err != nil {
		return err
	}
	a.Signing, err = signing.New(signing.Config{
		Store: signingstore.New(a.DB, a.Journal, time.Now), Documents: signedDocuments{a.Documents}, Keys: folder,
		Stamper: keys.Local{Authority: folder.Authority()}, People: people, Trust: folder.Trust, Now: time.Now,
		Authorise: func(ctx context.Context, who security.Actor, secret, _ string) error {
			return a.Accounts.Confirm(ctx, who, secret, "")
		},
		Reads: a.Journal, Reason: signingweb.Reason(a.pages),
		Failed: func(err error) { a.Log.Error("signing", "err", err) },
	})
	return err
}

func (a *App) openCitizen(context.Context) error {
	secret, err := secretFile(filepath.Join(a.Config.Data, "citizen.key"))
	if err != nil {
		return err
	}
	known := publicDocuments{a.Documents, a.Accounts}
	a.Citizen, err = citizen.New(citizen.Config{Store: citizenstore.New(a.DB, a.Journal, time.Now), Agendas: known, Documents: known,
		Papers: papers{a}, Rights: a.Rights, Reads: a.Journal, Key: secret, Now: time.Now, Rand: rand.Reader})
	return err
}

// secretFile returns the 32 random bytes kept in file and makes them on first
// use. Nodes of one office share the folder.
func secretFile(file string) ([]byte, error) {
	b := make([]byte, 32)
	rand.Read(b)
	err := keepFile(file, b)
	if errors.Is(err, os.ErrExist) {
		if b, err = os.ReadFile(file); err == nil && len(b) != 32 {
			err = fmt.Errorf("%d bytes, want 32", len(b))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("secret %s: %w", file, err)
	}
	return b, nil
}

// keepFile makes a file that only the owner may read. It is there whole or not at all, whenever the power goes, and os.ErrExist
// tells that somebody was first.
func keepFile(name string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), name); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(name)) // the new name must survive, too
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (a *App) openPages(context.Context) (err error) {
	pages := a.pages
	a.Kit = &web.Kit{Pages: pages, Log: a.Log, Now: time.Now, Rights: a.Rights.Can, Nav: a.nav, TLS: a.Config.tls(), Demo: a.Config.Demo}
	office := &web.Office{Kit: a.Kit, Accounts: a.Accounts, Journal: a.Journal, Rights: a.Rights, Name: a.nameOf, Find: a.find}
	a.Kit.Identify, a.Kit.CrossOrigin = office.Identify, office.CrossOrigin
	rate := 0 // the usual
	if a.Config.unpaced {
		rate = math.MaxInt32
	}
	a.sockets, err = ws.New(ws.Config{Hub: a.Hub, Rate: rate, Burst: rate, Session: a.session(office), Token: a.editToken, Valid: a.Accounts.Alive,
		Active: func(ctx context.Context, who security.Actor) {
			if err := a.Accounts.Touch(ctx, who); err != nil {
				a.Log.Warn("keep a login alive", "err", err)
			}
		},
		Foreign: a.Kit.Foreign, Origins: a.Config.origins(), Lang: web.Lang, Text: pages.Text, Logger: a.Log})
	if err != nil {
		return err
	}
	a.onClose(func() error { a.sockets.Close(); return nil })

	r := chi.NewRouter()
	r.Use(a.Kit.Middleware)
	r.NotFound(func(w http.ResponseWriter, r *http.Request) { a.Kit.Fail(w, r, fault.NotFound) })
	r.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		a.Kit.Fail(w, r, fault.New(fault.NotFound, "fault.not_found"))
	})
	r.Handle("/assets/*", pages.Assets())
	a.operations(r)
	office.Mount(r)
	materials := documentweb.New(a.Kit, a.Documents, a.Accounts)
	materials.Mail = documentweb.MailConfig{On: a.Config.SMTP != "", Domains: list(a.Config.MailDomains)}
	materials.Mount(r)
	documentweb.NewPrints(materials, a.Config.PublicURL).Mount(r)
	documentweb.NewCalendars(materials, a.Config.PublicURL).Mount(r)
	documentweb.NewRegister(a.Kit, a.Register, a.Documents).Mount(r)
	signingweb.New(a.Kit, a.Signing).Mount(r)
	(&citizenweb.Handler{Kit: a.Kit, Citizen: a.Citizen, People: a.Accounts, Base: a.Config.PublicURL}).Mount(r)
	a.router, a.Handler = r, r
	return nil
}

// Drain sends live editors to another node, before the server stops.
func (a *App) Drain() { a.Hub.Close() }

// followers bring the parts of the office up to date with the journal; each
// returns how many entries it took.
func (a *App) followers() map[string]func(context.Context) (int, error) {
	return map[string]func(context.Context) (int, error){
		"documents": func(ctx context.Context) (int, error) {
			return a.Journal.React(ctx, "documents", a.Documents.React, documents.ReactsTo...)
		},
		"history":  a.materials.Follow,
		"search":   a.Documents.FollowIndex,
		"register": a.materials.Register().Follow,
		"signing": func(ctx context.Context) (int, error) {
			return a.Journal.React(ctx, "signing", a.Signing.React, signing.ReactsTo...)
		},
		"citizen": a.Citizen.Store.Follow,
	}
}

// Run does the work in the background until ctx ends: it sequences the
// journal, follows it, signs, and takes over what a dead node left undone.
func (a *App) Run(ctx context.Context) error {
	size, err := a.Journal.Size(ctx)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return quiet(a.Journal.Run(ctx)) })
	g.Go(func() error { return quiet(a.Signing.Run(ctx)) })
	g.Go(func() error { return a.takeOver(ctx) })
	g.Go(func() error { return a.mailer().Run(ctx) })
	g.Go(func() error { return a.giveBack(ctx) })
	if len(a.witnesses) > 0 {
		g.Go(func() error {
			witness.Keep(ctx, a.Journal, a.witnesses, 10*time.Second, func(err error) { a.Log.Error("witness", "err", err) })
			return nil
		})
	}
	follow := a.followers()
	follow["rights"] = a.rightsWatch(size)
	for name, f := range follow {
		g.Go(func() error {
			a.Journal.Keep(ctx, f, func(err error) { a.Log.Error("follow the journal", "follower", name, "err", err) })
			return nil
		})
	}
	return g.Wait()
}

// mailer sends what waits in the outbox.
func (a *App) mailer() *mail.Mailer {
	server, _ := mail.ParseServer(a.Config.SMTP, a.Config.SMTPSecret) // checked when the flags were read; none takes nothing
	return &mail.Mailer{Store: documentstore.Outbox{DB: a.DB, Zone: citizen.Prague}, Server: server, From: a.Config.MailFrom, Base: strings.TrimSuffix(a.Config.PublicURL, "/"),
		Now: time.Now, Zone: citizen.Prague, Text: a.pages.Text, People: a.Accounts, Rights: a.Rights, Inbox: a.Documents.Inbox,
		Title: func(ctx context.Context, id documents.MaterialID) (number, title string, err error) {
			m, err := a.Documents.Get(ctx, security.System, id)
			return m.Number, m.Title, err
		},
		Failed: func(err error) { a.Log.Error("send mail", "err", err) }}
}

// rightsWatch tells this node's open connections that rights changed. Each
// node watches for itself, from where it came in; a connection made later asks
// anyway.
func (a *App) rightsWatch(after int64) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		entries, err := a.Journal.Read(ctx, after, 500)
		changed := false
		for _, e := range entries {
			after = e.Seq
			switch e.Kind {
			case "access.signed_in", "access.sign_in_refused", "access.sign_in_blocked", "access.signed_out", "access.cross_origin_refused":
			default:
				changed = changed || strings.HasPrefix(e.Kind, "access.")
			}
		}
		if changed {
			a.Hub.Recheck("")
		}
		return len(entries), err
	}
}

// takeOver finishes, twice a minute, what another node began and did not end,
// and ends the commenting rounds whose deadline has passed.
func (a *App) takeOver(ctx context.Context) error {
	tick := time.NewTicker(30 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if _, err := a.Documents.Recover(ctx); err != nil && ctx.Err() == nil {
				a.Log.Error("take over interrupted freezes", "err", err)
			}
			if _, err := a.Documents.CloseCancelled(ctx); err != nil && ctx.Err() == nil {
				a.Log.Error("close cancelled materials", "err", err)
			}
			if n, err := a.Documents.EndDue(ctx); err != nil && ctx.Err() == nil {
				a.Log.Error("end commenting rounds", "err", err)
			} else if n > 0 {
				a.Log.Info("commenting rounds ended by their deadline", "count", n)
			}
		}
	}
}

// Settle brings every follower up to date; for the demo and tests.
func (a *App) Settle(ctx context.Context) error {
	for {
		n := 0
		for name, follow := range a.followers() {
			took, err := follow(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			n += took
		}
		took, err := a.Documents.Reindex(ctx, time.Now()) // without waiting for more of the same
		if err != nil {
			return fmt.Errorf("search: %w", err)
		}
		if n+took == 0 {
			return nil
		}
	}
}

func quiet(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
