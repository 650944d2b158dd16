package pipeline_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/pipeline"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/testkit/gitserver"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// polling is a namespace with Pipeline shop, whose trigger polls the branch main of a repository every minute.
type polling struct {
	*tenant.Tenant
	t   *testing.T
	git *gitserver.Server
	r   *kind.Reconciler[*v1alpha1.Pipeline]
	// lose is how many creations of runs are executed, and their answers lost.
	lose int
	// refuse is the answer to creations of runs, unless it is nil.
	refuse error
}

func newPolling(t *testing.T, change ...func(*v1alpha1.PipelineSpec)) *polling {
	t.Helper()
	w := &polling{Tenant: tenant.New(t, realAPI), t: t, git: gitserver.New(t, map[string]string{"README.md": "shop\n"})}
	w.Account()
	w.Grant("git")
	w.Secret("git", "username", gitserver.User, "password", gitserver.Password)
	w.restart()
	secrets := testsuite.NewEnvironment(t, w.Tenant, prometheus.NewRegistry()).Backends.Secrets
	w.Eventually(func() error { // the API server has noticed the binding
		_, err := secrets.For(w.Namespace, "").Text(t.Context(), v1alpha1.SecretKeyReference{Name: "git", Key: "username"}, "f")
		return err
	})
	spec := v1alpha1.PipelineSpec{
		Parameters: []v1alpha1.PipelineParameter{{Name: "commit"}}, Stages: []v1alpha1.PipelineStage{wait("a")},
		Triggers: []v1alpha1.PipelineTrigger{{
			Name: "main", Type: v1alpha1.TriggerGit,
			Git: &v1alpha1.GitTrigger{
				Repository: w.git.URL, Branch: "main", SecretRef: &v1alpha1.SecretReference{Name: "git"},
				Interval: &metav1.Duration{Duration: time.Minute},
			},
			Parameters: []v1alpha1.StageValue{{Name: "commit", Expression: "event.branch + ' ' + event.commit"}},
		}},
	}
	for _, f := range change {
		f(&spec)
	}
	w.Create(&v1alpha1.Pipeline{ObjectMeta: w.Meta("shop"), Spec: spec})
	return w
}

// begun polls for the first time.
func (w *polling) begun() *polling {
	w.t.Helper()
	w.pass(0)
	return w
}

// restart forgets what a manager has in memory.
func (w *polling) restart() {
	w.t.Helper()
	env := testsuite.NewEnvironment(w.t, w.Tenant, prometheus.NewRegistry())
	env.Client = interrupted{env.Client, w}
	env.Limits.MinScheduleInterval = time.Minute
	w.r = pipeline.New(env, expression.Local{}, nil)
}

// interrupted executes the creation of a run, and loses the answer.
type interrupted struct {
	client.Client
	of *polling
}

func (i interrupted) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	if i.of.refuse != nil {
		return i.of.refuse
	}
	err := i.Client.Create(ctx, object, options...)
	if i.of.lose > 0 && err == nil {
		i.of.lose--
		return errLost
	}
	return err
}

// pass lets time pass, reconciles, and returns when to reconcile next.
func (w *polling) pass(d time.Duration) time.Duration {
	w.t.Helper()
	w.Clock.SetTime(w.Clock.Now().Add(d))
	result, err := testsuite.Reconcile(w.t, w.r, w.Key("shop"))
	if err != nil {
		w.t.Fatal(err)
	}
	return result.RequeueAfter
}

func (w *polling) state() v1alpha1.GitTriggerStatus {
	w.t.Helper()
	p := &v1alpha1.Pipeline{}
	if err := w.Client.Get(w.t.Context(), w.Key("shop"), p); err != nil {
		w.t.Fatal(err)
	}
	if len(p.Status.Repositories) != 1 {
		return v1alpha1.GitTriggerStatus{}
	}
	return p.Status.Repositories[0]
}

// commits of the runs that exist, as their parameter says.
func (w *polling) commits() map[string]int {
	w.t.Helper()
	runs := &v1alpha1.PipelineRunList{}
	if err := w.Client.List(w.t.Context(), runs, client.InNamespace(w.Namespace)); err != nil {
		w.t.Fatal(err)
	}
	found := map[string]int{}
	for _, run := range runs.Items {
		found[run.Spec.Parameters[0].Value]++
	}
	return found
}

func (w *polling) want(commits ...string) {
	w.t.Helper()
	found := w.commits()
	for _, commit := range commits {
		if found["main "+commit] != 1 {
			w.t.Errorf("%d runs of %s", found["main "+commit], commit)
		}
	}
	if len(found) != len(commits) {
		w.t.Errorf("runs %v, want those of %v", found, commits)
	}
}

func (w *polling) push(message string) string {
	w.t.Helper()
	return w.git.Push("main", message, map[string]string{"README.md": message + "\n"})
}

func TestANewCommitCreatesOneRun(t *testing.T) {
	w := newPolling(t).begun()
	w.want() // the commit that was there before
	first := w.push("first")
	if after := w.pass(30 * time.Second); after != 30*time.Second {
		t.Errorf("the next poll is in %s", after)
	}
	w.want()
	if after := w.pass(30 * time.Second); after != time.Minute {
		t.Errorf("the next poll is in %s", after)
	}
	w.want(first)
	if state := w.state(); state.Revision != first || state.LastRun == "" || state.Reason != "" {
		t.Errorf("the state is %+v", state)
	}
	w.pass(time.Minute)
	w.want(first)
	w.push("missed")
	last := w.push("last")
	w.restart()
	w.pass(time.Second)
	w.want(first, last)
}

func TestACommitHasOneRunAfterAnAnswerThatWasLost(t *testing.T) {
	w := newPolling(t).begun()
	commit := w.push("first")
	w.lose = 1
	w.pass(time.Minute)
	if state := w.state(); state.Revision == commit || state.Reason != v1alpha1.ReasonRetrying {
		t.Errorf("the state is %+v", state)
	}
	w.restart()
	w.pass(time.Minute)
	w.want(commit)
	if state := w.state(); state.Revision != commit || state.Reason != "" {
		t.Errorf("the state is %+v", state)
	}
}

func TestACommitOfAPipelineCreatesNoRun(t *testing.T) {
	w := newPolling(t).begun()
	own := w.push("Deploy shop\n\nKubeOps-Run: promote-0123456789ab")
	for range 2 {
		w.pass(time.Minute)
		if state := w.state(); state.Revision != own || state.Reason != v1alpha1.ReasonOwnCommit {
			t.Errorf("the state is %+v", state)
		}
	}
	w.want()
	next := w.push("next")
	w.pass(time.Minute)
	w.want(next)
	if state := w.state(); state.Reason != "" {
		t.Errorf("the state is %+v", state)
	}
}

func TestACommitBelowThatOfAPipelineCreatesARun(t *testing.T) {
	const own = "Deploy shop\n\nKubeOps-Run: promote-0123456789ab"
	w := newPolling(t).begun()
	first := w.push("first")
	w.push(own + "0")
	tip := w.push(own + "1")
	for range 2 {
		w.pass(time.Minute)
		w.want(first)
		if state := w.state(); state.Revision != tip || state.Reason != "" || state.LastRun == "" {
			t.Errorf("the state is %+v", state)
		}
	}
	w.push(own + "2") // of the run of the first commit, which must not start again
	w.pass(time.Minute)
	w.want(first)
	if state := w.state(); state.Reason != v1alpha1.ReasonOwnCommit {
		t.Errorf("the state is %+v", state)
	}
}

func TestARepositoryThatCannotBePolledSaysWhy(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*v1alpha1.GitTrigger)
		reason string
	}{
		"without credentials": {func(g *v1alpha1.GitTrigger) { g.SecretRef = nil }, v1alpha1.ReasonUnauthorized},
		"a missing Secret": {
			func(g *v1alpha1.GitTrigger) { g.SecretRef.Name = "other" }, v1alpha1.ReasonSecretForbidden,
		},
		"a missing branch":     {func(g *v1alpha1.GitTrigger) { g.Branch = "other" }, v1alpha1.ReasonBranchNotFound},
		"a metadata address":   {func(g *v1alpha1.GitTrigger) { g.Repository = "https://169.254.169.254/x.git" }, v1alpha1.ReasonEgressDenied},
		"a missing repository": {func(g *v1alpha1.GitTrigger) { g.Repository += "x" }, v1alpha1.ReasonNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			w := newPolling(t, func(spec *v1alpha1.PipelineSpec) { tc.change(spec.Triggers[0].Git) })
			for range 2 {
				if after := w.pass(time.Minute); after != time.Minute {
					t.Errorf("the next poll is in %s", after)
				}
			}
			if state := w.state(); state.Reason != tc.reason || state.Message == "" {
				t.Errorf("the state is %+v, want %s", state, tc.reason)
			}
		})
	}
}

func TestAPollThatFailsIsRepeated(t *testing.T) {
	w := newPolling(t).begun()
	commit := w.push("first")
	w.git.Before(func(*http.Request) int { return http.StatusServiceUnavailable })
	w.pass(time.Minute)
	if state := w.state(); state.Reason != v1alpha1.ReasonServerError {
		t.Errorf("the state is %+v", state)
	}
	w.git.Before(nil)
	w.pass(time.Minute)
	w.want(commit)
	if state := w.state(); state.Reason != "" || state.Message != "" {
		t.Errorf("the state is %+v", state)
	}
}

func TestOneRepositoryIsPolledAtATimeAndNoneIsForgotten(t *testing.T) {
	w := newPolling(t, func(spec *v1alpha1.PipelineSpec) {
		for _, name := range []string{"second", "third"} {
			of := *spec.Triggers[0].DeepCopy()
			of.Name = name
			spec.Triggers = append(spec.Triggers, of)
		}
	})
	for round := range 3 {
		for n, want := range []time.Duration{100 * time.Millisecond, 100 * time.Millisecond, time.Minute - 200*time.Millisecond} {
			before := len(w.git.Requests())
			after := w.pass(0)
			if after != want {
				t.Errorf("round %d, poll %d: the next one is in %s, want %s", round, n, after, want)
			}
			if len(w.git.Requests()) == before {
				t.Errorf("round %d, poll %d: no request", round, n)
			}
			w.Clock.SetTime(w.Clock.Now().Add(after))
		}
	}
	p := &v1alpha1.Pipeline{}
	if err := w.Client.Get(t.Context(), w.Key("shop"), p); err != nil {
		t.Fatal(err)
	}
	for _, state := range p.Status.Repositories {
		if state.Revision == "" {
			t.Errorf("%s was not polled", state.Name)
		}
	}
}

func TestACommitWaitsForAQuota(t *testing.T) {
	w := newPolling(t).begun()
	before := w.state().Revision
	commit := w.push("first")
	w.refuse = apierrors.NewForbidden(schema.GroupResource{Resource: "pipelineruns"}, "r",
		errors.New("exceeded quota: runs, requested: count/pipelineruns.kubeops.io=1, used: 5, limited: 5"))
	w.pass(time.Minute)
	if state := w.state(); state.Revision != before || state.Reason != v1alpha1.ReasonForbidden ||
		!strings.Contains(state.Message, "check ResourceQuotas") {
		t.Errorf("the state is %+v", state)
	}
	w.refuse = nil
	w.pass(time.Minute)
	w.want(commit)
	if state := w.state(); state.Revision != commit || state.Reason != "" {
		t.Errorf("the state is %+v", state)
	}
}

func TestASuspendedPipelineIsNotPolled(t *testing.T) {
	w := newPolling(t).begun()
	suspend := func(value bool) {
		p := &v1alpha1.Pipeline{}
		if err := w.Client.Get(t.Context(), w.Key("shop"), p); err != nil {
			t.Fatal(err)
		}
		p.Spec.Suspend = value
		w.Update(p)
	}
	suspend(true)
	w.push("missed")
	last := w.push("last")
	before := len(w.git.Requests())
	w.pass(time.Hour)
	if got := len(w.git.Requests()); got != before {
		t.Errorf("%d requests", got-before)
	}
	w.want()
	suspend(false)
	w.pass(time.Minute)
	w.want(last)
}

func TestAnotherBranchBeginsAgain(t *testing.T) {
	w := newPolling(t).begun()
	w.push("first")
	other := w.git.Push("other", "other", map[string]string{"README.md": "other\n"})
	p := &v1alpha1.Pipeline{}
	if err := w.Client.Get(t.Context(), w.Key("shop"), p); err != nil {
		t.Fatal(err)
	}
	p.Spec.Triggers[0].Git.Branch = "other"
	w.Update(p)
	w.pass(time.Second)
	w.want()
	if state := w.state(); state.Revision != other || state.Branch != "other" {
		t.Errorf("the state is %+v", state)
	}
}

func TestAnIntervalBelowTheMinimumIsRefused(t *testing.T) {
	w := newPolling(t, func(spec *v1alpha1.PipelineSpec) {
		spec.Triggers[0].Git.Interval = ptr.To(metav1.Duration{Duration: 10 * time.Second})
	})
	_, err := testsuite.Reconcile(t, w.r, w.Key("shop"))
	if err == nil || !strings.Contains(err.Error(), "git.interval is 10s, below the minimum of 1m") || len(w.git.Requests()) != 0 {
		t.Errorf("%d requests, %v", len(w.git.Requests()), err)
	}
}
