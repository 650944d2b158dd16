package controllers

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"kubeops.io/kubeops/api/v1alpha1"
)

// metricsBackend and logBackend have an address that is refused without a connection.
func metricsBackend(name string) *v1alpha1.MetricsBackend {
	return &v1alpha1.MetricsBackend{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name},
		Spec: v1alpha1.MetricsBackendSpec{
			Type: v1alpha1.MetricsBackendPrometheus, Prometheus: &v1alpha1.PrometheusBackend{URL: "http://169.254.169.254"},
		},
	}
}

func logBackend(name string) *v1alpha1.LogBackend {
	return &v1alpha1.LogBackend{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name},
		Spec:       v1alpha1.LogBackendSpec{Type: v1alpha1.LogBackendLoki, Loki: &v1alpha1.LokiBackend{URL: "http://169.254.169.254"}},
	}
}

// reconciled waits until an object has the condition of a refused address.
func (c *cluster) reconciled(object client.Object, conditions *[]metav1.Condition) {
	c.t.Helper()
	c.eventually(object.GetName()+" is reconciled", func(ctx context.Context) error {
		if err := c.client.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		ready := meta.FindStatusCondition(*conditions, v1alpha1.ConditionReady)
		if ready == nil || ready.Reason != v1alpha1.ReasonEgressDenied {
			return fmt.Errorf("conditions: %+v", *conditions)
		}
		return nil
	})
}

// changeRules of the manager's ClusterRole, and return those before.
func (c *cluster) changeRules(change func([]rbacv1.PolicyRule) []rbacv1.PolicyRule) (before []rbacv1.PolicyRule) {
	c.t.Helper()
	role := &rbacv1.ClusterRole{}
	err := c.client.Get(c.t.Context(), client.ObjectKey{Name: "kubeops-manager"}, role)
	if err == nil {
		before = slices.Clone(role.Rules)
		role.Rules = change(role.Rules)
		err = c.client.Update(c.t.Context(), role)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return before
}

// without a resource in the rules.
func without(resource string) func([]rbacv1.PolicyRule) []rbacv1.PolicyRule {
	return func(rules []rbacv1.PolicyRule) []rbacv1.PolicyRule {
		rules = slices.Clone(rules)
		for i := range rules {
			rules[i].Resources = slices.DeleteFunc(slices.Clone(rules[i].Resources), func(r string) bool { return r == resource })
		}
		return slices.DeleteFunc(rules, func(r rbacv1.PolicyRule) bool { return len(r.Resources) == 0 })
	}
}

func to(rules []rbacv1.PolicyRule) func([]rbacv1.PolicyRule) []rbacv1.PolicyRule {
	return func([]rbacv1.PolicyRule) []rbacv1.PolicyRule { return rules }
}

// refused waits until the API server refuses a permission of the manager: it learns of a changed role a little later.
func (c *cluster) refused(verb, resource string) {
	c.t.Helper()
	manager, err := client.New(c.as(operatorNamespace, "kubeops-manager"), client.Options{Scheme: c.scheme})
	if err != nil {
		c.t.Fatal(err)
	}
	c.eventually("the permission is gone", func(ctx context.Context) error {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: verb, Group: v1alpha1.Group, Resource: resource},
		}}
		if err := manager.Create(ctx, review); err != nil || !review.Status.Allowed {
			return err
		}
		return errors.New("it is allowed")
	})
}

// TestTheManagerDoesTheRestWithoutAPermission starts without the permission to list a kind, and then loses that to write a status.
func TestTheManagerDoesTheRestWithoutAPermission(t *testing.T) {
	c := newCluster(t)
	c.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team"}})
	complete := c.changeRules(without("metricsbackends"))
	c.refused("list", "metricsbackends")
	c.startManager(prometheus.NewRegistry())
	metrics := metricsBackend("unlisted")
	logs := logBackend("meanwhile")
	c.create(metrics)
	c.create(logs)
	c.reconciled(logs, &logs.Status.Conditions)
	if err := c.client.Get(t.Context(), client.ObjectKeyFromObject(metrics), metrics); err != nil || len(metrics.Status.Conditions) != 0 {
		t.Errorf("a kind that cannot be listed was reconciled: %+v, %v", metrics.Status.Conditions, err)
	}
	c.changeRules(to(complete))
	c.reconciled(metrics, &metrics.Status.Conditions)

	c.changeRules(without("metricsbackends/status"))
	metrics = metricsBackend("unwritten")
	logs = logBackend("nevertheless")
	c.create(metrics)
	c.create(logs)
	c.reconciled(logs, &logs.Status.Conditions)
	c.changeRules(to(complete))
	c.reconciled(metrics, &metrics.Status.Conditions)
}

// TestTheManagerDoesTheRestWithoutACRD removes the CustomResourceDefinition of a kind while the manager runs.
func TestTheManagerDoesTheRestWithoutACRD(t *testing.T) {
	c := newCluster(t)
	c.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team"}})
	c.startManager(prometheus.NewRegistry())
	metrics := metricsBackend("before")
	c.create(metrics)
	c.reconciled(metrics, &metrics.Status.Conditions)

	crd := &unstructured.Unstructured{}
	crd.SetName("metricsbackends.kubeops.io")
	crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	if err := c.client.Delete(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
	c.eventually("the CRD is gone", func(ctx context.Context) error {
		if err := c.client.Get(ctx, client.ObjectKeyFromObject(crd), crd); client.IgnoreNotFound(err) != nil || err == nil {
			return errors.New("it is still there")
		}
		return nil
	})
	logs := logBackend("meanwhile")
	c.create(logs)
	c.reconciled(logs, &logs.Status.Conditions)

	options := envtest.CRDInstallOptions{
		Paths: []string{filepath.Join("..", "config", "crd", "bases", "kubeops.io_metricsbackends.yaml")}, ErrorIfPathMissing: true,
	}
	if _, err := envtest.InstallCRDs(c.config, options); err != nil {
		t.Fatal(err)
	}
	metrics = metricsBackend("after")
	c.create(metrics)
	c.reconciled(metrics, &metrics.Status.Conditions)
}
