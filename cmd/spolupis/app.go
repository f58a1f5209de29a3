package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
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
	documentstore "spolupis/documents/store"
	documentweb "spolupis/documents/web"
	"spolupis/frontend"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/database"
	"spolupis/security/fault"
	"spolupis/security/journal"
	"spolupis/security/web"
	"spolupis/signing"
	"spolupis/signing/keys"
	signingstore "spolupis/signing/store"
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
	Signing   *signing.Service
	Citizen   *citizen.Service

	materials documents.Store
	sockets   *ws.Handler
	closers   []func() error // in the order of opening
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
	a := &App{Config: cfg, Log: log}
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
	host := "spolupis"
	if u, err := url.Parse(a.Config.PublicURL); err == nil && u.Host != "" && a.Config.explicitURL {
		host = u.Host
	}
	key, err := journal.LoadKey(filepath.Join(a.Config.Data, "journal.key"), host+"/journal")
	if err != nil {
		return err
	}
	if a.Journal, err = journal.New(a.DB, journal.Config{Now: time.Now, Origin: host + "/journal", Key: key}); err != nil {
		return err
	}
	a.Rights = access.NewRights(a.DB, a.Journal)
	a.Accounts = access.NewAccounts(a.DB, a.Journal, access.Config{Now: time.Now})
	return nil
}

func (a *App) openLive(context.Context) (err error) {
	a.materials = documentstore.New(a.DB, a.Journal, a.Rights)
	log := collabstore.New(a.DB, collabstore.Config{Journal: a.Journal, Now: time.Now, Logger: a.Log})
	a.onClose(log.Close)
	cfg := collab.Config{Log: log, Leases: log, Witness: log, Rights: liveRights{a.Rights, a.materials},
		Now: time.Now, Logger: a.Log, Text: a.text}
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

// text says a dictionary key; the pages are opened last but needed by all.
func (a *App) text(lang, key string, args ...any) string {
	if a.Kit == nil {
		return key
	}
	return a.Kit.Pages.Text(lang, key, args...)
}

func (a *App) openDocuments(ctx context.Context) (err error) {
	a.Documents, err = documents.New(documents.Config{Store: a.materials, Hub: a.Hub, Rights: a.Rights, People: a.Accounts,
		Reads: a.Journal, Waiting: []documents.Waiting{signingTasks{a}}, Now: time.Now, Zone: citizen.Prague})
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
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		kept, err := os.ReadFile(file)
		if err == nil && len(kept) != len(b) {
			err = fmt.Errorf("%s: %d bytes, want %d", file, len(kept), len(b))
		}
		return kept, err
	}
	if err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	if _, err := f.Write(b); err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	return b, errors.Join(f.Sync(), f.Close())
}

func (a *App) openPages(context.Context) error {
	pages, err := frontend.Open(a.Config.Frontend)
	if err != nil {
		return err
	}
	a.Kit = &web.Kit{Pages: pages, Log: a.Log, Now: time.Now, Rights: a.Rights.Can, Nav: a.nav, TLS: a.Config.tls(), Demo: a.Config.Demo}
	office := &web.Office{Kit: a.Kit, Accounts: a.Accounts, Journal: a.Journal, Rights: a.Rights, Name: a.nameOf, Find: a.find}
	a.Kit.Identify = office.Identify
	a.sockets, err = ws.New(ws.Config{Hub: a.Hub, Session: office.Identify, Token: a.editToken, Valid: a.stillIn,
		Origins: a.Config.origins(), Text: pages.Text, Logger: a.Log})
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
	documentweb.New(a.Kit, a.Documents, a.Accounts).Mount(r)
	(&citizenweb.Handler{Kit: a.Kit, Citizen: a.Citizen, People: a.Accounts, Base: a.Config.PublicURL}).Mount(r)
	a.Handler = r
	return nil
}

// Drain sends live editors to another node, before the server stops.
func (a *App) Drain() { a.Hub.Close() }

// Run does the work in the background until ctx ends: it sequences the
// journal, follows it and signs.
func (a *App) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return quiet(a.Journal.Run(ctx)) })
	g.Go(func() error { return quiet(a.Signing.Run(ctx)) })
	for name, follow := range map[string]func(context.Context) (int, error){
		"documents": func(ctx context.Context) (int, error) { return a.Journal.React(ctx, "documents", a.Documents.React) },
		"signing":   func(ctx context.Context) (int, error) { return a.Journal.React(ctx, "signing", a.Signing.React) },
		"citizen":   a.Citizen.Store.Follow,
	} {
		g.Go(func() error {
			a.Journal.Keep(ctx, follow, func(err error) { a.Log.Error("follow the journal", "follower", name, "err", err) })
			return nil
		})
	}
	return g.Wait()
}

// Settle brings every follower up to date once; for tests and the demo.
func (a *App) Settle(ctx context.Context) error {
	for {
		d, err := a.Journal.React(ctx, "documents", a.Documents.React)
		if err != nil {
			return err
		}
		s, err := a.Journal.React(ctx, "signing", a.Signing.React)
		if err != nil {
			return err
		}
		c, err := a.Citizen.Store.Follow(ctx)
		if err != nil || d+s+c == 0 {
			return err
		}
	}
}

func quiet(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
