package jenkins

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, r.Method+" "+r.URL.EscapedPath())
	if s.crashes(r) {
		panic(http.ErrAbortHandler)
	}
	s.answer(w, r)
}

// answer a request of a server that runs.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	user, password, has := r.BasicAuth()
	if has && (user != User || (password != Token && password != Password)) {
		s.headers(w)
		http.Error(w, "Invalid password/token for user", http.StatusUnauthorized)
		return
	}
	for path, status := range s.refused {
		if status != 0 && strings.HasSuffix(r.URL.Path, path) {
			http.Error(w, "refused", status)
			return
		}
	}
	if r.Method == http.MethodPost && password == Password {
		http.Error(w, "No valid crumb was included in the request", http.StatusForbidden)
		return
	}
	if r.URL.Path == "/whoAmI/api/json" {
		name := "anonymous"
		if has {
			name = user
		}
		s.json(w, r, map[string]any{"_class": "hudson.security.WhoAmI", "anonymous": !has, "authenticated": true, "name": name})
		return
	}
	if !has {
		http.Error(w, "Authentication required", http.StatusForbidden)
		return
	}
	s.tick()
	if rest, is := strings.CutPrefix(r.URL.EscapedPath(), "/job/"); is {
		s.job(w, r, rest)
		return
	}
	s.root(w, r)
}

func (s *Server) headers(w http.ResponseWriter) {
	w.Header().Set("X-Jenkins", "2.579")
	w.Header().Set("X-Jenkins-Session", s.session())
	w.Header().Set("Date", s.Clock.Now().UTC().Format(http.TimeFormat))
}

// json answers with what the tree expression of the request selects. A request without one is refused: it would load everything.
func (s *Server) json(w http.ResponseWriter, r *http.Request, value any) {
	tree, err := parseTree(r.URL.Query().Get("tree"))
	if err != nil || r.URL.Query().Has("depth") {
		http.Error(w, "tree", http.StatusInternalServerError)
		return
	}
	s.headers(w)
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	_ = json.NewEncoder(w).Encode(tree.apply(value)) // the client may go away
}

func (s *Server) root(w http.ResponseWriter, r *http.Request) {
	busy := 0
	for _, job := range s.jobs {
		for _, b := range job.builds {
			if b.Building {
				busy++
			}
		}
	}
	switch path := r.URL.Path; {
	case path == "/api/json":
		s.json(w, r, map[string]any{"_class": "hudson.model.Hudson", "mode": "NORMAL", "quietingDown": s.options.QuietingDown})
	case path == "/queue/api/json":
		items := []any{}
		for _, i := range s.queue {
			items = append(items, s.item(i))
		}
		s.json(w, r, map[string]any{"_class": "hudson.model.Queue", "items": items})
	case path == "/computer/api/json":
		s.json(w, r, map[string]any{"busyExecutors": busy, "totalExecutors": s.options.Executors})
	case path == "/pluginManager/api/json" && s.options.PluginsHidden:
		http.Error(w, "missing Overall/SystemRead", http.StatusForbidden)
	case path == "/pluginManager/api/json":
		plugin := func(name string, active bool) any { return map[string]any{"shortName": name, "active": active} }
		s.json(w, r, map[string]any{"plugins": []any{
			plugin("workflow-job", true), plugin("pipeline-rest-api", true), plugin("junit", true), plugin("workflow-multibranch", false),
		}})
	case path == "/queue/cancelItem":
		s.cancelItem(w, r)
	case strings.HasPrefix(path, "/queue/item/"):
		s.queueItem(w, r)
	case path == "/createItem":
		s.create(w, r, "")
	default:
		http.NotFound(w, r)
	}
}

func parameters(values map[string]string) []any {
	list := []any{}
	for name, value := range values {
		list = append(list, map[string]any{"_class": "hudson.model.StringParameterValue", "name": name, "value": value})
	}
	return []any{map[string]any{"_class": "hudson.model.ParametersAction", "parameters": list}, map[string]any{}, nil}
}

func (s *Server) item(i *Item) map[string]any {
	shown := map[string]any{
		"_class": "hudson.model.Queue$WaitingItem", "id": i.ID, "actions": parameters(i.Parameters),
		"why":  "Waiting for next available executor",
		"task": map[string]any{"url": "http://wrong.example.invalid" + jobURL(i.Job)},
	}
	if s.options.QuietingDown {
		shown["why"] = "Jenkins is about to shut down"
	}
	if !i.Left.IsZero() {
		shown["_class"] = "hudson.model.Queue$LeftItem"
		shown["why"] = nil
		shown["cancelled"] = i.Cancelled
		shown["executable"] = nil
	}
	if i.Build > 0 {
		shown["executable"] = map[string]any{"number": i.Build}
	}
	return shown
}

func (s *Server) queueItem(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(strings.Split(strings.TrimPrefix(r.URL.Path, "/queue/item/"), "/")[0], 10, 64)
	if err != nil || !strings.HasSuffix(r.URL.Path, "/api/json") {
		http.NotFound(w, r)
		return
	}
	for _, i := range append(append([]*Item{}, s.queue...), s.left...) {
		if i.ID == id {
			s.json(w, r, s.item(i))
			return
		}
	}
	http.NotFound(w, r)
}

func (s *Server) cancelItem(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(r.URL.Query().Get("id"), 10, 64) // 0 is no id
	if r.Method != http.MethodPost {
		http.Error(w, "POST required", http.StatusMethodNotAllowed)
		return
	}
	for n, i := range s.queue {
		if i.ID != id {
			continue
		}
		if s.options.Uncancellable {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		s.queue = append(s.queue[:n:n], s.queue[n+1:]...)
		i.Cancelled = true
		i.Left = s.Clock.Now()
		s.left = append(s.left, i)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.WriteHeader(http.StatusNotFound)
}

// jobURL is the path of a job.
func jobURL(name string) string {
	var path strings.Builder
	for segment := range strings.SplitSeq(name, "/") {
		path.WriteString("/job/" + url.PathEscape(segment))
	}
	return path.String() + "/"
}

// job answers requests below /job/, whose escaped path is split into the names of folders and jobs, and the rest.
func (s *Server) job(w http.ResponseWriter, r *http.Request, path string) {
	segments := strings.Split(path, "/")
	var names []string
	for {
		name, err := url.PathUnescape(segments[0])
		if err != nil {
			http.Error(w, "path", http.StatusBadRequest)
			return
		}
		names = append(names, name)
		segments = segments[1:]
		if len(segments) < 2 || segments[0] != "job" {
			break
		}
		segments = segments[1:]
	}
	name := strings.Join(names, "/")
	job := s.jobs[name]
	if job == nil || job.Hidden {
		http.NotFound(w, r)
		return
	}
	switch call := strings.Join(segments, "/"); call {
	case "api/json":
		s.json(w, r, s.describe(job))
	case "build", "buildWithParameters":
		s.trigger(w, r, name, job, call == "build")
	case "config.xml":
		s.config(w, r, job)
	case "createItem":
		s.create(w, r, name+"/")
	default:
		s.build(w, r, job, segments)
	}
}

func (s *Server) describe(job *Job) map[string]any {
	if job.Folder {
		return map[string]any{"_class": "com.cloudbees.hudson.plugins.folder.Folder", "jobs": []any{}}
	}
	class := "hudson.model.FreeStyleProject"
	if job.Pipeline {
		class = "org.jenkinsci.plugins.workflow.job.WorkflowJob"
	}
	definitions, builds := []any{}, []any{}
	for name, choices := range job.Parameters {
		definition := map[string]any{"name": name, "type": "StringParameterDefinition"}
		if choices != nil {
			definition["type"] = "ChoiceParameterDefinition"
			definition["choices"] = choices
		}
		definitions = append(definitions, definition)
	}
	shown := map[string]any{
		"_class": class, "buildable": !job.Disabled, "description": job.description(), "property": []any{map[string]any{}},
		"lastBuild": nil,
	}
	if len(definitions) > 0 {
		shown["property"] = []any{map[string]any{}, map[string]any{"parameterDefinitions": definitions}}
	}
	for n := len(job.builds) - 1; n >= 0 && len(builds) < 100; n-- {
		builds = append(builds, describeBuild(job, job.builds[n]))
	}
	if len(builds) > 0 {
		shown["lastBuild"] = builds[0]
	}
	for _, i := range s.queue {
		if s.jobs[i.Job] == job {
			shown["inQueue"] = true
		}
	}
	shown["builds"] = builds
	return shown
}

// trigger a build. Parameters that are not declared are dropped, and others have an empty default.
func (s *Server) trigger(w http.ResponseWriter, r *http.Request, name string, job *Job, plain bool) {
	if err := r.ParseForm(); err != nil || r.Method != http.MethodPost || job.Folder {
		http.Error(w, "POST required", http.StatusMethodNotAllowed)
		return
	}
	switch {
	case !plain && len(job.Parameters) == 0:
		http.Error(w, name+" is not parameterized", http.StatusBadRequest)
		return
	case job.Disabled:
		http.Error(w, name+" is not buildable", http.StatusConflict)
		return
	case s.options.Refuse:
		http.Redirect(w, r, "http://wrong.example.invalid"+jobURL(name)+".", http.StatusFound)
		return
	}
	values := map[string]string{}
	for declared, choices := range job.Parameters {
		values[declared] = r.Form.Get(declared)
		if len(choices) > 0 && values[declared] == "" {
			values[declared] = choices[0]
		}
	}
	i, isNew := s.enqueue(name, values)
	w.Header().Set("Location", fmt.Sprintf("http://wrong.example.invalid/queue/item/%d/", i.ID))
	if s.options.Drop {
		s.options.Drop = false
		panic(http.ErrAbortHandler)
	}
	if isNew || plain || s.options.Old {
		w.WriteHeader(http.StatusCreated)
		return
	}
	w.WriteHeader(http.StatusSeeOther)
}
