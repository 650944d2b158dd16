package logbackend

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestADataViewHasAConditionOfItsOwn(t *testing.T) {
	status := http.StatusNotFound
	var wrote []string
	kibana := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			wrote = append(wrote, r.Method+" "+r.URL.Path)
			return
		}
		w.WriteHeader(status)
	}))
	defer kibana.Close()
	w := newWorld(t, healthy())
	w.backend(func(s *v1alpha1.LogBackendSpec) { s.Elasticsearch.DataView = &v1alpha1.DataView{URL: kibana.URL} })
	b, _ := w.reconcile()
	if c := condition(b, v1alpha1.ConditionDataViewReady); c.Status != metav1.ConditionTrue ||
		!strings.Contains(c.Message, "Kibana has the data view for logs-*") {
		t.Errorf("%+v", c)
	}
	if len(wrote) != 1 || wrote[0] != "POST /api/data_views/data_view" {
		t.Errorf("%q", wrote)
	}
	status = http.StatusUnauthorized
	b, _ = w.reconcile()
	if c := condition(b, v1alpha1.ConditionDataViewReady); c.Status != metav1.ConditionFalse || c.Reason != v1alpha1.ReasonUnauthorized ||
		!strings.Contains(c.Message, "spec.auth") || condition(b, v1alpha1.ConditionReady).Status != metav1.ConditionTrue {
		t.Errorf("%+v", b.Status.Conditions)
	}
	w.change(func(b *v1alpha1.LogBackend) { b.Spec.Elasticsearch.DataView = nil })
	if b, _ = w.reconcile(); condition(b, v1alpha1.ConditionDataViewReady).Type != "" {
		t.Errorf("%+v", b.Status.Conditions)
	}
}
