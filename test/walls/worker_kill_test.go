package walls

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit"
	realservers "kubeops.io/kubeops/internal/testkit/servers"
)

const (
	fleetNamespace = "fleet"
	fleetClusters  = 4
	// killsInRun is how many workers are killed in one run: each costs the time until another one takes the part.
	killsInRun = 4
	// workerMemory limits the process of a part.
	workerMemory = "512Mi"
)

// number is an environment variable, or a default.
func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		return otherwise
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// workers are processes of the real program that do parts.
type workers struct {
	*cluster
	config  string
	env     []string
	running []*exec.Cmd
	log     *os.File
}

// TestKilledWorkersLoseNoPart inspects four clusters with 1, 2 and 4 workers, and then kills workers with SIGKILL at random times. Each run
// has the same report. KUBEOPS_WORKER_PODS is the number of Pods in each cluster (default 10000), KUBEOPS_WORKER_KILLS the number of kills
// (default 20).
func TestKilledWorkersLoseNoPart(t *testing.T) {
	pods, kills := number(t, "KUBEOPS_WORKER_PODS", 10_000), number(t, "KUBEOPS_WORKER_KILLS", 20)
	c, w := newFleet(t, pods)
	c.startManager()
	var want []string
	table := fmt.Sprintf("%d clusters of %d Pods:", fleetClusters, pods)
	for _, count := range []int{1, 2, 4} {
		w.scale(count)
		took, got := c.inspectFleet(10*time.Minute, func(context.Context) {})
		if want == nil {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d workers have another report than one: %s", count, diff)
		}
		table += fmt.Sprintf("\n%d workers: %s", count, took.Round(100*time.Millisecond))
	}
	t.Log(table)
	if crashing := pods / 50; len(want) < fleetClusters || crashing > 0 && !strings.Contains(strings.Join(want, "\n"), "pod-crash-looping") {
		t.Errorf("the reports find too little: %v", want)
	}
	w.scale(2)
	random := rand.New(rand.NewPCG(5, 6)) //nolint:gosec // points of kills, the same each time
	for killed := 0; killed < kills; {
		took, got := c.inspectFleet(20*time.Minute, func(ctx context.Context) {
			for range killsInRun {
				if pause(ctx, time.Duration(random.Int64N(int64(3*time.Second)))); ctx.Err() != nil {
					return // the run has ended
				}
				w.killOne(random.IntN(len(w.running)))
				killed++
			}
		})
		t.Logf("%d kills of workers: the run took %s", killed, took.Round(100*time.Millisecond))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("after %d kills the report is another one: %s", killed, diff)
		}
	}
}

// newFleet is a cluster with KubeOps, four clusters with Pods, and a NATS.
func newFleet(t *testing.T, pods int) (*cluster, *workers) {
	t.Helper()
	address, _ := realservers.NATS(t, realservers.NATSOptions{})
	c := newCluster(t)
	c.alone = true
	c.settings = fmt.Sprintf("workQueue: {natsURL: \"nats://%s\"}\n", address)
	c.install("../../config/components/workers")
	c.install("../../config/components/workers/roles")
	c.newTenant(fleetNamespace)
	for i := range fleetClusters {
		remote := testkit.NewCluster(t)
		c.connect(fmt.Sprintf("c%d", i), remote.Config)
		c.populate(remote.Config, pods)
	}
	c.create(&v1alpha1.Inspection{
		ObjectMeta: metav1.ObjectMeta{Namespace: fleetNamespace, Name: "all"},
		Spec: v1alpha1.InspectionSpec{
			Namespaces: []string{"shop"}, Suspend: true, Timeout: &metav1.Duration{Duration: 20 * time.Minute},
			Clusters: &v1alpha1.ClusterSelection{Selector: &metav1.LabelSelector{}, Timeout: &metav1.Duration{Duration: 5 * time.Minute}},
		},
	})
	return c, newWorkers(c)
}

// connect makes a ManagedCluster with a kubeconfig.
func (c *cluster) connect(name string, config *rest.Config) {
	c.t.Helper()
	meta := metav1.ObjectMeta{Namespace: fleetNamespace, Name: name}
	c.create(&corev1.Secret{ObjectMeta: meta, Data: map[string][]byte{
		v1alpha1.DefaultKubeconfigKey: testkit.Kubeconfig(c.t, config),
	}})
	c.create(&v1alpha1.ManagedCluster{ObjectMeta: meta, Spec: v1alpha1.ManagedClusterSpec{
		Kubeconfig: &v1alpha1.KubeconfigReference{SecretReference: v1alpha1.SecretReference{Name: name}},
	}})
}

// populate a cluster with simulated Pods in ReplicaSets of 100, as nodes leave them. One of 50 crashes.
func (c *cluster) populate(config *rest.Config, pods int) {
	c.t.Helper()
	const ofSet, writers = 100, 16
	admin, err := client.NewWithWatch(config, client.Options{Scheme: c.client.Scheme()})
	if err != nil {
		c.t.Fatal(err)
	}
	remote := &cluster{t: c.t, config: config, client: admin}
	remote.namespace("shop")
	n := &neighbour{cluster: remote, key: client.ObjectKey{Namespace: "shop"}}
	remote.create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "default"}})
	var sets []*appsv1.ReplicaSet
	for i := range (pods + ofSet - 1) / ofSet {
		template := shopPod()
		template.Labels["set"] = strconv.Itoa(i)
		set := &appsv1.ReplicaSet{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("shop-%d", i)},
			Spec: appsv1.ReplicaSetSpec{
				Replicas: new(int32(min(ofSet, pods-i*ofSet))), Selector: &metav1.LabelSelector{MatchLabels: template.Labels}, Template: template,
			},
		}
		remote.create(set)
		sets = append(sets, set)
	}
	var group sync.WaitGroup
	for writer := range writers {
		group.Go(func() {
			for i := writer; i < pods; i += writers {
				if err := n.createPod(i, sets[i/ofSet]); err != nil {
					c.t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	if c.t.Failed() {
		c.t.FailNow()
	}
}

func newWorkers(c *cluster) *workers {
	c.t.Helper()
	if c.program == "" {
		c.program = build(c.t)
	}
	files := folder(c.t)
	w := &workers{cluster: c, config: filepath.Join(files, "worker.yaml")}
	content := "apiVersion: config.kubeops.io/v1alpha1\nkind: ManagerConfig\nmetrics: {bindAddress: \"0\"}\nhealth: {bindAddress: \"0\"}\n" +
		"backends: {allowLoopback: true}\ninspections: {maxConcurrent: 1, memoryLimit: " + workerMemory + "}\n" + c.settings
	if err := os.WriteFile(w.config, []byte(content), 0o600); err != nil {
		c.t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(files, "workers.log"))
	if err != nil {
		c.t.Fatal(err)
	}
	w.log = log
	w.env = append(os.Environ(), "KUBECONFIG="+c.kubeconfigOf(files, "kubeops-worker"))
	c.t.Cleanup(func() {
		w.scale(0)
		if content, err := os.ReadFile(log.Name()); c.t.Failed() && err == nil {
			c.t.Logf("the end of the log of the workers:\n%s", content[max(0, len(content)-8<<10):])
		}
		_ = log.Close()
	})
	return w
}

// scale starts or kills workers until there are as many.
func (w *workers) scale(count int) {
	for len(w.running) > count {
		last := len(w.running) - 1
		w.end(w.running[last])
		w.running = w.running[:last]
	}
	for len(w.running) < count {
		w.running = append(w.running, w.launch())
	}
}

func (w *workers) launch() *exec.Cmd {
	worker := exec.Command(w.program, "worker", "--config="+w.config)
	worker.Env, worker.Stdout, worker.Stderr = w.env, w.log, w.log
	if err := worker.Start(); err != nil {
		w.t.Error(err)
	}
	return worker
}

// end a worker without a chance to give its part back.
func (w *workers) end(worker *exec.Cmd) {
	if worker.Process != nil {
		_ = worker.Process.Kill() // it may have ended
		_ = worker.Wait()         // a killed process is always an error
	}
}

// killOne kills a worker and starts another one.
func (w *workers) killOne(i int) {
	w.end(w.running[i])
	w.running[i] = w.launch()
}

// inspectFleet requests a run, calls meanwhile with a context that ends with it, and returns how long it took and what it found.
func (c *cluster) inspectFleet(within time.Duration, meanwhile func(context.Context)) (time.Duration, []string) {
	c.t.Helper()
	key := client.ObjectKey{Namespace: fleetNamespace, Name: "all"}
	inspection := &v1alpha1.Inspection{}
	if err := c.client.Get(c.t.Context(), key, inspection); err != nil {
		c.t.Fatal(err)
	}
	request := time.Now().Format(time.RFC3339Nano)
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}},"spec":{"suspend":false}}`, v1alpha1.AnnotationRequestedAt, request)
	began := time.Now()
	if err := c.client.Patch(c.t.Context(), inspection, client.RawPatch("application/merge-patch+json", []byte(patch))); err != nil {
		c.t.Fatal(err)
	}
	running, ended := context.WithCancel(c.t.Context())
	var group sync.WaitGroup
	group.Go(func() { meanwhile(running) })
	c.eventually("the run has ended", within, func(ctx context.Context) error {
		if err := c.client.Get(ctx, key, inspection); err != nil {
			return err
		}
		if inspection.Status.LastHandledRequest != request {
			return fmt.Errorf("no report: %+v", inspection.Status.Conditions)
		}
		return nil
	})
	took := time.Since(began)
	ended()
	group.Wait()
	report := &v1alpha1.InspectionReport{}
	if err := c.client.Get(c.t.Context(), client.ObjectKey{Namespace: fleetNamespace, Name: inspection.Status.LastReport}, report); err != nil {
		c.t.Fatal(err)
	}
	return took, contentOf(report)
}

// contentOf a report, without what differs from run to run.
func contentOf(report *v1alpha1.InspectionReport) (lines []string) {
	for _, f := range report.Findings {
		lines = append(lines, strings.Join([]string{"finding", f.ID, f.Cluster, f.Check, string(f.Severity), f.Message, f.CausedBy}, " "))
	}
	for _, g := range report.Gaps {
		lines = append(lines, strings.Join([]string{"gap", g.Cluster, g.Source, string(g.Reason), g.Message}, " "))
	}
	for _, one := range report.Clusters {
		lines = append(lines, fmt.Sprint("cluster ", one.Name, " ", one.Version, " ", one.NotInspected, " ", one.Objects))
	}
	slices.Sort(lines)
	return append(lines, fmt.Sprint("problems ", report.Summary.Problems.Total, ", recommendations ", report.Summary.Recommendations.Total))
}
