package victorialogs_test

import (
	"testing"
	"time"

	"kubeops.io/kubeops/internal/provider/logs"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/logs"
	"kubeops.io/kubeops/internal/testkit/servers"
)

func TestRealVictoriaLogsConforms(t *testing.T) {
	t.Parallel()
	url, _ := servers.VictoriaLogs(t)
	conformance.Run(t, conformance.Target{ForeignLabels: true, New: func(t *testing.T) logs.Provider {
		return backend(t, url, "12:34")
	}})
}

func TestRealVictoriaLogsTellsVersionRetentionAndSchema(t *testing.T) {
	t.Parallel()
	url, _ := servers.VictoriaLogs(t)
	p := backend(t, url, "")
	health, err := p.Health(t.Context())
	if err != nil || health.Version != "1.52.1" || health.Flavor != "victorialogs" || health.Schema != "" {
		t.Errorf("empty: health is %+v, %v", health, err)
	}
	retention, known, err := p.(logs.RetentionReader).Retention(t.Context())
	if err != nil || !known || retention.Keeps != 31*24*time.Hour {
		t.Errorf("retention is %+v, known %t, %v", retention, known, err)
	}
	now := time.Now()
	if err := p.(logs.Writer).Write(t.Context(), []logs.Entry{{Time: now, Line: "x",
		Labels: map[string]string{"kubernetes.pod_namespace": "default", "kubernetes.pod_name": "web-1"}}}); err != nil {
		t.Fatal(err)
	}
	query := logs.Query{Start: now.Add(-time.Hour), End: now.Add(time.Hour), Labels: map[string]string{"namespace": "default", "pod": "web-1"}}
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		page, err := p.Search(t.Context(), query)
		if err == nil && len(page.Entries) == 1 {
			break
		}
		select {
		case <-deadline.C:
			t.Fatalf("%d lines, %v", len(page.Entries), err)
		case <-ticker.C:
		}
	}
	if page, err := backend(t, url, "7").Search(t.Context(), query); err != nil || len(page.Entries) != 0 {
		t.Errorf("another tenant sees %d lines, %v", len(page.Entries), err)
	}
}
