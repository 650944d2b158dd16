package openai

import (
	"testing"
	"time"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ai"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/ai"
	"kubeops.io/kubeops/internal/testkit/servers"
)

func TestConformsOnTheRealServer(t *testing.T) {
	server := servers.StartOllama(t)
	conformance.Run(t, conformance.Target{
		Truncates: true, Patience: 2 * time.Minute,
		New: func(t *testing.T, change func(*ai.Settings)) ai.Model {
			settings := ai.Settings{
				Endpoint: provider.Endpoint{URL: server.URL + "/v1"}, Model: servers.OllamaModel,
				Egress: provider.Egress{AllowLoopback: true}, Timeout: 2 * time.Minute,
			}
			change(&settings)
			m, err := New(settings)
			if err != nil {
				t.Fatal(err)
			}
			return m
		},
	})
}
