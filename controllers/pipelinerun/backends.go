package pipelinerun

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/pipeline/notify"
	"kubeops.io/kubeops/internal/problem"
)

// missingRetry is when to look again for a resource that does not exist.
const missingRetry = 10 * time.Second

// opener opens what stages refer to, in the namespace of their run.
type opener struct{ *environment.Environment }

// read a resource that a field of a stage refers to. The cache of the manager has no specs.
func (o opener) read(ctx context.Context, kind, field, missing string, key client.ObjectKey, into client.Object) error {
	if err := names.Object(field, kind, key.Name); err != nil {
		return err
	}
	err := o.Reader.Get(ctx, key, into)
	switch {
	case apierrors.IsNotFound(err):
		return problem.Waiting(missing, missingRetry, "%s %s/%s does not exist; create it, or correct %s", kind, key.Namespace, key.Name,
			field)
	case err != nil:
		return problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot read %s %s (%s)", kind, key, apierror.Describe(err))
	}
	return nil
}

// builds opens a CIProvider.
func (o opener) builds(ctx context.Context, key client.ObjectKey) (*backends.Builds, error) {
	provider := &v1alpha1.CIProvider{}
	if err := o.read(ctx, "CIProvider", "build.providerRef.name", v1alpha1.ReasonProviderNotFound, key, provider); err != nil {
		return nil, err
	}
	opened, err := o.Backends.OpenBuilds(ctx, provider)
	return opened, problem.In("CIProvider "+key.Name, err)
}

// channel opens a NotificationChannel.
func (o opener) channel(ctx context.Context, key client.ObjectKey) (*notify.Channel, error) {
	resource := &v1alpha1.NotificationChannel{}
	err := o.read(ctx, "NotificationChannel", "notify.channelRef.name", v1alpha1.ReasonChannelNotFound, key, resource)
	if err != nil {
		return nil, err
	}
	where := "NotificationChannel " + key.Name
	alerts, err := o.Backends.HoldsAlerts(resource)
	if err != nil {
		return nil, problem.In(where, err)
	}
	opened, err := o.Backends.OpenChannel(ctx, resource)
	if err != nil {
		return nil, problem.In(where, err)
	}
	return &notify.Channel{Channel: opened.Channel, Resource: resource, HoldsAlerts: alerts}, nil
}

// metrics opens a MetricsBackend.
func (o opener) metrics(ctx context.Context, key client.ObjectKey) (*backends.Metrics, error) {
	resource := &v1alpha1.MetricsBackend{}
	if err := o.read(ctx, "MetricsBackend", "metrics.backendRef.name", v1alpha1.ReasonBackendNotFound, key, resource); err != nil {
		return nil, err
	}
	opened, err := o.Backends.OpenMetrics(ctx, resource)
	return opened, problem.In("MetricsBackend "+key.Name, err)
}

// logs opens a LogBackend.
func (o opener) logs(ctx context.Context, key client.ObjectKey) (*backends.Logs, error) {
	resource := &v1alpha1.LogBackend{}
	if err := o.read(ctx, "LogBackend", "logs.backendRef.name", v1alpha1.ReasonBackendNotFound, key, resource); err != nil {
		return nil, err
	}
	opened, err := o.Backends.OpenLogs(ctx, resource)
	return opened, problem.In("LogBackend "+key.Name, err)
}
