package jenkins

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func describeBuild(job *Job, b *Build) map[string]any {
	class := "hudson.model.FreeStyleBuild"
	if job.Pipeline {
		class = "org.jenkinsci.plugins.workflow.job.WorkflowRun"
	}
	shown := map[string]any{
		"_class": class, "number": b.Number, "queueId": b.QueueID, "building": b.Building, "result": nil,
		"timestamp": b.Began.UnixMilli(), "duration": 0, "actions": parameters(b.Parameters),
	}
	if b.Result != "" {
		shown["result"] = b.Result
	}
	if !b.Building {
		shown["duration"] = 1500
	}
	artifacts := []any{}
	for _, name := range slices.Sorted(maps.Keys(b.Artifacts)) {
		artifacts = append(artifacts, map[string]any{"displayPath": nil, "fileName": path.Base(name), "relativePath": name})
	}
	shown["artifacts"] = artifacts
	return shown
}

// build answers requests below the number of a build.
func (s *Server) build(w http.ResponseWriter, r *http.Request, job *Job, segments []string) {
	number, _ := strconv.ParseInt(segments[0], 10, 64) // 0 is no number
	n := slices.IndexFunc(job.builds, func(b *Build) bool { return b.Number == number && !b.Hidden })
	if n < 0 {
		http.NotFound(w, r)
		return
	}
	b := job.builds[n]
	switch call := strings.Join(segments[1:], "/"); {
	case call == "api/json":
		s.json(w, r, describeBuild(job, b))
	case call == "logText/progressiveText":
		b.progressive(w, r)
	case call == "wfapi/describe" && b.Stages != nil:
		list := []any{}
		for n, stage := range b.Stages {
			list = append(list, map[string]any{"id": strconv.Itoa(n), "name": stage.Name, "status": stage.Status})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"stages": list}) // the client may go away
	case call == "testReport/api/json" && b.Result == "UNSTABLE":
		s.json(w, r, map[string]any{"failCount": 1, "passCount": 2, "skipCount": 1})
	case strings.HasPrefix(call, "artifact/"):
		s.artifact(w, r, b, strings.TrimPrefix(call, "artifact/"))
	case r.Method == http.MethodPost && (call == "stop" || job.Pipeline && (call == "term" || call == "kill")):
		b.Means = append(b.Means, call)
		if slices.Index([]string{"stop", "term", "kill"}, call) >= job.Stubborn && b.Building {
			b.Building = false
			b.Result = "ABORTED"
			b.Log += "Finished: ABORTED\n"
		}
		http.Redirect(w, r, "http://wrong.example.invalid/", http.StatusFound)
	default:
		http.NotFound(w, r)
	}
}

// artifact sends an archived file by its escaped path, or the page of a folder.
func (s *Server) artifact(w http.ResponseWriter, r *http.Request, b *Build, escaped string) {
	name, err := url.PathUnescape(escaped)
	content, is := b.Artifacts[name]
	switch {
	case err != nil:
		http.Error(w, "path", http.StatusBadRequest)
	case s.options.ArtifactsElsewhere:
		http.Redirect(w, r, "http://wrong.example.invalid/bucket/"+escaped, http.StatusFound)
	case is:
		s.headers(w)
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = io.WriteString(w, content) // the client may stop reading
	case slices.ContainsFunc(slices.Collect(maps.Keys(b.Artifacts)), func(other string) bool { return strings.HasPrefix(other, name) }):
		_, _ = io.WriteString(w, "<html>folder</html>")
	default:
		http.NotFound(w, r)
	}
}

// Note is a hidden annotation in a log's file, as Jenkins writes them.
const Note = "\x1b[8mha:////4NDsQbyw//kAAAAYh+LCAAAAAAAAP9b85aBtbiIQSG\x1b[0m"

// progressive sends the file from an offset: without annotations, and with the line ends of HTTP. A start beyond the end is 0.
func (b *Build) progressive(w http.ResponseWriter, r *http.Request) {
	start, err := strconv.Atoi(r.URL.Query().Get("start"))
	if err != nil || start > len(b.Log) {
		start = 0
	}
	w.Header().Set("X-Text-Size", strconv.Itoa(len(b.Log)))
	if b.Building {
		w.Header().Set("X-More-Data", "true")
	}
	w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
	text := regexp.MustCompile("\x1b\\[8mha:[^\x1b]*\x1b\\[0m").ReplaceAllString(b.Log[start:], "")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = io.WriteString(w, text) // the client may stop reading
}

// create a job in a folder from its config.xml.
func (s *Server) create(w http.ResponseWriter, r *http.Request, folder string) {
	content, ok := posted(w, r)
	if !ok {
		return
	}
	name := folder + r.URL.Query().Get("name")
	if s.jobs[name] != nil {
		http.Error(w, "A job already exists with the name", http.StatusBadRequest)
		return
	}
	s.jobs[name] = &Job{Config: content, next: 1}
	s.jobs[name].parse()
	s.definitions++
}

// posted is the config.xml of a request. Without its type, Jenkins takes the body for a form.
func posted(w http.ResponseWriter, r *http.Request) (content string, ok bool) {
	body, err := io.ReadAll(r.Body)
	switch {
	case r.Method != http.MethodPost:
		http.Error(w, "POST required", http.StatusMethodNotAllowed)
	case err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/xml"):
		http.Error(w, "No mode given", http.StatusBadRequest)
	case !bytes.Contains(body, []byte("</")):
		http.Error(w, "Unable to read", http.StatusInternalServerError)
	default:
		return string(body), true
	}
	return "", false
}

// config answers requests for config.xml.
func (s *Server) config(w http.ResponseWriter, r *http.Request, job *Job) {
	if r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "application/xml")
		_, _ = fmt.Fprint(w, strings.Replace(job.Config, "version='1.0'", "version='1.1'", 1))
		return
	}
	content, ok := posted(w, r)
	if !ok {
		return
	}
	job.Config = content
	job.parse()
	s.definitions++
}

// description in the config.xml.
func (j *Job) description() string {
	found := regexp.MustCompile(`(?s)<description>(.*?)</description>`).FindStringSubmatch(j.Config)
	if found == nil {
		return ""
	}
	return html.UnescapeString(found[1])
}

// parse takes the declared parameters from the config.
func (j *Job) parse() {
	j.Parameters = map[string][]string{}
	for _, found := range regexp.MustCompile(`<name>([^<]+)</name>`).FindAllStringSubmatch(j.Config, -1) {
		j.Parameters[found[1]] = nil
	}
	j.Pipeline = strings.Contains(j.Config, "<flow-definition")
	j.Disabled = strings.Contains(j.Config, "<disabled>true</disabled>")
}
