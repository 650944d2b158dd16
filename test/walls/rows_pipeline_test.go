package walls

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
)

func pipelineOf(spec string) string { return resource("Pipeline", spec) }

// stageOf is a Pipeline of one stage.
func stageOf(fields string) string { return pipelineOf("{stages: [{name: a, " + fields + "}]}") }

// waitStage is a stage that ends at once, with more fields.
func waitStage(name, fields string) string {
	return "{name: " + name + ", type: wait, wait: {duration: 0s}" + fields + "}"
}

// runOf is a Pipeline and a run of it, which is judged.
func runOf(definition string) string {
	return definition + "---\n" + resource("PipelineRun", "{pipelineRef: {name: $NAME}}")
}

// pipelineSchemaRows are refused by the schemas of Pipelines and what their stages use, or by RBAC.
func pipelineSchemaRows() []row {
	trigger := func(fields string) string {
		return pipelineOf("{stages: [" + waitStage("a", "") + "], triggers: [{name: t, " + fields + "}]}")
	}
	build := func(fields string) string {
		return stageOf("type: build, build: {providerRef: {name: a}, " + fields + "}")
	}
	return []row{
		{name: "stages-1000", manifest: pipelineOf("{stages: " + list(1000, func(i int) string { return waitStage(fmt.Sprintf("s%d", i), "") }) + "}"),
			want: refused("must have at most 50 items")},
		{name: "stage-path", manifest: pipelineOf("{stages: [" + waitStage(`"../x"`, "") + "]}"), want: refused("spec.stages[0].name")},
		{name: "when-long", manifest: pipelineOf("{stages: [" + waitStage("a", ", when: "+strings.Repeat("1==1&&", 500)+"true") + "]}"),
			want: refused("may not be more than 1024 bytes")},
		{name: "job-query", manifest: build(`job: "shop?token=x"`), want: refused("spec.stages[0].build.job")},
		{name: "marker-parameter", manifest: build("job: shop, parameters: [{name: KUBEOPS_RUN, value: x}]"),
			want: refused("are reserved")},
		{name: "repository-file", manifest: trigger(`type: git, git: {repository: "file:///etc", branch: main}`),
			want: refused("spec.triggers[0].git.repository")},
		{name: "branch-option", manifest: trigger(`type: git, git: {repository: "https://git.example.com/a", branch: "--upload-pack=sh"}`),
			want: refused("spec.triggers[0].git.branch")},
		{name: "trigger-zone", manifest: trigger(`type: schedule, schedule: {cron: "@hourly", timeZone: "../../etc/passwd"}`),
			want: refused("spec.triggers[0].schedule.timeZone")},
		{name: "image-path", manifest: stageOf(`type: image, image: {repository: "a.example.com/../b", tag: {value: x}}`),
			want: refused("spec.stages[0].image.repository")},
		{name: "stage-forever", manifest: pipelineOf("{stages: [" + waitStage("a", ", timeout: 8760h") + "]}"),
			want: refused("timeout must be between 1s and 720h")},
		{name: "retry-negative", manifest: pipelineOf("{stages: [" + waitStage("a", ", retry: {attempts: 2, delay: -1h}") + "]}"),
			want: refused("delay must be between 0s and 10m")},
		{name: "approval-of-tenant", manifest: "apiVersion: kubeops.io/v1alpha1\nkind: Approval\nmetadata: {name: a}\n" +
			"spec: {run: a, stage: a, approve: true}\n", want: refused("cannot create resource \"approvals\"")},
		{name: "forged-inventory", manifest: "apiVersion: kubeops.io/v1alpha1\nkind: BundleInventory\nmetadata: {name: a}\nbundle: a\n",
			want: refused("cannot create resource \"bundleinventories\"")},
	}
}

// pipelineRows are Pipelines that cannot be run, or want time or memory before a run starts.
func pipelineRows() []row {
	schedule := func(fields string) string {
		return pipelineOf("{stages: [" + waitStage("a", "") + "], triggers: [{name: t, type: schedule, schedule: {" + fields + "}}]}")
	}
	expression := func(text string) string {
		return pipelineOf("{stages: [" + waitStage("a", fmt.Sprintf(", when: %q", text)) + "]}")
	}
	template := "{spec: {template: {metadata: {annotations: {a: " + strings.Repeat("a", 100<<10) + "}}}}}"
	dense := list(50, func(i int) string {
		return waitStage(fmt.Sprintf("s%d", i), ", after: "+list(min(i, 16), func(j int) string { return fmt.Sprintf("s%d", i-1-j) }))
	})
	invalid := func(text string) outcome { return notReady(v1alpha1.ReasonInvalidPipeline, text) }
	wrong := func(text string) outcome { return notReady(v1alpha1.ReasonInvalidExpression, text) }
	return []row{
		{name: "stages-cycle", manifest: pipelineOf("{stages: [" + waitStage("a", ", after: [b]") + ", " + waitStage("b", ", after: [a]") + "]}"),
			want: invalid("wait for each other")},
		{name: "stages-dense", manifest: pipelineOf("{stages: " + dense + "}"), want: harmless("50 stages")},
		{name: "job-template", manifest: stageOf("type: job, job: {template: " + template + "}"), want: invalid("at most 65536 are allowed")},
		{name: "cron-every-second", manifest: schedule(`cron: "@every 1s"`),
			want: notReady(v1alpha1.ReasonLimitExceeded, "limits.minScheduleInterval")},
		{name: "cron-never", manifest: schedule(`cron: "0 0 31 2 *"`), want: notReady(v1alpha1.ReasonInvalidSchedule, "never comes due")},
		{name: "poll-every-second", manifest: pipelineOf("{stages: [" + waitStage("a", "") + "], triggers: [{name: t, type: git, " +
			`git: {repository: "https://git.example.com/a", branch: main, interval: 1s}}]}`),
			want: notReady(v1alpha1.ReasonLimitExceeded, "limits.minScheduleInterval")},
		{name: "when-regex", manifest: expression("'a'.matches('(abcdefghijabcdefghij){900}')"), want: wrong("at most 10000 are allowed")},
		{name: "when-classes", manifest: expression("'a'.matches('" + strings.Repeat(`\\pL`, 220) + "')"), want: wrong("at most 200")},
		{name: "when-nested", manifest: expression(strings.Repeat("[", 400) + strings.Repeat("]", 400) + " == []"), want: wrong("recursion limit exceeded")},
		{name: "when-of-later", manifest: expression("stages.b.outputs.x == 'a'"), want: wrong("undeclared reference")},
		{name: "trigger-parameter", manifest: pipelineOf("{stages: [" + waitStage("a", "") + "], parameters: [{name: p}], triggers: [{name: t, " +
			"type: schedule, schedule: {cron: '@hourly'}, parameters: [{name: p, expression: \"event.payload.matches('(abcdefghijabcdefghij){900}')\"}]}]}"),
			want: wrong("at most 10000 are allowed")},
	}
}

// runRows are runs whose stages want time or memory, or what is not the tenant's.
func runRows() []row {
	failed := func(text string) outcome { return notReady(v1alpha1.ReasonStageFailed, text) }
	ten := "[0,1,2,3,4,5,6,7,8,9]"
	// 10 million steps.
	loops := strings.Repeat(ten+".all(a,", 7) + "true" + strings.Repeat(")", 7)
	doubling := doubled("['"+strings.Repeat("a", 40)+"']", ".map(a, a.replace('a', a))", 6, ".all(z, z != '')")
	when := func(text string) string {
		return pipelineOf("{stages: [" + waitStage("a", fmt.Sprintf(", when: %q", text)) + "]}")
	}
	job := func(metadata, pod string) string {
		return stageOf("type: job, timeout: 5s, job: {template: {" + metadata + "spec: {template: {spec: {" + pod +
			"restartPolicy: Never, containers: [{name: a, image: a}]}}}}}")
	}
	credentials := "apiVersion: v1\nkind: Secret\nmetadata: {name: $NAME}\nstringData: {username: a, password: b}\n---\n"
	commit := func(url string) string {
		return credentials + stageOf(fmt.Sprintf("type: commit, timeout: 15s, commit: {repository: %q, branch: main, "+
			"secretRef: {name: $NAME}, changes: [{file: a.yaml, path: a, value: b}]}", url))
	}
	image := func(repository string) string {
		return stageOf(fmt.Sprintf("type: image, timeout: 15s, image: {repository: %q, plainHTTP: true, tag: {value: x}}", repository))
	}
	denied := notReady(v1alpha1.ReasonEgressDenied, "never called")
	return []row{
		{name: "run-loops", manifest: runOf(when(loops)), want: failed("cost limit exceeded")},
		{name: "run-doubling", manifest: runOf(when(doubling)), want: failed("more than 32 MiB of memory")},
		{name: "run-of-nothing", manifest: resource("PipelineRun", "{pipelineRef: {name: of-others}}"),
			want: notReady(v1alpha1.ReasonPipelineNotFound, "does not exist")},
		{name: "run-parameters", manifest: pipelineOf("{stages: ["+waitStage("a", "")+"]}") + "---\n" +
			resource("PipelineRun", "{pipelineRef: {name: $NAME}, parameters: "+list(30, func(i int) string {
				return fmt.Sprintf("{name: p%d, value: %s}", i, strings.Repeat("x", 1000))
			})+"}"), want: notReady(v1alpha1.ReasonInvalidParameter, "has no parameter")},
		{name: "run-requester", manifest: pipelineOf("{stages: ["+waitStage("a", "")+"]}") + "---\n" +
			resource("PipelineRun", `{pipelineRef: {name: $NAME}, requestedBy: "system:admin"}`), want: refused("spec.requestedBy must be")},
		{name: "job-of-others", manifest: runOf(job("metadata: {namespace: neighbour}, ", "")),
			want: notReady(v1alpha1.ReasonInvalidJob, `unknown field "namespace"`)},
		{name: "job-account", manifest: runOf(job("", "serviceAccountName: developer, ")),
			want: notReady(v1alpha1.ReasonInvalidJob, "serviceAccountName of the Pipeline")},
		{name: "job-endless", manifest: runOf(job("", "")), want: failed("did not end within 5s")},
		{name: "job-without-permission", namespace: offender, manifest: runOf(job("", "hostPID: true, ")),
			want: notReady(v1alpha1.ReasonJobForbidden, "kubeops-pipeline-jobs")},
		{name: "commit-metadata", manifest: runOf(commit("https://169.254.169.254/a.git")), want: denied},
		{name: "commit-mapped", manifest: runOf(commit("https://[::ffff:169.254.169.254]/a.git")), want: denied},
		{name: "commit-unencrypted", manifest: runOf(commit("http://git.example.com/a.git")),
			want: notReady(v1alpha1.ReasonInvalidSpec, "unencrypted")},
		{name: "commit-other", manifest: runOf(commit("$SERVER/endless/a.git")),
			want: notReady(v1alpha1.ReasonInvalidResponse, "not the URL of a Git repository")},
		{name: "commit-branches", manifest: runOf(commit("$SERVER/branches/a.git")),
			want: notReady(v1alpha1.ReasonResponseTooLarge, "was dropped")},
		{name: "commit-pack", manifest: runOf(commit("$SERVER/pack/a.git")), want: failed("was dropped")},
		{name: "commit-silent", manifest: runOf(commit("$SERVER/silent/a.git")), want: notReady(v1alpha1.ReasonTimeout, "did not respond in time")},
		{name: "image-metadata", manifest: runOf(image("169.254.169.254/a")), want: denied},
		{name: "image-bomb", manifest: runOf(image("127.0.0.1:$PORT/bomb")), want: failed("was dropped")},
		{name: "image-endless", manifest: runOf(image("127.0.0.1:$PORT/endless")), want: failed("was dropped")},
		{name: "image-redirect", manifest: runOf(image("127.0.0.1:$PORT/metadata")), want: failed("never followed")},
		{name: "image-token", manifest: runOf(image("127.0.0.1:$TOKENS/a")), want: denied},
		{name: "quality-metadata", manifest: secretOf("quality-metadata", "a") + runOf(stageOf("type: quality, timeout: 5s, quality: {sonarQube: "+
			`{url: "http://169.254.169.254/", plainHTTP: true, tokenRef: {name: $NAME, key: key}, project: p, revision: {value: x}}}`)),
			want: denied},
		{name: "metrics-of-others", manifest: runOf(stageOf("type: metrics, timeout: 5s, metrics: {backendRef: {name: neighbour}, query: up, " +
			"condition: \"> 0\"}")), want: notReady(v1alpha1.ReasonBackendNotFound, "MetricsBackend deploying/neighbour")},
		{name: "inspection-of-others", manifest: runOf(stageOf("type: inspect, timeout: 5s, inspect: {inspectionRef: {name: pods}}")),
			want: notReady(v1alpha1.ReasonInspectionNotFound, "Inspection deploying/pods")},
		{name: "inspection-without-permission", manifest: inspection("{namespaces: [$NAMESPACE]}") + "---\n" +
			runOf(stageOf("type: inspect, timeout: 5s, inspect: {inspectionRef: {name: $NAME}}")),
			want: notReady(v1alpha1.ReasonInspectionForbidden, "kubeops-pipeline-inspections")},
		{name: "logs-of-others", manifest: loki("$SERVER/silent") + "---\n" + runOf(stageOf("type: logs, timeout: 5s, "+
			"logs: {backendRef: {name: $NAME}, namespaces: [neighbour]}")),
			want: notReady(v1alpha1.ReasonLogsForbidden, "in namespace neighbour")},
		{name: "bundle-of-others", manifest: runOf(stageOf("type: bundle, timeout: 5s, bundle: {bundleRef: {name: neighbour}, " +
			"revision: {value: " + strings.Repeat("a", 40) + "}}")), want: notReady(v1alpha1.ReasonBundleNotFound, "deploying/neighbour")},
	}
}
