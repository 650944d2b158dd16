package pipelinerun_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/provider/builtin"
)

// receiver is a webhook that refuses some messages first.
type receiver struct {
	mutex    sync.Mutex
	refuse   int
	messages []map[string]any
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.refuse > 0 {
		r.refuse--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var message map[string]any
	if err := json.NewDecoder(request.Body).Decode(&message); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.messages = append(r.messages, message)
}

func TestAMessageOfARunIsSentOnceItIsAccepted(t *testing.T) {
	w := newWorld(t)
	types, err := builtin.Channels()
	if err != nil {
		t.Fatal(err)
	}
	w.e.Backends.ChannelTypes = types
	hook := &receiver{refuse: 1}
	server := httptest.NewServer(hook)
	t.Cleanup(server.Close)
	notice := v1alpha1.PipelineStage{Name: "notice", Type: v1alpha1.StageNotify, Notify: &v1alpha1.NotifyStage{
		ChannelRef: v1alpha1.LocalReference{Name: "people"}, Title: v1alpha1.StageText{Expression: "'shop ' + params.version"},
		Text: &v1alpha1.StageText{Value: ptr.To("deploys next")},
	}}
	w.pipeline(v1alpha1.PipelineSpec{
		Parameters: []v1alpha1.PipelineParameter{{Name: "version"}}, Stages: []v1alpha1.PipelineStage{notice},
	})
	w.run("r", v1alpha1.ParameterValue{Name: "version", Value: "1.2"})
	run := w.settle("r")
	w.want(run, v1alpha1.RunWaiting)
	wantReason(t, run, v1alpha1.ReasonChannelNotFound)
	w.Create(&v1alpha1.NotificationChannel{ObjectMeta: w.Meta("people"), Spec: v1alpha1.NotificationChannelSpec{
		Type: v1alpha1.NotificationChannelType("webhook"), Webhook: &v1alpha1.WebhookReceiver{URL: server.URL},
	}})
	run = w.pass(time.Minute, "r")
	w.want(run, v1alpha1.RunRunning, "notice=Claimed/ServerError")
	run = w.pass(30*time.Second, "r")
	w.want(run, v1alpha1.RunSucceeded, "notice=Succeeded")
	if len(hook.messages) != 1 {
		t.Fatalf("%d messages", len(hook.messages))
	}
	data := hook.messages[0]["data"].(map[string]any)
	if data["title"] != "shop 1.2" || !strings.Contains(fmt.Sprint(data["text"]), "deploys next\nStage notice of PipelineRun") ||
		hook.messages[0]["type"] != "io.kubeops.pipeline" {
		t.Errorf("message %v", hook.messages[0])
	}
}

func TestMetricsOfABackendDecide(t *testing.T) {
	w := newWorld(t)
	types, err := builtin.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	w.e.Backends.MetricsTypes = types
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"job":"shop"},"value":[1,"0.01"]}]}}`)
	}))
	t.Cleanup(server.Close)
	w.Create(&v1alpha1.MetricsBackend{ObjectMeta: w.Meta("prometheus"), Spec: v1alpha1.MetricsBackendSpec{
		Type: "prometheus", Prometheus: &v1alpha1.PrometheusBackend{URL: server.URL},
	}})
	gate := func(name, condition string) v1alpha1.PipelineStage {
		return v1alpha1.PipelineStage{Name: name, Type: v1alpha1.StageMetrics, Metrics: &v1alpha1.MetricsStage{
			BackendRef: v1alpha1.LocalReference{Name: "prometheus"}, Query: "error_ratio", Condition: condition, Count: 2,
		}}
	}
	w.pipeline(v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{gate("good", "< 0.05"), gate("bad", "< 0.001")}})
	w.run("r")
	w.want(w.settle("r"), v1alpha1.RunRunning, "good=Observing/Measuring", "bad=Failed/ConditionNotMet")
	run := w.pass(30*time.Second, "r")
	w.want(run, v1alpha1.RunFailed, "good=Succeeded")
	if got := run.Status.Stage("good").Outputs["value"]; got != "0.01" {
		t.Errorf("output %q", got)
	}
	if lines := run.Status.Stage("bad").Diagnosis; len(lines) != 1 || lines[0] != `{job="shop"} 0.01` {
		t.Errorf("diagnosis %q", lines)
	}
}

// report stores what the controller of an Inspection would after a run.
func (w *world) report(name string, findings ...v1alpha1.Finding) {
	w.t.Helper()
	w.Create(&v1alpha1.InspectionReport{
		ObjectMeta: w.Meta(name), Summary: v1alpha1.ReportSummary{StartTime: metav1.NewTime(w.Clock.Now())}, Findings: findings,
	})
	i := &v1alpha1.Inspection{}
	if err := w.Client.Get(w.t.Context(), w.Key("everything"), i); err != nil {
		w.t.Fatal(err)
	}
	i.Status.LastReport = name
	i.Status.LastHandledRequest = v1alpha1.RequestOf(i)
	if err := w.Client.Status().Update(w.t.Context(), i); err != nil {
		w.t.Fatal(err)
	}
}

func TestAnInspectionAfterTheStageBeganDecides(t *testing.T) {
	w := newWorld(t)
	w.Create(&v1alpha1.Inspection{ObjectMeta: w.Meta("everything"), Spec: v1alpha1.InspectionSpec{Schedule: "0 4 * * *"}})
	w.report("old")
	gate := v1alpha1.PipelineStage{Name: "gate", Type: v1alpha1.StageInspect, Inspect: &v1alpha1.InspectStage{
		InspectionRef: v1alpha1.LocalReference{Name: "everything"},
	}}
	w.pipeline(v1alpha1.PipelineSpec{Concurrency: v1alpha1.ConcurrencyAllow, Stages: []v1alpha1.PipelineStage{gate}})
	w.run("good")
	w.want(w.settle("good"), v1alpha1.RunRunning, "gate=Observing/Inspecting")
	w.want(w.pass(time.Minute, "good"), v1alpha1.RunRunning, "gate=Observing/Inspecting")
	w.report("later")
	run := w.pass(time.Minute, "good")
	w.want(run, v1alpha1.RunSucceeded, "gate=Succeeded")
	if got := run.Status.Stage("gate").Outputs["report"]; got != "later" {
		t.Errorf("output %q", got)
	}

	w.run("bad")
	w.want(w.settle("bad"), v1alpha1.RunRunning, "gate=Observing/Inspecting")
	w.Clock.SetTime(w.Clock.Now().Add(time.Minute))
	seen := metav1.NewTime(w.Clock.Now())
	w.report("latest", v1alpha1.Finding{
		ID: "f1", Check: "image-pull", Category: v1alpha1.CategoryReliability, Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
		Object: v1alpha1.ObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart"}, FirstSeen: &seen,
		Message: "image cannot be pulled", Remediation: "correct the tag",
	})
	run = w.settle("bad")
	w.want(run, v1alpha1.RunFailed, "gate=Failed/NewProblems")
	if lines := run.Status.Stage("gate").Diagnosis; len(lines) != 2 || !strings.Contains(lines[0], "Deployment shop/cart: image cannot be pulled") {
		t.Errorf("diagnosis %q", lines)
	}
}

func TestAnInspectStageNeedsThePermissionsOfItsServiceAccount(t *testing.T) {
	w := newWorld(t)
	w.Create(&v1alpha1.Inspection{ObjectMeta: w.Meta("everything"), Spec: v1alpha1.InspectionSpec{Schedule: "0 4 * * *"}})
	w.account("other")
	gate := v1alpha1.PipelineStage{Name: "gate", Type: v1alpha1.StageInspect, Inspect: &v1alpha1.InspectStage{
		InspectionRef: v1alpha1.LocalReference{Name: "everything"},
	}}
	w.pipeline(v1alpha1.PipelineSpec{
		Concurrency: v1alpha1.ConcurrencyAllow, ServiceAccountName: "other", Stages: []v1alpha1.PipelineStage{gate},
	})
	unchanged := func() {
		t.Helper()
		i := &v1alpha1.Inspection{}
		if err := w.Client.Get(t.Context(), w.Key("everything"), i); err != nil || v1alpha1.RequestOf(i) != "" {
			t.Errorf("%v, request %q", err, v1alpha1.RequestOf(i))
		}
	}
	forbidden := func(name string) {
		t.Helper()
		w.run(name)
		run := w.settle(name)
		w.want(run, v1alpha1.RunFailed)
		wantReason(t, run, v1alpha1.ReasonInspectionForbidden)
		command := "kubectl -n " + w.Namespace + " create rolebinding kubeops-pipeline-inspections-other " +
			"--clusterrole=kubeops-pipeline-inspections --serviceaccount=" + w.Namespace + ":other"
		if message := outcome.Explanation(run.Status.Conditions); !strings.Contains(message, command) {
			t.Errorf("message %q", message)
		}
		unchanged()
	}
	forbidden("nothing")
	w.Create(&rbacv1.Role{ObjectMeta: w.Meta("reads"), Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{v1alpha1.Group}, Resources: []string{"inspections"}, Verbs: []string{"get", "list", "watch"}},
	}})
	other := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: w.Namespace, Name: "other"}
	w.Create(&rbacv1.RoleBinding{
		ObjectMeta: w.Meta("reads"), Subjects: []rbacv1.Subject{other},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "reads"},
	})
	reader := w.as("system:serviceaccount:"+w.Namespace+":other", "system:serviceaccounts")
	w.Eventually(func() error {
		return reader.Get(t.Context(), w.Key("everything"), &v1alpha1.Inspection{})
	})
	forbidden("only-reads")
	w.bind("kubeops-pipeline-inspections", "granted", other)
	w.Eventually(func() error {
		i := &v1alpha1.Inspection{ObjectMeta: w.Meta("everything")}
		return reader.Patch(t.Context(), i, client.RawPatch(types.MergePatchType, []byte(`{}`)), client.DryRunAll)
	})
	w.run("granted")
	w.want(w.settle("granted"), v1alpha1.RunRunning, "gate=Observing/Inspecting")
}

// TestACrashOfAnInspectStageRequestsOneRun lets the manager crash at each write, before or after the API server saw it.
func TestACrashOfAnInspectStageRequestsOneRun(t *testing.T) {
	w := newWorld(t)
	w.Create(&v1alpha1.Inspection{ObjectMeta: w.Meta("everything")})
	gate := v1alpha1.PipelineStage{Name: "gate", Type: v1alpha1.StageInspect, Inspect: &v1alpha1.InspectStage{
		InspectionRef: v1alpha1.LocalReference{Name: "everything"},
	}}
	w.pipeline(v1alpha1.PipelineSpec{Concurrency: v1alpha1.ConcurrencyAllow, Stages: []v1alpha1.PipelineStage{gate}})
	for _, lost := range []bool{false, true} {
		for fails := 1; fails <= 7; fails++ {
			name := fmt.Sprintf("r-%d-%v", fails, lost)
			w.run(name)
			w.requests.arm(fails, lost)
			requests := map[string]bool{}
			run := w.throughCrashes(name, func(*v1alpha1.PipelineRun) {
				i := &v1alpha1.Inspection{}
				if err := w.Client.Get(t.Context(), w.Key("everything"), i); err != nil {
					t.Fatal(err)
				}
				if request := v1alpha1.RequestOf(i); request != i.Status.LastHandledRequest {
					requests[request] = true
					w.report(name)
				}
			})
			w.want(run, v1alpha1.RunSucceeded, "gate=Succeeded")
			if len(requests) != 1 {
				t.Errorf("%s: %d requests: %v", name, len(requests), requests)
			}
		}
	}
}
