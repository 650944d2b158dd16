package conformance

import (
	"context"
	"testing"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ai"
	"kubeops.io/kubeops/internal/testkit/hostile"
)

// RunMemory runs a probe and a question against responses that decoders may turn into a multiple of their size, see hostile.RunMemory. Do
// not run the test in parallel. Fixed is that of hostile.Backend.
func RunMemory(
	t *testing.T, create func(ai.Settings) (ai.Model, error), fixed int64, usual []hostile.Response, responses ...hostile.Response,
) {
	for name, call := range map[string]func(context.Context, ai.Model) error{
		"probe": func(ctx context.Context, m ai.Model) error { _, err := m.Probe(ctx); return err },
		"ask":   func(ctx context.Context, m ai.Model) error { _, err := m.Ask(ctx, question()); return err },
	} {
		t.Run(name, func(t *testing.T) {
			use := func(ctx context.Context, endpoint provider.Endpoint) error {
				m, err := create(ai.Settings{
					Endpoint: endpoint, Model: "m", Timeout: hostile.Timeout, MaxBytes: hostile.MaxBytes,
					Egress: provider.Egress{AllowLoopback: true},
				})
				if err != nil {
					return err
				}
				defer m.Close()
				return call(ctx, m)
			}
			hostile.RunMemory(t, hostile.Backend{Fixed: fixed, Usual: usual, Call: use}, responses...)
		})
	}
}
