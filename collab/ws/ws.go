// Package ws serves live editing over WebSocket: GET /collab/{document}.
//
// It answers who is at the other end and whether he reads and writes at a tolerable pace; everything about documents is
// decided in package collab. A client that asks for the subprotocol spolupis.v1 gets hello, acknowledgements, events and
// commands on top of the y-websocket protocol; any other is a plain y-websocket client and works as such.
//
// Compression is off on purpose: a limit on what is read from the wire does not limit what it unpacks to.
package ws

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"spolupis/collab"
	"spolupis/collab/wire"
	"spolupis/security"
	"spolupis/security/fault"

	"github.com/gorilla/websocket"
)

// Config says how a Handler works. Hub, Session and Token are required; zero numbers take the defaults.
type Config struct {
	Hub *collab.Hub

	// Session returns who is signed in with r's cookie; fault.Unauthenticated when nobody is. It is only asked when r's
	// Origin is one of Origins.
	Session func(r *http.Request) (security.Actor, error)
	// Token returns whose API token it is; fault.Unauthenticated when nobody's.
	Token func(ctx context.Context, token string) (security.Actor, error)
	// Valid is asked again and again during a connection whether the login or token of who still holds; nil: it does.
	Valid func(ctx context.Context, who security.Actor) error
	// Active is told at most once a minute that who is writing, so that a login does not end as idle in mid-sentence; nil: nobody is.
	Active func(ctx context.Context, who security.Actor)
	// Origins are the exact origins of our own pages, such as "https://spolupis.example.cz". Browsers let any page open a
	// WebSocket with the user's cookies, so a cookie counts only from these. Empty: the origin must be the host asked.
	Origins []string

	// Lang is the language of whoever sent r; nil: the one that Session or Token says.
	Lang func(r *http.Request) string
	// Foreign is told that r was refused because of its Origin, before the answer; nil: nobody is.
	Foreign func(r *http.Request)

	Text   func(lang, key string, args ...any) string // says a dictionary key in a language; nil: the key itself
	Logger *slog.Logger                               // nil: slog.Default()

	Frame       int           // largest message; 0: 256 KiB
	Paste       int           // largest update; 0: 1 MiB
	Rate        int           // messages a second in the long run; 0: 50
	Burst       int           // messages at once; 0: 250
	Connections int           // on this node; 0: 20,000
	Beat        time.Duration // something is sent at least this often; the other end is given up after three; 0: 10 s
	Write       time.Duration // a write that takes longer ends the connection; 0: 10 s
	Logins      time.Duration // how often Valid is asked; 0: 15 s
}

func (c *Config) fill() error {
	if c.Hub == nil || c.Session == nil || c.Token == nil {
		return errors.New("ws: Hub, Session and Token are required")
	}
	if c.Text == nil {
		c.Text = func(_, key string, _ ...any) string { return key }
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Foreign == nil {
		c.Foreign = func(*http.Request) {}
	}
	if c.Active == nil {
		c.Active = func(context.Context, security.Actor) {}
	}
	number := func(n *int, fallback int) {
		if *n == 0 {
			*n = fallback
		}
	}
	number(&c.Frame, 256<<10)
	number(&c.Paste, 1<<20)
	number(&c.Rate, 50)
	number(&c.Burst, 250)
	number(&c.Connections, 20_000)
	duration := func(d *time.Duration, fallback time.Duration) {
		if *d == 0 {
			*d = fallback
		}
	}
	duration(&c.Beat, 10*time.Second)
	duration(&c.Write, 10*time.Second)
	duration(&c.Logins, 15*time.Second)
	return nil
}

// Handler serves the connections of one Hub. The document is what follows the last slash of the path.
type Handler struct {
	cfg      Config
	upgrader websocket.Upgrader
	ctx      context.Context
	stop     context.CancelFunc
	wg       sync.WaitGroup
	writers  writers

	mu     sync.Mutex
	conns  map[*conn]struct{} // guarded by mu
	closed bool               // guarded by mu
}

// New returns a Handler and starts its heartbeat. Close stops it.
func New(cfg Config) (*Handler, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	h := &Handler{cfg: cfg, ctx: ctx, stop: stop, conns: map[*conn]struct{}{}}
	h.upgrader = websocket.Upgrader{
		ReadBufferSize: 256, WriteBufferSize: 512, WriteBufferPool: &sync.Pool{}, // a keystroke fits
		HandshakeTimeout: 10 * time.Second,
		Subprotocols:     []string{wire.Subprotocol},
		CheckOrigin:      func(*http.Request) bool { return true }, // checked in who, which knows the kind of sign-in
	}
	h.wg.Go(func() { h.beat(ctx) })
	return h, nil
}

// Close waits until every connection has ended. Close the Hub first: it says goodbye.
func (h *Handler) Close() {
	h.mu.Lock()
	h.closed = true
	for c := range h.conns {
		c.Close(&collab.Closed{Code: collab.CodeRestart, Key: "collab.close.4500", Detail: "server is shutting down"})
	}
	h.mu.Unlock()
	h.stop()
	h.wg.Wait()
}

// ServeHTTP upgrades one connection. Trouble with signing in is told after the upgrade, as a close code: a browser shows a
// page nothing of a refused upgrade, and a y-websocket client would try again for ever.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	doc := collab.DocumentID(strings.Clone(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])) // without the rest of the request
	if doc == "" || len(doc) > 128 {
		http.Error(w, h.cfg.Text("", "fault.not_found"), http.StatusNotFound)
		return
	}
	who, err := h.who(r)
	if h.cfg.Lang != nil {
		who.Lang = h.cfg.Lang(r)
	}
	if errors.Is(err, errOrigin) {
		h.cfg.Foreign(r)
		http.Error(w, h.cfg.Text(who.Lang, "fault.cross_origin"), http.StatusForbidden)
		return
	}
	if !h.room() {
		w.Header().Set("Retry-After", "5")
		http.Error(w, h.cfg.Text(who.Lang, "fault.unavailable"), http.StatusServiceUnavailable)
		return
	}
	ws, uerr := h.upgrader.Upgrade(hijacker(w), r, nil)
	if uerr != nil {
		return // Upgrade has answered
	}
	c := newConn(h, ws, doc, who)
	c.asked, _ = strconv.ParseUint(r.URL.Query().Get("client"), 10, 64)
	if !h.add(c) {
		ws.Close()
		return
	}
	go c.begin(h.ctx, err) // so that the request and its buffers can go
}

var errOrigin = errors.New("this page may not open a connection here")

// who returns whose request it is. A token is shown on purpose; a cookie comes by itself, so the page must be ours.
func (h *Handler) who(r *http.Request) (security.Actor, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		token = r.URL.Query().Get("token")
	}
	if token != "" {
		return h.cfg.Token(r.Context(), token)
	}
	if !h.ours(r) {
		return security.Actor{}, errOrigin
	}
	who, err := h.cfg.Session(r)
	if err == nil && !who.Known() {
		err = fault.Unauthenticated
	}
	return who, err
}

func (h *Handler) ours(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if len(h.cfg.Origins) > 0 {
		return slices.Contains(h.cfg.Origins, origin)
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

func (h *Handler) room() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.closed && len(h.conns) < h.cfg.Connections
}

func (h *Handler) add(c *conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.conns[c] = struct{}{}
	h.wg.Add(1)
	return true
}

func (h *Handler) remove(c *conn) {
	h.mu.Lock()
	delete(h.conns, c)
	h.mu.Unlock()
	h.wg.Done()
}

// hijacker finds the writer that can be hijacked under those that middleware has put around it.
func hijacker(w http.ResponseWriter) http.ResponseWriter {
	for v := w; ; {
		if _, ok := v.(http.Hijacker); ok {
			return v
		}
		u, ok := v.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		v = u.Unwrap()
	}
}

// beat sends everybody something and asks whether logins still hold.
func (h *Handler) beat(ctx context.Context) {
	beat, valid := time.NewTicker(h.cfg.Beat), time.NewTicker(h.cfg.Logins)
	defer beat.Stop()
	defer valid.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			for _, c := range h.all() {
				c.control(heartbeat)
			}
		case <-valid.C:
			h.checkLogins(ctx)
		}
	}
}

func (h *Handler) all() []*conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	cs := make([]*conn, 0, len(h.conns))
	for c := range h.conns {
		cs = append(cs, c)
	}
	return cs
}

func (h *Handler) checkLogins(ctx context.Context) {
	if h.cfg.Valid == nil {
		return
	}
	for _, c := range h.all() {
		err := h.cfg.Valid(ctx, c.who)
		if errors.Is(err, fault.Unauthenticated) {
			c.Close(signIn("login ended"))
		} else if err != nil && ctx.Err() == nil {
			h.cfg.Logger.Warn("look up a login", "error", err)
		}
	}
}

func signIn(detail string) *collab.Closed {
	return &collab.Closed{Code: collab.CodeSignIn, Key: "collab.close.4401", Detail: detail}
}
