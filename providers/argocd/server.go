package argocd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	pluginv1 "kubeops.io/kubeops/api/plugin/v1"
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/stream"
	"kubeops.io/kubeops/internal/text"
)

const (
	// maxBytes of a response. An application with 2,000 resources has about 2 MiB.
	maxBytes = 8 << 20
	// maxQuote of a message of the server, in runes.
	maxQuote = 200
	// busyDelay until another sync is tried while the application is busy.
	busyDelay = 10 * time.Second
	// windowDelay until a sync window is asked again.
	windowDelay = 30 * time.Second
	// codePrecondition is FAILED_PRECONDITION of gRPC, which the gateway sends with status 400.
	codePrecondition = 9
)

// server is the REST API of an Argo CD server.
type server struct {
	client *provider.Client
	token  string
	url    string
}

// refusal is an error that the server returned: nothing was changed.
type refusal struct {
	status  int
	code    int
	message string
	problem *problem.Problem
}

func (r *refusal) Error() string { return r.problem.Error() }

func (r *refusal) Unwrap() error { return r.problem }

// mustAct is the refusal of a request that would change something, as a problem that only a person can fix. Refused credentials, and the
// errors of a server that is not well, stay what they are.
func (r *refusal) mustAct(reason, prefix string) error {
	if r.status >= 500 || r.status == http.StatusTooManyRequests || r.status == http.StatusUnauthorized || r.status < 400 {
		return r.problem
	}
	return problem.UserError(reason, nil, "%s: %s", prefix, r.problem.Message)
}

// call the server. It returns the server's time, in seconds; zero if unknown.
func (s *server) call(ctx context.Context, operation, method, path string, query url.Values, body, into any) (time.Time, error) {
	request := provider.Request{Operation: operation, Method: method, Path: path, Query: query}
	if method != http.MethodGet {
		request.ContentType = "application/json" // the server refuses others, also for DELETE
		request.Body = []byte("{}")
	}
	if body != nil {
		content, err := json.Marshal(body)
		if err != nil {
			return time.Time{}, err
		}
		request.Body = content
	}
	answer, err := s.client.Do(ctx, request)
	if err != nil {
		return time.Time{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	date, _ := http.ParseTime(answer.Header.Get("Date")) // zero if it is missing
	if answer.Status < 200 || answer.Status > 299 {
		return date, s.refused(answer)
	}
	if into == nil {
		_, err := io.Copy(io.Discard, answer.Body)
		if err != nil {
			return date, s.client.ToProblem(err)
		}
		return date, nil
	}
	if err := answer.Decoder().Decode(into); err != nil {
		return date, s.client.DecodeProblem(err)
	}
	return date, nil
}

// refused reads the error of a response. The gateway sends {"error": "...", "code": 9, "message": "..."}.
func (s *server) refused(answer *provider.Answer) error {
	const enough = 16 << 10
	content, _ := io.ReadAll(io.LimitReader(answer.Body, enough)) // what arrived is enough
	var sent struct {
		Code    int    `json:"code"`
		Message string `json:"message" max:"2048"`
	}
	_ = stream.New(bytes.NewReader(content), stream.Limits{Memory: enough}).Decode(&sent) // another server's error has no message
	message := sent.Message
	if s.token != "" {
		message = strings.ReplaceAll(message, s.token, "[redacted]")
	}
	message = text.Clip(printable.Line(message), maxQuote)
	p := s.client.RefusedStatus(answer.Status)
	if message != "" && answer.Status != http.StatusUnauthorized {
		p.Message = fmt.Sprintf("%s rejected the request (%d): %s", s.client.Host(), answer.Status, message)
	}
	return &refusal{status: answer.Status, code: sent.Code, message: message, problem: p}
}

func (s *server) user(ctx context.Context) (string, error) {
	var info struct {
		LoggedIn bool   `json:"loggedIn"`
		Username string `json:"username" max:"256"`
	}
	if _, err := s.call(ctx, "userinfo", http.MethodGet, "/api/v1/session/userinfo", nil, nil, &info); err != nil {
		return "", err
	}
	if !info.LoggedIn {
		return "", s.client.RefusedStatus(http.StatusUnauthorized)
	}
	return info.Username, nil
}

func (s *server) version(ctx context.Context) (string, error) {
	var info struct {
		Version string `max:"128"`
	}
	if _, err := s.call(ctx, "version", http.MethodGet, "/api/version", nil, nil, &info); err != nil {
		return "", err
	}
	if info.Version == "" {
		return "", s.client.Invalid(errors.New("no version"))
	}
	short, _, _ := strings.Cut(strings.TrimPrefix(info.Version, "v"), "+")
	return short, nil
}

// count of the applications that the user can see.
func (s *server) count(ctx context.Context) (int32, error) {
	var list struct {
		Items counted `json:"items"`
	}
	_, err := s.call(ctx, "list", http.MethodGet, "/api/v1/applications", url.Values{"fields": {"items.metadata.name"}}, nil, &list)
	return int32(list.Items), err
}

// counted is a list of which only the length is kept.
type counted int32

// UnmarshalStream implements stream.Unmarshaler.
func (c *counted) UnmarshalStream(d *stream.Decoder) error {
	kind, err := d.Kind()
	if err != nil || kind == stream.Null {
		return err
	}
	return d.Array(func() error {
		*c++
		return nil
	})
}

func path(a *pluginv1.Application, rest string) string {
	return "/api/v1/applications/" + a.GetName() + rest
}

// scope of an application: without its project, the server reports one that does not exist as one that the user cannot see.
func scope(a *pluginv1.Application, project string) url.Values {
	query := url.Values{}
	if a.GetNamespace() != "" {
		query.Set("appNamespace", a.GetNamespace())
	}
	if project == "" {
		project = a.GetProject()
	}
	if project != "" {
		query.Set("project", project)
	}
	return query
}

// get an application. refresh is empty, normal or hard.
func (s *server) get(ctx context.Context, a *pluginv1.Application, refresh string) (*application, time.Time, error) {
	query := scope(a, "")
	if refresh != "" {
		query.Set("refresh", refresh)
	}
	found := &application{}
	date, err := s.call(ctx, "get", http.MethodGet, path(a, ""), query, nil, found)
	var r *refusal
	if errors.As(err, &r) && (r.status == http.StatusNotFound || r.status == http.StatusForbidden) {
		return nil, date, problem.UserError(v1alpha1.ReasonApplicationNotFound, nil,
			"application %s does not exist, or the account cannot get it (%s)", a.GetName(), r.problem.Message)
	}
	if err != nil {
		return nil, date, err
	}
	if found.Metadata.Name != a.GetName() {
		return nil, date, s.client.Invalid(errors.New("another application"))
	}
	return found, date, nil
}

// refresh asks for a comparison. The server answers when it has ended; a deadline before that is no error, since it goes on.
func (s *server) refresh(ctx context.Context, a *pluginv1.Application, hard bool) error {
	kind := "normal"
	if hard {
		kind = "hard"
	}
	_, _, err := s.get(ctx, a, kind)
	if p := problem.As(err); p != nil && p.Reason == v1alpha1.ReasonTimeout && ctx.Err() == nil {
		return nil
	}
	return err
}

// syncBody is ApplicationSyncRequest.
type syncBody struct {
	Revision      string         `json:"revision,omitempty"`
	DryRun        bool           `json:"dryRun,omitempty"`
	Prune         bool           `json:"prune,omitempty"`
	Infos         []info         `json:"infos"`
	Resources     []syncResource `json:"resources,omitempty"`
	AppNamespace  string         `json:"appNamespace,omitempty"`
	Project       string         `json:"project,omitempty"`
	RetryStrategy struct {
		Limit int64 `json:"limit"`
	} `json:"retryStrategy"`
}

type syncResource struct {
	Group     string `json:"group"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// sync an application once for a key: one that has the key already is not synced again. A sync to an entry of the history replaces the
// rollback of Argo CD, which has no place for the key and runs no hooks.
func (s *server) sync(ctx context.Context, key string, a *pluginv1.Application, sync *pluginv1.Sync, back *pluginv1.Rollback) error {
	found, _, err := s.get(ctx, a, "")
	if err != nil {
		return err
	}
	if state, _ := found.result(key); state != pluginv1.State_STATE_LOST {
		return nil
	}
	if err := found.canSync(sync.GetRevision()); err != nil {
		return err
	}
	revision := sync.GetRevision()
	if back != nil {
		if revision, err = found.revisionOf(back.GetId()); err != nil {
			return err
		}
	}
	if err := s.window(ctx, a, found); err != nil {
		return err
	}
	body := syncBody{
		Revision: revision, DryRun: sync.GetDryRun(), Prune: sync.GetPrune(), Infos: []info{{Name: Marker, Value: key}},
		AppNamespace: a.GetNamespace(), Project: found.Spec.Project,
	}
	for _, r := range sync.GetResources() {
		body.Resources = append(body.Resources, syncResource{r.GetGroup(), r.GetKind(), r.GetNamespace(), r.GetName()})
	}
	_, err = s.call(ctx, "sync", http.MethodPost, path(a, "/sync"), nil, body, nil)
	var r *refusal
	if !errors.As(err, &r) {
		return err
	}
	switch {
	case r.code == codePrecondition && strings.Contains(r.message, "already in progress"):
		return problem.Waiting(v1alpha1.ReasonOperationInProgress, busyDelay, "application %s has another operation in progress",
			a.GetName())
	case strings.Contains(r.message, "sync window"):
		return problem.Waiting(v1alpha1.ReasonSyncWindow, windowDelay, "a sync window does not permit syncs of application %s now",
			a.GetName())
	}
	return r.mustAct(v1alpha1.ReasonSyncRefused, "application "+a.GetName()+" cannot be synced")
}

// window asks whether the sync windows of the project permit a sync.
func (s *server) window(ctx context.Context, a *pluginv1.Application, found *application) error {
	var windows struct {
		CanSync *bool `json:"canSync"`
	}
	_, err := s.call(ctx, "syncwindows", http.MethodGet, path(a, "/syncwindows"), scope(a, found.Spec.Project), nil, &windows)
	var r *refusal
	if errors.As(err, &r) {
		return r.mustAct(v1alpha1.ReasonSyncRefused, "the sync windows of application "+a.GetName()+" cannot be read")
	}
	if err != nil {
		return err
	}
	if windows.CanSync != nil && !*windows.CanSync {
		return problem.Waiting(v1alpha1.ReasonSyncWindow, windowDelay, "a sync window does not permit syncs of application %s now",
			a.GetName())
	}
	return nil
}

// terminate the operation in progress.
func (s *server) terminate(ctx context.Context, a *pluginv1.Application, found *application) error {
	_, err := s.call(ctx, "terminate", http.MethodDelete, path(a, "/operation"), scope(a, found.Spec.Project), nil, nil)
	var r *refusal
	if errors.As(err, &r) && r.status < 500 && strings.Contains(strings.ToLower(r.message), "no operation is in progress") {
		return nil
	}
	return err
}

// find the operation of a key. One that someone else started after notBefore may have replaced its record.
func (s *server) find(ctx context.Context, key string, a *pluginv1.Application, notBefore time.Time) (*pluginv1.FindResponse, error) {
	before := time.Now()
	found, date, err := s.get(ctx, a, "")
	if err != nil {
		return nil, err
	}
	if state, _ := found.result(key); state != pluginv1.State_STATE_LOST {
		return &pluginv1.FindResponse{Presence: pluginv1.FindResponse_PRESENCE_FOUND, Handle: handlePrefix + key}, nil
	}
	if !date.IsZero() { // the times of operations are those of the server's clock
		notBefore = notBefore.Add(date.Sub(before.Truncate(time.Second)))
	}
	other := found.Status.OperationState
	if found.Operation != nil && other == nil {
		return &pluginv1.FindResponse{Reason: "another operation is about to start"}, nil
	}
	if other != nil && other.StartedAt.After(notBefore) {
		return &pluginv1.FindResponse{Reason: fmt.Sprintf("another operation, started by %s, may have replaced its record",
			other.Operation.by())}, nil
	}
	return &pluginv1.FindResponse{Presence: pluginv1.FindResponse_PRESENCE_ABSENT}, nil
}

// page of an application for people.
func (s *server) page(found *application) string {
	return s.url + "/applications/" + url.PathEscape(found.Metadata.Namespace) + "/" + url.PathEscape(found.Metadata.Name)
}
