package metricsbackend

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

// TestADataSourceIsWrittenWithTheTenantsRights walks from nothing to a data source, by what the condition says, and back.
func TestADataSourceIsWrittenWithTheTenantsRights(t *testing.T) {
	s := healthy()
	s.probe = guarded("open-sesame")
	w := newWorld(t, s)
	w.Account()
	w.Grant("login")
	w.Secret("login", "username", "kubeops", "password", "open-sesame")
	w.backend(login, func(spec *v1alpha1.MetricsBackendSpec) {
		spec.Grafana = &v1alpha1.GrafanaDataSource{Default: true}
	})
	want := func(reason string, parts ...string) *v1alpha1.MetricsBackend {
		t.Helper()
		var b *v1alpha1.MetricsBackend
		w.Eventually(func() error {
			b, _ = w.reconcile()
			if c := condition(b, v1alpha1.ConditionDataSourceReady); c.Reason != reason {
				return fmt.Errorf("%s: %s", c.Reason, c.Message)
			}
			if ready := condition(b, v1alpha1.ConditionReady); ready.Status != metav1.ConditionTrue {
				return fmt.Errorf("a data source takes no part in Ready: %s", ready.Message)
			}
			return nil
		})
		for _, part := range parts {
			if message := condition(b, v1alpha1.ConditionDataSourceReady).Message; !strings.Contains(message, part) {
				t.Errorf("%q is not in: %s", part, message)
			}
		}
		return b
	}
	want(v1alpha1.ReasonForbidden, "--verb=create,patch,delete --resource=secrets")
	w.grantWriting()
	b := want(v1alpha1.ReasonSucceeded, "Secret kubeops-grafana-mb-b")
	status, err := json.Marshal(b.Status)
	if err != nil || strings.Contains(string(status), "open-sesame") {
		t.Errorf("%v: the password stands in %s", err, status)
	}
	secret := &corev1.Secret{}
	if err := w.Client.Get(t.Context(), w.Key("kubeops-grafana-mb-b"), secret); err != nil {
		t.Fatal(err)
	}
	if secret.Labels["grafana_datasource"] != "1" || len(secret.OwnerReferences) != 1 || secret.OwnerReferences[0].UID != b.UID {
		t.Errorf("got labels %v and owners %v", secret.Labels, secret.OwnerReferences)
	}
	for _, part := range []string{"basicAuthUser: kubeops", "url: http://prometheus.monitoring:9090", "isDefault: true"} {
		if content := string(secret.Data["datasource.yaml"]); !strings.Contains(content, part) {
			t.Errorf("%q is not in the data source", part)
		}
	}

	w.change(func(b *v1alpha1.MetricsBackend) {
		b.Spec.Grafana.InstanceSelector = map[string]string{"dashboards": "grafana"}
	})
	want(v1alpha1.ReasonAPINotServed, "install grafana-operator")

	w.change(func(b *v1alpha1.MetricsBackend) { b.Spec.Grafana = nil })
	w.Eventually(func() error {
		b, _ := w.reconcile()
		if c := condition(b, v1alpha1.ConditionDataSourceReady); c.Reason != "" {
			return fmt.Errorf("%s: %s", c.Reason, c.Message)
		}
		if err := w.Client.Get(t.Context(), w.Key("kubeops-grafana-mb-b"), &corev1.Secret{}); !apierrors.IsNotFound(err) {
			return errors.Join(errors.New("the Secret is still there"), err)
		}
		return nil
	})
}

// grantWriting lets the ServiceAccount kubeops write Secrets, as the message of the condition says.
func (w *world) grantWriting() {
	w.t.Helper()
	w.Create(&rbacv1.Role{ObjectMeta: w.Meta("kubeops-data-sources"), Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"create", "patch", "delete"}},
		{
			APIGroups: []string{"grafana.integreatly.org"},
			Resources: []string{"grafanadatasources"},
			Verbs:     []string{"create", "patch", "delete"},
		},
	}})
	w.Create(&rbacv1.RoleBinding{
		ObjectMeta: w.Meta(
			"kubeops-data-sources",
		), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "kubeops-data-sources"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.Namespace, Name: v1alpha1.DefaultServiceAccountName}},
	})
}
