package web

import (
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/go-chi/chi/v5"

	"spolupis/documents"
	"spolupis/documents/workflow"
	"spolupis/security"
	"spolupis/security/access"
	"spolupis/security/fault"
	"spolupis/security/web"
)

// mountCourse registers the pages of the course of materials.
func (h *Handler) mountCourse(r chi.Router) {
	admin := web.Roles(security.Administrator)
	h.kit.Get(r, "/course", web.SignedIn, func(w http.ResponseWriter, r *http.Request) { h.courses(w, r, form{}) })
	h.kit.Post(r, "/course", admin, h.importCourse)
	h.kit.Get(r, "/course/{version}", web.SignedIn, h.courseFile)
	h.kit.Post(r, "/documents/{id}/course", web.Document(access.View), h.moveInCourse)
	h.kit.Post(r, "/documents/{id}/course/version", web.Document(access.Manage), h.moveCourse)
}

// courseStage is one step of the line of steps.
type courseStage struct {
	Label   string
	Current bool
	Done    bool
}

// offer is one thing that can be done, or not, with its sentence.
type offer struct {
	Event workflow.Event
	Label string
	Link  string // of the page where it is done; "" for a button here
	Ask   []string
	Why   string // it cannot be done now because …
}

// courseView is the part of a material's page about its course.
type courseView struct {
	documents.Course
	Place   string
	Stages  []courseStage
	Can     []offer
	Cannot  []offer
	Version int
	Newer   int // a newer version of the course, 0 when this is the newest
	Late    bool
}

func (h *Handler) course(r *http.Request, x head) (courseView, error) {
	lang := web.Lang(r)
	c, err := h.documents.Course(r.Context(), web.Who(r), x.ID)
	if err != nil {
		return courseView{}, err
	}
	v := courseView{Course: c, Place: c.State.Label.In(lang), Version: x.Course, Late: !c.Due.IsZero() && c.Due.Before(h.kit.Now())}
	at := slices.IndexFunc(c.Definition.Stages, func(s workflow.Stage) bool { return s.Name == c.State.Stage })
	for i, s := range c.Definition.Stages {
		v.Stages = append(v.Stages, courseStage{s.Label.In(lang), i == at, i < at})
	}
	links := map[string]string{"round": address(x.ID, "/round"), "comments": address(x.ID, "/settlement"), "route": address(x.ID, "/route"),
		"programme": address(x.ID, "/programme"), "tasks": address(x.ID, "/programme#tasks")}
	for _, o := range c.Offers {
		row := offer{Event: o.Event, Label: o.Label.In(lang), Link: links[o.Where], Ask: o.Ask}
		if o.Refusal != nil {
			f := fault.Of(o.Refusal)
			row.Why = h.kit.Pages.Text(lang, f.Key, f.Args...)
			v.Cannot = append(v.Cannot, row)
		} else if o.Where != "system" {
			v.Can = append(v.Can, row)
		}
	}
	all, err := h.documents.Courses(r.Context())
	if err != nil {
		return v, err
	}
	if all[0].Version != x.Course {
		v.Newer = all[0].Version
	}
	return v, nil
}

func (h *Handler) moveInCourse(w http.ResponseWriter, r *http.Request) {
	h.act(w, r, "course", "workflow.moved", func() error {
		return h.documents.Act(r.Context(), web.Who(r), material(r), workflow.Event(r.Form.Get("event")), r.Form.Get("reason"), r.Form.Get("records"))
	})
}

func (h *Handler) moveCourse(w http.ResponseWriter, r *http.Request) {
	h.act(w, r, "course", "workflow.course_changed", func() error {
		return h.documents.MoveCourse(r.Context(), web.Who(r), material(r), number(r.Form.Get("version")))
	})
}

type courseRow struct {
	documents.CourseVersion
	By documents.PersonView
}

func (h *Handler) courses(w http.ResponseWriter, r *http.Request, f form) {
	all, err := h.documents.Courses(r.Context())
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	names, rows := h.names(r), []courseRow{}
	for _, v := range all {
		row := courseRow{CourseVersion: v}
		if v.ImportedBy != "" {
			row.By = names.of(v.ImportedBy)
		}
		rows = append(rows, row)
	}
	newest, err := h.documents.CourseFile(r.Context(), all[0].Version)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	d, err := workflow.Parse(newest)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	h.kit.Page(w, r, f.status(), "documents/course", map[string]any{"Rows": rows, "Course": d, "Lang": web.Lang(r), "Form": f, "Imports": web.Who(r).Has(security.Administrator)})
}

func (h *Handler) importCourse(w http.ResponseWriter, r *http.Request) {
	if !h.parse(w, r) {
		return
	}
	var file []byte
	if up, _, err := r.FormFile("file"); err == nil {
		defer up.Close()
		if file, err = io.ReadAll(io.LimitReader(up, workflow.MaxSize+1)); err != nil {
			h.kit.Fail(w, r, err)
			return
		}
	}
	n, err := h.documents.ImportCourse(r.Context(), web.Who(r), file)
	if err != nil {
		h.again(w, r, err, "import", func(f form) { h.courses(w, r, f) })
		return
	}
	h.kit.Done(w, r, "/course", "workflow.imported", n)
}

func (h *Handler) courseFile(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(chi.URLParam(r, "version"))
	if err != nil {
		h.kit.Fail(w, r, fault.NotFound)
		return
	}
	file, err := h.documents.CourseFile(r.Context(), n)
	if err != nil {
		h.kit.Fail(w, r, err)
		return
	}
	send(w, "application/json", "course-"+strconv.Itoa(n)+".json", file)
}
