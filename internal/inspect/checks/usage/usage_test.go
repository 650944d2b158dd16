package usage

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/sizing"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// using is a container of a workload that was seen for a week, with what it used: cores, and bytes.
func using(workload facts.Ref, cpu, peak float32, memory int64) facts.ContainerUsage {
	return facts.ContainerUsage{
		Workload: workload, Container: "api", CPU: cpu, CPUPeak: peak, Memory: float32(memory), MemoryNow: float32(memory),
		Resident: facts.Untold, Throttled: facts.Untold,
		History: 7 * 24 * time.Hour, Pods: 3,
	}
}

func cartRef() facts.Ref { return facts.Ref{Kind: facts.Deployment, Namespace: "shop", Name: "cart"} }

// weighed runs a check on documents and usage, and formats its findings.
func weighed(t *testing.T, id, documents string, params check.Params, usage facts.Usage) string {
	t.Helper()
	g := testkit.Graph(t, documents)
	usage.Window = 7 * 24 * time.Hour
	g.SetUsage(&usage)
	for _, source := range []facts.Source{facts.SourceUsage, facts.SourceThrottling, facts.SourceNodeUsage} {
		g.Provide(source)
	}
	selected, err := check.Select(Checks(), []string{id}, nil)
	if err != nil {
		t.Fatal(err)
	}
	findings, ran, gaps := check.Run(g, selected, params)
	if ran != 1 || len(gaps) > 0 {
		t.Fatalf("%d ran, %+v", ran, gaps)
	}
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%s %s: %s\n", f.Severity, f.Object, f.Message)
		for _, e := range f.Evidence {
			fmt.Fprintf(&b, "  %s: %s\n", e.Source, e.Text)
		}
		fmt.Fprintf(&b, "  fix: %s\n", f.Remediation)
	}
	return b.String()
}

// basket is a Deployment of three Pods with resources.
func basket(resources string) string {
	return checktest.WorkloadWith("Deployment", "cart", "replicas: 3", checktest.APIContainer(", resources: {"+resources+"}"))
}

func scaler(metrics string) string {
	return checktest.Document("autoscaling/v2", "HorizontalPodAutoscaler", "name: cart, namespace: shop",
		"spec: {minReplicas: 1, maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: cart}"+metrics+"}")
}

func vpa(mode string) string {
	return checktest.Document("autoscaling.k8s.io/v1", "VerticalPodAutoscaler", "name: cart, namespace: shop",
		"spec: {targetRef: {apiVersion: apps/v1, kind: Deployment, name: cart}, updatePolicy: {updateMode: "+mode+"}}")
}

// killed is a Pod of the Deployment that ran out of memory with a limit of 1Gi.
func killedPod(at string) string {
	return checktest.Document("v1", "Pod", "name: cart-a, namespace: shop, labels: {app: cart}, ownerReferences: [{apiVersion: "+
		"apps/v1, kind: Deployment, name: cart, uid: u, controller: true}]",
		"spec: {"+checktest.APIContainer(", resources: {requests: {memory: 4Gi}, limits: {memory: 1Gi}}")+"}\nstatus: {phase: Running, "+
			"containerStatuses: [{name: api, image: i, imageID: i, ready: true, restartCount: 1, state: {running: {startedAt: "+
			"\"2026-01-15T10:00:00Z\"}}, lastState: {terminated: {exitCode: 137, reason: OOMKilled, startedAt: "+
			"\"2026-01-01T10:00:00Z\", finishedAt: \""+at+"\"}}}]}")
}

func TestRequestsThatDoNotFitTheUseAreReported(t *testing.T) {
	const gi = 1 << 30
	prices := check.DefaultParams()
	prices.Prices = sizing.Prices{Core: 30_000, GiB: 4000, Currency: "EUR"}
	young := using(cartRef(), 0.1, 0.2, 100*mebi)
	young.History = 23 * time.Hour
	other := using(cartRef(), 0.1, 0.2, 100*mebi)
	other.Container = "injected"
	cronJob := using(facts.Ref{Kind: facts.CronJob, Namespace: "shop", Name: "cart"}, 0.1, 0.2, 900*mebi)
	cronJob.History = time.Hour
	nightly := checktest.Document("batch/v1", "CronJob", "name: cart, namespace: shop",
		"spec: {schedule: 0 1 * * *, jobTemplate: {spec: {template: {spec: "+
			"{restartPolicy: Never, "+checktest.APIContainer(", resources: {requests: {cpu: 4, memory: 512Mi}}")+"}}}}}")
	tooMuch := []string{
		"low Deployment/shop/cart: Deployment cart requests more than ten times the CPU that it needs, in container api.",
		"  spec: container api requests 2 CPU in each of 3 Pods",
		"  metric: container api used 100m CPU, the 95th percentile of the busiest of 3 Pods over 7 days of data, and 200m at its busiest " +
			"(container_cpu_usage_seconds_total)",
		"  metric: recommended: 150m with a margin of 15 %; this frees 5.55 CPU",
		"  fix: `kubectl -n shop set resources deployment cart -c api --requests=cpu=150m`"}
	priced := append(append(append([]string{}, tooMuch[:3]...), tooMuch[3]+", worth 121.54 EUR a month"), tooMuch[4])
	for name, c := range map[string]struct {
		id, documents string
		params        check.Params
		used          []facts.ContainerUsage
		want          []string
	}{
		"unused CPU": {id: "cpu-request-too-high", documents: basket("requests: {cpu: 2}"),
			used: []facts.ContainerUsage{using(cartRef(), 0.1, 0.2, 100*mebi)}, want: tooMuch},
		"with prices": {id: "cpu-request-too-high", documents: basket("requests: {cpu: 2}"), params: prices,
			used: []facts.ContainerUsage{using(cartRef(), 0.1, 0.2, 100*mebi)}, want: priced},
		"a VPA that only recommends": {id: "cpu-request-too-high", documents: basket("requests: {cpu: 2}") + vpa(`"Off"`),
			used: []facts.ContainerUsage{using(cartRef(), 0.1, 0.2, 100*mebi)}, want: tooMuch},
		"an HPA by memory": {id: "cpu-request-too-high", documents: basket("requests: {cpu: 2}") +
			scaler(", metrics: [{type: Resource, resource: {name: memory, target: {type: Utilization, averageUtilization: 80}}}]"),
			used: []facts.ContainerUsage{using(cartRef(), 0.1, 0.2, 100*mebi)}, want: tooMuch},
		"an HPA by cores": {id: "cpu-request-too-high", documents: basket("requests: {cpu: 2}") +
			scaler(", metrics: [{type: Resource, resource: {name: cpu, target: {type: AverageValue, averageValue: 1}}}]"),
			used: []facts.ContainerUsage{using(cartRef(), 0.1, 0.2, 100*mebi)}, want: tooMuch},
		"a VPA that applies": {id: "cpu-request-too-high", documents: basket("requests: {cpu: 2}") + vpa("Auto"),
			used: []facts.ContainerUsage{using(cartRef(), 0.1, 0.2, 100*mebi)}},
		"an HPA by utilization": {id: "cpu-request-too-high", documents: basket("requests: {cpu: 2}") +
			scaler(", metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]"),
			used: []facts.ContainerUsage{using(cartRef(), 0.1, 0.2, 100*mebi)}},
		"an HPA by the utilization of one": {id: "cpu-request-too-high", documents: basket("requests: {cpu: 2}") +
			scaler(", metrics: [{type: ContainerResource, containerResource: {name: cpu, container: api, target: {type: Utilization, "+
				"averageUtilization: 80}}}]"), used: []facts.ContainerUsage{using(cartRef(), 0.1, 0.2, 100*mebi)}},
		"less than a day": {id: "cpu-request-too-high", documents: basket("requests: {cpu: 2}"),
			used: []facts.ContainerUsage{young}},
		"nothing is known": {id: "cpu-request-too-high", documents: basket("requests: {cpu: 2}")},
		"a container that admission added": {id: "cpu-request-too-high", documents: basket("requests: {cpu: 2}"),
			used: []facts.ContainerUsage{other}},
		"a nightly job of nearly all it has": {id: "cpu-request-too-high", documents: basket("requests: {cpu: 2}"),
			used: []facts.ContainerUsage{using(cartRef(), 0.1, 1.9, 100*mebi)}, want: []string{
				"low Deployment/shop/cart: Deployment cart requests more than twice the CPU that it needs, in container api.",
				"  spec: container api requests 2 CPU in each of 3 Pods",
				"  metric: container api used 100m CPU, the 95th percentile of the busiest of 3 Pods over 7 days of data, and 1.9 at its busiest " +
					"(container_cpu_usage_seconds_total)",
				"  metric: recommended: 950m with a margin of 15 %; this frees 3.15 CPU",
				"  fix: `kubectl -n shop set resources deployment cart -c api --requests=cpu=950m`"}},
		"a peak above the request": {id: "cpu-request-too-high", documents: basket("requests: {cpu: 2}"),
			used: []facts.ContainerUsage{using(cartRef(), 0.1, 2.1, 100*mebi)}},
		"little to save": {id: "cpu-request-too-high", documents: basket("requests: {cpu: 60m}"),
			used: []facts.ContainerUsage{using(cartRef(), 0.001, 0.001, 100*mebi)}},
		"about right": {id: "cpu-request-too-high", documents: basket("requests: {cpu: 2}"),
			used: []facts.ContainerUsage{using(cartRef(), 1.4, 1.9, 100*mebi)}},
		"a Job by schedule": {id: "cpu-request-too-high", documents: nightly, used: []facts.ContainerUsage{cronJob}},
		"scaled to zero": {id: "cpu-request-too-high", documents: strings.Replace(basket("requests: {cpu: 2}"),
			"replicas: 3", "replicas: 0", 1), used: []facts.ContainerUsage{using(cartRef(), 0.1, 0.2, 1)}},
		"in a namespace of the distribution": {id: "cpu-request-too-high", documents: strings.ReplaceAll(basket("requests: {cpu: 2}"),
			"namespace: shop", "namespace: kube-system"), used: []facts.ContainerUsage{using(facts.Ref{Kind: facts.Deployment,
			Namespace: "kube-system", Name: "cart"}, 0.1, 0.2, 1)}},
		"requests for the whole Pod": {id: "cpu-request-too-high", documents: checktest.WorkloadWith("Deployment", "cart",
			"replicas: 3", "resources: {requests: {cpu: 4}}, "+checktest.APIContainer(", resources: {requests: {cpu: 2}}")),
			used: []facts.ContainerUsage{using(cartRef(), 0.1, 0.2, 1)}},
		"memory that nobody uses": {id: "memory-request-too-high", documents: basket("requests: {memory: 4Gi}, limits: {memory: 4Gi}"),
			params: prices, used: []facts.ContainerUsage{using(cartRef(), 0.1, 0.2, 300*mebi)}, want: []string{
				"low Deployment/shop/cart: Deployment cart requests more than ten times the memory that it needs, in container api.",
				"  spec: container api requests 4Gi of memory in each of 3 Pods",
				"  metric: container api used 300Mi of memory at its peak, in 3 Pods over 7 days of data (container_memory_working_set_bytes)",
				"  metric: recommended: 384Mi with a margin of 15 %; this frees 10.9Gi, worth 31.75 EUR a month",
				"  fix: `kubectl -n shop set resources deployment cart -c api --requests=memory=384Mi`. Request and limit are equal: to " +
					"keep QoS class Guaranteed, lower the limit too, and monitor it"}},
		"never below a kill": {id: "memory-request-too-high", documents: basket("requests: {memory: 4Gi}") +
			killedPod("2026-01-10T10:00:00Z"), used: []facts.ContainerUsage{using(cartRef(), 0.1, 0.2, 300*mebi)}, want: []string{
			"low Deployment/shop/cart: Deployment cart requests more than twice the memory that it needs, in container api.",
			"  spec: container api requests 4Gi of memory in each of 3 Pods",
			"  metric: container api used 300Mi of memory at its peak, in 3 Pods over 7 days of data (container_memory_working_set_bytes)",
			"  metric: recommended: 1.2Gi with a margin of 15 %; this frees 8.2Gi",
			"  condition: container api was OOM-killed with a limit of 1Gi",
			"  fix: `kubectl -n shop set resources deployment cart -c api --requests=memory=1280Mi`"}},
		"CPU beyond the request": {id: "cpu-request-too-low", documents: basket("requests: {cpu: 500m}, limits: {cpu: 1600m}"),
			used: []facts.ContainerUsage{using(cartRef(), 1.5, 1.6, 100*mebi)}, want: []string{
				"low Deployment/shop/cart: Deployment cart uses more than twice as much CPU than it requests, in container api: " +
					"on a busy " +
					"node it slows down.",
				"  spec: container api requests 500m CPU",
				"  metric: container api used 1.5 CPU, the 95th percentile of the busiest of 3 Pods over 7 days of data, and 1.6 at its busiest " +
					"(container_cpu_usage_seconds_total)",
				"  metric: recommended: 1.6 with a margin of 15 %",
				"  fix: `kubectl -n shop set resources deployment cart -c api --requests=cpu=1600m`"}},
		"CPU a little beyond": {id: "cpu-request-too-low", documents: basket("requests: {cpu: 500m}"),
			used: []facts.ContainerUsage{using(cartRef(), 0.59, 3, 100*mebi)}},
		"a burst of CPU at the start": {id: "cpu-request-too-low", documents: basket("requests: {cpu: 500m}"),
			used: []facts.ContainerUsage{using(cartRef(), 0.1, 4, 100*mebi)}},
		"CPU beyond the target": {id: "cpu-request-too-low", documents: basket("requests: {cpu: 500m}") + scaler(""),
			used: []facts.ContainerUsage{using(cartRef(), 1.5, 3, 100*mebi)}},
		"memory beyond the request": {id: "memory-request-too-low",
			documents: basket("requests: {memory: 256Mi}, limits: {memory: 512Mi}"), used: []facts.ContainerUsage{using(cartRef(), 0.1,
				0.2, 500*mebi)}, want: []string{
				"low Deployment/shop/cart: Deployment cart uses over a quarter more memory than it requests, in container api: its Pods " +
					"are among the first to be evicted.",
				"  spec: container api requests 256Mi of memory",
				"  metric: container api used 500Mi of memory at its peak, in 3 Pods over 7 days of data (container_memory_working_set_bytes)",
				"  metric: recommended: 576Mi with a margin of 15 %",
				"  fix: `kubectl -n shop set resources deployment cart -c api --requests=memory=576Mi --limits=memory=768Mi`"}},
		"a CronJob after some runs": {id: "memory-request-too-low", documents: nightly, used: []facts.ContainerUsage{cronJob},
			want: []string{
				"low CronJob/shop/cart: CronJob cart uses over a quarter more memory than it requests, in container api: its Pods are " +
					"among the first to be evicted.",
				"  spec: container api requests 512Mi of memory",
				"  metric: container api used 900Mi of memory at its peak, in 3 Pods over 1 hour of data (container_memory_working_set_bytes)",
				"  metric: recommended: 1.1Gi with a margin of 15 %",
				"  fix: `kubectl -n shop set resources cronjob cart -c api --requests=memory=1152Mi`"}},
		"memory within the request": {id: "memory-request-too-low", documents: basket("requests: {memory: 256Mi}"),
			used: []facts.ContainerUsage{using(cartRef(), 0.1, 0.2, 300*mebi)}},
		"much without a request": {id: "usage-without-request", documents: basket("limits: {memory: 2Gi}"),
			used: []facts.ContainerUsage{using(cartRef(), 0.5, 0.9, gi)}, want: []string{
				"low Deployment/shop/cart: Deployment cart uses CPU that it does not request, in container api.",
				"  metric: container api used 500m CPU, the 95th percentile of the busiest of 3 Pods over 7 days of data, and 900m at its " +
					"busiest " +
					"(container_cpu_usage_seconds_total)",
				"  metric: recommended: 600m with a margin of 15 %",
				"  fix: `kubectl -n shop set resources deployment cart -c api --requests=cpu=600m`"}},
		"little without a request": {id: "usage-without-request", documents: basket(""), used: []facts.ContainerUsage{using(cartRef(),
			0.05, 0.9, 100*mebi)}},
	} {
		t.Run(c.id+": "+name, func(t *testing.T) {
			if c.params.StartupGrace == 0 {
				c.params = check.DefaultParams()
			}
			if diff := cmp.Diff(checktest.Lines(c.want...), weighed(t, c.id, c.documents, c.params,
				facts.Usage{Containers: c.used})); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLimitsThatDoNotFitTheUseAreReported(t *testing.T) {
	throttling := func(share, cpu float32) facts.ContainerUsage {
		u := using(cartRef(), cpu, cpu, 100*mebi)
		u.Throttled = share
		return u
	}
	resident := func(memory, resident int64) facts.ContainerUsage {
		u := using(cartRef(), 0.1, 0.1, memory)
		u.Resident = float32(resident)
		return u
	}
	old := using(cartRef(), 0.1, 0.1, 500*mebi)
	old.MemoryNow = 100 * mebi
	near := []string{
		"medium Deployment/shop/cart: Deployment cart has used more than 90 % of its memory limit, in container api: at the limit it " +
			"is OOM-killed.",
		"  spec: container api has a memory limit of 512Mi",
		"  metric: container api used 500Mi of memory at its peak, over 7 days of data (container_memory_working_set_bytes)",
		"  fix: `kubectl -n shop set resources deployment cart -c api --limits=memory=768Mi`. If usage grows without bound, fix the " +
			"leak instead"}
	for name, c := range map[string]struct {
		id, documents string
		used          facts.ContainerUsage
		want          []string
	}{
		"near": {id: "memory-limit-near", documents: basket("limits: {memory: 512Mi}"), used: using(cartRef(), 0.1,
			0.1, 500*mebi), want: near},
		"near, and no cache": {id: "memory-limit-near", documents: basket("limits: {memory: 512Mi}"), used: resident(500*mebi,
			450*mebi), want: near},
		"near by the cache of files": {id: "memory-limit-near", documents: basket("limits: {memory: 512Mi}"), used: resident(500*mebi,
			100*mebi)},
		"an earlier version was": {id: "memory-limit-near", documents: basket("limits: {memory: 512Mi}"), used: old},
		"without a limit": {id: "memory-limit-near", documents: basket("requests: {memory: 64Mi}"), used: using(cartRef(), 0.1,
			0.1, 500*mebi)},
		"far": {id: "memory-limit-near", documents: basket("limits: {memory: 512Mi}"), used: using(cartRef(), 0.1,
			0.1, 400*mebi)},
		"killed lately": {id: "memory-limit-near", documents: basket("limits: {memory: 1Gi}") +
			killedPod("2026-01-15T11:50:00Z"), used: using(cartRef(), 0.1, 0.1, 1000*mebi)},
		"throttled": {id: "cpu-throttled", documents: basket("limits: {cpu: 500m}"), used: throttling(0.3, 0.4), want: []string{
			"low Deployment/shop/cart: Deployment cart is throttled by its CPU limit in more than a quarter of its CFS periods, in " +
				"container api.",
			"  spec: container api has a CPU limit of 500m",
			"  metric: throttled in 30 % of the periods over 1 day of data (container_cpu_cfs_throttled_periods_total / " +
				"container_cpu_cfs_periods_total)",
			"  metric: container api used 400m CPU, the 95th percentile of the busiest of 3 Pods over 7 days of data, and 400m at its busiest " +
				"(container_cpu_usage_seconds_total)",
			"  fix: `kubectl -n shop set resources deployment cart -c api --limits=cpu=750m`, or remove the limit: requests already " +
				"share CPU fairly"}},
		"throttled often, usage unknown": {id: "cpu-throttled", documents: basket("limits: {cpu: 500m}"), used: throttling(0.6,
			facts.Untold), want: []string{
			"medium Deployment/shop/cart: Deployment cart is throttled by its CPU limit in more than half of its CFS periods, in " +
				"container api.",
			"  spec: container api has a CPU limit of 500m",
			"  metric: throttled in 60 % of the periods over 1 day of data (container_cpu_cfs_throttled_periods_total / " +
				"container_cpu_cfs_periods_total)",
			"  fix: `kubectl -n shop set resources deployment cart -c api --limits=cpu=1`, or remove the limit: requests already share " +
				"CPU fairly"}},
		"throttled while almost idle": {id: "cpu-throttled", documents: basket("limits: {cpu: 500m}"), used: throttling(0.6, 0.01)},
		"throttled a little":          {id: "cpu-throttled", documents: basket("limits: {cpu: 500m}"), used: throttling(0.2, 0.4)},
		"the limit is gone":           {id: "cpu-throttled", documents: basket("requests: {cpu: 500m}"), used: throttling(0.6, 0.4)},
	} {
		t.Run(c.id+": "+name, func(t *testing.T) {
			if diff := cmp.Diff(checktest.Lines(c.want...), weighed(t, c.id, c.documents, check.DefaultParams(),
				facts.Usage{Containers: []facts.ContainerUsage{c.used}})); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNodesWhoseUseDiffersFromTheirRequestsAreReported(t *testing.T) {
	full := checktest.NodeSized("n1", "", "") + checktest.PodOn("a", "p", "n1", checktest.RequestsOf("3500m", "1Gi"))
	empty := checktest.NodeSized("n1", "", "") + checktest.PodOn("a", "p", "n1", checktest.RequestsOf("1", "1Gi"))
	for name, c := range map[string]struct {
		id, documents string
		used          facts.NodeUsage
		want          []string
	}{
		"full on paper": {id: "node-requested-not-used", documents: full, used: facts.NodeUsage{Node: "n1", CPU: 0.5, Memory: 1 << 30},
			want: []string{
				"info Node/n1: Most of the CPU of node n1 is requested, but little of it is used.",
				"  condition: requested: 3.5 of 4 CPU, 1Gi of 8Gi of memory",
				"  metric: used: 500m CPU and 1Gi of memory (container_cpu_usage_seconds_total and container_memory_working_set_bytes of " +
					"id=\"/\")"}},
		"full in fact, too": {id: "node-requested-not-used", documents: full, used: facts.NodeUsage{Node: "n1", CPU: 3, Memory: 1 << 30}},
		"not known": {id: "node-requested-not-used", documents: full, used: facts.NodeUsage{Node: "n1", CPU: facts.Untold,
			Memory: facts.Untold}},
		"another node": {id: "node-requested-not-used", documents: full, used: facts.NodeUsage{Node: "n2", CPU: 0.5, Memory: 1 << 30}},
		"exhausted": {id: "node-used-beyond-requests", documents: empty, used: facts.NodeUsage{Node: "n1", CPU: 3.9,
			Memory: 7.5 * (1 << 30)}, want: []string{
			"medium Node/n1: Nearly all of the CPU and the memory of node n1 is used, although far less is requested: the scheduler " +
				"underestimates its load.",
			"  condition: requested: 1 of 4 CPU, 1Gi of 8Gi of memory",
			"  metric: used: 3.9 CPU and 7.5Gi of memory (container_cpu_usage_seconds_total and container_memory_working_set_bytes of " +
				"id=\"/\")"}},
		"exhausted as requested": {id: "node-used-beyond-requests", documents: full, used: facts.NodeUsage{Node: "n1", CPU: 3.9,
			Memory: 1 << 30}},
	} {
		t.Run(c.id+": "+name, func(t *testing.T) {
			got := weighed(t, c.id, c.documents, check.DefaultParams(), facts.Usage{Nodes: []facts.NodeUsage{c.used}})
			if i := strings.Index(got, "  fix: "); i >= 0 {
				got = got[:i]
			}
			if diff := cmp.Diff(checktest.Lines(c.want...), got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestUsageChecksDoNotRunWithoutMetricsBackend.
func TestUsageChecksDoNotRunWithoutMetricsBackend(t *testing.T) {
	for _, c := range Checks() {
		findings, ran, gaps := check.Run(testkit.Graph(t, basket("requests: {cpu: 2}")), []check.Check{c}, check.DefaultParams())
		if len(findings)+ran+len(gaps) > 0 {
			t.Errorf("%s: %v, %d, %v", c.ID, findings, ran, gaps)
		}
	}
}
