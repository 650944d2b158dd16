package workqueue

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/comparison"
	"kubeops.io/kubeops/internal/inspect/fleet"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/runner"
)

func workOf(cluster string) runner.Work {
	work := runner.Work{
		Inspection: &v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "daily", UID: "u", Generation: 3}}, Run: "daily-1",
	}
	if cluster != "" {
		work.Part = &fleet.Part{Cluster: cluster, Deadline: time.Minute, Clusters: 2}
	}
	return work
}

func TestTheIDOfAPartFollowsFromTheRunAndTheSpec(t *testing.T) {
	t.Parallel()
	id := func(change func(*runner.Work)) string {
		work := workOf("a")
		change(&work)
		made := taskOf(work)
		return made.id()
	}
	same := id(func(*runner.Work) {})
	if later := id(func(w *runner.Work) { w.Part.Deadline = time.Second }); later != same {
		t.Error("an attempt with less time left is another part")
	}
	for name, change := range map[string]func(*runner.Work){
		"namespace":  func(w *runner.Work) { w.Inspection.Namespace = "other" },
		"name":       func(w *runner.Work) { w.Inspection.Name = "other" },
		"uid":        func(w *runner.Work) { w.Inspection.UID = "other" },
		"generation": func(w *runner.Work) { w.Inspection.Generation++ },
		"run":        func(w *runner.Work) { w.Run = "daily-2" },
		"cluster":    func(w *runner.Work) { w.Part.Cluster = "b" },
		"no cluster": func(w *runner.Work) { w.Part = nil },
	} {
		if id(change) == same {
			t.Errorf("another %s has the same id", name)
		}
	}
}

func TestAMessageHasReferencesOnly(t *testing.T) {
	t.Parallel()
	work := workOf("a")
	work.Inspection.Spec.CustomChecks = []v1alpha1.CustomCheck{{Message: "hunter2"}}
	work.Inspection.Annotations = map[string]string{"x": "hunter2"}
	content, err := json.Marshal(taskOf(work))
	if err != nil || strings.Contains(string(content), "hunter2") || len(content) > 512 {
		t.Errorf("%d bytes, %v: %s", len(content), err, content)
	}
	got, err := decodeTask(content)
	if err != nil || !reflect.DeepEqual(got, taskOf(work)) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestMessagesThatAreNoPartsAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*task){
		"a path as a namespace": func(t *task) { t.Namespace = "a/b" },
		"a path as a name":      func(t *task) { t.Name = "../secrets" },
		"a path as a cluster":   func(t *task) { t.Part.Cluster = "../x" },
		"no time":               func(t *task) { t.Part.Deadline = 0 },
		"too much time":         func(t *task) { t.Part.Deadline = 2 * time.Hour },
		"no clusters":           func(t *task) { t.Part.Clusters = 0 },
		"too many clusters":     func(t *task) { t.Part.Clusters = v1alpha1.MaxInspectedClusters + 1 },
		"too large":             func(t *task) { t.Run = strings.Repeat("x", maxTask) },
	} {
		made := taskOf(workOf("a"))
		change(&made)
		content, err := json.Marshal(made)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeTask(content); err == nil || errors.Is(err, errProtocol) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := decodeTask([]byte(`{"Protocol": 99, "Unknown": []}`)); !errors.Is(err, errProtocol) {
		t.Errorf("another version: %v", err)
	}
}

func TestAnOutcomeIsTheSameAfterTheWay(t *testing.T) {
	t.Parallel()
	report := &v1alpha1.InspectionReport{Findings: []v1alpha1.Finding{{ID: "f", Check: "c", Message: strings.Repeat("x", 10_000)}}}
	done := fleet.PartResult{Took: time.Second, Result: &inspect.Result{
		Report: report, Durations: map[inspect.Stage]time.Duration{inspect.StageCollect: time.Second},
		Comparison: &comparison.Cluster{Name: "a", Version: "v1.37.2"},
	}}
	packed, err := encodeOutcome(runner.NewOutcome(done, nil))
	if err != nil || len(packed) > 1000 {
		t.Fatalf("%d bytes, %v", len(packed), err)
	}
	outcome, err := decodeOutcome(packed)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := outcome.Result(); err != nil || !reflect.DeepEqual(got, done) {
		t.Errorf("got %+v, %v", got, err)
	}
	packed, err = encodeOutcome(runner.NewOutcome(fleet.PartResult{}, problem.Waiting(v1alpha1.ReasonDeadlineExceeded, time.Minute, "slow")))
	if err != nil {
		t.Fatal(err)
	}
	if outcome, err = decodeOutcome(packed); err != nil {
		t.Fatal(err)
	}
	_, err = outcome.Result()
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonDeadlineExceeded || p.After != time.Minute || p.Message != "slow" {
		t.Errorf("got %v", err)
	}
}

func gzipped(t testing.TB, content []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err := writer.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func TestResultsThatAreNoOutcomesAreRefused(t *testing.T) {
	t.Parallel()
	for name, packed := range map[string][]byte{
		"nothing": nil, "plain text": []byte("{}"), "no JSON": gzipped(t, []byte("x")), "neither": gzipped(t, []byte("{}")),
		"a bomb": gzipped(t, bytes.Repeat([]byte(" "), maxResult+1)),
	} {
		if _, err := decodeOutcome(packed); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func FuzzAMessageIsRefusedOrAPart(f *testing.F) {
	content, err := json.Marshal(taskOf(workOf("a")))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add([]byte(`{"Protocol":1,"Namespace":"a","Name":"b","Part":{}}`))
	f.Fuzz(func(t *testing.T, message []byte) {
		got, err := decodeTask(message)
		if err == nil && (got.Namespace == "" || strings.ContainsAny(got.Namespace+got.Name, "/\\ \n") || len(got.id()) != 32) {
			t.Errorf("accepted %+v", got)
		}
	})
}

func FuzzAResultIsRefusedOrAnOutcome(f *testing.F) {
	f.Add([]byte(`{"Report":{},"Durations":{"collect":1}}`))
	f.Add([]byte(`{"Problem":{"Reason":"x","Action":1}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		outcome, err := decodeOutcome(gzipped(t, content))
		if err != nil {
			return
		}
		if done, err := outcome.Result(); (err == nil) != (done.Result != nil) {
			t.Errorf("%+v, %v", done, err)
		}
	})
}
