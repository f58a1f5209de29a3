package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path"
	"runtime/debug"
	"strings"

	"spolupis/security/fault"
)

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; font-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'; trusted-types ProseMirrorClipboard"

// MaxForm is the largest request body of a page or API call that does not
// state its own limit, in bytes.
const MaxForm = 3 << 20

// Large lets the body of one address be larger than MaxForm, for files that
// people send. A * in it stands for one step of the path. Call it before the first request.
func (k *Kit) Large(method, path string, bytes int64) {
	if k.large == nil {
		k.large = map[string]int64{}
	}
	k.large[method+" "+path] = bytes
}

func (k *Kit) limit(r *http.Request) int64 {
	most := int64(MaxForm)
	for address, bytes := range k.large {
		if ok, _ := path.Match(address, r.Method+" "+r.URL.Path); ok {
			most = max(most, bytes)
		}
	}
	return most
}

// maxDrain is how much of a larger body is read, and thrown away, so that its
// sender gets to see the refusal.
const maxDrain = 32 << 20

// Middleware wraps everything the server answers: headers, cross-origin
// check, body limit, who is asking. A panic becomes a logged internal error.
func (k *Kit) Middleware(next http.Handler) http.Handler {
	origins := http.NewCrossOriginProtection()
	origins.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.Log.Warn("cross-origin request refused", "path", r.URL.Path, "origin", r.Header.Get("Origin"))
		k.Foreign(r)
		k.Fail(w, r, fault.New(fault.Denied, "fault.cross_origin"))
	}))
	return k.recovered(headers(k.TLS, origins.Handler(k.identified(next))))
}

// Foreign has a request that another site sent recorded when it came with
// somebody's login. Without one it could do nothing, and anybody could fill the log.
func (k *Kit) Foreign(r *http.Request) {
	if k.CrossOrigin == nil {
		return
	}
	if who, err := k.Identify(r); err == nil && who.Known() {
		if err := k.CrossOrigin(r, who); err != nil {
			k.Log.Error("record a cross-origin request", "err", err)
		}
	}
}

func headers(tls bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		if tls {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if !strings.HasPrefix(r.URL.Path, "/assets/") {
			h.Set("Cache-Control", "no-store")
		}
		next.ServeHTTP(w, r)
	})
}

func (k *Kit) identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := r.Body
		if body != nil {
			r.Body = http.MaxBytesReader(w, r.Body, k.limit(r))
		}
		if strings.HasPrefix(r.URL.Path, "/assets/") {
			next.ServeHTTP(w, r)
			return
		}
		who, err := k.Identify(r)
		if errors.Is(err, errMustChange) && r.Method == http.MethodGet && !strings.HasPrefix(r.URL.Path, "/api/") {
			http.Redirect(w, r, "/account", http.StatusSeeOther)
			return
		}
		if err != nil && !errors.Is(err, fault.Unauthenticated) {
			k.Fail(w, r, err)
			return
		}
		if who.Known() {
			who.Lang = Lang(r)
		}
		r = r.WithContext(context.WithValue(r.Context(), actorKey{}, who))
		if r.ContentLength > k.limit(r) {
			// A browser reads no answer before it has sent everything.
			io.CopyN(io.Discard, body, maxDrain)
			k.Fail(w, r, fault.New(fault.TooLarge, "fault.too_large"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (k *Kit) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				k.Log.Error("panic", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
				http.Error(w, k.Pages.Text(Lang(r), "fault.internal"), http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}
