package visual

// KubeOps shows the manager itself: what it inspects, how long that takes, what it finds.
func KubeOps() Dashboard {
	return Dashboard{
		Name: "kubeops", Title: "KubeOps / KubeOps itself", Description: "Inspections, their findings, and the manager's health.",
		Variables: []Variable{{Name: "namespace", Label: "Namespace", Query: "label_values(kubeops_inspection_score, namespace)"}},
		Rows: []Row{
			{Title: "Now", Panels: []Panel{
				{
					Title:    "Worst score",
					Meaning:  "The lowest score of the last reports; 100 means that no problem was found.",
					Kind:     "stat",
					Unit:     "short",
					Red:      80,
					LowIsBad: true,
					Queries:  []Query{{`min(kubeops_inspection_score{namespace=~"$namespace"})`, ""}},
				},
				number("Problems", "Of the last reports, without their symptoms.", "short", 1,
					`sum(kubeops_inspection_problems{namespace=~"$namespace"}) or vector(0)`),
				number("Recommendations", "Of the last reports.", "short", 0,
					`sum(kubeops_inspection_recommendations{namespace=~"$namespace"}) or vector(0)`),
				number("Gaps", "What the last reports were to read and could not.", "short", 1,
					`sum(kubeops_inspection_gaps{namespace=~"$namespace"}) or vector(0)`),
				number("Runs that failed in a day", "Tries that ended with a problem.", "short", 1,
					`sum(increase(kubeops_inspection_runs_total{result!="Succeeded"}[1d])) or vector(0)`),
			}},
			{Title: "Inspections", Panels: []Panel{
				graph("Score", "Of each Inspection's last report.", "short",
					Query{`kubeops_inspection_score{namespace=~"$namespace"}`, "{{namespace}}/{{inspection}}"}),
				graph("Problems by severity", "Of all last reports.", "short",
					Query{`sum by (severity) (kubeops_inspection_problems{namespace=~"$namespace"})`, "{{severity}}"}),
				table("Findings by check", "Of all last reports, including symptoms.", "short",
					`topk(20, sum by (check, class, severity) (kubeops_inspection_findings{namespace=~"$namespace"}))`),
			}},
			{Title: "How long runs take", Panels: []Panel{
				graph(
					"Stages, 95 of 100 runs",
					"Time of each stage of a run.",
					"s",
					Query{
						`histogram_quantile(0.95, sum by (le, stage) (rate(kubeops_inspection_stage_duration_seconds_bucket[1h])))`,
						"{{stage}}",
					},
				),
				graph("Runs in an hour", "By result.", "short",
					Query{`sum by (result) (increase(kubeops_inspection_runs_total[1h]))`, "{{result}}"}),
			}},
			{Title: "Manager", Panels: []Panel{
				graph("Memory", "Resident memory of the manager.", "bytes",
					Query{`process_resident_memory_bytes{job=~".*kubeops.*"}`, "{{pod}}"}),
				graph("CPU", "Cores used by the manager.", "short",
					Query{`rate(process_cpu_seconds_total{job=~".*kubeops.*"}[5m])`, "{{pod}}"}),
				graph(
					"Errors of controllers",
					"Turns that ended with an error, a second.",
					"short",
					Query{
						`sum by (controller) (rate(controller_runtime_reconcile_errors_total{job=~".*kubeops.*"}[5m]))`,
						"{{controller}}",
					},
				),
				graph("Waiting in queues", "Objects that wait for a turn.", "short",
					Query{`sum by (controller) (workqueue_depth{job=~".*kubeops.*"})`, "{{controller}}"}),
			}},
		},
	}
}

// Backends shows the servers that KubeOps relies on, as its round trips find them.
func Backends() Dashboard {
	return Dashboard{
		Name: "backends", Title: "KubeOps / Backends", Description: "MetricsBackends and LogBackends as KubeOps' round trips find them.",
		Variables: []Variable{{Name: "namespace", Label: "Namespace", Query: "label_values(kubeops_backend_ready, namespace)"}},
		Rows: []Row{
			{Title: "Now", Panels: []Panel{
				number("Not ready", "Backends whose last round trip failed.", "short", 1,
					`count(kubeops_backend_ready{namespace=~"$namespace"} == 0) or vector(0)`),
				number("Ready", "Backends whose last round trip succeeded.", "short", 0,
					`count(kubeops_backend_ready{namespace=~"$namespace"} == 1) or vector(0)`),
				number("Requests that failed in an hour", "Requests without an answer, or with another one than 2xx.", "short", 0,
					`sum(increase(kubeops_backend_request_duration_seconds_count{result!="2xx"}[1h])) or vector(0)`),
			}},
			{Title: "Readiness", Panels: []Panel{
				graph("Ready", "1 while the last round trip succeeded.", "short",
					Query{`kubeops_backend_ready{namespace=~"$namespace"}`, "{{kind}} {{exported_namespace}}{{namespace}}/{{name}}"}),
				table("Not ready now", "Backends whose last round trip failed.", "short",
					`kubeops_backend_ready{namespace=~"$namespace"} == 0`),
			}},
			{Title: "Requests", Panels: []Panel{
				graph(
					"Time until an answer, 95 of 100",
					"By type and operation.",
					"s",
					Query{
						`histogram_quantile(0.95, sum by (le, type, operation) (` +
							`rate(kubeops_backend_request_duration_seconds_bucket[5m])))`,
						"{{type}} {{operation}}",
					},
				),
				graph("Requests", "A second, by type and result.", "reqps",
					Query{`sum by (type, result) (rate(kubeops_backend_request_duration_seconds_count[5m]))`, "{{type}} {{result}}"}),
			}},
		},
	}
}
