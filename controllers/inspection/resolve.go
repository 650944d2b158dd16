package inspection

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/custom"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/problem"
)

// +kubebuilder:rbac:groups="",resources=serviceaccounts,verbs=get;impersonate

// resolve reads everything that a run needs. Its errors are problems.
func (r *Reconciler) resolve(ctx context.Context, i *v1alpha1.Inspection) (inspect.Input, error) {
	selected, own, err := r.selectChecks(i.Spec.Checks, i.Spec.CustomChecks)
	if err != nil {
		return inspect.Input{}, err
	}
	config, err := r.impersonate(ctx, i)
	if err != nil {
		return inspect.Input{}, err
	}
	previous, err := r.previous(ctx, i)
	if err != nil {
		return inspect.Input{}, err
	}
	input := inspect.Input{
		Source:            collect.Source{Cluster: v1alpha1.LocalCluster, Config: config},
		Scope:             collect.Scope{Namespaces: i.Spec.Namespaces, Home: i.Namespace},
		Checks:            selected,
		Custom:            own,
		Params:            params(&i.Spec),
		Usage:             usageOptions(i.Spec.Usage),
		LogAnalysis:       logOptions(i.Spec.LogAnalysis),
		Ignore:            i.Spec.Ignore,
		ExcludeNamespaces: i.Spec.ExcludeNamespaces,
		Previous:          previous,
		Clock:             r.Clock,
	}
	return input, r.openBackends(ctx, i, &input)
}

// selectChecks compiles the custom checks and narrows all to what the spec selects.
func (r *Reconciler) selectChecks(selection *v1alpha1.CheckSelection, customChecks []v1alpha1.CustomCheck) ([]checks.Check, []custom.Program, error) {
	own, err := custom.Compile(customChecks)
	if err != nil {
		return nil, nil, problem.UserError(v1alpha1.ReasonInvalidCustomCheck, nil, "spec.customChecks: %s", err)
	}
	if selection == nil {
		return r.Checks, own, nil
	}
	selected, own, err := custom.Select(r.Checks, own, selection.Include, selection.Exclude)
	switch {
	case err != nil:
		return nil, nil, problem.UserError(v1alpha1.ReasonUnknownCheck, nil, "spec.checks: %s; `kubeops checks` lists them all", err)
	case len(selected)+len(own) == 0:
		return nil, nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.checks leaves no check to run: exclude takes all that include names")
	}
	return selected, own, nil
}

// impersonate makes the configuration that reads with the rights of the Inspection's ServiceAccount, and with no others.
// The API server adds the groups of a ServiceAccount by itself.
func (r *Reconciler) impersonate(ctx context.Context, i *v1alpha1.Inspection) (*rest.Config, error) {
	name := i.ServiceAccountName()
	account := &metav1.PartialObjectMetadata{}
	account.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ServiceAccount"))
	err := r.Reader.Get(ctx, client.ObjectKey{Namespace: i.Namespace, Name: name}, account)
	switch {
	case apierrors.IsNotFound(err):
		return nil, problem.Waiting(v1alpha1.ReasonServiceAccountNotFound, time.Minute,
			"ServiceAccount %s/%s, with whose rights to read, does not exist; kubectl -n %s create serviceaccount %s, and bind ClusterRole kubeops-inspector to it",
			i.Namespace, name, i.Namespace, name)
	case err != nil:
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "ServiceAccount %s/%s could not be read (%s)", i.Namespace, name, brief(err))
	}
	config := rest.CopyConfig(r.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: fmt.Sprintf("system:serviceaccount:%s:%s", i.Namespace, name)}
	config.QPS = -1
	return config, nil
}

// previous is the last report, or nil when there is none any more.
func (r *Reconciler) previous(ctx context.Context, i *v1alpha1.Inspection) (*v1alpha1.InspectionReport, error) {
	if i.Status.LastReport == "" {
		return nil, nil
	}
	report := &v1alpha1.InspectionReport{}
	err := r.Reader.Get(ctx, client.ObjectKey{Namespace: i.Namespace, Name: i.Status.LastReport}, report)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "InspectionReport %s/%s could not be read (%s)", i.Namespace, i.Status.LastReport, brief(err))
	}
	return report, nil
}

// params are what the spec says to the checks, over the defaults.
func params(spec *v1alpha1.InspectionSpec) checks.Params {
	p, t := checks.DefaultParams(), spec.Thresholds
	p.AllowedRegistries = spec.AllowedRegistries
	sizes(spec.Usage, &p)
	if t == nil {
		return p
	}
	for _, set := range []struct {
		value *metav1.Duration
		to    *time.Duration
	}{{t.StartupGrace, &p.StartupGrace}, {t.TerminatingGrace, &p.TerminatingGrace}, {t.RecentWindow, &p.RecentWindow}} {
		if set.value != nil {
			*set.to = set.value.Duration
		}
	}
	return p
}

// brief names an error of the API server by what does not change from try to try. Where the server refuses for a reason
// that a person must know, such as a quota, it is in the server's own words.
func brief(err error) string {
	const most = 512
	reason := apierrors.ReasonForError(err)
	switch reason {
	case metav1.StatusReasonUnknown:
		return "the API server did not answer"
	case metav1.StatusReasonForbidden, metav1.StatusReasonInvalid, metav1.StatusReasonRequestEntityTooLarge:
		return string(reason) + ": " + outcome.Clip(err.Error(), most)
	default:
		return string(reason)
	}
}
