package pipelinerun_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/loki"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// logGate is a stage of type logs about a Deployment.
func (w *world) logGate(name, deployment string, change func(*v1alpha1.LogsStage)) v1alpha1.PipelineStage {
	stage := &v1alpha1.LogsStage{
		BackendRef: v1alpha1.LocalReference{Name: "loki"}, Window: &metav1.Duration{Duration: 5 * time.Minute},
		Workloads: []v1alpha1.WorkloadReference{{Kind: "Deployment", Namespace: w.Namespace, Name: deployment}},
	}
	if change != nil {
		change(stage)
	}
	return v1alpha1.PipelineStage{Name: name, Type: v1alpha1.StageLogs, Logs: stage}
}

// lokiBackend creates the LogBackend named loki.
func (w *world) lokiBackend(url string) {
	w.t.Helper()
	types, err := builtin.Logs()
	if err != nil {
		w.t.Fatal(err)
	}
	w.e.Backends.LogTypes = types
	w.Create(&v1alpha1.LogBackend{ObjectMeta: w.Meta("loki"), Spec: v1alpha1.LogBackendSpec{
		Type: "loki", Loki: &v1alpha1.LokiBackend{URL: url},
	}})
}

// readsLogs lets the ServiceAccount of the Pipeline read the logs of its namespace.
func (w *world) readsLogs() {
	w.t.Helper()
	account := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: w.Namespace, Name: "kubeops"}
	w.bind("kubeops-pipeline-logs", "logs", account)
	w.bind("kubeops-viewer", "probes", account)
	reader := w.as("system:serviceaccount:"+w.Namespace+":kubeops", "system:serviceaccounts")
	w.Eventually(func() error { // the later binding is in effect, and so is the earlier one
		return reader.List(w.t.Context(), &v1alpha1.PipelineRunList{}, inNamespace(w))
	})
}

// lines of a Deployment, one each 20 s of a period.
func lines(namespace, deployment string, from, until time.Time, format string) (written []logs.Entry) {
	labels := map[string]string{
		logs.LabelNamespace: namespace, logs.LabelPod: deployment + "-7d9f8b6c5d-x2x4z", logs.LabelContainer: "app",
	}
	for at := from; at.Before(until); at = at.Add(20 * time.Second) {
		written = append(written, logs.Entry{Time: at, Line: fmt.Sprintf(format, at.Unix()), Labels: labels})
	}
	return written
}

func TestLogsOfARealLokiDecide(t *testing.T) {
	w := newWorld(t)
	server := servers.StartLoki(t, servers.LokiOptions{})
	backend, err := loki.New(logs.Settings{
		Endpoint: provider.Endpoint{URL: server.URL}, Timeout: 10 * time.Second, Egress: provider.Egress{AllowLoopback: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	began := time.Now().Add(-15 * time.Minute).Truncate(time.Second)
	before, after := began.Add(-time.Hour), began.Add(6*time.Minute)
	var written []logs.Entry
	for _, deployment := range []string{"web", "cart"} {
		written = append(written, lines(w.Namespace, deployment, before, after, "ERROR cache lost key user:%d")...)
	}
	written = append(written, lines(w.Namespace, "cart", began.Add(time.Minute), after, "ERROR cannot write order %d")...)
	written = append(written, lines(w.Namespace, "fresh", began, after, "INFO request %d")...)
	written = append(written, lines(w.Namespace+"-other", "web", began, after, "ERROR vault of others %d")...)
	if err := backend.(logs.Writer).Write(t.Context(), written); err != nil {
		t.Fatal(err)
	}
	w.Eventually(func() error {
		page, err := backend.Search(t.Context(), logs.Query{Start: before, End: after, Limit: 5000})
		if err == nil && len(page.Entries) < len(written) {
			err = fmt.Errorf("%d of %d lines can be found", len(page.Entries), len(written))
		}
		return err
	})
	w.lokiBackend(server.URL)
	w.readsLogs()
	w.pipeline(v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{
		w.logGate("usual", "web", nil), w.logGate("broken", "cart", nil),
		w.logGate("first", "fresh", func(s *v1alpha1.LogsStage) { s.NoData = v1alpha1.NoDataApprove }),
	}})
	w.Clock.SetTime(began)
	w.run("r")
	w.want(w.settle("r"), v1alpha1.RunRunning, "usual=Observing/WatchingLogs", "broken=Observing/WatchingLogs")
	run := w.pass(4*time.Minute, "r")
	w.want(run, v1alpha1.RunRunning, "usual=Observing/WatchingLogs", "broken=Failed/NewErrors", "first=Observing/WatchingLogs")
	diagnosis := run.Status.Stage("broken").Diagnosis
	if len(diagnosis) != 2 || !strings.HasPrefix(diagnosis[0], w.Namespace+"/cart: ") ||
		!strings.HasSuffix(diagnosis[0], "ERROR cannot write order <num>") {
		t.Errorf("diagnosis %q", diagnosis)
	}
	run = w.pass(75*time.Second, "r")
	w.want(run, v1alpha1.RunRunning, "usual=Succeeded", "first=Observing/AwaitingApproval")
	if got := run.Status.Stage("usual").Outputs[v1alpha1.OutputNewErrors]; got != "0" {
		t.Errorf("output %q", got)
	}
	if err := w.approve(run, "first", "alice"); err != nil {
		t.Fatal(err)
	}
	w.want(w.settle("r"), v1alpha1.RunFailed, "first=Succeeded")
}

func TestALogsStageReadsWhatItsServiceAccountCanRead(t *testing.T) {
	w := newWorld(t)
	w.lokiBackend("http://127.0.0.1:1")
	w.pipeline(v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{
		w.logGate("gate", "web", func(s *v1alpha1.LogsStage) { s.Namespaces = []string{w.Namespace, "kube-system"} }),
	}})
	w.run("nothing")
	run := w.settle("nothing")
	w.want(run, v1alpha1.RunFailed)
	wantReason(t, run, v1alpha1.ReasonLogsForbidden)
	w.readsLogs()
	w.run("own")
	run = w.settle("own")
	w.want(run, v1alpha1.RunFailed)
	wantReason(t, run, v1alpha1.ReasonLogsForbidden)
	command := "kubectl -n kube-system create rolebinding kubeops-pipeline-logs-" + w.Namespace + "-kubeops " +
		"--clusterrole=kubeops-pipeline-logs --serviceaccount=" + w.Namespace + ":kubeops"
	if message := outcome.Explanation(run.Status.Conditions); !strings.Contains(message, command) {
		t.Errorf("message %q", message)
	}
}
