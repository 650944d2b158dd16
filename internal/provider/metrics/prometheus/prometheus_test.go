package prometheus_test

import (
	"net/url"
	"testing"

	"kubeops.io/kubeops/internal/provider/metrics/prometheus"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/metrics"
)

func TestPrometheusConformsToTheContract(t *testing.T) {
	t.Parallel()
	conformance.Run(t, conformance.Subject{New: prometheus.New, Params: url.Values{"partial_response": {"false"}}})
}

func TestMemoryOfHostileResponses(t *testing.T) {
	conformance.RunMemory(t, conformance.Subject{New: prometheus.New})
}
