package visual

// ofPipeline is the legend of a query by Pipeline.
const ofPipeline = "{{namespace}}/{{pipeline}}"

// runDuration is the distribution of the duration of successful runs.
const runDuration = `sum by (le) (rate(kubeops_pipeline_run_duration_seconds_bucket{phase="Succeeded"}[6h]))`

// Pipelines shows the runs of Pipelines, how long they take and wait, and the four DORA figures of each.
func Pipelines() Dashboard {
	byPipeline := func(title, meaning, unit, metric string) Panel {
		return graph(title, meaning, unit, Query{metric + `{namespace=~"$namespace"}`, ofPipeline})
	}
	return Dashboard{
		Name: "pipelines", Title: "KubeOps / Pipelines",
		Description: "Runs of Pipelines, how long they take and wait, and the four DORA figures of each Pipeline.",
		Variables:   []Variable{{Name: "namespace", Label: "Namespace", Query: "label_values(kubeops_pipeline_runs_queued, namespace)"}},
		Rows: []Row{
			{Title: "Now", Panels: []Panel{
				number("In progress", "PipelineRuns that execute stages.", "short", 0,
					`sum(kubeops_pipeline_runs_active{namespace=~"$namespace"}) or vector(0)`),
				number("Waiting", "PipelineRuns that wait for earlier ones, for a window, or for a suspended Pipeline.", "short", 10,
					`sum(kubeops_pipeline_runs_queued{namespace=~"$namespace"}) or vector(0)`),
				number("Succeeded in a day", "PipelineRuns that ended.", "short", 0,
					`sum(increase(kubeops_pipeline_runs_total{namespace=~"$namespace",phase="Succeeded"}[1d])) or vector(0)`),
				number("Failed in a day", "PipelineRuns that ended.", "short", 1,
					`sum(increase(kubeops_pipeline_runs_total{namespace=~"$namespace",phase="Failed"}[1d])) or vector(0)`),
			}},
			{Title: "Runs", Panels: []Panel{
				graph("Ended in an hour", "PipelineRuns by phase.", "short",
					Query{`sum by (phase) (increase(kubeops_pipeline_runs_total{namespace=~"$namespace"}[1h]))`, "{{phase}}"}),
				byPipeline("Waiting", "PipelineRuns that wait to start, by Pipeline.", "short", "kubeops_pipeline_runs_queued"),
				table("Most failed runs in a day", "Pipelines whose runs failed most often.", "short",
					`topk(20, sum by (namespace, pipeline) (`+
						`increase(kubeops_pipeline_runs_total{namespace=~"$namespace",phase="Failed"}[1d])) > 0)`),
			}},
			{Title: "How long runs take", Panels: []Panel{
				graph("Runs, 50 and 95 of 100", "Time from the start of a PipelineRun to its end, of all that succeeded.", "s",
					Query{`histogram_quantile(0.5, ` + runDuration + `)`, "50 of 100"},
					Query{`histogram_quantile(0.95, ` + runDuration + `)`, "95 of 100"}),
				graph("Stages, 95 of 100", "Duration of the last attempt of each stage, by type.", "s",
					Query{
						`histogram_quantile(0.95, sum by (le, type) (rate(kubeops_pipeline_stage_duration_seconds_bucket[6h])))`,
						"{{type}}",
					}),
				graph("Stages that did not succeed in an hour", "By type.", "short",
					Query{
						`sum by (type) (increase(kubeops_pipeline_stage_duration_seconds_count{phase=~"Failed|TimedOut|Lost"}[1h]))`,
						"{{type}}",
					}),
			}},
			{Title: "Delivery, of the last 30 days", Panels: []Panel{
				byPipeline("Deployments per day", "Runs that deployed and did not fail.", "short", "kubeops_pipeline_deployments_per_day"),
				byPipeline("Lead time", "Median time from the commit until it was deployed.", "s", "kubeops_pipeline_lead_time_seconds"),
				byPipeline("Change failures", "Share of the deployments that failed.", "percentunit",
					"kubeops_pipeline_change_failure_ratio"),
				byPipeline("Time to restore", "Median time from a failed deployment until it was restored.", "s",
					"kubeops_pipeline_time_to_restore_seconds"),
			}},
		},
	}
}

// pipelineRules are about runs that no one may look at: those of triggers.
func pipelineRules() []Rule {
	return []Rule{
		{
			Alert: "KubeOpsPipelineFails",
			Expression: `sum by (namespace, pipeline) (increase(kubeops_pipeline_runs_total{phase="Failed"}[6h])) > 2 ` +
				`unless sum by (namespace, pipeline) (increase(kubeops_pipeline_runs_total{phase="Succeeded"}[6h])) > 0`,
			For: "15m", Severity: "warning",
			Summary: "The runs of Pipeline {{ $labels.namespace }}/{{ $labels.pipeline }} failed repeatedly for hours, and none succeeded.",
			Action:  "kubectl get pipelineruns in its namespace shows them; the message of condition Ready names the stage and the cause.",
		},
		{
			Alert: "KubeOpsPipelineQueueGrows", Expression: `kubeops_pipeline_runs_queued > 10`, For: "1h", Severity: "warning",
			Summary: "More than 10 runs of Pipeline {{ $labels.namespace }}/{{ $labels.pipeline }} wait to start.",
			Action: "The message of condition Ready of the oldest PipelineRun says what it waits for. If only the newest matters, set " +
				"spec.concurrency to ReplaceQueued.",
		},
	}
}
