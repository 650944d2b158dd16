// Package cd is the client of servers that deliver applications. There is one layer: a server is reached by a plugin of kind cd, and the
// messages of api/plugin/v1 are the contract. This package gives them names, and checks what comes back.
package cd

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pluginv1 "kubeops.io/kubeops/api/plugin/v1"
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/plugin"
	"kubeops.io/kubeops/internal/problem"
)

// Messages of the contract.
type (
	// Application names an application.
	Application = pluginv1.Application
	// State of an application.
	State = pluginv1.DeliveryState
	// Ensure defines an application.
	Ensure = pluginv1.Ensure
	// Sync deploys a revision.
	Sync = pluginv1.Sync
	// Work is the state of work, and of its application.
	Work = pluginv1.GetResponse
)

// Words for the state of an application, as Argo CD has them. A plugin uses the same.
const (
	Synced      = "Synced"
	Healthy     = "Healthy"
	Progressing = "Progressing"
	Degraded    = "Degraded"
)

// Provider is an open connection to a server. Its errors are problems.
type Provider struct {
	conn     *plugin.Conn
	settings *pluginv1.Settings
}

// Open connects to the process of a plugin. It asks the server nothing.
func Open(ctx context.Context, pool *plugin.Pool, target plugin.Target, settings *pluginv1.Settings) (*Provider, error) {
	target.Kind = plugin.KindCD
	conn, err := pool.Open(ctx, target)
	if err != nil {
		return nil, err
	}
	return &Provider{conn: conn, settings: settings}, nil
}

// Close lets go of the connection.
func (p *Provider) Close() { p.conn.Close() }

// Plugin is the name and the version of the process.
func (p *Provider) Plugin() string {
	return p.conn.Description.GetName() + " " + p.conn.Description.GetVersion()
}

// Capabilities of the plugin.
func (p *Provider) Capabilities() []string { return p.conn.Description.GetCapabilities() }

// Check makes a round trip to the server.
func (p *Provider) Check(ctx context.Context) (*pluginv1.CheckResponse, time.Duration, error) {
	began := time.Now()
	answer, err := p.conn.Check(ctx, &pluginv1.CheckRequest{Settings: p.settings})
	return answer, time.Since(began), err
}

// Get reads an application, and the work of a handle unless it is empty. Details include unhealthy resources.
func (p *Provider) Get(ctx context.Context, application *Application, handle string, details bool) (*Work, error) {
	answer, err := p.conn.Get(ctx, &pluginv1.GetRequest{
		Handle: handle, Settings: p.settings, Work: work(&pluginv1.Delivery{Application: application}), Details: details,
	})
	if err == nil && answer.GetDelivery() == nil {
		return nil, problem.Retrying(v1alpha1.ReasonInvalidResponse, nil, "the plugin answered without an application; update it")
	}
	return answer, err
}

// Refresh compares the application with its source again. It can be repeated.
func (p *Provider) Refresh(ctx context.Context, key string, application *Application, hard bool) error {
	_, err := p.conn.Start(ctx, &pluginv1.StartRequest{Key: key, Settings: p.settings, Work: work(&pluginv1.Delivery{
		Application: application, Action: &pluginv1.Delivery_Refresh{Refresh: &pluginv1.Refresh{Hard: hard}},
	})})
	return err
}

// Ensure creates the application, or replaces its spec, if the plugin has the capability. It can be repeated.
func (p *Provider) Ensure(ctx context.Context, key string, application *Application, ensure *Ensure) error {
	_, err := p.conn.Start(ctx, &pluginv1.StartRequest{Key: key, Settings: p.settings, Work: work(&pluginv1.Delivery{
		Application: application, Action: &pluginv1.Delivery_Ensure{Ensure: ensure},
	})})
	return err
}

// Sync starts a sync with a key. After problems with the actions UserMustAct and Wait nothing was started; after others only Find can tell.
func (p *Provider) Sync(ctx context.Context, key string, application *Application, sync *Sync) (handle string, err error) {
	return p.start(ctx, key, &pluginv1.Delivery{Application: application, Action: &pluginv1.Delivery_Sync{Sync: sync}})
}

// Rollback starts a sync with a key to an entry of the history.
func (p *Provider) Rollback(ctx context.Context, key string, application *Application, id int64, prune bool) (handle string, err error) {
	return p.start(ctx, key, &pluginv1.Delivery{
		Application: application, Action: &pluginv1.Delivery_Rollback{Rollback: &pluginv1.Rollback{Id: id, Prune: prune}},
	})
}

func (p *Provider) start(ctx context.Context, key string, delivery *pluginv1.Delivery) (string, error) {
	answer, err := p.conn.Start(ctx, &pluginv1.StartRequest{Key: key, Settings: p.settings, Work: work(delivery)})
	if err == nil && answer.GetHandle() == "" {
		return "", problem.Retrying(v1alpha1.ReasonInvalidResponse, nil, "the plugin answered without a handle; update it")
	}
	return answer.GetHandle(), err
}

// Presence of work.
type Presence = pluginv1.FindResponse_Presence

// Answers to a lookup. Only Absent permits another start.
const (
	Unknown = pluginv1.FindResponse_PRESENCE_UNSPECIFIED
	Found   = pluginv1.FindResponse_PRESENCE_FOUND
	Absent  = pluginv1.FindResponse_PRESENCE_ABSENT
)

// Find looks for the sync or rollback of a key, which had not been started at a time. With an error the presence is Unknown.
func (p *Provider) Find(
	ctx context.Context, key string, application *Application, notBefore time.Time,
) (presence Presence, handle, reason string, err error) {
	answer, err := p.conn.Find(ctx, &pluginv1.FindRequest{
		Key: key, Settings: p.settings, NotBefore: timestamppb.New(notBefore),
		Work: work(&pluginv1.Delivery{Application: application}),
	})
	if err != nil {
		return Unknown, "", "", err
	}
	return answer.GetPresence(), answer.GetHandle(), answer.GetReason(), nil
}

// Terminate asks for the end of the work, and reports whether it has ended.
func (p *Provider) Terminate(ctx context.Context, application *Application, handle string) (ended bool, err error) {
	return p.conn.Cancel(ctx, &pluginv1.CancelRequest{
		Handle: handle, Settings: p.settings, Work: work(&pluginv1.Delivery{Application: application}),
	})
}

func work(delivery *pluginv1.Delivery) *pluginv1.Work {
	return &pluginv1.Work{Kind: &pluginv1.Work_Delivery{Delivery: delivery}}
}
