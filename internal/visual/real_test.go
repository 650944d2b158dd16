package visual_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/internal/testkit/servers"
	"kubeops.io/kubeops/internal/visual"
)

// TestARealPrometheusUnderstandsEveryPanelAndVariable asks each query as Grafana would, with its variables filled in.
func TestARealPrometheusUnderstandsEveryPanelAndVariable(t *testing.T) {
	t.Parallel()
	server, _ := servers.Prometheus(t, servers.PrometheusOptions{})
	asked := 0
	for _, d := range visual.Dashboards() {
		for _, row := range d.Rows {
			for _, panel := range row.Panels {
				for _, query := range panel.Queries {
					asked++
					expression := strings.NewReplacer("$__rate_interval", "5m", "$__range", "6h", "$namespace", ".*").
						Replace(query.Expression)
					if strings.Contains(expression, "$") {
						t.Errorf("%s, %s: %s has a variable that nobody fills in", d.Name, panel.Title, expression)
					}
					if answer := ask(t, server+"/api/v1/query?"+url.Values{"query": {expression}}.Encode()); answer != "success" {
						t.Errorf("%s, %s: %s: %s", d.Name, panel.Title, expression, answer)
					}
				}
			}
		}
	}
	if asked < 20 {
		t.Errorf("only %d queries", asked)
	}
	if answer := ask(t, server+"/api/v1/query?query=sum(("); answer == "success" {
		t.Error("the server takes everything")
	}
}

// ask returns success, or what the server says is wrong.
func ask(t *testing.T, address string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Status, Error string }
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if answer.Error != "" {
		return answer.Error
	}
	return answer.Status
}

// TestPrometheusOwnCheckerPassesTheAlerts runs promtool over the rules as they are shipped, for both operators.
func TestPrometheusOwnCheckerPassesTheAlerts(t *testing.T) {
	t.Parallel()
	promtool := filepath.Join(servers.Folder(t, "prometheus"), "promtool")
	files, err := visual.Files()
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for path, content := range files {
		var o struct {
			Kind string
			Spec any
		}
		if !strings.HasSuffix(path, "rule.yaml") {
			continue
		}
		if err := yaml.Unmarshal(content, &o); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		rules, err := yaml.Marshal(o.Spec)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "rules.yml")
		if err := os.WriteFile(file, rules, 0o600); err != nil {
			t.Fatal(err)
		}
		printed, err := exec.CommandContext(t.Context(), promtool, "check", "rules", "--lint=all", "--lint-fatal", file).CombinedOutput()
		if err != nil {
			t.Errorf("%s (%s): %v\n%s", path, o.Kind, err, printed)
		}
		checked++
	}
	if checked != 2 {
		t.Errorf("%d files of rules checked", checked)
	}
}
