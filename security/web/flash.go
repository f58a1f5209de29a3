package web

import (
	"encoding/base64"
	"net/http"
	"net/url"
)

const flashCookie = "flash"

// putFlash keeps one sentence for the next page. It is shown escaped, so a
// forged cookie can only show its own owner some text.
func (k *Kit) putFlash(w http.ResponseWriter, text string) {
	http.SetCookie(w, &http.Cookie{Name: flashCookie, Value: base64.RawURLEncoding.EncodeToString([]byte(text)),
		Path: "/", MaxAge: 60, HttpOnly: true, Secure: k.TLS, SameSite: http.SameSiteLaxMode})
}

func (k *Kit) takeFlash(w http.ResponseWriter, r *http.Request) string {
	c, err := r.Cookie(flashCookie)
	if err != nil || c.Value == "" {
		return ""
	}
	http.SetCookie(w, &http.Cookie{Name: flashCookie, Path: "/", MaxAge: -1, HttpOnly: true, Secure: k.TLS, SameSite: http.SameSiteLaxMode})
	b, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || len(b) > 500 {
		return ""
	}
	return string(b)
}

func urlEscape(s string) string { return url.QueryEscape(s) }
