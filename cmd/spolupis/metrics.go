package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"runtime"
	"slices"

	"spolupis/collab"
)

// metrics answers in the Prometheus text format 0.0.4, without names or content of
// anything an office keeps. Behind a public address it is refused: the
// operator's collector reaches the node itself.
func (a *App) metrics(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" {
		http.Error(w, "not through a proxy", http.StatusForbidden)
		return
	}
	live := a.Hub.Stats()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	for _, m := range []struct {
		name, kind, help string
		value            any // a number, numbers by reason, or a collab.Latency
	}{
		{"spolupis_rooms", "gauge", "documents open for live editing on this node", live.Rooms},
		{"spolupis_connections", "gauge", "live editing connections on this node", live.Connections},
		{"spolupis_messages_waiting", "gauge", "messages that came in and no room has taken up yet", live.Waiting},
		{"spolupis_messages_waiting_longest", "gauge", "the most messages that wait for one room", live.Longest},
		{"spolupis_updates_stored_total", "counter", "updates made durable", live.Stored},
		{"spolupis_updates_refused_total", "counter", "updates refused, by reason", live.Refused},
		{"spolupis_update_durable_seconds", "histogram", "from the arrival of an update to its acknowledgement", live.Durable},
		{"spolupis_update_shown_seconds", "histogram", "from the arrival of an update to the connections of the others", live.Shown},
		{"spolupis_clients_resynchronised_total", "counter", "times a connection did not keep up", live.Shed},
		{"spolupis_presence_dropped_total", "counter", "presence dropped because it was about somebody else", live.Foreign},
		{"spolupis_room_panics_total", "counter", "mistakes in the server that a room survived", live.Panics},
		{"spolupis_goroutines", "gauge", "goroutines", runtime.NumGoroutine()},
		{"spolupis_heap_bytes", "gauge", "bytes of heap in use", mem.HeapInuse},
		{"spolupis_database_connections", "gauge", "open database connections", a.DB.Stats().OpenConnections},
	} {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", m.name, m.help, m.name, m.kind)
		switch v := m.value.(type) {
		case map[string]int64:
			for _, reason := range slices.Sorted(maps.Keys(v)) {
				fmt.Fprintf(w, "%s{reason=%q} %d\n", m.name, reason, v[reason])
			}
		case collab.Latency:
			histogram(w, m.name, v)
		default:
			fmt.Fprintf(w, "%s %v\n", m.name, v)
		}
	}
}

func histogram(w io.Writer, name string, l collab.Latency) {
	for i, n := range l.Within {
		fmt.Fprintf(w, "%s_bucket{le=\"%g\"} %d\n", name, collab.Bounds[i].Seconds(), n)
	}
	fmt.Fprintf(w, "%s_bucket{le=\"+Inf\"} %d\n%s_sum %g\n%s_count %d\n", name, l.Count, name, l.Total.Seconds(), name, l.Count)
}
