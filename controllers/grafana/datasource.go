// Package grafana keeps the data source of Grafana that the spec of a backend may ask for: a Secret, since it holds
// credentials, and for grafana-operator a GrafanaDatasource that reads it. Both are written with the permissions of the
// backend's ServiceAccount.
package grafana

import (
	"context"
	"maps"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	corev1apply "k8s.io/client-go/applyconfigurations/core/v1"
	metav1apply "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/impersonate"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/probe"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/visual"
)

const (
	// fieldManager of what is written.
	fieldManager = "kubeops"
	// writeTimeout of one object.
	writeTimeout = 10 * time.Second
)

// DataSource describes the data sources of one kind of backend. All fields are required.
type DataSource[T probe.Target, C probe.Connection] struct {
	// Kind of the backend, and Prefix of the names of what is written for it.
	Kind, Prefix string
	Accounts     impersonate.Source
	// Wanted is what the spec asks for, or nil.
	Wanted func(T) *v1alpha1.GrafanaDataSource
	// Of leads Grafana to the backend.
	Of func(T, C) *visual.DataSource
}

// Part keeps the data source, with condition DataSourceReady. Where the backend could not be opened, what was written stays.
func (d DataSource[T, C]) Part() probe.Part[T, C] {
	return probe.Part[T, C]{
		Condition: v1alpha1.ConditionDataSourceReady,
		Wanted:    func(object T) bool { return d.Wanted(object) != nil },
		Reconcile: func(ctx context.Context, scope *kind.Scope[T], connection C) outcome.Auxiliary {
			w, err := d.writer(scope.Object)
			if err != nil {
				return outcome.False(err.Reason, err.Message)
			}
			if p := w.write(ctx, d.Wanted(scope.Object), *d.Of(scope.Object, connection)); p != nil {
				return outcome.False(p.Reason, p.Message)
			}
			return outcome.True(v1alpha1.ReasonSucceeded, "Secret "+w.name+" holds the data source")
		},
		Remove: func(ctx context.Context, object T) *problem.Problem {
			w, err := d.writer(object)
			if err != nil {
				return err
			}
			return w.remove(ctx)
		},
	}
}

// writer writes the data source of one backend.
type writer struct {
	kind, namespace, account string
	// name of the Secret, and of the GrafanaDatasource.
	name   string
	owner  metav1.OwnerReference
	config *rest.Config
}

func (d DataSource[T, C]) writer(object T) (writer, *problem.Problem) {
	account := object.Probing().ServiceAccountName
	config, err := d.Accounts.As(object.GetNamespace(), account)
	if err != nil {
		return writer{}, problem.As(err)
	}
	config.Timeout = writeTimeout
	return writer{
		kind: d.Kind, namespace: object.GetNamespace(), account: account, name: provider.ShortName(d.Prefix+object.GetName(), 253),
		owner: metav1.OwnerReference{
			APIVersion: v1alpha1.GroupVersion().String(), Kind: d.Kind, Name: object.GetName(), UID: object.GetUID(),
		},
		config: config,
	}, nil
}

func resource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "grafana.integreatly.org", Version: "v1beta1", Resource: "grafanadatasources"}
}

func (w writer) write(ctx context.Context, wanted *v1alpha1.GrafanaDataSource, source visual.DataSource) *problem.Problem {
	if p := checkLabels(wanted); p != nil {
		return p
	}
	source.Default = wanted.Default
	data, err := source.SecretData()
	if err != nil {
		return problem.UserError(v1alpha1.ReasonInvalidSpec, err, "the data source of the backend cannot be written as YAML")
	}
	clients, err := kubernetes.NewForConfig(w.config)
	if err != nil {
		return problem.Retrying(v1alpha1.ReasonRetrying, err, "the API server cannot be reached")
	}
	labels := map[string]string{"app.kubernetes.io/managed-by": "kubeops"}
	for label, value := range wanted.Labels {
		labels[label] = value
	}
	if len(wanted.Labels) == 0 {
		labels["grafana_datasource"] = "1"
	}
	owner := metav1apply.OwnerReference().
		WithAPIVersion(w.owner.APIVersion).WithKind(w.owner.Kind).WithName(w.owner.Name).WithUID(w.owner.UID)
	secret := corev1apply.Secret(w.name, w.namespace).WithLabels(labels).WithOwnerReferences(owner).WithData(data)
	if _, err := clients.CoreV1().Secrets(w.namespace).Apply(ctx, secret, metav1.ApplyOptions{FieldManager: fieldManager}); err != nil {
		return w.describe(err, "secrets")
	}
	if len(wanted.InstanceSelector) == 0 {
		return nil
	}
	return w.writeOperator(ctx, source.OperatorResource(w.name, wanted.InstanceSelector))
}

// checkLabels checks what becomes metadata of the Secret, and the selector of a GrafanaDatasource.
func checkLabels(wanted *v1alpha1.GrafanaDataSource) *problem.Problem {
	for _, of := range []struct {
		field  string
		labels map[string]string
	}{{"spec.grafana.labels", wanted.Labels}, {"spec.grafana.instanceSelector", wanted.InstanceSelector}} {
		for _, key := range slices.Sorted(maps.Keys(of.labels)) {
			if err := names.Label(of.field, key, of.labels[key]); err != nil {
				return problem.As(err)
			}
		}
	}
	return nil
}

// writeOperator writes the GrafanaDatasource of grafana-operator, which reads the Secret.
func (w writer) writeOperator(ctx context.Context, content map[string]any) *problem.Problem {
	clients, err := dynamic.NewForConfig(w.config)
	if err != nil {
		return problem.Retrying(v1alpha1.ReasonRetrying, err, "the API server cannot be reached")
	}
	object := &unstructured.Unstructured{Object: content}
	object.SetOwnerReferences([]metav1.OwnerReference{w.owner})
	namespaced := clients.Resource(resource()).Namespace(object.GetNamespace())
	if _, err := namespaced.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: fieldManager}); err != nil {
		return w.describe(err, resource().GroupResource().String())
	}
	return nil
}

// remove deletes what was written before.
func (w writer) remove(ctx context.Context) *problem.Problem {
	clients, err := dynamic.NewForConfig(w.config)
	if err != nil {
		return problem.Retrying(v1alpha1.ReasonRetrying, err, "the API server cannot be reached")
	}
	for _, r := range []schema.GroupVersionResource{{Version: "v1", Resource: "secrets"}, resource()} {
		err := clients.Resource(r).Namespace(w.namespace).Delete(ctx, w.name, metav1.DeleteOptions{})
		if err == nil || apierrors.IsNotFound(err) || (r.Group != "" && apierrors.IsForbidden(err)) {
			continue // without permission to write a GrafanaDatasource there is none
		}
		p := w.describe(err, r.GroupResource().String())
		p.Reason = v1alpha1.ReasonExportNotRemoved
		return p
	}
	return nil
}

// describe turns an error of the API server into a problem.
func (w writer) describe(err error, resources string) *problem.Problem {
	if refused, ok := apierror.ImpersonationRefused(err); ok {
		return impersonate.Refused(refused, w.namespace, w.account)
	}
	switch {
	case apierrors.IsNotFound(err):
		return problem.UserError(
			v1alpha1.ReasonAPINotServed,
			err,
			"the cluster does not serve grafana.integreatly.org/v1beta1; install grafana-operator, or remove spec.grafana.instanceSelector",
		)
	case apierrors.IsForbidden(err):
		return problem.UserError(
			v1alpha1.ReasonForbidden,
			err,
			"ServiceAccount %s/%s cannot write %s %s (RBAC). To grant it: %s",
			w.namespace,
			w.account,
			resources,
			w.name,
			remedy.Command("kubectl -n %[1]s create role %[2]s-data-sources --verb=create,patch,delete --resource=%[3]s%[4]s "+
				"&& kubectl -n %[1]s create rolebinding %[2]s-data-sources --role=%[2]s-data-sources --serviceaccount=%[1]s:%[2]s%[4]s",
				w.namespace, w.account, resources, remedy.Repeatable),
		)
	case apierrors.IsConflict(err):
		return problem.UserError(v1alpha1.ReasonFieldConflict, err,
			"%s %s has another field manager; delete it, or remove spec.grafana", resources, w.name)
	}
	return problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot write %s %s (%s)", resources, w.name, apierror.Describe(err))
}
