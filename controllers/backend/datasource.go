package backend

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	corev1apply "k8s.io/client-go/applyconfigurations/core/v1"
	metav1apply "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/visual"
)

const (
	// fieldManager of what is written for Grafana.
	fieldManager = "kubeops"
	// writeTimeout of one object.
	writeTimeout = 10 * time.Second
)

// DataSources writes data sources of Grafana beside back ends, with the rights of each back end's ServiceAccount.
type DataSources struct {
	// Config reaches the cluster; each writer uses a copy that impersonates. Required.
	Config *rest.Config
}

// DataSource keeps the data source of a back end as its spec wants it, and places condition DataSourceReady. It never takes
// Ready away. A nil source says that the back end could not be opened: what was written stays.
func (k *Keeper) DataSource(ctx context.Context, stored, s Subject, wanted *v1alpha1.GrafanaDataSource, source *visual.DataSource) {
	before := meta.FindStatusCondition(*stored.Conditions, v1alpha1.ConditionDataSourceReady)
	conditions := k.ConditionsOf(s)
	var p *problem.Problem
	switch {
	case wanted == nil && before == nil:
		return
	case wanted == nil:
		p = k.DataSources.remove(ctx, k.Kind, s)
		if p == nil {
			conditions.Drop(v1alpha1.ConditionDataSourceReady)
			return
		}
	case source == nil:
		conditions.Observe(v1alpha1.ConditionDataSourceReady)
		return
	default:
		p = k.DataSources.write(ctx, k.Kind, s, wanted, *source)
	}
	if p != nil {
		conditions.Aside(v1alpha1.ConditionDataSourceReady, metav1.ConditionFalse, p.Reason, p.Message)
		return
	}
	conditions.Aside(v1alpha1.ConditionDataSourceReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "Secret "+dataSourceName(k.Kind, s)+" holds the data source")
}

// dataSourceName is the name of the Secret, and of the GrafanaDatasource.
func dataSourceName(kind string, s Subject) string {
	prefix := map[string]string{"MetricsBackend": "kubeops-grafana-mb-", "LogBackend": "kubeops-grafana-lb-"}[kind]
	return provider.ShortName(prefix+s.Object.GetName(), 253)
}

func grafanaDatasources() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "grafana.integreatly.org", Version: "v1beta1", Resource: "grafanadatasources"}
}

func (d *DataSources) config(s Subject) *rest.Config {
	account := s.Access.ServiceAccountName
	if account == "" {
		account = v1alpha1.DefaultServiceAccountName
	}
	config := rest.CopyConfig(d.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: fmt.Sprintf("system:serviceaccount:%s:%s", s.Object.GetNamespace(), account)}
	config.QPS, config.Timeout = -1, writeTimeout
	return config
}

func (d *DataSources) write(ctx context.Context, kind string, s Subject, wanted *v1alpha1.GrafanaDataSource, source visual.DataSource) *problem.Problem {
	source.Default = wanted.Default
	name, namespace := dataSourceName(kind, s), s.Object.GetNamespace()
	data, err := source.SecretData()
	if err != nil {
		return problem.UserError(v1alpha1.ReasonInvalidSpec, err, "the data source of the back end cannot be written as YAML")
	}
	config := d.config(s)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return problem.Retrying(v1alpha1.ReasonRetrying, err, "the cluster's API cannot be reached")
	}
	labels := map[string]string{"app.kubernetes.io/managed-by": "kubeops"}
	for label, value := range wanted.Labels {
		labels[label] = value
	}
	if len(wanted.Labels) == 0 {
		labels["grafana_datasource"] = "1"
	}
	owner := metav1apply.OwnerReference().WithAPIVersion(v1alpha1.GroupVersion().String()).WithKind(kind).
		WithName(s.Object.GetName()).WithUID(s.Object.GetUID())
	secret := corev1apply.Secret(name, namespace).WithLabels(labels).WithOwnerReferences(owner).WithData(data)
	if _, err := client.CoreV1().Secrets(namespace).Apply(ctx, secret, metav1.ApplyOptions{FieldManager: fieldManager}); err != nil {
		return d.explain(err, s, "secrets", name)
	}
	if len(wanted.InstanceSelector) == 0 {
		return nil
	}
	return d.writeOperator(ctx, config, kind, s, source.OperatorResource(name, wanted.InstanceSelector))
}

func (d *DataSources) writeOperator(ctx context.Context, config *rest.Config, kind string, s Subject, content map[string]any) *problem.Problem {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return problem.Retrying(v1alpha1.ReasonRetrying, err, "the cluster's API cannot be reached")
	}
	o := &unstructured.Unstructured{Object: content}
	o.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: v1alpha1.GroupVersion().String(), Kind: kind, Name: s.Object.GetName(), UID: s.Object.GetUID(),
	}})
	_, err = client.Resource(grafanaDatasources()).Namespace(o.GetNamespace()).Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: fieldManager})
	if err != nil {
		return d.explain(err, s, "grafanadatasources.grafana.integreatly.org", o.GetName())
	}
	return nil
}

// remove takes away what was written before. An API that is not there holds nothing of ours.
func (d *DataSources) remove(ctx context.Context, kind string, s Subject) *problem.Problem {
	name, namespace, config := dataSourceName(kind, s), s.Object.GetNamespace(), d.config(s)
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return problem.Retrying(v1alpha1.ReasonRetrying, err, "the cluster's API cannot be reached")
	}
	for _, resource := range []schema.GroupVersionResource{{Version: "v1", Resource: "secrets"}, grafanaDatasources()} {
		err := client.Resource(resource).Namespace(namespace).Delete(ctx, name, metav1.DeleteOptions{})
		if err == nil || apierrors.IsNotFound(err) || (resource.Group != "" && apierrors.IsForbidden(err)) {
			continue // without the right to write a GrafanaDatasource there is none
		}
		p := d.explain(err, s, resource.GroupResource().String(), name)
		p.Reason = v1alpha1.ReasonExportNotRemoved
		return p
	}
	return nil
}

// explain words why an object could not be written, and how to grant what is missing.
func (d *DataSources) explain(err error, s Subject, resource, name string) *problem.Problem {
	account := s.Access.ServiceAccountName
	if account == "" {
		account = v1alpha1.DefaultServiceAccountName
	}
	namespace := s.Object.GetNamespace()
	switch {
	case apierrors.IsNotFound(err):
		return problem.UserError(v1alpha1.ReasonAPINotServed, err,
			"the API grafana.integreatly.org/v1beta1 is not served by this cluster; install grafana-operator, or take spec.grafana.instanceSelector away")
	case apierrors.IsForbidden(err):
		return problem.UserError(v1alpha1.ReasonForbidden, err,
			"ServiceAccount %s/%s may not write %s %s. To grant it: kubectl -n %s create role %s-data-sources --verb=create,patch,delete --resource=%s "+
				"&& kubectl -n %s create rolebinding %s-data-sources --role=%s-data-sources --serviceaccount=%s:%s",
			namespace, account, resource, name, namespace, account, resource, namespace, account, account, namespace, account)
	case apierrors.IsConflict(err):
		return problem.UserError(v1alpha1.ReasonFieldConflict, err, "%s %s is written by somebody else, too; delete it, or take spec.grafana away", resource, name)
	}
	return problem.Retrying(v1alpha1.ReasonRetrying, err, "%s %s could not be written; the API server did not accept it", resource, name)
}
