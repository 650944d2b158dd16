// Package gitserver is a real Git server for tests: git-http-backend of Git over HTTP on loopback, with bare repositories in a temporary
// directory.
package gitserver

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// User and Password of the server.
const (
	User     = "kubeops"
	Password = "git-password-0123"
)

// Server has one repository, named repo.git, with the branch main.
type Server struct {
	// URL of the repository.
	URL string
	// Dir of the bare repository.
	Dir string

	t     testing.TB
	mutex sync.Mutex
	// before is called before each request; a status other than 0 is the response.
	before func(*http.Request) int
	// after is called after a request was executed; true loses the response.
	after    func(*http.Request) bool
	public   bool
	requests []string
}

// New starts a server on loopback, without TLS, whose branch main has the files.
func New(t testing.TB, files map[string]string) *Server {
	t.Helper()
	return NewAt(t, "127.0.0.1:0", nil, files)
}

// NewAt starts a server on an address, with a certificate unless that is nil, whose branch main has the files.
func NewAt(t testing.TB, address string, certificate *tls.Certificate, files map[string]string) *Server {
	t.Helper()
	root := t.TempDir()
	s := &Server{t: t, Dir: filepath.Join(root, "repo.git")}
	s.run(root, nil, "init", "--bare", "--initial-branch=main", "repo.git")
	s.Git("config", "http.receivepack", "true")
	s.Git("config", "uploadpack.allowFilter", "true")
	s.Git("config", "gc.auto", "0")
	s.Push("main", "first", files)
	backend := &cgi.Handler{Path: s.backend(), Root: "/", Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1",
		"REMOTE_USER=" + User}, Stderr: io.Discard}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(backend, w, r) }))
	t.Cleanup(server.Close)
	listener, err := net.Listen("tcp", address) //nolint:noctx // the server closes it
	if err != nil {
		t.Fatal(err)
	}
	_ = server.Listener.Close() // that of loopback
	server.Listener = listener
	if certificate == nil {
		server.Start()
	} else {
		server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*certificate}}
		server.StartTLS()
	}
	s.URL = server.URL + "/repo.git"
	return s
}

// backend is the program of Git that speaks HTTP.
func (s *Server) backend() string {
	s.t.Helper()
	path := strings.TrimSpace(s.run(s.Dir, nil, "--exec-path"))
	return filepath.Join(path, "git-http-backend")
}

func (s *Server) serve(backend http.Handler, w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	s.mutex.Lock()
	before, after := s.before, s.after
	public := s.public
	s.requests = append(s.requests, r.Method+" "+r.URL.RequestURI())
	s.mutex.Unlock()
	if before != nil {
		if status := before(r); status != 0 {
			w.WriteHeader(status)
			return
		}
	}
	if !public && (user != User || password != Password) {
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`) // without it, Git sends no credentials
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if after == nil {
		backend.ServeHTTP(w, r)
		return
	}
	recorder := httptest.NewRecorder()
	backend.ServeHTTP(recorder, r)
	if after(r) {
		panic(http.ErrAbortHandler) // closes the connection
	}
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(recorder.Body.Bytes())
}

// Public lets everyone read and write without logging in.
func (s *Server) Public() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.public = true
}

// Before sets what is called before each request: a status other than 0 is the response. Nil removes it.
func (s *Server) Before(f func(*http.Request) int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.before = f
}

// After sets what is called after each request was executed: true loses the response. Nil removes it.
func (s *Server) After(f func(*http.Request) bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.after = f
}

// Requests so far, as method and URI.
func (s *Server) Requests() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]string(nil), s.requests...)
}

// Hook installs a shell script, for example as pre-receive.
func (s *Server) Hook(name, script string) {
	s.t.Helper()
	//nolint:gosec // hooks must be executable
	if err := os.WriteFile(filepath.Join(s.Dir, "hooks", name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

// Push commits files to a branch, as someone else, and returns the revision. A file whose content is empty is removed.
func (s *Server) Push(branch, message string, files map[string]string) string {
	s.t.Helper()
	work := s.t.TempDir()
	index := []string{"GIT_INDEX_FILE=" + filepath.Join(work, "index"), "GIT_WORK_TREE=" + work}
	args := []string{"-m", message}
	if _, err := os.Stat(filepath.Join(s.Dir, "refs", "heads", branch)); err == nil {
		s.run(s.Dir, index, "read-tree", "refs/heads/"+branch)
		args = append(args, "-p", "refs/heads/"+branch)
	}
	for name, content := range files {
		if content == "" {
			s.run(s.Dir, index, "update-index", "--force-remove", name)
			continue
		}
		blob := strings.TrimSpace(s.input(s.Dir, index, content, "hash-object", "-w", "--stdin"))
		s.run(s.Dir, index, "update-index", "--add", "--cacheinfo", "100644,"+blob+","+name)
	}
	tree := strings.TrimSpace(s.run(s.Dir, index, "write-tree"))
	commit := strings.TrimSpace(s.run(s.Dir, index, append([]string{"commit-tree", tree}, args...)...))
	s.Git("update-ref", "refs/heads/"+branch, commit)
	return commit
}

// Git runs Git in the repository, and returns its output.
func (s *Server) Git(args ...string) string {
	s.t.Helper()
	return s.run(s.Dir, nil, args...)
}

// File is the content of a file of a revision.
func (s *Server) File(revision, name string) string {
	s.t.Helper()
	return s.Git("show", revision+":"+name)
}

// Marked is the number of commits of a branch that have a trailer with a key.
func (s *Server) Marked(branch, key string) int {
	s.t.Helper()
	return len(strings.Fields(s.Git("log", "--format=%H", "--fixed-strings", "--grep=KubeOps-Run: "+key, branch)))
}

func (s *Server) run(dir string, env []string, args ...string) string {
	s.t.Helper()
	return s.input(dir, env, "", args...)
}

func (s *Server) input(dir string, env []string, stdin string, args ...string) string {
	s.t.Helper()
	command := exec.Command("git", args...) //nolint:noctx // short commands of a test
	command.Dir = dir
	command.Stdin = strings.NewReader(stdin)
	command.Env = append(append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=dev", "GIT_AUTHOR_EMAIL=dev@example.com", "GIT_COMMITTER_NAME=dev", "GIT_COMMITTER_EMAIL=dev@example.com"), env...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		s.t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return string(output)
}
