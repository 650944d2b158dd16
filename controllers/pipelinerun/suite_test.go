package pipelinerun_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/controllers/pipelinerun"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/redact"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// realAPI is the configuration of the real API server of this package's tests, as a cluster administrator.
var realAPI *rest.Config

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	os.Exit(testsuite.Run(m, &realAPI))
}

// install the shipped roles of people and Jobs, and the admission policies, once they are in effect.
var install sync.Once

// world is a namespace with the ServiceAccount kubeops, which can run Jobs, and people: alice and bob can approve, carol cannot.
type world struct {
	*tenant.Tenant
	t *testing.T
	e *environment.Environment
	r *kind.Reconciler[*v1alpha1.PipelineRun]
	// requests to the API server, as the manager and as the ServiceAccount.
	requests *interceptor
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Tenant: tenant.New(t, realAPI), t: t, requests: &interceptor{}}
	install.Do(func() { w.install() })
	w.Account()
	w.bind("kubeops-pipeline-jobs", "jobs", rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: w.Namespace, Name: "kubeops"})
	w.bind("kubeops-pipeline-inspections", "inspections", rbacv1.Subject{
		Kind: rbacv1.ServiceAccountKind, Namespace: w.Namespace, Name: "kubeops",
	})
	w.bind("kubeops-approver", "approvers", user("alice"), user("bob"))
	w.awaitAccount()
	config := rest.CopyConfig(w.Config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &transport{next: next, state: w.requests} })
	c, err := client.NewWithWatch(config, client.Options{Scheme: tenant.Scheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	w.e = testsuite.NewEnvironment(t, w.Tenant, prometheus.NewRegistry())
	w.e.Client = cached(c)
	w.e.Reader = c
	w.e.Accounts.Config, w.e.Accounts.Reader = config, c
	w.restart()
	return w
}

// restart forgets what a manager has in memory.
func (w *world) restart() {
	w.t.Helper()
	redactText := redactor(w.t)
	w.r = pipelinerun.New(w.e, pipelinerun.Options{
		Drivers: pipelinerun.Drivers(w.e, redactText), Expressions: expression.Local{}, Redact: redactText,
	})
}

// redactor is that of a manager.
func redactor(t *testing.T) func(string) string {
	t.Helper()
	r, err := redact.New(redact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r.Text
}

func (w *world) install() {
	for _, file := range []string{"rbac/user_roles.yaml", "admission/approvals.yaml"} {
		path := filepath.Join("..", "..", "config", filepath.FromSlash(file))
		content, err := os.ReadFile(path)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, object := range testkit.Manifests(w.t, file, content) {
			w.Create(object)
		}
	}
	w.Eventually(func() error {
		err := w.Client.Create(w.t.Context(), &v1alpha1.PipelineRun{ObjectMeta: w.Meta("probe"), Spec: v1alpha1.PipelineRunSpec{
			PipelineRef: v1alpha1.LocalReference{Name: "p"}, RequestedBy: "someone else",
		}}, client.DryRunAll)
		if err == nil || !strings.Contains(err.Error(), "kubeops-requesters") {
			return fmt.Errorf("the policies are not in effect: %w", err)
		}
		return nil
	})
}

func user(name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}
}

func (w *world) bind(role, name string, subjects ...rbacv1.Subject) {
	w.t.Helper()
	w.Create(&rbacv1.RoleBinding{
		ObjectMeta: w.Meta(name), Subjects: subjects, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
	})
}

// awaitAccount waits until the API server has noticed the last binding.
func (w *world) awaitAccount() {
	w.t.Helper()
	w.Eventually(func() error {
		return w.as("alice").List(w.t.Context(), &v1alpha1.PipelineRunList{}, client.InNamespace(w.Namespace))
	})
}

// as is a client of a user.
func (w *world) as(name string, groups ...string) client.Client {
	w.t.Helper()
	config := rest.CopyConfig(w.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: append(groups, "system:authenticated")}
	c, err := client.New(config, client.Options{Scheme: tenant.Scheme(w.t)})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// jobStage is a stage of type job with one container.
func jobStage(name string, after ...string) v1alpha1.PipelineStage {
	template, err := json.Marshal(map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
		"containers": []any{map[string]any{"name": "main", "image": "registry.example.com/tool:1", "command": []string{"build"}}},
	}}}})
	if err != nil {
		panic(err)
	}
	return v1alpha1.PipelineStage{
		Name: name, Type: v1alpha1.StageJob, After: after, Job: &v1alpha1.JobStage{Template: runtime.RawExtension{Raw: template}},
	}
}

func approvalStage(name string, after ...string) v1alpha1.PipelineStage {
	return v1alpha1.PipelineStage{Name: name, Type: v1alpha1.StageApproval, After: after, Approval: &v1alpha1.ApprovalStage{Required: 1}}
}

func waitStage(name string, d time.Duration, after ...string) v1alpha1.PipelineStage {
	return v1alpha1.PipelineStage{
		Name: name, Type: v1alpha1.StageWait, After: after, Wait: &v1alpha1.WaitStage{Duration: &metav1.Duration{Duration: d}},
	}
}

// pipeline makes the Pipeline named p.
func (w *world) pipeline(spec v1alpha1.PipelineSpec) {
	w.t.Helper()
	w.Create(&v1alpha1.Pipeline{ObjectMeta: w.Meta("p"), Spec: spec})
}

// run makes a PipelineRun of p, requested by carol.
func (w *world) run(name string, parameters ...v1alpha1.ParameterValue) *v1alpha1.PipelineRun {
	w.t.Helper()
	run := &v1alpha1.PipelineRun{ObjectMeta: w.Meta(name), Spec: v1alpha1.PipelineRunSpec{
		PipelineRef: v1alpha1.LocalReference{Name: "p"}, Parameters: parameters, RequestedBy: "carol",
	}}
	config := rest.CopyConfig(w.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "carol", Groups: []string{"system:masters"}}
	c, err := client.New(config, client.Options{Scheme: tenant.Scheme(w.t)})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := c.Create(w.t.Context(), run); err != nil {
		w.t.Fatal(err)
	}
	return run
}

// get a run.
func (w *world) get(name string) *v1alpha1.PipelineRun {
	w.t.Helper()
	run := &v1alpha1.PipelineRun{}
	if err := w.Client.Get(w.t.Context(), w.Key(name), run); err != nil {
		w.t.Fatal(err)
	}
	return run
}

// step reconciles a run once. The error is returned for tests that expect one.
func (w *world) step(name string) (time.Duration, error) {
	w.t.Helper()
	result, err := w.r.Reconcile(w.t.Context(), reconcile.Request{NamespacedName: w.Key(name)})
	if errors.Is(err, reconcile.TerminalError(nil)) {
		err = nil
	}
	return result.RequeueAfter, err
}

// throughCrashes reconciles a run to its end, and returns it. After an error another manager takes over. Between the other passes, others
// do their part.
func (w *world) throughCrashes(name string, between func(*v1alpha1.PipelineRun)) *v1alpha1.PipelineRun {
	w.t.Helper()
	for range 80 {
		wait, err := w.step(name)
		if err != nil {
			w.restart()
			continue
		}
		run := w.get(name)
		if run.Status.Phase.Ended() {
			return run
		}
		between(run)
		w.Clock.SetTime(w.Clock.Now().Add(min(max(wait, time.Millisecond), time.Minute)))
	}
	w.t.Fatalf("the run does not end: %s", dump(w.get(name)))
	return nil
}

// settle reconciles a run until nothing more happens at this time, and returns it.
func (w *world) settle(name string) *v1alpha1.PipelineRun {
	w.t.Helper()
	for range 40 {
		wait, err := w.step(name)
		if err != nil {
			w.t.Fatal(err)
		}
		if wait == 0 || wait > time.Millisecond {
			return w.get(name)
		}
	}
	w.t.Fatal("the run never comes to rest")
	return nil
}

// pass moves the clock, and settles.
func (w *world) pass(d time.Duration, name string) *v1alpha1.PipelineRun {
	w.t.Helper()
	w.Clock.SetTime(w.Clock.Now().Add(d))
	return w.settle(name)
}

// want checks the phases of the run and its stages: name=Phase, or name=Phase/Reason.
func (w *world) want(run *v1alpha1.PipelineRun, phase v1alpha1.RunPhase, stages ...string) {
	w.t.Helper()
	if run.Status.Phase != phase {
		w.t.Errorf("the run is %s, want %s: %s", run.Status.Phase, phase, dump(run))
	}
	for _, text := range stages {
		name, state, _ := strings.Cut(text, "=")
		stage := run.Status.Stage(name)
		if stage == nil {
			w.t.Fatalf("stage %s does not exist: %s", name, dump(run))
		}
		if got := string(stage.Phase); got != state && got+"/"+stage.Reason != state {
			w.t.Errorf("stage %s is %s/%s, want %s: %s", name, stage.Phase, stage.Reason, state, dump(run))
		}
	}
}

// wantReason checks why a run is not Ready, and the rules that hold for every status.
func wantReason(t *testing.T, run *v1alpha1.PipelineRun, reason string) {
	t.Helper()
	ready := meta.FindStatusCondition(run.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status != metav1.ConditionFalse || ready.Reason != reason {
		t.Errorf("Ready is %+v, want reason %s: %s", ready, reason, dump(run))
	}
	for _, violation := range outcome.Violations(run.Generation, run.Status.ObservedGeneration, run.Status.Conditions) {
		t.Error(violation)
	}
}

// account makes another ServiceAccount.
func (w *world) account(name string) {
	w.t.Helper()
	w.Create(&corev1.ServiceAccount{ObjectMeta: w.Meta(name)})
}

func dump(run *v1alpha1.PipelineRun) string {
	content, err := json.MarshalIndent(run.Status, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// jobs of the namespace by the name of their stage.
func (w *world) jobs() map[string][]batchv1.Job {
	w.t.Helper()
	list := &batchv1.JobList{}
	if err := w.Client.List(w.t.Context(), list, client.InNamespace(w.Namespace)); err != nil {
		w.t.Fatal(err)
	}
	found := map[string][]batchv1.Job{}
	for _, job := range list.Items {
		stage := job.Labels[v1alpha1.LabelStage]
		found[stage] = append(found[stage], job)
	}
	return found
}

// finish a Job as the Job controller does, with a Pod whose first container wrote a termination message.
func (w *world) finish(key string, exitCode int32, message string) {
	w.t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, GenerateName: key + "-", Labels: map[string]string{batchv1.JobNameLabel: key}},
		Spec:       corev1.PodSpec{ServiceAccountName: "kubeops", Containers: []corev1.Container{{Name: "main", Image: "x"}}},
	}
	w.Create(pod)
	pod.Status.Phase = corev1.PodSucceeded
	if exitCode != 0 {
		pod.Status.Phase = corev1.PodFailed
	}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "main", State: corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{ExitCode: exitCode, Reason: "Error", Message: message},
	}}}
	if err := w.Client.Status().Update(w.t.Context(), pod); err != nil {
		w.t.Fatal(err)
	}
	job := &batchv1.Job{}
	if err := w.Client.Get(w.t.Context(), w.Key(key), job); err != nil {
		w.t.Fatal(err)
	}
	now := metav1.NewTime(w.Clock.Now())
	job.Status.StartTime = &now
	status := func(of batchv1.JobConditionType, reason, message string) batchv1.JobCondition {
		return batchv1.JobCondition{Type: of, Status: corev1.ConditionTrue, Reason: reason, Message: message, LastTransitionTime: now}
	}
	if exitCode == 0 {
		job.Status.Succeeded = 1
		job.Status.CompletionTime = &now
		job.Status.Conditions = []batchv1.JobCondition{status(batchv1.JobSuccessCriteriaMet, "", ""), status(batchv1.JobComplete, "", "")}
	} else {
		job.Status.Failed = 1
		job.Status.Conditions = []batchv1.JobCondition{
			status(batchv1.JobFailureTarget, "BackoffLimitExceeded", "m"), status(batchv1.JobFailed, "BackoffLimitExceeded", "Job has reached its limit"),
		}
	}
	if err := w.Client.Status().Update(w.t.Context(), job); err != nil {
		w.t.Fatal(err)
	}
}

// key of the current attempt of a stage.
func key(run *v1alpha1.PipelineRun, stage string) string { return run.Status.Stage(stage).Key }

// approve creates an Approval as a user.
func (w *world) approve(run *v1alpha1.PipelineRun, stage, who string, change ...func(*v1alpha1.ApprovalSpec)) error {
	w.t.Helper()
	s := run.Status.Stage(stage)
	approval := &v1alpha1.Approval{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, GenerateName: run.Name + "-"},
		Spec: v1alpha1.ApprovalSpec{
			Pipeline: run.Spec.PipelineRef.Name, Run: run.Name, Stage: stage, Attempt: s.Attempt, Digest: s.Digest, Approver: who,
		},
	}
	for _, f := range change {
		f(&approval.Spec)
	}
	return w.as(who).Create(w.t.Context(), approval)
}

// interceptor makes the n-th write to the API server fail.
type interceptor struct {
	mutex sync.Mutex
	// writes so far, and the one that fails; 0 fails none.
	writes, fails int
	// lost lets the server execute the write, and loses the answer.
	lost bool
	// all counts every request.
	all int
}

var (
	errCrash = errors.New("crash")
	errStill = errors.New("still permitted")
)

func inNamespace(w *world) client.ListOption { return client.InNamespace(w.Namespace) }

// count a request, and report whether it fails.
func (i *interceptor) count(request *http.Request) (fails, lost bool) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.all++
	if request.Method == http.MethodGet || strings.Contains(request.URL.RawQuery, "dryRun") {
		return false, false
	}
	i.writes++
	return i.writes == i.fails, i.lost
}

func (i *interceptor) arm(fails int, lost bool) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.writes = 0
	i.fails = fails
	i.lost = lost
	i.all = 0
}

func (i *interceptor) counts() (all, writes int) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return i.all, i.writes
}

type transport struct {
	next  http.RoundTripper
	state *interceptor
}

func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	fails, lost := t.state.count(request)
	if fails && !lost {
		return nil, errCrash
	}
	response, err := t.next.RoundTrip(request)
	if fails && err == nil {
		_ = response.Body.Close()
		return nil, errCrash
	}
	return response, err
}
