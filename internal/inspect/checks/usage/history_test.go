package usage

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestFindingsSayOverWhichHistoryTheyWereCalculated(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		history, stopped time.Duration
		want             string
	}{
		"the whole window":            {history: 7 * day, want: "over 7 days of data ("},
		"one step of the window less": {history: 7*day - 30*time.Minute, want: "over 7 days of data ("},
		"more than the window":        {history: 9 * day, want: "over 7 days of data ("},
		"shorter than the window":     {history: 3*day + 4*time.Hour, want: "over 3 days 4 hours of data (less than the window of 7 days) ("},
		"samples that stopped": {history: 7 * day, stopped: 43 * time.Minute,
			want: "over 7 days of data (last sample 43 minutes before the end of the window) ("},
		"shorter, and stopped": {history: 30 * time.Hour, stopped: 26 * time.Hour, want: "over 1 day 6 hours of data (less than the window " +
			"of 7 days; last sample 1 day 2 hours before the end of the window) ("},
	} {
		t.Run(name, func(t *testing.T) {
			u := using(cartRef(), 0.1, 0.2, 500*mebi)
			u.Throttled = 0.3
			u.CPU, u.CPUPeak = 0.4, 0.4
			u.History, u.Stopped = c.history, c.stopped
			for id, resources := range map[string]string{
				"memory-request-too-high": "requests: {memory: 4Gi}", "memory-request-too-low": "requests: {memory: 256Mi}",
				"memory-limit-near": "limits: {memory: 512Mi}", "usage-without-request": "",
			} {
				got := weighed(t, id, basket(resources), check.DefaultParams(), facts.Usage{Containers: []facts.ContainerUsage{u}})
				if !strings.Contains(got, c.want) {
					t.Errorf("%s lacks %q:\n%s", id, c.want, got)
				}
			}
		})
	}
}

func TestRequestsThatFitNoNode(t *testing.T) {
	small := checktest.NodeSized("n1", "", "") // 4 CPU, 8Gi
	taint := checktest.NodeSized("n1", "", "taints: [{key: a, effect: NoSchedule}]")
	const warned = "  spec: recommended requests of a Pod, 5 CPU, fit no node: the most allocatable is 4 CPU on node n1, 8Gi of memory on node n1"
	large := using(cartRef(), 4.2, 4.5, 100*mebi)
	idle := using(cartRef(), 0.1, 0.2, 100*mebi)
	for name, c := range map[string]struct {
		id, documents string
		used          facts.ContainerUsage
		want, not     string
	}{
		"recommended": {id: "cpu-request-too-low", documents: basket("requests: {cpu: 2}") + small, used: large, want: warned},
		"recommended, remedy": {id: "cpu-request-too-low", documents: basket("requests: {cpu: 2}") + small, used: large,
			want: "  fix: Add a node that can allocate 5 CPU first, or spread the load over more Pods: Pods that fit no node stay Pending. " +
				"Then: `kubectl -n shop set resources deployment cart -c api --requests=cpu=5`"},
		"without a request": {id: "usage-without-request", documents: basket("") + small, used: large, want: warned},
		"taints aside":      {id: "cpu-request-too-low", documents: basket("requests: {cpu: 2}") + taint, used: large, want: warned},
		"with the requests of other containers": {id: "cpu-request-too-low", used: using(cartRef(), 2.2, 2.2, 100*mebi),
			documents: checktest.WorkloadWith("Deployment", "cart", "replicas: 3", "containers: [{name: api, image: i, resources: "+
				"{requests: {cpu: 1}}}, {name: log, image: i, resources: {requests: {cpu: 1500m}}}]") + small,
			want: "  spec: recommended requests of a Pod, 4.1 CPU, fit no node"},
		"one node has the CPU, another the memory": {id: "cpu-request-too-low", used: using(cartRef(), 3.2, 3.2, 100*mebi),
			documents: basket("requests: {cpu: 1, memory: 10Gi}") + small + strings.NewReplacer("cpu: 4", "cpu: 1", "8Gi", "64Gi").Replace(
				checktest.NodeSized("n2", "", "")),
			want: "recommended requests of a Pod, 3.7 CPU and 10Gi of memory, fit no node: the most allocatable is 4 CPU on node n1, 64Gi of " +
				"memory on node n2"},
		"present": {id: "cpu-request-too-high", documents: basket("requests: {cpu: 6}") + small, used: idle,
			want: "  spec: present requests of a Pod, 6 CPU, fit no node: the most allocatable is 4 CPU on node n1, 8Gi of memory on node n1"},
		"present, which is more severe": {id: "cpu-request-too-high", documents: basket("requests: {cpu: 6}") + small, used: idle,
			want: "medium Deployment/shop/cart", not: "Add a node"},
		"fits":               {id: "cpu-request-too-low", documents: basket("requests: {cpu: 500m}") + small, used: using(cartRef(), 1, 1, mebi), not: "fit no node"},
		"no nodes were read": {id: "cpu-request-too-low", documents: basket("requests: {cpu: 2}"), used: large, not: "fit no node"},
		"a larger node fits": {id: "cpu-request-too-low", documents: basket("requests: {cpu: 2}") + small + strings.Replace(checktest.NodeSized("n2", "", ""), "cpu: 4", "cpu: 8", 1), used: large, not: "fit no node"},
		"a node without a status": {id: "cpu-request-too-low", documents: basket("requests: {cpu: 2}") + small +
			checktest.Document("v1", "Node", "name: new", "spec: {}"), used: large, not: "fit no node"},
	} {
		t.Run(name, func(t *testing.T) {
			got := weighed(t, c.id, c.documents, check.DefaultParams(), facts.Usage{Containers: []facts.ContainerUsage{c.used}})
			if got == "" || !strings.Contains(got, c.want) || c.not != "" && strings.Contains(got, c.not) {
				t.Errorf("want %q, not %q:\n%s", c.want, c.not, got)
			}
		})
	}
}

func TestUsageNamesOnlyWhatIsNotRequested(t *testing.T) {
	u := using(cartRef(), 0.5, 0.9, 1<<30)
	for resources, want := range map[string]string{
		"limits: {memory: 2Gi}": "Deployment cart uses CPU that it does not request, in container api.",
		"requests: {cpu: 1}":    "Deployment cart uses memory that it does not request, in container api.",
		"":                      "Deployment cart uses CPU and memory that it does not request, in container api.",
	} {
		got := weighed(t, "usage-without-request", basket(resources), check.DefaultParams(),
			facts.Usage{Containers: []facts.ContainerUsage{u}})
		if first, _, _ := strings.Cut(got, "\n"); !strings.HasSuffix(first, want) {
			t.Errorf("(-want +got):\n%s", cmp.Diff(want, first))
		}
	}
}
