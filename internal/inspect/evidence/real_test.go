package evidence

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/loki"
	"kubeops.io/kubeops/internal/testkit/servers"
)

func TestLokiHasTheLinesOfAJobsDeletedPod(t *testing.T) {
	t.Parallel()
	server := servers.StartLoki(t, servers.LokiOptions{})
	backend, err := loki.New(logs.Settings{
		Endpoint: provider.Endpoint{URL: server.URL}, Timeout: 10 * time.Second, Egress: provider.Egress{AllowLoopback: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	ended := time.Now().Add(-10 * time.Minute).Truncate(time.Millisecond)
	labels := map[string]string{logs.LabelNamespace: "shop", logs.LabelPod: "import-x7k2p", logs.LabelContainer: "import"}
	entries := []logs.Entry{
		{Time: ended.Add(-2 * time.Second), Line: "connecting to warehouse", Labels: labels},
		{Time: ended, Line: "FATAL: relation \"orders\" does not exist", Labels: labels},
	}
	if err := backend.(logs.Writer).Write(t.Context(), entries); err != nil {
		t.Fatal(err)
	}
	request := Request{check.LogRef{Namespace: "shop", PodPrefix: "import-", Ended: ended.Add(3 * time.Second)}, "job-failed"}
	want := "(of Pod import-x7k2p, from the log backend)\nconnecting to warehouse\nFATAL: relation \"orders\" does not exist"
	deadline := time.After(30 * time.Second)
	for {
		lines := make([]Lines, 1)
		gaps := ReadBackendLogs(t.Context(), backend, everyone(t), []Request{request}, lines, time.Now())
		if lines[0].Text == want && len(gaps) == 0 {
			return
		}
		select {
		case <-deadline:
			t.Fatal(strings.Join([]string{"got", lines[0].Text, fmt.Sprint(gaps)}, "\n"))
		case <-time.After(100 * time.Millisecond):
		}
	}
}
