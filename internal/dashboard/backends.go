package dashboard

import (
	"cmp"
	"context"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/kind"
)

// Backend is a server that KubeOps uses: a metrics or log backend, a language model, a build or deployment server, or a notification
// channel.
type Backend struct {
	Kind       string      `json:"kind" enum:"MetricsBackend,LogBackend,AIProvider,CIProvider,CDProvider,NotificationChannel" doc:"Kind."`
	Namespace  string      `json:"namespace" doc:"Namespace."`
	Name       string      `json:"name" doc:"Name."`
	Type       string      `json:"type" doc:"Type of the server, for example prometheus."`
	Suspended  bool        `json:"suspended" doc:"True if it is not probed."`
	Ready      Readiness   `json:"ready" doc:"Condition Ready."`
	Conditions []Condition `json:"conditions" nullable:"false" doc:"All conditions."`
	Version    string      `json:"version" doc:"Version of the server, if it reports one."`
	LatencyMs  *int64      `json:"latencyMs,omitempty" doc:"Latency of the last probe in milliseconds."`
	LastProbe  *time.Time  `json:"lastProbe,omitempty" doc:"Start of the last probe."`
	Pending    int32       `json:"pending" doc:"Reports that wait for delivery, of a NotificationChannel."`
	Delivered  int64       `json:"delivered" doc:"Messages that a NotificationChannel accepted."`
}

type backendsOutput struct{ Body Page[Backend] }

// source of backends: a resource, its empty list, and the row of an item.
type source struct {
	resource string
	empty    func() runtime.Object
	row      func(runtime.Object) Backend
}

func metricsSource() source {
	return source{metrics, func() runtime.Object { return &v1alpha1.MetricsBackendList{} }, func(o runtime.Object) Backend {
		b := o.(*v1alpha1.MetricsBackend)
		return serverOf("MetricsBackend", b, string(b.Spec.Type), b.Status.LastProbeTime, b.Status.Version, b.Status.QueryLatency)
	}}
}

func logsSource() source {
	return source{logs, func() runtime.Object { return &v1alpha1.LogBackendList{} }, func(o runtime.Object) Backend {
		b := o.(*v1alpha1.LogBackend)
		return serverOf("LogBackend", b, string(b.Spec.Type), b.Status.LastProbeTime, b.Status.Version, b.Status.QueryLatency)
	}}
}

func modelsSource() source {
	return source{models, func() runtime.Object { return &v1alpha1.AIProviderList{} }, func(o runtime.Object) Backend {
		p := o.(*v1alpha1.AIProvider)
		return serverOf("AIProvider", p, string(p.Spec.Type), p.Status.LastProbeTime, p.Status.Version, p.Status.Latency)
	}}
}

func buildersSource() source {
	return source{builders, func() runtime.Object { return &v1alpha1.CIProviderList{} }, func(o runtime.Object) Backend {
		p := o.(*v1alpha1.CIProvider)
		return serverOf("CIProvider", p, string(p.Spec.Type), p.Status.LastProbeTime, p.Status.Version, p.Status.Latency)
	}}
}

func deployersSource() source {
	return source{deployers, func() runtime.Object { return &v1alpha1.CDProviderList{} }, func(o runtime.Object) Backend {
		p := o.(*v1alpha1.CDProvider)
		return serverOf("CDProvider", p, string(p.Spec.Type), p.Status.LastProbeTime, p.Status.Version, p.Status.Latency)
	}}
}

func channelsSource() source {
	return source{channels, func() runtime.Object { return &v1alpha1.NotificationChannelList{} }, func(o runtime.Object) Backend {
		c := o.(*v1alpha1.NotificationChannel)
		row := backendOf("NotificationChannel", c, string(c.Spec.Type), c.Status.LastProbeTime)
		row.Pending = c.Status.Pending
		row.Delivered = c.Status.Delivered
		return row
	}}
}

func backendOf(kindName string, o kind.Object, serverType string, probed *metav1.Time) Backend {
	lifecycle := o.Lifecycle()
	return Backend{
		Kind: kindName, Namespace: o.GetNamespace(), Name: o.GetName(), Type: serverType, Suspended: lifecycle.Suspend,
		Ready: readinessOf(*lifecycle.Conditions), Conditions: conditionsOf(*lifecycle.Conditions), LastProbe: timeOf(probed),
	}
}

// serverOf is the row of a server that is probed for its version and latency.
func serverOf(kindName string, o kind.Object, serverType string, probed *metav1.Time, version string, latency *metav1.Duration) Backend {
	row := backendOf(kindName, o, serverType, probed)
	row.Version = version
	row.LatencyMs = millisecondsOf(latency)
	return row
}

func (s *Server) listBackends(ctx context.Context, query *Query) (*backendsOutput, error) {
	return s.backends(ctx, query, metricsSource(), logsSource(), modelsSource(), buildersSource(), deployersSource())
}

func (s *Server) listChannels(ctx context.Context, query *Query) (*backendsOutput, error) {
	return s.backends(ctx, query, channelsSource())
}

func (s *Server) backends(ctx context.Context, query *Query, sources ...source) (*backendsOutput, error) {
	readAt := s.now()
	var rows []Backend
	for _, from := range sources {
		err := s.collect(ctx, identityOf(ctx).viewer, from.resource, query.Namespace, from.empty,
			func(o runtime.Object) { rows = append(rows, from.row(o)) })
		if err != nil {
			return nil, failed(err)
		}
	}
	body, err := page(*query, rows, backendColumns(), readAt)
	return &backendsOutput{body}, err
}

func backendColumns() columns[Backend] {
	name := func(a, b Backend) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	}
	return columns[Backend]{
		initial: "ready",
		text: func(b Backend) string {
			return b.Kind + " " + b.Namespace + "/" + b.Name + " " + b.Type + " " + b.Ready.Reason + " " + b.Ready.Message
		},
		sort: map[string]func(a, b Backend) int{
			"name": name,
			"kind": func(a, b Backend) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), name(a, b)) },
			"ready": func(a, b Backend) int {
				return cmp.Or(cmp.Compare(readyOrder(a.Ready, a.Suspended), readyOrder(b.Ready, b.Suspended)), name(a, b))
			},
			"latency": func(a, b Backend) int { return cmp.Or(compareLatencies(a.LatencyMs, b.LatencyMs), name(a, b)) },
		},
	}
}

// readyOrder sorts what does not work first, then what is not known yet, then what works, and what is suspended last.
func readyOrder(ready Readiness, suspended bool) int {
	switch {
	case suspended:
		return 3
	case ready.Status == "False":
		return 0
	case ready.Status == "Unknown":
		return 1
	}
	return 2
}

func compareLatencies(a, b *int64) int {
	const unknown = -1
	left, right := int64(unknown), int64(unknown)
	if a != nil {
		left = *a
	}
	if b != nil {
		right = *b
	}
	return cmp.Compare(left, right)
}
