package argocd

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"
)

// codes of gRPC, which the gateway sends beside a status of HTTP.
const (
	notFound, denied, precondition, invalid, unauthenticated = 5, 7, 9, 3, 16
)

func (s *Server) refuse(w http.ResponseWriter, code int, message string) {
	status := map[int]int{
		notFound: http.StatusNotFound, denied: http.StatusForbidden, precondition: http.StatusBadRequest, invalid: http.StatusBadRequest,
		unauthenticated: http.StatusUnauthorized,
	}[code]
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": message, "code": code, "message": message}) // the client may go away
}

func (s *Server) json(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // the client may go away
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, r.Method+" "+r.URL.Path)
	s.requests++
	if s.down || s.requests == s.crash {
		if !s.down && !s.lost {
			s.answer(httptest.NewRecorder(), r)
		}
		s.down = true
		panic(http.ErrAbortHandler)
	}
	s.answer(w, r)
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	for path, status := range s.fail {
		if status != 0 && strings.HasSuffix(r.URL.Path, path) {
			http.Error(w, "refused", status)
			return
		}
	}
	known := r.Header.Get("Authorization") == "Bearer "+Token
	switch {
	case r.Method != http.MethodGet && r.Header.Get("Content-Type") != "application/json":
		http.Error(w, "Invalid content type", http.StatusUnsupportedMediaType)
		return
	case r.URL.Path == "/api/version":
		s.json(w, map[string]any{"Version": "v2.14.21+0000000"})
		return
	case r.URL.Path == "/api/v1/session/userinfo" && !known:
		s.json(w, map[string]any{})
		return
	case !known:
		s.refuse(w, unauthenticated, "no session information")
		return
	case r.URL.Path == "/api/v1/session/userinfo":
		s.json(w, map[string]any{"loggedIn": true, "username": User, "iss": "argocd"})
		return
	case r.URL.Path == "/api/v1/applications" && r.Method == http.MethodPost:
		s.create(w, r)
		return
	case r.URL.Path == "/api/v1/applications":
		s.list(w, r)
		return
	}
	rest, is := strings.CutPrefix(r.URL.Path, "/api/v1/applications/")
	name, call, _ := strings.Cut(rest, "/")
	if !is {
		http.NotFound(w, r)
		return
	}
	s.application(w, r, name, call)
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("fields") != "items.metadata.name" { // anything else would load whole applications
		http.Error(w, "fields", http.StatusInternalServerError)
		return
	}
	var items []any // null if there are none
	for name := range s.apps {
		items = append(items, map[string]any{"metadata": map[string]any{"name": name}})
	}
	s.json(w, map[string]any{"items": items})
}

// body of a request that changes something.
type body struct {
	Revision      string
	DryRun        bool
	Prune         bool
	Infos         []map[string]string
	Resources     []map[string]string
	Project       string
	AppNamespace  string
	RetryStrategy *struct{ Limit int64 }
	// Patch and PatchType of a change.
	Patch, PatchType string
}

func (s *Server) application(w http.ResponseWriter, r *http.Request, name, call string) {
	var sent body
	project, namespace := r.URL.Query().Get("project"), r.URL.Query().Get("appNamespace")
	if r.Method == http.MethodPost || r.Method == http.MethodPatch {
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			s.refuse(w, invalid, "body")
			return
		}
		project, namespace = sent.Project, sent.AppNamespace
	}
	a := s.apps[name]
	switch {
	case a == nil && project == "", namespace != "" && namespace != "argocd":
		s.refuse(w, denied, "permission denied")
		return
	case a == nil:
		s.refuse(w, notFound, "applications.argoproj.io \""+name+"\" not found")
		return
	case project != "" && !isProject(project):
		s.refuse(w, denied, "app is not allowed in project")
		return
	case project != "" && project != a.describeSpec()["project"]: // of another project it says no more than that it is not in this one
		s.refuse(w, notFound, "applications.argoproj.io \""+name+"\" not found")
		return
	}
	switch r.Method + " " + call {
	case "GET ":
		if kind := r.URL.Query().Get("refresh"); kind == "normal" || kind == "hard" {
			a.refresh(s.now())
		}
		a.tick(s.now())
		s.json(w, a.describe())
	case "GET syncwindows":
		s.json(w, map[string]any{"canSync": !a.Closed})
	case "GET resource-tree":
		s.json(w, a.tree())
	case "POST sync":
		s.sync(w, a, sent)
	case "PATCH ":
		s.patch(w, a, sent)
	case "DELETE operation":
		if a.state == nil || !a.busy() {
			s.refuse(w, invalid, "Unable to terminate operation. No operation is in progress")
			return
		}
		if a.state.terminating {
			http.Error(w, "Failed to terminate app. Too many conflicts", http.StatusInternalServerError)
			return
		}
		a.state.terminating = true
		a.state.Phase = "Terminating"
		a.state.Message = "operation is terminating"
		s.json(w, map[string]any{})
	default:
		http.NotFound(w, r)
	}
}

func (s *Server) sync(w http.ResponseWriter, a *Application, sent body) {
	switch {
	case a.automated() && sent.Revision != "" && sent.Revision != a.Head:
		s.refuse(w, precondition, "Cannot sync to "+sent.Revision+": auto-sync currently set to HEAD")
		return
	case a.Closed:
		s.refuse(w, denied, "cannot sync: blocked by sync window")
		return
	case a.busy():
		s.refuse(w, precondition, "another operation is already in progress")
		return
	case sent.RetryStrategy == nil:
		http.Error(w, "a failed sync would stay Running", http.StatusInternalServerError)
		return
	}
	a.start(operation{
		By: User, Infos: sent.Infos, Revision: sent.Revision, DryRun: sent.DryRun, Selected: len(sent.Resources) > 0,
	}, s.now())
	s.syncs++
	if s.drop {
		s.drop = false
		panic(http.ErrAbortHandler)
	}
	s.json(w, a.describe())
}

func stamp(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

func (o *operation) describe() map[string]any {
	by := map[string]any{"username": o.By}
	if o.Automated {
		by = map[string]any{"automated": true}
	}
	return map[string]any{"initiatedBy": by, "info": o.Infos, "sync": map[string]any{"revision": o.Revision, "dryRun": o.DryRun}}
}

// describe the application as the server does.
func (a *Application) describe() map[string]any {
	spec := a.describeSpec()
	sync := "OutOfSync"
	if a.synced == a.Head {
		sync = "Synced"
	}
	history := []any{}
	for _, e := range a.history {
		by := map[string]any{"username": e.By}
		if e.Automated {
			by = map[string]any{"automated": true}
		}
		history = append(history, map[string]any{
			"id": e.ID, "revision": e.Revision, "deployedAt": stamp(e.Deployed), "deployStartedAt": stamp(e.Started), "initiatedBy": by,
			"source": spec["source"],
		})
	}
	status := map[string]any{
		"sync": map[string]any{"status": sync, "revision": a.Head}, "health": map[string]any{"status": a.health},
		"reconciledAt": stamp(a.reconciledAt), "history": history, "resources": []any{},
	}
	if s := a.state; s != nil {
		state := map[string]any{
			"operation": s.operation.describe(), "phase": s.Phase, "message": s.Message, "startedAt": stamp(s.Started),
		}
		if !s.Finished.IsZero() {
			result := "Synced"
			if s.Phase != "Succeeded" {
				result = "SyncFailed"
			}
			state["finishedAt"] = stamp(s.Finished)
			state["syncResult"] = map[string]any{"revision": s.Revision, "resources": []any{map[string]any{
				"group": "", "kind": "ConfigMap", "namespace": "shop", "name": "settings", "status": result, "message": s.Message,
			}}}
		}
		status["operationState"] = state
	}
	described := map[string]any{"metadata": a.describeMetadata(), "spec": spec, "status": status}
	if a.operation != nil {
		described["operation"] = a.operation.describe()
	}
	return described
}

func (a *Application) tree() map[string]any {
	node := func(group, kind, name, health, message string) any {
		return map[string]any{"group": group, "kind": kind, "namespace": "shop", "name": name,
			"health": map[string]any{"status": health, "message": message}}
	}
	return map[string]any{"nodes": []any{
		map[string]any{"kind": "ConfigMap", "namespace": "shop", "name": "settings"},
		node("apps", "Deployment", "web", a.health, a.HealthMessage), node("", "Service", "web", "Healthy", ""),
	}}
}
