package visual

// Dashboards that ship with KubeOps, in the order of their names.
func Dashboards() []Dashboard {
	return []Dashboard{Backends(), Cluster(), KubeOps(), Pipelines(), Workloads()}
}

func graph(title, meaning, unit string, queries ...Query) Panel {
	return Panel{Title: title, Meaning: meaning, Kind: "timeseries", Unit: unit, Queries: queries}
}

func number(title, meaning, unit string, red float64, expression string) Panel {
	return Panel{Title: title, Meaning: meaning, Kind: "stat", Unit: unit, Red: red, Queries: []Query{{expression, ""}}}
}

func table(title, meaning, unit, expression string) Panel {
	return Panel{Title: title, Meaning: meaning, Kind: "table", Unit: unit, Queries: []Query{{expression, ""}}}
}

// Cluster shows nodes and capacity. It reads kube-state-metrics, the kubelets' cAdvisor and node-exporter.
func Cluster() Dashboard {
	return Dashboard{
		Name: "cluster", Title: "KubeOps / Cluster",
		Description: "Nodes, capacity and what is asked of it. Needs kube-state-metrics, cAdvisor and node-exporter.",
		Rows: []Row{
			{Title: "Now", Panels: []Panel{
				number("Nodes not ready", "Nodes whose condition Ready is not True.", "short", 1,
					`sum(kube_node_status_condition{condition="Ready",status!="true"} == 1) or vector(0)`),
				number("Pods pending", "Pods in phase Pending.", "short", 1, `sum(kube_pod_status_phase{phase="Pending"}) or vector(0)`),
				number("Pods failed", "Pods in phase Failed.", "short", 1, `sum(kube_pod_status_phase{phase="Failed"}) or vector(0)`),
				number("CPU requested", "Requests of running and pending Pods, as a part of what nodes can allocate.", "percentunit", 0.9,
					`sum(kube_pod_container_resource_requests{resource="cpu"}) / sum(kube_node_status_allocatable{resource="cpu"})`),
				number(
					"Memory requested",
					"Requests of running and pending Pods, as a part of what nodes can allocate.",
					"percentunit",
					0.9,
					`sum(kube_pod_container_resource_requests{resource="memory"}) / sum(kube_node_status_allocatable{resource="memory"})`,
				),
				number("Volumes nearly full", "Volumes with less than a tenth of their space left.", "short", 1,
					`count(kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes < 0.1) or vector(0)`),
			}},
			{Title: "Nodes", Panels: []Panel{
				graph("CPU used", "Busy time of all processors of a node, as a part of all time.", "percentunit",
					Query{`1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m]))`, "{{instance}}"}),
				graph("Memory used", "What is not available without swapping, as a part of all memory.", "percentunit",
					Query{`1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes`, "{{instance}}"}),
				graph(
					"Root disk used",
					"Used part of the root file system.",
					"percentunit",
					Query{
						`1 - node_filesystem_avail_bytes{mountpoint="/"} / node_filesystem_size_bytes{mountpoint="/"}`,
						"{{instance}}",
					},
				),
			}},
			{Title: "Asked and used", Panels: []Panel{
				graph("CPU", "Cores: what nodes can allocate, what Pods request, what they use.", "short",
					Query{`sum(kube_node_status_allocatable{resource="cpu"})`, "allocatable"},
					Query{`sum(kube_pod_container_resource_requests{resource="cpu"})`, "requested"},
					Query{`sum(rate(container_cpu_usage_seconds_total{container!="",container!="POD"}[5m]))`, "used"}),
				graph("Memory", "What nodes can allocate, what Pods request, what they use.", "bytes",
					Query{`sum(kube_node_status_allocatable{resource="memory"})`, "allocatable"},
					Query{`sum(kube_pod_container_resource_requests{resource="memory"})`, "requested"},
					Query{`sum(container_memory_working_set_bytes{container!="",container!="POD"})`, "used"}),
			}},
			{Title: "Volumes", Panels: []Panel{
				table("Fullest volumes", "The ten volumes with the least space left, as a part of their capacity.", "percentunit",
					`topk(10, 1 - kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes)`),
				graph("API server, requests that fail", "Requests a second that the API server answered with 5xx.", "reqps",
					Query{`sum by (verb) (rate(apiserver_request_total{code=~"5.."}[5m]))`, "{{verb}}"}),
			}},
		},
	}
}

// Workloads shows Deployments and their Pods. It reads kube-state-metrics and the kubelets' cAdvisor.
func Workloads() Dashboard {
	return Dashboard{
		Name: "workloads", Title: "KubeOps / Workloads",
		Description: "What runs, restarts, waits and is throttled. Needs kube-state-metrics and cAdvisor.",
		Variables:   []Variable{{Name: "namespace", Label: "Namespace", Query: "label_values(kube_pod_info, namespace)"}},
		Rows: []Row{
			{Title: "Now", Panels: []Panel{
				number("Deployments not available", "Deployments with fewer available replicas than they ask for.", "short", 1,
					`count(kube_deployment_status_replicas_available{namespace=~"$namespace"} < `+
						`on (namespace, deployment) kube_deployment_spec_replicas) or vector(0)`),
				number("Containers waiting", "Containers in CrashLoopBackOff, ImagePullBackOff and the like.", "short", 1,
					`sum(kube_pod_container_status_waiting_reason{namespace=~"$namespace"}) or vector(0)`),
				number("Restarts in an hour", "Containers that started again.", "short", 1,
					`sum(increase(kube_pod_container_status_restarts_total{namespace=~"$namespace"}[1h])) or vector(0)`),
				number("Out of memory", "Containers whose last end was the kernel's.", "short", 1,
					`sum(kube_pod_container_status_last_terminated_reason{namespace=~"$namespace",reason="OOMKilled"}) or vector(0)`),
			}},
			{Title: "Usage by namespace", Panels: []Panel{
				graph("CPU", "Cores used.", "short",
					Query{
						`topk(15, sum by (namespace) (` +
							`rate(container_cpu_usage_seconds_total{namespace=~"$namespace",container!="",container!="POD"}[5m])))`,
						"{{namespace}}",
					}),
				graph(
					"Memory",
					"Working set.",
					"bytes",
					Query{
						`topk(15, sum by (namespace) (` +
							`container_memory_working_set_bytes{namespace=~"$namespace",container!="",container!="POD"}))`,
						"{{namespace}}",
					},
				),
			}},
			{Title: "What hurts", Panels: []Panel{
				table(
					"Most restarts in six hours",
					"Containers that started again most often.",
					"short",
					`topk(15, sum by (namespace, pod, container) (`+
						`increase(kube_pod_container_status_restarts_total{namespace=~"$namespace"}[6h])) > 0)`,
				),
				table("Most throttled", "Part of the periods in which a container had to wait for its CPU limit.", "percentunit",
					`topk(15, sum by (namespace, pod, container) (`+
						`rate(container_cpu_cfs_throttled_periods_total{namespace=~"$namespace",container!=""}[15m])) / `+
						`sum by (namespace, pod, container) (`+
						`rate(container_cpu_cfs_periods_total{namespace=~"$namespace",container!=""}[15m])))`),
			}},
			{Title: "Nearest to their limit", Panels: []Panel{
				table(
					"Memory",
					"Working set as a part of the limit.",
					"percentunit",
					`topk(15, max by (namespace, pod, container) (`+
						`container_memory_working_set_bytes{namespace=~"$namespace",container!=""}) / `+
						`max by (namespace, pod, container) (`+
						`kube_pod_container_resource_limits{namespace=~"$namespace",resource="memory"}))`,
				),
				table(
					"CPU",
					"Use as a part of the limit.",
					"percentunit",
					`topk(15, sum by (namespace, pod, container) (`+
						`rate(container_cpu_usage_seconds_total{namespace=~"$namespace",container!=""}[5m])) / `+
						`max by (namespace, pod, container) (`+
						`kube_pod_container_resource_limits{namespace=~"$namespace",resource="cpu"}))`,
				),
			}},
		},
	}
}
