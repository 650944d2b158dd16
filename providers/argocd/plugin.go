// Package argocd is the plugin of kind cd for Argo CD: it implements api/plugin/v1 with the REST API of its server, by the HTTP client of
// KubeOps. cmd/argocd-provider is the process. It keeps nothing between two calls.
package argocd

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"time"

	pluginv1 "kubeops.io/kubeops/api/plugin/v1"
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/buildinfo"
	"kubeops.io/kubeops/internal/plugin"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/cd"
)

const (
	name = "argocd"
	// Marker is the name of the info that has the key of an operation.
	Marker = "kubeops.io/run"
	// handlePrefix of the key in a handle.
	handlePrefix = "operation/"
	// defaultTimeout of a request.
	defaultTimeout = 10 * time.Second
)

// Plugin implements the contract.
type Plugin struct {
	pluginv1.UnimplementedPluginServer
	// Egress says which servers may be called.
	Egress provider.Egress
}

// Describe implements pluginv1.PluginServer.
func (p *Plugin) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	return &pluginv1.DescribeResponse{
		Versions: []int32{plugin.Version}, Kind: plugin.KindCD, Name: name, Version: buildinfo.Read().Version,
		Capabilities: []string{"cancel", plugin.CapabilityEnsure, plugin.CapabilityFind, "logs", "rollback"},
		SettingsSchema: `{"type":"object","required":["url"],"properties":{"url":{"type":"string"},"timeoutMillis":{"type":"integer"},` +
			`"ca":{"type":"string"},"serverName":{"type":"string"},"insecureSkipVerify":{"type":"boolean"},` +
			`"certificate":{"type":"string"}}}`,
	}, nil
}

// open a client with the settings of a call. Close it.
func (p *Plugin) open(sent *pluginv1.Settings) (*server, error) {
	var settings cd.ArgoCD
	if err := json.Unmarshal([]byte(sent.GetJson()), &settings); err != nil {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "the settings of the plugin are not those of Argo CD")
	}
	token := strings.TrimSpace(string(sent.GetSecrets()[cd.SecretToken]))
	if token == "" {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSecret, nil, "the token of Argo CD is empty")
	}
	timeout := time.Duration(settings.TimeoutMillis) * time.Millisecond
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	return connect(provider.Endpoint{
		URL: settings.URL, Auth: provider.Auth{BearerToken: token},
		TLS: provider.TLS{
			CA: []byte(settings.CA), ServerName: settings.ServerName, InsecureSkipVerify: settings.InsecureSkipVerify,
			Certificate: []byte(settings.Certificate), Key: sent.GetSecrets()[cd.SecretClientKey],
		},
		Fields: provider.Fields{URL: "spec.argocd.url", Auth: "spec.argocd.tokenRef", TLS: "spec.tls", Timeout: "spec.timeout"},
	}, provider.Options{Egress: p.Egress, Limits: provider.Limits{Timeout: timeout, MaxBytes: maxBytes}})
}

// connect a client. It sends nothing.
func connect(endpoint provider.Endpoint, options provider.Options) (*server, error) {
	options.Type = name
	options.KeepRedirects = true
	client, err := provider.NewClient(endpoint, options)
	if err != nil {
		return nil, err
	}
	return &server{client: client, token: endpoint.Auth.BearerToken, url: client.BaseURL()}, nil
}

// openFor is open for an application, whose name becomes a part of a path.
func (p *Plugin) openFor(sent *pluginv1.Settings, work *pluginv1.Work) (*server, *pluginv1.Application, error) {
	application := work.GetDelivery().GetApplication()
	valid := regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
	namespace := application.GetNamespace()
	if !valid.MatchString(application.GetName()) || namespace != "" && !valid.MatchString(namespace) {
		return nil, nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "the name or namespace of the application is not valid")
	}
	s, err := p.open(sent)
	return s, application, err
}

// Check implements pluginv1.PluginServer.
func (p *Plugin) Check(ctx context.Context, request *pluginv1.CheckRequest) (*pluginv1.CheckResponse, error) {
	s, err := p.open(request.GetSettings())
	if err != nil {
		return nil, err
	}
	defer s.client.Close()
	user, err := s.user(ctx)
	if err != nil {
		return nil, err
	}
	version, err := s.version(ctx)
	if err != nil {
		return nil, err
	}
	count, err := s.count(ctx)
	if err != nil {
		return nil, err
	}
	return &pluginv1.CheckResponse{Version: version, User: user, Applications: count}, nil
}

// Start implements pluginv1.PluginServer.
func (p *Plugin) Start(ctx context.Context, request *pluginv1.StartRequest) (*pluginv1.StartResponse, error) {
	s, application, err := p.openFor(request.GetSettings(), request.GetWork())
	if err != nil {
		return nil, err
	}
	defer s.client.Close()
	delivery := request.GetWork().GetDelivery()
	key := request.GetKey()
	if key == "" || len(key) > plugin.MaxHandle-len(handlePrefix) {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "the key of the work is empty or too long")
	}
	switch {
	case delivery.GetRefresh() != nil:
		return &pluginv1.StartResponse{}, s.refresh(ctx, application, delivery.GetRefresh().GetHard())
	case delivery.GetEnsure() != nil:
		return &pluginv1.StartResponse{}, s.ensure(ctx, application, delivery.GetEnsure())
	case delivery.GetSync() != nil:
		err = s.sync(ctx, key, application, delivery.GetSync(), nil)
	case delivery.GetRollback() != nil:
		err = s.sync(ctx, key, application, &pluginv1.Sync{Prune: delivery.GetRollback().GetPrune()}, delivery.GetRollback())
	default:
		err = problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "the plugin for Argo CD does not know what was asked for; update it")
	}
	if err != nil {
		return nil, err
	}
	return &pluginv1.StartResponse{Handle: handlePrefix + key}, nil
}

// Find implements pluginv1.PluginServer.
func (p *Plugin) Find(ctx context.Context, request *pluginv1.FindRequest) (*pluginv1.FindResponse, error) {
	s, application, err := p.openFor(request.GetSettings(), request.GetWork())
	if err != nil {
		return nil, err
	}
	defer s.client.Close()
	return s.find(ctx, request.GetKey(), application, request.GetNotBefore().AsTime())
}

// Get implements pluginv1.PluginServer.
func (p *Plugin) Get(ctx context.Context, request *pluginv1.GetRequest) (*pluginv1.GetResponse, error) {
	s, application, err := p.openFor(request.GetSettings(), request.GetWork())
	if err != nil {
		return nil, err
	}
	defer s.client.Close()
	found, _, err := s.get(ctx, application, "")
	if err != nil {
		return nil, err
	}
	answer := &pluginv1.GetResponse{Url: s.page(found), Kind: &pluginv1.GetResponse_Delivery{Delivery: found.state()}}
	if handle := request.GetHandle(); handle != "" {
		answer.State, answer.Message = found.result(strings.TrimPrefix(handle, handlePrefix))
	}
	if request.GetDetails() {
		answer.GetDelivery().Unhealthy, err = s.unhealthy(ctx, application, found)
	}
	return answer, err
}

// Cancel implements pluginv1.PluginServer. An operation of someone else is left alone.
func (p *Plugin) Cancel(ctx context.Context, request *pluginv1.CancelRequest) (*pluginv1.CancelResponse, error) {
	s, application, err := p.openFor(request.GetSettings(), request.GetWork())
	if err != nil {
		return nil, err
	}
	defer s.client.Close()
	found, _, err := s.get(ctx, application, "")
	if err != nil {
		return nil, err
	}
	key := strings.TrimPrefix(request.GetHandle(), handlePrefix)
	if state, _ := found.result(key); state != pluginv1.State_STATE_RUNNING {
		return &pluginv1.CancelResponse{Ended: true}, nil
	}
	if found.terminating() { // to ask again is a conflict with the controller
		return &pluginv1.CancelResponse{}, nil
	}
	return &pluginv1.CancelResponse{}, s.terminate(ctx, application, found)
}

// Cleanup implements pluginv1.PluginServer. Argo CD keeps nothing of an operation beside the application.
func (p *Plugin) Cleanup(context.Context, *pluginv1.CleanupRequest) (*pluginv1.CleanupResponse, error) {
	return &pluginv1.CleanupResponse{}, nil
}

// Logs implements pluginv1.PluginServer: a line for each resource of the operation.
func (p *Plugin) Logs(request *pluginv1.LogsRequest, stream pluginv1.Plugin_LogsServer) error {
	s, application, err := p.openFor(request.GetSettings(), request.GetWork())
	if err != nil {
		return err
	}
	defer s.client.Close()
	found, _, err := s.get(stream.Context(), application, "")
	if err != nil {
		return err
	}
	log := found.log(strings.TrimPrefix(request.GetHandle(), handlePrefix))
	for at := request.GetOffset(); at >= 0 && at < int64(len(log)); {
		part := log[at:min(int64(len(log)), at+plugin.MaxLog)]
		part = part[:strings.LastIndexByte(part, '\n')+1] // lines are shorter than a part
		if part == "" {
			return nil // the offset is not that of a line
		}
		at += int64(len(part))
		if err := stream.Send(&pluginv1.LogsResponse{Text: part, Next: at}); err != nil {
			return err
		}
	}
	return nil
}
