package main

import (
	"fmt"
	"net/http"
	"runtime"
)

// metrics answers in the Prometheus text format, without names or content of
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
		value            any
	}{
		{"spolupis_rooms", "gauge", "documents open for live editing on this node", live.Rooms},
		{"spolupis_connections", "gauge", "live editing connections on this node", live.Connections},
		{"spolupis_updates_stored_total", "counter", "updates made durable", live.Stored},
		{"spolupis_updates_refused_total", "counter", "updates refused", live.Refused},
		{"spolupis_clients_resynchronised_total", "counter", "times a connection did not keep up", live.Shed},
		{"spolupis_goroutines", "gauge", "goroutines", runtime.NumGoroutine()},
		{"spolupis_heap_bytes", "gauge", "bytes of heap in use", mem.HeapInuse},
		{"spolupis_database_connections", "gauge", "open database connections", a.DB.Stats().OpenConnections},
	} {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n%s %v\n", m.name, m.help, m.name, m.kind, m.name, m.value)
	}
}
