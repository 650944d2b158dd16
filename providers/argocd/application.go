package argocd

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pluginv1 "kubeops.io/kubeops/api/plugin/v1"
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/stream"
)

const (
	// maxResults of an operation, and maxFailed and maxConditions that are reported.
	maxResults, maxFailed, maxConditions = 2000, 50, 10
	// maxHistory of an application: Argo CD keeps 10 entries by default.
	maxHistory = 20
)

// application of Argo CD, as far as it is needed.
type application struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		Project    string          `json:"project" max:"253"`
		Source     *source         `json:"source"`
		Sources    bounded[source] `json:"sources"`
		SyncPolicy *struct {
			// Automated has a field enabled in newer versions.
			Automated *struct {
				Enabled *bool `json:"enabled"`
			} `json:"automated"`
		} `json:"syncPolicy"`
	} `json:"spec"`
	Operation *operation `json:"operation"`
	Status    struct {
		Sync struct {
			Status    string   `json:"status" max:"64"`
			Revision  string   `json:"revision" max:"256"`
			Revisions revision `json:"revisions"`
		} `json:"sync"`
		Health         health           `json:"health"`
		ReconciledAt   time.Time        `json:"reconciledAt"`
		OperationState *operationState  `json:"operationState"`
		History        bounded[entry]   `json:"history"`
		Conditions     bounded[warning] `json:"conditions"`
	} `json:"status"`
}

type source struct {
	RepoURL        string  `json:"repoURL" max:"2048"`
	Path           string  `json:"path" max:"1024"`
	Chart          string  `json:"chart" max:"256"`
	TargetRevision string  `json:"targetRevision" max:"256"`
	Helm           present `json:"helm"`
	Kustomize      present `json:"kustomize"`
	Directory      present `json:"directory"`
	Plugin         present `json:"plugin"`
}

// present reports whether a field has a value other than null.
type present bool

// UnmarshalStream implements stream.Unmarshaler.
func (p *present) UnmarshalStream(d *stream.Decoder) error {
	kind, err := d.Kind()
	*p = present(kind != stream.Null)
	return err
}

type health struct {
	Status  string `json:"status" max:"64"`
	Message string `json:"message" max:"1024"`
}

type warning struct {
	Type    string `json:"type" max:"128"`
	Message string `json:"message" max:"1024"`
}

type info struct {
	Name  string `json:"name" max:"253"`
	Value string `json:"value" max:"512"`
}

type initiator struct {
	Username  string `json:"username" max:"253"`
	Automated bool   `json:"automated"`
}

type operation struct {
	InitiatedBy initiator     `json:"initiatedBy"`
	Info        bounded[info] `json:"info"`
	Sync        struct {
		Revision string `json:"revision" max:"256"`
	} `json:"sync"`
}

// by is who started it.
func (o *operation) by() string {
	switch {
	case o.InitiatedBy.Automated:
		return "automated sync"
	case o.InitiatedBy.Username != "":
		return o.InitiatedBy.Username
	}
	return "an unknown user"
}

// key of the operation, or "".
func (o *operation) key() string {
	for _, i := range o.Info {
		if i.Name == Marker {
			return i.Value
		}
	}
	return ""
}

type operationState struct {
	Operation  operation `json:"operation"`
	Phase      string    `json:"phase" max:"64"`
	Message    string    `json:"message" max:"1024"`
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt"`
	SyncResult *struct {
		Revision  string          `json:"revision" max:"256"`
		Revisions revision        `json:"revisions"`
		Resources bounded[result] `json:"resources"`
	} `json:"syncResult"`
}

type result struct {
	Group     string `json:"group" max:"253"`
	Kind      string `json:"kind" max:"63"`
	Namespace string `json:"namespace" max:"63"`
	Name      string `json:"name" max:"253"`
	Status    string `json:"status" max:"64"`
	Message   string `json:"message" max:"1024"`
	HookPhase string `json:"hookPhase" max:"64"`
}

// failed reports whether the resource, or the hook, failed.
func (r *result) failed() bool {
	return r.Status == "SyncFailed" || r.HookPhase == "Failed" || r.HookPhase == "Error"
}

type entry struct {
	ID              int64           `json:"id"`
	Revision        string          `json:"revision" max:"256"`
	Revisions       revision        `json:"revisions"`
	DeployedAt      time.Time       `json:"deployedAt"`
	DeployStartedAt time.Time       `json:"deployStartedAt"`
	Source          *source         `json:"source"`
	Sources         bounded[source] `json:"sources"`
	InitiatedBy     initiator       `json:"initiatedBy"`
}

// revision is a list of revisions, one for each source.
type revision = bounded[string]

// bounded is a list of which at most maxResults elements are kept.
type bounded[T any] []T

// UnmarshalStream implements stream.Unmarshaler.
func (b *bounded[T]) UnmarshalStream(d *stream.Decoder) error {
	*b = nil
	kind, err := d.Kind()
	if err != nil || kind == stream.Null {
		return err
	}
	return d.Array(func() error {
		if len(*b) >= maxResults {
			return nil
		}
		var element T
		if err := d.Decode(&element); err != nil {
			return err
		}
		*b = append(*b, element)
		return nil
	})
}

// either is the one revision, or the list of them.
func either(one string, list []string) []string {
	if len(list) > 0 {
		return list
	}
	if one == "" {
		return nil
	}
	return []string{one}
}

// automated reports whether Argo CD syncs the application automatically.
func (a *application) automated() bool {
	policy := a.Spec.SyncPolicy
	return policy != nil && policy.Automated != nil && (policy.Automated.Enabled == nil || *policy.Automated.Enabled)
}

// busy is who started an operation that waits or runs, or "".
func (a *application) busy() string {
	if state := a.Status.OperationState; state != nil && (state.Phase == "Running" || state.Phase == "Terminating") {
		return state.Operation.by()
	}
	if a.Operation != nil {
		return a.Operation.by()
	}
	return ""
}

// terminating reports whether the operation was asked to end.
func (a *application) terminating() bool {
	return a.Status.OperationState != nil && a.Status.OperationState.Phase == "Terminating"
}

// canSync reports what keeps the application from being synced to a revision.
func (a *application) canSync(revision string) error {
	name := a.Metadata.Name
	switch by := a.busy(); {
	case a.automated():
		return problem.UserError(v1alpha1.ReasonAutomated, nil,
			"application %s is synced automatically: commit the change to its source, or turn automated sync off", name)
	case len(a.Spec.Sources) > 1 && revision != "":
		return problem.UserError(v1alpha1.ReasonSyncRefused, nil,
			"application %s has %d sources, and one revision cannot be that of all; leave revision empty", name, len(a.Spec.Sources))
	case by != "":
		return problem.Waiting(v1alpha1.ReasonOperationInProgress, busyDelay,
			"application %s has another operation in progress, started by %s",
			name, by)
	}
	return nil
}

// revisionOf an entry of the history. A source whose parameters may have changed cannot be synced to by its revision alone.
func (a *application) revisionOf(id int64) (string, error) {
	for i := range a.Status.History {
		e := &a.Status.History[i]
		if e.ID != id {
			continue
		}
		now := a.Spec.Source
		same := now != nil && e.Source != nil && e.Source.plain() == now.plain()
		if !same || e.Source.parameters() || now.parameters() || e.Revision == "" {
			return "", problem.UserError(v1alpha1.ReasonSyncRefused, nil,
				"entry %d of the history of application %s has other or parameterized sources; revert the change in its repository", id,
				a.Metadata.Name)
		}
		return e.Revision, nil
	}
	return "", problem.UserError(v1alpha1.ReasonSyncRefused, nil, "application %s has no entry %d in its history", a.Metadata.Name, id)
}

// plain is the source without its revision and parameters.
func (s *source) plain() [3]string { return [3]string{s.RepoURL, s.Path, s.Chart} }

func (s *source) parameters() bool { return bool(s.Helm || s.Kustomize || s.Directory || s.Plugin) }

// result of the operation with a key. It is Lost if the application has no record of it.
func (a *application) result(key string) (pluginv1.State, string) {
	state := a.Status.OperationState
	if state != nil && state.Operation.key() == key {
		return state.state(), state.Message
	}
	if a.Operation != nil && a.Operation.key() == key {
		return pluginv1.State_STATE_RUNNING, "the operation is about to start"
	}
	if state == nil {
		return pluginv1.State_STATE_LOST, "the application has no record of the operation"
	}
	return pluginv1.State_STATE_LOST, fmt.Sprintf("another operation, started by %s, replaced the record of the operation",
		state.Operation.by())
}

// state of an operation. Argo CD has no phase for a terminated one.
func (o *operationState) state() pluginv1.State {
	switch o.Phase {
	case "Succeeded":
		return pluginv1.State_STATE_SUCCEEDED
	case "Failed", "Error":
		if strings.Contains(strings.ToLower(o.Message), "terminat") {
			return pluginv1.State_STATE_ABORTED
		}
		return pluginv1.State_STATE_FAILED
	}
	return pluginv1.State_STATE_RUNNING
}

// state of the application.
func (a *application) state() *pluginv1.DeliveryState {
	s := &pluginv1.DeliveryState{
		Project: a.Spec.Project, Automated: a.automated(), SyncStatus: a.Status.Sync.Status,
		Revisions: either(a.Status.Sync.Revision, a.Status.Sync.Revisions), Health: a.Status.Health.Status,
		HealthMessage: a.Status.Health.Message, ReconciledAt: stamp(a.Status.ReconciledAt), Sources: 1,
	}
	if a.Spec.Source != nil {
		s.TargetRevision = a.Spec.Source.TargetRevision
	}
	if len(a.Spec.Sources) > 0 {
		s.Sources = int32(len(a.Spec.Sources))
	}
	for _, e := range a.Status.History[max(0, len(a.Status.History)-maxHistory):] {
		s.History = append(s.History, &pluginv1.HistoryEntry{
			Id: e.ID, Revisions: either(e.Revision, e.Revisions), StartedAt: stamp(e.DeployStartedAt), DeployedAt: stamp(e.DeployedAt),
			InitiatedBy: e.InitiatedBy.Username,
		})
	}
	for _, c := range a.Status.Conditions[:min(len(a.Status.Conditions), maxConditions)] {
		if strings.HasSuffix(c.Type, "Error") {
			s.Conditions = append(s.Conditions, c.Type+": "+c.Message)
		}
	}
	s.Operation = a.operation()
	return s
}

// operation that waits or runs, or the last one.
func (a *application) operation() *pluginv1.Operation {
	state := a.Status.OperationState
	switch {
	case state == nil && a.Operation == nil:
		return nil
	case state == nil:
		return &pluginv1.Operation{
			State: pluginv1.State_STATE_RUNNING, Key: a.Operation.key(), InitiatedBy: a.Operation.InitiatedBy.Username,
			Automated: a.Operation.InitiatedBy.Automated, RequestedRevision: a.Operation.Sync.Revision,
		}
	}
	o := &pluginv1.Operation{
		State: state.state(), Key: state.Operation.key(), Message: state.Message, InitiatedBy: state.Operation.InitiatedBy.Username,
		Automated: state.Operation.InitiatedBy.Automated, StartedAt: stamp(state.StartedAt), FinishedAt: stamp(state.FinishedAt),
		RequestedRevision: state.Operation.Sync.Revision,
	}
	if state.SyncResult == nil {
		return o
	}
	o.Revisions = either(state.SyncResult.Revision, state.SyncResult.Revisions)
	for _, r := range state.SyncResult.Resources {
		if r.failed() && len(o.Failed) < maxFailed {
			o.Failed = append(o.Failed, r.state())
		}
	}
	return o
}

func (r *result) state() *pluginv1.ResourceState {
	status := r.Status
	if r.HookPhase != "" && status == "" {
		status = r.HookPhase
	}
	return &pluginv1.ResourceState{
		Resource: &pluginv1.ResourceName{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name},
		Status:   status, Message: r.Message,
	}
}

// log of the operation of a key: a line for each resource.
func (a *application) log(key string) string {
	state := a.Status.OperationState
	if state == nil || state.Operation.key() != key || state.SyncResult == nil {
		return ""
	}
	var log strings.Builder
	for _, r := range state.SyncResult.Resources {
		s := r.state()
		_, _ = fmt.Fprintf(&log, "%s %s/%s %s: %s\n", r.Kind, r.Namespace, r.Name, s.GetStatus(),
			strings.Join(strings.Fields(r.Message), " "))
	}
	return log.String()
}

// stamp of a time; nil for none.
func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
