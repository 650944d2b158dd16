package inspection

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/canary"
	"kubeops.io/kubeops/internal/testkit/servers"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// database makes a StatefulSet with a Pod that runs, in namespace shop of a cluster. Its names are the same in each cluster.
func database(t *testing.T, config *rest.Config) {
	t.Helper()
	n := tenant.New(t, config)
	named := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{"app": "db"}}
	}
	n.Create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}})
	spec := corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "db:1"}}, AutomountServiceAccountToken: new(false)}
	set := &appsv1.StatefulSet{ObjectMeta: named("db"), Spec: appsv1.StatefulSetSpec{
		ServiceName: "db", Selector: &metav1.LabelSelector{MatchLabels: named("db").Labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: named("db").Labels}, Spec: spec},
	}}
	n.Create(set)
	n.Create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "default"}})
	pod := &corev1.Pod{ObjectMeta: named("db-0"), Spec: spec}
	pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "db", UID: set.UID, Controller: new(true)}}
	n.Create(pod)
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &metav1.Time{Time: time.Now().Add(-4 * time.Hour)}}
	if err := n.Client.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
}

// collected lines of the database in a cluster are written as a collector does that adds the name of its cluster as a label of the streams.
// The database works until 40 minutes ago, and then fails with a word of its own.
func collected(t *testing.T, server, cluster, word string) {
	t.Helper()
	var values [][2]string
	add := func(at time.Time, line string) {
		values = append(values, [2]string{strconv.FormatInt(at.UnixNano(), 10), line})
	}
	for minute := 160; minute > 1; minute-- {
		at := time.Now().Add(-time.Duration(minute) * time.Minute)
		add(at, "INFO served an order")
		if minute < 40 {
			add(at.Add(time.Second), "ERROR cannot write order of "+word)
		}
	}
	body, err := json.Marshal(map[string]any{"streams": []any{map[string]any{
		"stream": map[string]string{"namespace": "shop", "pod": "db-0", "container": "app", "cluster": cluster}, "values": values,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server+"/loki/api/v1/push", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusNoContent {
		text, _ := io.ReadAll(response.Body) // for the message only
		t.Fatalf("the lines were refused (%d): %s", response.StatusCode, text)
	}
}

// One Loki has the lines of all clusters, of objects with the same names. Each finding is about the lines of its cluster.
func TestLogsOfAClusterAreSelectedByItsLabels(t *testing.T) {
	words := map[string]string{"one": "canaryalpha", "two": "canarybeta"}
	configs := map[string]*rest.Config{}
	server := servers.StartLoki(t, servers.LokiOptions{})
	for name, word := range words {
		configs[name] = testkit.NewCluster(t).Config
		database(t, configs[name])
		collected(t, server.URL, name, word)
	}
	for place, with := range where() {
		t.Run(place, func(t *testing.T) {
			w := newWorld(t)
			w.Account()
			w.Create(&v1alpha1.LogBackend{ObjectMeta: w.Meta("all"), Spec: v1alpha1.LogBackendSpec{
				Type: v1alpha1.LogBackendLoki, Loki: &v1alpha1.LokiBackend{URL: server.URL},
			}})
			r := w.reconciler(func(s *setup) {
				for name, config := range configs {
					w.connected(s.env.Clusters, name, "test", config)
					w.identified(name, config)
				}
				with(w, "engine")(s)
			})
			var report v1alpha1.InspectionReport
			w.Eventually(func() error { // Loki takes a moment until it finds what was written
				w.Create(&v1alpha1.Inspection{ObjectMeta: w.Meta("i"), Spec: v1alpha1.InspectionSpec{
					Namespaces: []string{"shop"}, LogsRef: &v1alpha1.LocalReference{Name: "all"},
					LogLabels:   map[string]string{"cluster": "$(cluster.name)"},
					LogAnalysis: &v1alpha1.LogAnalysis{Baseline: &metav1.Duration{Duration: 90 * time.Minute}},
					Clusters:    &v1alpha1.ClusterSelection{Selector: &metav1.LabelSelector{}},
				}})
				w.Settle(r)
				report = w.Newest()
				w.Delete(w.Get())
				return linesOfBoth(&report, words)
			})
			t.Logf("%d findings, %d gaps", len(report.Findings), len(report.Gaps))
		})
	}
}

// linesOfBoth reports what a report lacks, or has of another cluster.
func linesOfBoth(report *v1alpha1.InspectionReport, words map[string]string) (err error) {
	found := map[string][]v1alpha1.Finding{}
	for _, f := range report.Findings {
		if f.Check == "log-new-error" {
			found[f.Cluster] = append(found[f.Cluster], f)
		}
	}
	for name, word := range words {
		if len(found[name]) != 1 || len(canary.Find(found[name], word)) == 0 {
			err = errors.Join(err, fmt.Errorf("%s: no finding with %s: %+v; gaps %+v", name, word, found[name], report.Gaps))
		}
		for other, text := range words {
			if leaked := canary.Find(found[name], text); other != name && len(leaked) > 0 {
				err = errors.Join(err, fmt.Errorf("%s has lines of %s: %s", name, other, strings.Join(leaked, "; ")))
			}
		}
	}
	return err
}
