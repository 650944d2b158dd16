package visual_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/internal/testkit/servers"
	"kubeops.io/kubeops/internal/visual"
)

// TestAlertsOfPipelinesFireForTheirSeries lets promtool evaluate the rules over series of two Pipelines: the runs of bad all fail and those of
// good sometimes, and the queue of bad is long.
func TestAlertsOfPipelinesFireForTheirSeries(t *testing.T) {
	t.Parallel()
	promtool := filepath.Join(servers.Folder(t, "prometheus"), "promtool")
	files, err := visual.Files()
	if err != nil {
		t.Fatal(err)
	}
	var shipped struct{ Spec any }
	if err := yaml.Unmarshal(files["prometheus-operator/prometheusrule.yaml"], &shipped); err != nil {
		t.Fatal(err)
	}
	type object = map[string]any
	series := func(text, values string) object { return object{"series": text, "values": values} }
	content, err := yaml.Marshal(object{"rule_files": []string{"rules.yml"}, "evaluation_interval": "5m", "tests": []object{{
		"interval": "5m",
		"input_series": []object{
			series(`kubeops_pipeline_runs_total{namespace="shop",pipeline="bad",phase="Failed"}`, "1+1x100"),
			series(`kubeops_pipeline_runs_total{namespace="shop",pipeline="good",phase="Failed"}`, "1+1x100"),
			series(`kubeops_pipeline_runs_total{namespace="shop",pipeline="good",phase="Succeeded"}`, "1+1x100"),
			series(`kubeops_pipeline_runs_queued{namespace="shop",pipeline="bad"}`, "11x100"),
			series(`kubeops_pipeline_runs_queued{namespace="shop",pipeline="good"}`, "10x100"),
			series(`kubeops_notifications_pending{namespace="shop",name="down"}`, "1x100"),
			series(`kubeops_notifications_pending{namespace="shop",name="up"}`, "0 1 0 1 0 0x100"),
			series(`kubeops_child_processes_ended_total{work="inspection",result="crash"}`, "0+1x100"),
			series(`kubeops_child_processes_ended_total{work="inspection",result="memory"}`, "0+1x100"),
			series(`kubeops_child_processes_ended_total{work="template",result="crash"}`, "3x100"),
		},
		"promql_expr_test": []object{
			{
				"expr":      `sum by (alertname, pipeline) (ALERTS{alertstate="firing",pipeline!=""})`,
				"eval_time": "4h",
				"exp_samples": []object{
					{"labels": `{alertname="KubeOpsPipelineFails", pipeline="bad"}`, "value": 1},
					{"labels": `{alertname="KubeOpsPipelineQueueGrows", pipeline="bad"}`, "value": 1},
				},
			},
			{
				"expr":      `sum by (alertname, name, work) (ALERTS{alertstate="firing",pipeline=""})`,
				"eval_time": "4h",
				"exp_samples": []object{
					{"labels": `{alertname="KubeOpsDown"}`, "value": 1}, // the test scrapes none
					{"labels": `{alertname="KubeOpsNotificationsPending", name="down"}`, "value": 1},
					{"labels": `{alertname="KubeOpsProcessesCrash", work="inspection"}`, "value": 1},
				},
			},
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := yaml.Marshal(shipped.Spec)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, text := range map[string][]byte{"rules.yml": rules, "test.yml": content} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	printed, err := exec.CommandContext(t.Context(), promtool, "test", "rules", filepath.Join(folder, "test.yml")).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, printed)
	}
}
