package usage

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/testkit"
)

const shop = `
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {allocatable: {cpu: 4, memory: 8Gi, pods: 10}, addresses: [{type: InternalIP, address: 192.0.2.7}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop, uid: d, creationTimestamp: "2025-01-01T00:00:00Z"}
spec: {replicas: 1, selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: api, image: i, resources: {limits: {cpu: 1}}}, {name: log, image: i}]}}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: cart-6d4b75cb6d, namespace: shop, uid: r, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: cart, uid: d, controller: true}]}
spec: {replicas: 1, selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: api, image: i, resources: {limits: {cpu: 1}}}, {name: log, image: i}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: cart-6d4b75cb6d-abcde, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: cart-6d4b75cb6d, uid: r, controller: true}]}
spec: {nodeName: n1, containers: [{name: api, image: i, resources: {limits: {cpu: 1}}}, {name: log, image: i}]}
status: {phase: Running, startTime: "2026-01-01T00:00:00Z"}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, namespace: batch}
spec: {schedule: "0 1 * * *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: job, image: i}]}}}}}
`

const live = "cart-6d4b75cb6d-abcde"

// used runs the stage and returns the usage in the graph as text.
func used(t *testing.T, f *fake, in Input) (string, []facts.Gap) {
	t.Helper()
	f.t = t
	in.Provider = f
	in.Graph = testkit.Graph(t, shop)
	if in.Wanting == nil {
		in.Wanting = all()
	}
	gaps := Collect(context.Background(), in)
	if in.Graph.Usage() == nil {
		return "", gaps
	}
	var b strings.Builder
	for _, c := range in.Graph.Usage().Containers {
		fmt.Fprintf(&b, "%s %s: %d Pods for %s, cpu %g, peak %g, memory %g, now %g, resident %g, throttled %g\n", c.Workload, c.Container,
			c.Pods, c.History, c.CPU, c.CPUPeak, c.Memory, c.MemoryNow, c.Resident, c.Throttled)
	}
	for _, n := range in.Graph.Usage().Nodes {
		fmt.Fprintf(&b, "%s: cpu %g, memory %g\n", n.Node, n.CPU, n.Memory)
	}
	return b.String(), gaps
}

func TestSeriesAreJoinedToWorkloads(t *testing.T) {
	for name, c := range map[string]struct {
		rows []row
		old  bool
		lack []string
		want string
	}{
		"a Pod that runs": {
			rows: []row{{"shop", live, "api", 336, 0.5, 2, 100, 80, 0.3, ""}},
			want: "Deployment/shop/cart api: 1 Pods for 168h0m0s, cpu 0.5, peak 2, memory 100, now 100, resident 80, throttled 0.3\n",
		},
		"old labels": {
			rows: []row{{"shop", live, "api", 336, 0.5, 2, 100, 80, 0.3, ""}}, old: true,
			want: "Deployment/shop/cart api: 1 Pods for 168h0m0s, cpu 0.5, peak 2, memory 100, now 100, resident 80, throttled 0.3\n",
		},
		"a Pod that is gone, by its owner's name": {
			rows: []row{{"shop", "cart-odd", "api", 100, 0.5, 2, 100, 80, 0.3, "ReplicaSet/cart-6d4b75cb6d"}, {"shop", "cart-odder", "api", 50, 0.6, 3, 100, 80, 0.3, "ReplicaSet/cart-old"}},
			want: "Deployment/shop/cart api: 2 Pods for 75h0m0s, cpu 0.6, peak 3, memory 100, now -1, resident -1, throttled -1\n",
		},
		"a Pod that is gone, by its own name": {
			rows: []row{{"shop", "cart-5f7b75cb6d-xzbcd", "api", 100, 0.5, 2, 100, 80, 0.3, ""}, {"shop", "cart-extra-5f7b75cb6d-xzbcd", "api", 100, 0.5, 2, 100, 80, 0.3, ""}, {"batch", "nightly-29000000-xzbcd", "job", 2, 1, 1, 50, 50, 0, ""}}, lack: []string{markOwners},
			want: "CronJob/batch/nightly job: 1 Pods for 1h0m0s, cpu 1, peak 1, memory 50, now -1, resident -1, throttled -1\n" +
				"Deployment/shop/cart api: 1 Pods for 50h0m0s, cpu 0.5, peak 2, memory 100, now -1, resident -1, throttled -1\n",
		},
		"start-ups of short-lived Pods do not count, their peaks of memory do": {
			rows: []row{{"shop", live, "api", 300, 0.1, 0.2, 100, 80, -1, ""}, {"shop", "cart-5f7b75cb6d-xzbcd", "api", 2, 1.9, 2, 300, 80, -1, ""}},
			want: "Deployment/shop/cart api: 2 Pods for 151h0m0s, cpu 0.1, peak 0.2, memory 300, now 100, resident 80, throttled -1\n",
		},
		"rollouts every hour are a history all the same": {
			rows: []row{{"shop", "cart-5f7b75cb6d-xzbcd", "api", 30, 0.1, 0.2, 100, 80, -1, ""}, {"shop", live, "api", 30, 0.3, 0.4, 100, 80, -1, ""}},
			want: "Deployment/shop/cart api: 2 Pods for 30h0m0s, cpu 0.3, peak 0.4, memory 100, now 100, resident 80, throttled -1\n",
		},
		"what is not in the graph, and containers that no spec has": {
			rows: []row{{"shop", live, "debugger", 336, 0.5, 2, 100, 80, 0.3, ""}, {"other", live, "api", 336, 0.5, 2, 100, 80, 0.3, ""}, {"", "", "", 1, 1, 1, 1, 1, 1, ""}},
		},
		"numbers that are none": {
			rows: []row{{"shop", live, "api", 336, math.NaN(), math.Inf(1), 1e300, 80, 7, ""}},
			want: "Deployment/shop/cart api: 1 Pods for 168h0m0s, cpu -1, peak -1, memory 1e+30, now 1e+30, resident 80, throttled 1\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, gaps := used(t, &fake{rows: c.rows, old: c.old, lacks: c.lack},
				Input{Wanting: map[facts.Source][]string{facts.SourceUsage: {"size"}, facts.SourceThrottling: {"throttled"}}})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, gap := range gaps {
				if gap.Source != "metrics: workloads with less than a day of metrics" {
					t.Errorf("gap: %+v", gap)
				}
			}
		})
	}
}

func TestNodesAreJoinedByNameAndAddress(t *testing.T) {
	for _, labels := range []metrics.Labels{{"node": "n1"}, {"instance": "192.0.2.7:10250"}, {"kubernetes_io_hostname": "n1", "instance": "other"}, {"instance": "n1"}} {
		got, gaps := used(t,
			&fake{nodes: []metrics.Sample{{Labels: labels, Value: 2.5}, {Labels: metrics.Labels{"node": "n9"}, Value: 9}}},
			Input{Wanting: map[facts.Source][]string{facts.SourceNodeUsage: {"node"}}})
		if got != "n1: cpu 2.5, memory 2.5\n" || len(gaps) > 0 {
			t.Errorf("%v: %s, %v", labels, got, gaps)
		}
	}
}

func TestOnlyRequiredSourcesAreQueried(t *testing.T) {
	for _, c := range []struct {
		wanting map[facts.Source][]string
		want    int
	}{{map[facts.Source][]string{}, 0}, {map[facts.Source][]string{facts.SourceThrottling: {"t"}}, 3}, {map[facts.Source][]string{facts.SourceNodeUsage: {"n"}}, 3}, {all(), 9}} {
		f := &fake{rows: []row{{"shop", live, "api", 336, 0.5, 2, 100, 80, 0.3, ""}}}
		used(t, f, Input{Wanting: c.wanting})
		if len(f.queries) != c.want {
			t.Errorf("%v: %d queries, want %d:\n%s", c.wanting, len(f.queries), c.want, strings.Join(f.queries, "\n"))
		}
	}
}

func TestMatchersAreInEveryQuery(t *testing.T) {
	f := &fake{rows: []row{{"shop", "cart-gone", "api", 336, 0.5, 2, 100, 80, 0.3, "ReplicaSet/cart-6d4b75cb6d"}}}
	used(
		t,
		f,
		Input{
			Scope:   scope.New(testkit.Graph(t, shop), []string{"shop", "a.b"}),
			Options: Options{MatchLabels: map[string]string{"cluster": `a"b\`, "region": "é\xff"}},
		},
	)
	for _, q := range f.queries {
		if !strings.Contains(q, `cluster="a\"b\\",region="é",`) {
			t.Errorf("without the labels: %s", q)
		}
		if !strings.Contains(q, `namespace=~"a\\.b|shop",`) && !strings.Contains(q, `id="/"`) && !strings.HasPrefix(q, "label_replace") {
			t.Errorf("without the namespaces: %s", q)
		}
	}
}

func TestFailuresAreGaps(t *testing.T) {
	rows := []row{{"shop", live, "api", 336, 0.5, 2, 100, 80, 0.3, ""}}
	const everything = "label_replace"
	for name, c := range map[string]struct {
		fails   map[string]error
		lacks   []string
		want    []string // source, reason and checks
		queries int
	}{
		"refused": {
			fails: map[string]error{everything: problem.Retrying(v1alpha1.ReasonUnauthorized, nil, "server does not accept the credentials")},
			want:  []string{"metrics: metric names Forbidden [node size throttled]"}, queries: 1,
		},
		"gone on the way": {
			fails: map[string]error{"quantile_over_time(0.95,(max by (namespace": problem.Retrying(v1alpha1.ReasonUnreachable, nil, "server does not answer")},
			want:  []string{"metrics: CPU usage Unavailable [node size throttled]"}, queries: 3,
		},
		"slow all the time": {
			fails: map[string]error{"(max by (": problem.Retrying(v1alpha1.ReasonTimeout, nil, "server did not answer in time")},
			want:  []string{"metrics: containers TimedOut [node size throttled]"},
			// discovery, all, then the first of two halves, which is the third timeout
			queries: 4,
		},
		"no cAdvisor": {
			lacks: []string{markNew, markNodes, markThrottling},
			want:  []string{"metrics: container_memory_working_set_bytes NotServed [size throttled]", "metrics: container_memory_working_set_bytes NotServed [node]"}, queries: 3,
		},
		"throttling is dropped": {lacks: []string{markThrottling}, want: []string{"metrics: container_cpu_cfs_periods_total NotServed [throttled]"}, queries: 9},
		"one query is too much even in parts": {
			fails: map[string]error{"container_memory_rss": problem.UserError(v1alpha1.ReasonBudgetExceeded, nil, "too many")},
			want:  []string{"metrics: memory without cache Incomplete [size]"}, queries: 12,
		},
		"an error that is no problem": {fails: map[string]error{"count_over_time": fmt.Errorf("secret text")}, want: []string{"metrics: containers Unavailable [node size throttled]"}, queries: 2},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{rows: rows, fails: c.fails, lacks: c.lacks}
			_, gaps := used(t, f, Input{})
			var got []string
			for _, gap := range gaps {
				got = append(got, fmt.Sprintf("%s %s %v", gap.Source, gap.Reason, gap.Checks))
				if gap.Message == "" || gap.Remediation == "" || strings.Contains(gap.Message, "secret text") {
					t.Errorf("%+v", gap)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
			if len(f.queries) != c.queries {
				t.Errorf("%d queries, want %d:\n%s", len(f.queries), c.queries, strings.Join(f.queries, "\n"))
			}
		})
	}
}

func TestExceededDeadlineIsAGap(t *testing.T) {
	ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	f := &fake{t: t}
	gaps := Collect(ctx, Input{Provider: f, Graph: testkit.Graph(t, shop), Wanting: all()})
	if len(gaps) != 1 || gaps[0].Reason != v1alpha1.GapTimedOut || len(f.queries) > 0 {
		t.Errorf("%d queries, %+v", len(f.queries), gaps)
	}
}
