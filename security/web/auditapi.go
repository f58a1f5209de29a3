package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"spolupis/security"
	"spolupis/security/fault"
	"spolupis/security/journal"
	"spolupis/security/journal/bundle"
)

// export sends the whole log as a bundle for `spolupis audit verify`.
func (o *Office) export(w http.ResponseWriter, r *http.Request) {
	size, err := o.Journal.Size(r.Context())
	if err == nil {
		err = o.Journal.Recorded(r.Context(), Who(r), "audit.exported", "journal:"+strconv.FormatInt(size, 10), nil)
	}
	if err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="audit-`+o.Kit.Now().In(prague).Format("2006-01-02-1504")+`.zip"`)
	if _, err := bundle.Write(r.Context(), w, o.Journal, bundle.Options{}); err != nil {
		o.Kit.Log.Error("export the log", "err", err)
		panic(http.ErrAbortHandler) // a bundle cut short must not look complete
	}
}

func (o *Office) checkpoint(w http.ResponseWriter, r *http.Request) {
	signed, err := o.Journal.Checkpoint(r.Context())
	if err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write(signed)
}

func (o *Office) logKey(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write([]byte(o.Journal.VerifierKey() + "\n"))
}

// tile serves tiles and entry bundles under their C2SP paths. Entries are for
// auditors, the hashes above them for everybody.
func (o *Office) tile(w http.ResponseWriter, r *http.Request) {
	idx, width, err := tileIndex(chi.URLParam(r, "*"))
	if err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	var data []byte
	if level := chi.URLParam(r, "level"); level == "" {
		if err = o.Journal.Recorded(r.Context(), Who(r), "audit.exported", "journal:entries", nil); err == nil {
			data, err = o.Journal.EntryBundle(r.Context(), idx, width)
		}
	} else {
		n, bad := strconv.ParseInt(level, 10, 64)
		if bad != nil || n < 0 || n > 7 {
			err = fault.New(fault.NotFound, "fault.not_found")
		} else {
			data, err = o.Journal.Tile(r.Context(), n, idx, width)
		}
	}
	if err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Write(data)
}

// tileIndex reads "x001/x234/067" or "067.p/12".
func tileIndex(path string) (idx int64, width int, err error) {
	bad := fault.New(fault.NotFound, "fault.not_found")
	width = 256
	if full, p, ok := strings.Cut(path, ".p/"); ok {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 || n > 255 || strconv.Itoa(n) != p {
			return 0, 0, bad
		}
		path, width = full, n
	}
	parts := strings.Split(path, "/")
	if len(parts) > 5 {
		return 0, 0, bad
	}
	for i, p := range parts {
		digits, x := strings.CutPrefix(p, "x")
		n, err := strconv.Atoi(digits)
		if x != (i < len(parts)-1) || len(digits) != 3 || err != nil || n < 0 {
			return 0, 0, bad
		}
		idx = idx*1000 + int64(n)
	}
	return idx, width, nil
}

type apiEntry struct {
	Seq        int64            `json:"seq"`
	At         time.Time        `json:"at"`
	Actor      security.ActorID `json:"actor"`
	OnBehalfOf security.ActorID `json:"on_behalf_of,omitempty"`
	Kind       string           `json:"kind"`
	Subject    string           `json:"subject"`
	Body       json.RawMessage  `json:"body"`
	Personal   json.RawMessage  `json:"personal,omitempty"`
	Erased     bool             `json:"erased,omitempty"`
}

func (o *Office) apiEntries(w http.ResponseWriter, r *http.Request) {
	f, none, err := o.filter(r.Context(), typed(r))
	limit, bad := strconv.Atoi(r.URL.Query().Get("limit"))
	if bad != nil || limit < 1 || limit > 1000 {
		limit = 100
	}
	f.Limit = limit
	var entries []journal.Entry
	if err == nil && !none {
		if err = o.recordView(r.Context(), Who(r), f); err == nil {
			entries, err = o.Journal.Search(r.Context(), f)
		}
	}
	if err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	out := make([]apiEntry, len(entries))
	for i, e := range entries {
		out[i] = apiEntry{e.Seq, e.At, e.Actor, e.OnBehalfOf, e.Kind, e.Subject, e.Body, e.Personal, e.Erased}
	}
	answer := map[string]any{"entries": out}
	if len(out) == limit {
		answer["next_before"] = out[limit-1].Seq
	}
	o.Kit.JSON(w, http.StatusOK, answer)
}

func (o *Office) apiStatus(w http.ResponseWriter, r *http.Request) {
	size, err1 := o.Journal.Size(r.Context())
	rep, err2 := o.Journal.Verification(r.Context())
	signed, err3 := o.Journal.Checkpoint(r.Context())
	if err := errors.Join(err1, err2, err3); err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	answer := map[string]any{"size": size, "origin": o.Journal.Origin(), "key": o.Journal.VerifierKey(), "checkpoint": string(signed)}
	if !rep.At.IsZero() {
		answer["verification"] = rep
	}
	o.Kit.JSON(w, http.StatusOK, answer)
}

func (o *Office) apiVerify(w http.ResponseWriter, r *http.Request) {
	rep, err := o.verifyNow(r)
	if err != nil {
		o.Kit.Fail(w, r, err)
		return
	}
	o.Kit.JSON(w, http.StatusOK, rep)
}
