package backends

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ai"
)

// maxChain of AIProviders that stand in for each other.
const maxChain = 4

// Model is an open AIProvider, within its limits.
type Model struct {
	*ai.Limited
	// Resource that was opened, as it was read.
	Resource *v1alpha1.AIProvider
	Redactor
	// Hide takes the credentials of the AIProvider out of a text.
	Hide func(text string) string
}

// ContextLength that a prompt and its answer may have together, in tokens.
func (m *Model) ContextLength() int64 {
	switch p := m.Resource; {
	case p.Spec.ContextLength != nil:
		return *p.Spec.ContextLength
	case p.Status.ContextLength != nil:
		return *p.Status.ContextLength
	}
	return v1alpha1.DefaultContextLength
}

// OpenModel opens a client of an AIProvider. Its errors are problems. Close what it returns.
func (r *Resolver) OpenModel(ctx context.Context, p *v1alpha1.AIProvider) (*Model, error) {
	spec := &p.Spec
	config, err := configure(r.ModelTypes, string(spec.Type), spec)
	if err != nil {
		return nil, err
	}
	secrets := r.Secrets.For(p.Namespace, spec.ServiceAccountName)
	settings := ai.Settings{
		Model: spec.Model, Timeout: spec.RequestTimeout(), Egress: r.Egress, Metrics: r.Telemetry, Memory: r.Memory.For(p.Namespace),
	}
	url, setting := config.Server()
	settings.Endpoint = provider.Endpoint{URL: url, Fields: fieldsOf(string(spec.Type), setting)}
	if settings.Endpoint.TLS, err = resolveTLS(ctx, secrets, spec.TLS, settings.Endpoint.Fields.TLS); err != nil {
		return nil, err
	}
	if resolver, is := config.(ai.Resolver); is {
		if err := resolver.Resolve(ctx, secrets, &settings); err != nil {
			return nil, err
		}
	}
	if spec.ContextLength != nil {
		settings.ContextLength = *spec.ContextLength
	}
	opened, err := config.Open(settings)
	if err != nil {
		return nil, toProblem(err)
	}
	return &Model{
		Limited: &ai.Limited{
			Model: opened, Meter: r.Meters.Of(p), Name: p.Name, Timeout: spec.RequestTimeout(),
			Save: func(ctx context.Context) error { return r.Meters.Save(ctx, p) },
		},
		Resource: p, Redactor: newRedactor(secrets), Hide: secrets.Hide,
	}, nil
}

// Chain is an AIProvider and those that stand in for it, in their order.
func Chain(ctx context.Context, reader client.Reader, key client.ObjectKey) ([]*v1alpha1.AIProvider, error) {
	var chain []*v1alpha1.AIProvider
	field := "spec.ai.providerRef.name"
	for {
		if err := names.Object(field, "AIProvider", key.Name); err != nil {
			return nil, err
		}
		p := &v1alpha1.AIProvider{}
		if err := reader.Get(ctx, key, p); err != nil {
			if client.IgnoreNotFound(err) != nil || len(chain) == 0 {
				return nil, err
			}
			return chain, nil // the first can be asked all the same
		}
		chain = append(chain, p)
		if p.Spec.FallbackRef == nil {
			return chain, nil
		}
		key.Name = p.Spec.FallbackRef.Name
		field = "spec.fallbackRef.name of AIProvider " + p.Name
		if len(chain) == maxChain || slices.ContainsFunc(chain, func(c *v1alpha1.AIProvider) bool { return c.Name == key.Name }) {
			return nil, problem.UserError(v1alpha1.ReasonFallbackLoop, nil,
				"the fallbacks of AIProvider %s/%s form a loop, or a chain of more than %d; remove spec.fallbackRef of AIProvider %s",
				key.Namespace, chain[0].Name, maxChain, p.Name)
		}
	}
}

// Meters are the meters of all AIProviders of this process: all callers of a model share its limits. Client stores what
// was spent; both fields are required.
type Meters struct {
	Client client.Client
	Clock  clock.PassiveClock

	mutex  sync.Mutex
	meters map[client.ObjectKey]owned
}

// owned is the meter of one object: another object of the same name starts from zero.
type owned struct {
	uid   types.UID
	meter *ai.Meter
}

// Of is the meter of an AIProvider, with the limits of its spec, and with what its status says was spent.
func (m *Meters) Of(p *v1alpha1.AIProvider) *ai.Meter {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.meters == nil {
		m.meters = map[client.ObjectKey]owned{}
	}
	key := client.ObjectKeyFromObject(p)
	if m.meters[key].meter == nil || m.meters[key].uid != p.UID {
		m.meters[key] = owned{p.UID, ai.NewMeter(m.Clock)}
	}
	meter := m.meters[key].meter
	rates := ai.Rates{Concurrency: int(p.Spec.Concurrency), RequestsPerMinute: int(p.Spec.RequestsPerMinute)}
	if rates.RequestsPerMinute == 0 {
		rates.RequestsPerMinute = v1alpha1.DefaultRequestsPerMinute
	}
	if p.Spec.TokensPerMinute != nil {
		rates.TokensPerMinute = *p.Spec.TokensPerMinute
	}
	if b := p.Spec.Budget; b != nil {
		rates.Daily, rates.Monthly = b.Daily, b.Monthly
	}
	meter.Set(rates)
	if u := p.Status.Usage; u != nil {
		stored := ai.Usage{Day: u.Day, Month: u.Month, Today: u.TokensToday, ThisMonth: u.TokensThisMonth, Requests: u.Requests,
			CacheHits: u.CacheHits, Dropped: map[string]int64{}}
		for _, d := range u.DroppedAnswers {
			stored.Dropped[d.Reason] = d.Count
		}
		meter.Merge(stored)
	}
	return meter
}

// Forget drops the meter of an AIProvider that is gone.
func (m *Meters) Forget(key client.ObjectKey) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	delete(m.meters, key)
}

// Save stores what was spent in the status of an AIProvider. One that is gone needs none.
func (m *Meters) Save(ctx context.Context, p *v1alpha1.AIProvider) error {
	return m.Of(p).Saving(func(u ai.Usage, left *int64) error {
		patch, err := json.Marshal([]map[string]any{
			{"op": "test", "path": "/metadata/uid", "value": p.UID},
			{"op": "add", "path": "/status/usage", "value": UsageStatus(u, left)},
		})
		if err != nil {
			return err
		}
		answer := &v1alpha1.AIProvider{ObjectMeta: p.ObjectMeta}
		if err := m.Client.Status().Patch(ctx, answer, client.RawPatch(types.JSONPatchType, patch)); client.IgnoreNotFound(err) != nil {
			return problem.Retrying(v1alpha1.ReasonRetrying, err,
				"the token usage of AIProvider %s/%s could not be stored, so it is not called; see the manager's log", p.Namespace, p.Name)
		}
		return nil
	})
}

// SaveChanged is Save where the status of the object does not show what was spent yet.
func (m *Meters) SaveChanged(ctx context.Context, p *v1alpha1.AIProvider) error {
	same := false
	err := m.Of(p).Saving(func(u ai.Usage, left *int64) error {
		same = equality.Semantic.DeepEqual(p.Status.Usage, UsageStatus(u, left))
		return nil
	})
	if err != nil || same {
		return err
	}
	return m.Save(ctx, p)
}

// UsageStatus is what was spent, as the status shows it.
func UsageStatus(u ai.Usage, left *int64) *v1alpha1.AIUsage {
	s := &v1alpha1.AIUsage{
		Day: u.Day, TokensToday: u.Today, Month: u.Month, TokensThisMonth: u.ThisMonth, TokensLeft: left,
		Requests: u.Requests, CacheHits: u.CacheHits,
	}
	for _, reason := range slices.Sorted(maps.Keys(u.Dropped)) {
		s.DroppedAnswers = append(s.DroppedAnswers, v1alpha1.DroppedAnswers{Reason: reason, Count: u.Dropped[reason]})
	}
	return s
}
