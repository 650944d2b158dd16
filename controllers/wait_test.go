package controllers

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestAControllerStartsOnceItsCRDAppears(t *testing.T) {
	c := newCluster(t)
	crd := &unstructured.Unstructured{}
	crd.SetName("metricsbackends.kubeops.io")
	crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	if err := c.client.Delete(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
	c.eventually("the CRD is gone", func(ctx context.Context) error {
		if err := c.client.Get(ctx, client.ObjectKeyFromObject(crd), crd); client.IgnoreNotFound(err) != nil || err == nil {
			return fmt.Errorf("it is still there: %w", err)
		}
		return nil
	})
	c.startManager(prometheus.NewRegistry())

	options := envtest.CRDInstallOptions{
		Paths: []string{filepath.Join("..", "config", "crd", "bases", "kubeops.io_metricsbackends.yaml")}, ErrorIfPathMissing: true,
	}
	if _, err := envtest.InstallCRDs(c.config, options); err != nil {
		t.Fatal(err)
	}
	c.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "late"}})
	backend := &v1alpha1.MetricsBackend{
		ObjectMeta: metav1.ObjectMeta{Namespace: "late", Name: "b"},
		Spec: v1alpha1.MetricsBackendSpec{
			Type: v1alpha1.MetricsBackendPrometheus, Prometheus: &v1alpha1.PrometheusBackend{URL: "http://169.254.169.254"},
		},
	}
	c.create(backend)
	c.eventually("the MetricsBackend is reconciled", func(ctx context.Context) error {
		if err := c.client.Get(ctx, client.ObjectKeyFromObject(backend), backend); err != nil {
			return err
		}
		ready := meta.FindStatusCondition(backend.Status.Conditions, v1alpha1.ConditionReady)
		if ready == nil || ready.Reason != v1alpha1.ReasonEgressDenied {
			return fmt.Errorf("conditions: %+v", backend.Status.Conditions)
		}
		return nil
	})
}
