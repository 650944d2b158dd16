package elasticsearch_test

import (
	"testing"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/logs"
	"kubeops.io/kubeops/internal/testkit/hostile"
)

func TestElasticsearch6Conforms(t *testing.T) {
	url, _ := old.get(t)
	conformance.Run(t, conformance.Target{ForeignLabels: true, New: func(t *testing.T) logs.Provider {
		return backend(t, secured(url, "conformance", password))
	}})
}

func TestOpenSearchConforms(t *testing.T) {
	url, _ := open.get(t)
	conformance.Run(t, conformance.Target{ForeignLabels: true, New: func(t *testing.T) logs.Provider {
		return backend(t, settings(url, "conformance"))
	}})
}

func TestHostileServers(t *testing.T) {
	t.Parallel()
	conformance.RunHostile(t, func(endpoint provider.Endpoint) (logs.Provider, error) {
		s := settings(endpoint.URL, "logs")
		s.Endpoint = endpoint
		s.Timeout = hostile.Timeout
		s.MaxBytes = hostile.MaxBytes
		return s.open()
	})
}

func TestFakesConform(t *testing.T) {
	t.Parallel()
	for name, old := range map[string]bool{"Elasticsearch 6.8": true, "Elasticsearch 8": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, old)
			conformance.Run(t, conformance.Target{ForeignLabels: true, New: func(t *testing.T) logs.Provider {
				return backend(t, settings(f.url, "conformance"))
			}})
		})
	}
}
