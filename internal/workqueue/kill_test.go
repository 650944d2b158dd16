package workqueue

import (
	"context"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/child"
	"kubeops.io/kubeops/internal/clusters"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/comparison"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/runner"
)

const (
	// What the test binary is with these arguments: the process of a part, and a worker, to which an address of NATS, the URL of a cluster and
	// the file of its CA follow.
	asChild  = "run-inspection"
	asWorker = "worker"
	// processMemory limits the process of a part, in bytes.
	processMemory = 192 << 20
	// partDuration is how long a part waits for its cluster.
	partDuration = 400 * time.Millisecond
	// killsInRun is how many workers are killed in one run.
	killsInRun = 5
)

// slowEngine reports something about a cluster after a while.
func slowEngine(ctx context.Context, in inspect.Input) (*inspect.Result, error) {
	select {
	case <-time.After(partDuration):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	report := &v1alpha1.InspectionReport{}
	for i := range 20 {
		report.Findings = append(report.Findings, v1alpha1.Finding{
			ID: fmt.Sprintf("%s-%d", in.Source.Cluster, i), Check: "c", Cluster: in.Source.Cluster, Severity: v1alpha1.SeverityHigh, Message: "m",
		})
	}
	return &inspect.Result{Report: report, Comparison: &comparison.Cluster{Name: in.Source.Cluster, Version: "v1.37.2"}}, nil
}

// fleetInspection inspects four clusters.
func fleetInspection() *v1alpha1.Inspection {
	return &v1alpha1.Inspection{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "daily", UID: "u", Generation: 3},
		Spec: v1alpha1.InspectionSpec{
			Timeout: &metav1.Duration{Duration: 10 * time.Minute},
			Clusters: &v1alpha1.ClusterSelection{
				Names: []string{"a", "b", "c", "d"}, Timeout: &metav1.Duration{Duration: time.Minute},
			},
		},
	}
}

// childrenOf runs processes of this test binary for clusters that are all at one URL.
func childrenOf(address, caFile string) (*runner.Child, error) {
	server, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	return &runner.Child{
		Command:  child.Command{Path: os.Args[0], Args: []string{asChild}, Memory: processMemory, Processors: 1},
		Config:   &rest.Config{Host: "https://127.0.0.1:1"},
		Backends: &backends.Resolver{Egress: provider.Egress{AllowLoopback: true}},
		Memory:   runner.NewMemory(processMemory, processMemory),
		Targets: func(_ context.Context, i *v1alpha1.Inspection) (targets []runner.Target, err error) {
			for _, name := range i.Spec.Clusters.Names {
				targets = append(targets, runner.Target{Name: name, Access: &clusters.Access{
					Server: server, Token: "t", TLS: provider.TLS{CA: ca},
				}})
			}
			return targets, nil
		},
	}, nil
}

// beWorker is the main function of a worker, until it is killed.
func beWorker(nats, address, caFile string) error {
	children, err := childrenOf(address, caFile)
	if err != nil {
		return err
	}
	queue, err := Connect(Options{URL: "nats://" + nats}, nil)
	if err != nil {
		return err
	}
	worker := &Worker{Queue: queue, Reader: inspections{stored: fleetInspection()}, Parallel: 1, Parts: children, Logger: logr.Discard()}
	return worker.Start(context.Background())
}

// workers are processes.
type workers struct {
	t       *testing.T
	args    []string
	running []*exec.Cmd
}

func (w *workers) scale(count int) {
	for len(w.running) > count {
		w.kill(len(w.running) - 1)
		w.running = w.running[:len(w.running)-1]
	}
	for len(w.running) < count {
		w.running = append(w.running, w.launch())
	}
}

func (w *workers) launch() *exec.Cmd {
	worker := exec.Command(os.Args[0], w.args...)
	worker.Stderr = os.Stderr
	if err := worker.Start(); err != nil {
		w.t.Error(err)
	}
	return worker
}

// kill a worker with SIGKILL. The process of its part notices that it is alone.
func (w *workers) kill(i int) {
	if worker := w.running[i]; worker.Process != nil {
		_ = worker.Process.Kill() // it may have ended
		_ = worker.Wait()         // a killed process is always an error
	}
}

// kills of workers: 5, or KUBEOPS_WORKER_KILLS.
func kills(t *testing.T) int {
	t.Helper()
	value := os.Getenv("KUBEOPS_WORKER_KILLS")
	if value == "" {
		return killsInRun
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestKilledWorkersLoseNoPart kills worker processes with SIGKILL at random times while they do the parts of runs over four clusters: each run
// has the same report.
func TestKilledWorkersLoseNoPart(t *testing.T) {
	w := newWorld(t)
	cluster := httptest.NewTLSServer(http.HandlerFunc(func(response http.ResponseWriter, _ *http.Request) {
		_, _ = response.Write([]byte(`{"gitVersion":"v1.37.2"}`))
	}))
	t.Cleanup(cluster.Close)
	caFile := filepath.Join(t.TempDir(), "ca.crt")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cluster.Certificate().Raw})
	if err := os.WriteFile(caFile, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	leader, err := childrenOf(cluster.URL, caFile)
	if err != nil {
		t.Fatal(err)
	}
	leader.Parts = w.connect()
	processes := &workers{t: t, args: []string{asWorker, w.address, cluster.URL, caFile}}
	t.Cleanup(func() { processes.scale(0) })
	run := 0
	inspect := func() (time.Duration, []string) {
		run++
		began := time.Now()
		result, err := leader.Run(t.Context(), fleetInspection(), fmt.Sprintf("run-%d", run), nothing)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, f := range result.Report.Findings {
			lines = append(lines, f.Cluster+" "+f.ID)
		}
		for _, one := range result.Report.Clusters {
			lines = append(lines, fmt.Sprint(one.Name, " ", one.Version, " ", one.NotInspected))
		}
		slices.Sort(lines)
		return time.Since(began), lines
	}
	var want []string
	for _, count := range []int{1, 2, 4} {
		processes.scale(count)
		took, got := inspect()
		t.Logf("%d workers: %s", count, took.Round(10*time.Millisecond))
		if want == nil {
			want = got
		}
		if !slices.Equal(want, got) {
			t.Errorf("%d workers: %v, want %v", count, got, want)
		}
	}
	if all := strings.Join(want, "\n"); len(want) != 84 || !strings.Contains(all, "a v1.37.2") {
		t.Fatalf("the report has too little: %v", want)
	}
	random := rand.New(rand.NewPCG(5, 6)) //nolint:gosec // points of kills, the same each time
	for killed := 0; killed < kills(t); {
		ctx, ended := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range killsInRun {
				pause(ctx, time.Duration(random.Int64N(int64(2*partDuration))))
				if ctx.Err() != nil {
					return
				}
				i := random.IntN(len(processes.running))
				processes.kill(i)
				processes.running[i] = processes.launch()
				killed++
			}
		}()
		took, got := inspect()
		ended()
		<-done
		t.Logf("%d kills: %s", killed, took.Round(10*time.Millisecond))
		if !slices.Equal(want, got) {
			t.Fatalf("after %d kills: %v, want %v", killed, got, want)
		}
	}
}
