// Package plugin is the suite of the plugin contract: every plugin of kind cd passes it against a strict fake and a real server.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	pluginv1 "kubeops.io/kubeops/api/plugin/v1"
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/plugin"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/cd"
)

// deadline of everything that a test waits for, on a busy machine.
const deadline = 2 * time.Minute

// Subject is a plugin with a server and its applications.
type Subject struct {
	Pool   *plugin.Pool
	Target plugin.Target
	// Settings that the server accepts, and those with a revoked Secret.
	Settings, Revoked *pluginv1.Settings
	// Secret is in no message.
	Secret string
	// User and Version that the server reports.
	User, Version string
	// Name of the run, which makes keys unique on a server that is used several times.
	Name string
	// Application is synced by hand, Automated by the server, Held has operations that do not end, and Failing those that fail.
	Application, Automated, Held, Failing string
	// New is the name of an application that does not exist. Unmanaged can be adopted, and Owned belongs to an ApplicationSet.
	New, Unmanaged, Owned string
	// Spec of an application with a target revision, in project default.
	Spec func(targetRevision string) string
	// Commit changes the source of an application, and returns the revision.
	Commit func(t testing.TB, application string) string
}

// Run the suite.
func Run(t *testing.T, s Subject) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Subject)
	}{
		{"the plugin describes itself", described},
		{"the server is checked", checked},
		{"a revision is synced once, found and followed", synced},
		{"a key that was never started is absent", absent},
		{"an entry of the history is deployed again", rolledBack},
		{"an automated application is refreshed only", automated},
		{"a failed sync names its resources", failed},
		{"a held operation is named, and terminated", held},
		{"what cannot start is for the user to fix", refused},
		{"an application is created, changed and adopted", ensured},
		{"connections are shared and closed", shared},
		{"a canceled call is no answer", canceled},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, s) })
	}
}

// open a connection, as a new process does.
func (s Subject) open(t *testing.T, settings *pluginv1.Settings) *cd.Provider {
	t.Helper()
	p, err := cd.Open(t.Context(), s.Pool, s.Target, settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func (s Subject) key(name string) string { return s.Name + "-" + name }

// until the application is as wanted, with the work of a handle.
func until(t *testing.T, p *cd.Provider, app *cd.Application, handle string, wanted func(*cd.Work) bool) *cd.Work {
	t.Helper()
	var last *cd.Work
	err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, deadline, true, func(ctx context.Context) (bool, error) {
		work, err := p.Get(ctx, app, handle, false)
		last = work
		return err == nil && wanted(work), err
	})
	if err != nil {
		t.Fatalf("not reached: %v; last %v", err, last)
	}
	return last
}

func ended(work *cd.Work) bool { return work.GetState() != pluginv1.State_STATE_RUNNING }

func described(t *testing.T, s Subject) {
	d := s.open(t, s.Settings)
	if d.Plugin() == " " || !slices.Contains(d.Capabilities(), plugin.CapabilityFind) {
		t.Errorf("plugin %q, capabilities %v", d.Plugin(), d.Capabilities())
	}
	other := s.Target
	other.Kind = "other"
	if _, err := s.Pool.Open(t.Context(), other); problem.As(err) == nil || problem.As(err).Reason != v1alpha1.ReasonPluginIncompatible {
		t.Errorf("another kind: %v", err)
	}
}

func checked(t *testing.T, s Subject) {
	answer, latency, err := s.open(t, s.Settings).Check(t.Context())
	if err != nil || answer.GetUser() != s.User || answer.GetVersion() != s.Version || answer.GetApplications() < 4 || latency <= 0 {
		t.Errorf("check: %v, %v", answer, err)
	}
	_, _, err = s.open(t, s.Revoked).Check(t.Context())
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonUnauthorized || strings.Contains(err.Error(), s.Secret) {
		t.Errorf("a revoked secret: %v", err)
	}
}

func synced(t *testing.T, s Subject) {
	p := s.open(t, s.Settings)
	app := &cd.Application{Name: s.Application}
	revision := s.Commit(t, s.Application)
	before := time.Now().Add(-time.Second)
	if err := p.Refresh(t.Context(), s.key("refresh"), app, false); err != nil {
		t.Fatal(err)
	}
	handle, err := p.Sync(t.Context(), s.key("sync"), app, &cd.Sync{Revision: revision})
	if err != nil || handle == "" {
		t.Fatalf("handle %q: %v", handle, err)
	}
	presence, found, _, err := s.open(t, s.Settings).Find(t.Context(), s.key("sync"), app, before)
	if err != nil || presence != cd.Found || found != handle {
		t.Errorf("found %v %q: %v", presence, found, err)
	}
	work := until(t, p, app, handle, ended)
	operation := work.GetDelivery().GetOperation()
	if work.GetState() != pluginv1.State_STATE_SUCCEEDED || !slices.Contains(operation.GetRevisions(), revision) ||
		operation.GetKey() != s.key("sync") || operation.GetInitiatedBy() != s.User || operation.GetFinishedAt() == nil {
		t.Errorf("ended: %v", work)
	}
	if !strings.HasPrefix(work.GetUrl(), "http") {
		t.Errorf("URL %q", work.GetUrl())
	}
	work = until(t, p, app, handle, func(w *cd.Work) bool {
		d := w.GetDelivery()
		return d.GetSyncStatus() == cd.Synced && d.GetHealth() == cd.Healthy && slices.Contains(d.GetRevisions(), revision) &&
			!d.GetReconciledAt().AsTime().Before(operation.GetFinishedAt().AsTime())
	})
	entries := len(work.GetDelivery().GetHistory())
	again, err := p.Sync(t.Context(), s.key("sync"), app, &cd.Sync{Revision: revision})
	if err != nil || again != handle {
		t.Errorf("the same key again: %q, %v", again, err)
	}
	if work, err = p.Get(t.Context(), app, handle, true); err != nil || len(work.GetDelivery().GetHistory()) != entries || !ended(work) {
		t.Errorf("the same key started again: %v, %v", work, err)
	}
	logs(t, s, app, handle)
}

// logs are read in parts.
func logs(t *testing.T, s Subject, app *cd.Application, handle string) {
	t.Helper()
	target := s.Target
	target.Kind = plugin.KindCD
	conn, err := s.Pool.Open(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	request := &pluginv1.LogsRequest{Handle: handle, Settings: s.Settings, Work: &pluginv1.Work{Kind: &pluginv1.Work_Delivery{
		Delivery: &pluginv1.Delivery{Application: app},
	}}}
	log, next, err := conn.Logs(t.Context(), request)
	if err != nil || !strings.HasSuffix(log, "\n") || next != int64(len(log)) {
		t.Errorf("log %q, next %d: %v", log, next, err)
	}
	request.Offset = next
	if rest, same, err := conn.Logs(t.Context(), request); err != nil || rest != "" || same != next {
		t.Errorf("the end of the log: %q, %d, %v", rest, same, err)
	}
	if err := conn.Cleanup(t.Context(), &pluginv1.CleanupRequest{Handle: handle, Settings: s.Settings,
		Work: request.GetWork()}); err != nil {
		t.Errorf("cleanup: %v", err)
	}
}

func absent(t *testing.T, s Subject) {
	app := &cd.Application{Name: s.Application}
	presence, _, reason, err := s.open(t, s.Settings).Find(t.Context(), s.key("never"), app, time.Now())
	if err != nil || presence != cd.Absent {
		t.Errorf("presence %v (%s): %v", presence, reason, err)
	}
	// The last operation began after this time: it may have replaced the record.
	if presence, _, reason, err = s.open(t, s.Settings).Find(t.Context(), s.key("never"), app, time.Now().Add(-time.Hour)); err != nil ||
		presence != cd.Unknown || !strings.Contains(reason, s.User) {
		t.Errorf("presence %v (%s): %v", presence, reason, err)
	}
}

func rolledBack(t *testing.T, s Subject) {
	p := s.open(t, s.Settings)
	app := &cd.Application{Name: s.Application}
	first := until(t, p, app, "", func(w *cd.Work) bool { return len(w.GetDelivery().GetHistory()) > 0 }).GetDelivery().GetHistory()
	target := first[len(first)-1]
	revision := s.Commit(t, s.Application)
	handle, err := p.Sync(t.Context(), s.key("next"), app, &cd.Sync{Revision: revision})
	if err != nil {
		t.Fatal(err)
	}
	until(t, p, app, handle, ended)
	if handle, err = p.Rollback(t.Context(), s.key("rollback"), app, target.GetId(), false); err != nil {
		t.Fatal(err)
	}
	work := until(t, p, app, handle, ended)
	if work.GetState() != pluginv1.State_STATE_SUCCEEDED ||
		!slices.Equal(work.GetDelivery().GetOperation().GetRevisions(), target.GetRevisions()) {
		t.Errorf("rollback to %v: %v", target, work)
	}
}

func automated(t *testing.T, s Subject) {
	p := s.open(t, s.Settings)
	app := &cd.Application{Name: s.Automated}
	revision := s.Commit(t, s.Automated)
	_, err := p.Sync(t.Context(), s.key("automated"), app, &cd.Sync{Revision: revision})
	if got := problem.As(err); got == nil || got.Action != problem.UserMustAct || got.Reason != v1alpha1.ReasonAutomated {
		t.Errorf("a sync: %v", err)
	}
	if err := p.Refresh(t.Context(), s.key("refresh-automated"), app, false); err != nil {
		t.Fatal(err)
	}
	until(t, p, app, "", func(w *cd.Work) bool {
		d := w.GetDelivery()
		return d.GetAutomated() && d.GetSyncStatus() == cd.Synced && slices.Contains(d.GetRevisions(),
			revision) && d.GetOperation().GetAutomated()
	})
}

func failed(t *testing.T, s Subject) {
	p := s.open(t, s.Settings)
	app := &cd.Application{Name: s.Failing}
	handle, err := p.Sync(t.Context(), s.key("failing"), app, &cd.Sync{Revision: s.Commit(t, s.Failing)})
	if err != nil {
		t.Fatal(err)
	}
	work := until(t, p, app, handle, ended)
	operation := work.GetDelivery().GetOperation()
	if work.GetState() != pluginv1.State_STATE_FAILED || work.GetMessage() == "" || len(operation.GetFailed()) == 0 ||
		operation.GetFailed()[0].GetResource().GetName() == "" || operation.GetFailed()[0].GetMessage() == "" {
		t.Errorf("ended: %v", work)
	}
}

func held(t *testing.T, s Subject) {
	p := s.open(t, s.Settings)
	app := &cd.Application{Name: s.Held}
	handle, err := p.Sync(t.Context(), s.key("held"), app, &cd.Sync{Revision: s.Commit(t, s.Held)})
	if err != nil {
		t.Fatal(err)
	}
	until(t, p, app, handle, func(w *cd.Work) bool { return w.GetDelivery().GetOperation().GetStartedAt() != nil })
	_, err = p.Sync(t.Context(), s.key("other"), app, &cd.Sync{})
	if got := problem.As(err); got == nil || got.Action != problem.Wait || got.Reason != v1alpha1.ReasonOperationInProgress ||
		!strings.Contains(got.Message, s.User) {
		t.Errorf("a second sync: %v", err)
	}
	if presence, _, reason, err := p.Find(t.Context(), s.key("other"), app,
		time.Now().Add(time.Second)); err != nil || presence != cd.Absent {
		t.Errorf("presence %v (%s): %v", presence, reason, err)
	}
	// Terminate is asynchronous, and can be repeated.
	err = wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, deadline, true, func(ctx context.Context) (bool, error) {
		ended, err := p.Terminate(ctx, app, handle)
		if got := problem.As(err); got != nil && got.Action == problem.Retry { // a conflict with the controller of the server
			return false, nil
		}
		return ended, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if work := until(t, p, app, handle, ended); work.GetState() != pluginv1.State_STATE_ABORTED {
		t.Errorf("ended: %v", work)
	}
}

func refused(t *testing.T, s Subject) {
	p := s.open(t, s.Settings)
	start := func(name, application string, sync *cd.Sync) (string, error) {
		return p.Sync(t.Context(), s.key(name), &cd.Application{Name: application}, sync)
	}
	for name, call := range map[string]func() error{
		"no application": func() error {
			_, err := start("a", "other-application", &cd.Sync{})
			return err
		},
		"a name that leads elsewhere": func() error {
			_, err := start("b", "../../session", &cd.Sync{})
			return err
		},
		"an entry that is not in the history": func() error {
			_, err := p.Rollback(t.Context(), s.key("c"), &cd.Application{Name: s.Application}, 1<<40, false)
			return err
		},
		"a revoked secret": func() error {
			_, err := s.open(t, s.Revoked).Get(t.Context(), &cd.Application{Name: s.Application}, "", false)
			return err
		},
	} {
		err := call()
		got := problem.As(err)
		if name == "a revoked secret" {
			if got == nil || got.Reason != v1alpha1.ReasonUnauthorized {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if got == nil || got.Action != problem.UserMustAct {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func shared(t *testing.T, s Subject) {
	target := s.Target
	target.Kind = plugin.KindCD
	var open []*plugin.Conn
	for range 3 {
		conn, err := s.Pool.Open(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
	}
	if n := s.Pool.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
	for _, conn := range open {
		conn.Close()
		conn.Close()
	}
	if n := s.Pool.Connections(); n != 0 {
		t.Errorf("%d connections after Close", n)
	}
}

func canceled(t *testing.T, s Subject) {
	p := s.open(t, s.Settings)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	presence, _, _, err := p.Find(ctx, s.key("sync"), &cd.Application{Name: s.Application}, time.Now())
	if got := problem.As(err); presence != cd.Unknown || got == nil || got.Action != problem.Retry {
		t.Errorf("presence %v: %v", presence, fmt.Sprint(errors.Unwrap(err)))
	}
}
