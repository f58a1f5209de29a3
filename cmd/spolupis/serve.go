package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
)

// grace is how long a stopping server waits for answers under way.
const grace = 10 * time.Second

func serve(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	cfg, err := parse("serve", args, stderr)
	if err != nil {
		return err
	}
	return serveOffice(ctx, cfg, stdout, stderr, func(ctx context.Context, app *App, _ string) error {
		return firstAdministrator(ctx, app, stdout)
	})
}

// firstAdministrator makes an account in an office that has none, so that
// somebody can make the others. Its password is printed once and must be
// changed at the first sign-in. Two nodes that start together make one account:
// the second is refused by the login's uniqueness and goes on.
func firstAdministrator(ctx context.Context, app *App, stdout io.Writer) error {
	people, err := app.Accounts.People(ctx, access.PeopleFilter{Disabled: true, Limit: 1})
	if err != nil || len(people) > 0 {
		return err
	}
	password := randomPassword()
	_, err = app.Accounts.Create(ctx, security.System, access.NewAccount{Login: "spravce", Name: "Správce", Password: password,
		Roles: []security.Role{security.Administrator}, MustChange: true})
	if errors.Is(err, fault.Conflict) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("first administrator: %w", err)
	}
	fmt.Fprintf(stdout, "This office has no accounts yet. Sign in as spravce with the password %s and make them.\n", password)
	return nil
}

// serveOffice opens the office and serves it until ctx ends. ready is called
// once the address is known and before anybody is let in.
func serveOffice(ctx context.Context, cfg Config, stdout, stderr io.Writer, ready func(ctx context.Context, app *App, url string) error) error {
	// On a single core Go would run one thing at a time, and notice late that
	// it waits for the disk: 500 documents with 4 typists each then waited
	// five times as long.
	if runtime.GOMAXPROCS(0) == 1 && os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(2)
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	// Listen first: a taken port is the commonest mistake and should cost nothing.
	l, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer l.Close()
	url := "http://" + l.Addr().String()
	if cfg.PublicURL == "" {
		cfg.PublicURL = url
	}
	app, err := Open(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer app.Close()
	if err := ready(ctx, app, url); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "listening on %s\n", url)
	return app.Serve(ctx, l)
}

// Serve answers requests on l and runs the background work until ctx ends;
// then it lets answers under way finish and sends live editors to another
// node.
func (a *App) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: a.Handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 60 * time.Second,
		IdleTimeout: 120 * time.Second, MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(a.Log.Handler(), slog.LevelWarn)}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		a.Drain()
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		return server.Shutdown(stopping)
	})
	g.Go(func() error { return a.Run(ctx) })
	if a.Config.AdminAddr != "" {
		g.Go(func() error { return admin(ctx, a.Config.AdminAddr) })
	}
	return g.Wait()
}

// admin serves profiles on a loopback address until ctx ends.
func admin(ctx context.Context, addr string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin address: %w", err)
	}
	return nil
}
