package backends

import (
	"context"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/secretref"
	"kubeops.io/kubeops/internal/visual"
)

// maxDataView bounds an answer: a data view lists all fields of its indices.
const maxDataView = 8 << 20

// Logs is an open LogBackend.
type Logs struct {
	logs.Provider
	Redactor

	config   logs.Config
	endpoint provider.Endpoint
	// egress, telemetry and memory are for the dashboards beside it, see PutDataView.
	egress    provider.Egress
	telemetry *provider.Metrics
	memory    *provider.ResponseShare
}

// OpenLogs opens a client of a LogBackend. Its errors are problems. Close what it returns.
func (r *Resolver) OpenLogs(ctx context.Context, backend *v1alpha1.LogBackend) (*Logs, error) {
	config, err := configure(r.LogTypes, string(backend.Spec.Type), &backend.Spec)
	if err != nil {
		return nil, err
	}
	secrets := r.Secrets.For(backend.Namespace, backend.Spec.ServiceAccountName)
	endpoint, err := logEndpoint(ctx, secrets, config, &backend.Spec)
	if err != nil {
		return nil, err
	}
	opened, err := config.Open(logs.Settings{
		Endpoint: endpoint, Fields: logFields(backend.Spec.Fields), Timeout: backend.Spec.RequestTimeout(),
		MaxBytes: r.MaxLogBytes, Egress: r.Egress, Metrics: r.Telemetry, Memory: r.Memory.For(backend.Namespace),
	})
	if err != nil {
		return nil, toProblem(err)
	}
	return &Logs{
		Provider: opened, Redactor: newRedactor(secrets), config: config, endpoint: endpoint, egress: r.Egress, telemetry: r.Telemetry,
		memory: r.Memory.For(backend.Namespace),
	}, nil
}

func logEndpoint(
	ctx context.Context, secrets *secretref.Reader, config logs.Config, spec *v1alpha1.LogBackendSpec,
) (provider.Endpoint, error) {
	url, setting := config.Server()
	endpoint, err := resolve(ctx, secrets, spec.Auth, spec.TLS, fieldsOf(string(spec.Type), setting))
	endpoint.URL = url
	return endpoint, err
}

// LogEndpoint is where a LogBackend is, with the credentials that its references lead to. Its errors are problems.
func (r *Resolver) LogEndpoint(ctx context.Context, backend *v1alpha1.LogBackend) (provider.Endpoint, error) {
	config, err := configure(r.LogTypes, string(backend.Spec.Type), &backend.Spec)
	if err != nil {
		return provider.Endpoint{}, err
	}
	return logEndpoint(ctx, r.Secrets.For(backend.Namespace, backend.Spec.ServiceAccountName), config, &backend.Spec)
}

// RouteTarget is where collectors send the lines for a LogBackend at an endpoint, and in which form. Its errors are problems.
func (r *Resolver) RouteTarget(backend *v1alpha1.LogBackend, endpoint provider.Endpoint) (logs.RouteTarget, error) {
	config, err := configure(r.LogTypes, string(backend.Spec.Type), &backend.Spec)
	if err != nil {
		return nil, err
	}
	routable, is := config.(logs.Routable)
	if !is {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"log collection does not support spec.type %s; remove spec.collect", backend.Spec.Type)
	}
	return routable.RouteTarget(serverOf(backend, endpoint))
}

// serverOf a LogBackend, as its spec and its last probe describe it.
func serverOf(backend *v1alpha1.LogBackend, endpoint provider.Endpoint) logs.Server {
	return logs.Server{
		Endpoint: endpoint, Fields: logFields(backend.Spec.Fields), Version: backend.Status.Version, Flavor: backend.Status.Flavor,
	}
}

func logFields(spec *v1alpha1.LogFields) logs.Fields {
	if spec == nil {
		return logs.Fields{Schema: string(v1alpha1.FieldSchemaAuto)}
	}
	set := logs.Fields{
		Schema: string(spec.Schema), Time: spec.Time, Message: spec.Message, Namespace: spec.Namespace, Pod: spec.Pod,
		Container: spec.Container, Node: spec.Node, Level: spec.Level,
	}
	if set.Schema == "" {
		set.Schema = string(v1alpha1.FieldSchemaAuto)
	}
	return set
}

// DataSource of Grafana that leads to the server that KubeOps queries. It holds credentials.
func (l *Logs) DataSource(backend *v1alpha1.LogBackend) *visual.DataSource {
	source := &visual.DataSource{
		Namespace: backend.Namespace, Name: backend.Name,
		GrafanaSource: provider.GrafanaSource{Plugin: string(backend.Spec.Type), Endpoint: l.endpoint},
	}
	if sourcer, is := l.config.(logs.GrafanaSourcer); is {
		source.GrafanaSource = sourcer.GrafanaSource(serverOf(backend, l.endpoint))
	}
	return source
}

// PutDataView creates or corrects the data view that the settings ask for, with the credentials and certificates of the backend, and
// returns the product that has it. It goes by the flavor and version in the status. Errors are problems.
func (l *Logs) PutDataView(ctx context.Context, backend *v1alpha1.LogBackend) (visual.DashboardsProduct, error) {
	product := visual.ProductFor(backend.Status.Flavor, backend.Status.Version)
	viewer, is := l.config.(logs.DataViewer)
	if !is {
		return product, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.type %s does not support data views", backend.Spec.Type)
	}
	wanted, asked := viewer.DataViewFor(serverOf(backend, l.endpoint))
	if !asked {
		return product, nil
	}
	endpoint := l.endpoint
	endpoint.URL = wanted.URL
	endpoint.Fields.URL = l.endpoint.Fields.Setting(wanted.Setting)
	client, err := provider.NewClient(endpoint, provider.Options{
		Type: "dashboards", Limits: provider.Limits{Timeout: backend.Spec.RequestTimeout(),
			MaxBytes: maxDataView}, Egress: l.egress, Metrics: l.telemetry, Memory: l.memory,
	})
	if err != nil {
		return product, err
	}
	defer client.Close()
	view := visual.DataView{
		ID:   provider.ShortName("kubeops-"+backend.Namespace+"-"+backend.Name, 63),
		Name: "KubeOps " + backend.Namespace + "/" + backend.Name, Pattern: wanted.Pattern, TimeField: wanted.TimeField,
	}
	return product, view.Put(ctx, client, product)
}
