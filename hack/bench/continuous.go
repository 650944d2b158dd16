package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

const (
	// liveNamespace has the Inspection.
	liveNamespace = "bench-live"
	// firstJudgement is how long the lists and the first judgement may take.
	firstJudgement = 5 * time.Minute
	// lateStatus ends the wait for a status.
	lateStatus = 30 * time.Second
)

// continuous measures an Inspection with spec.mode Continuous: how long a broken Pod takes from the API server's event to the status,
// what the manager and its child need, and how soon the status is right after the API server was away.
type continuous struct {
	config  *rest.Config
	manager string
	world   world
	changes int
	outage  time.Duration

	client kubernetes.Interface
	own    client.WithWatch
	front  *front
	status chan int32
}

func (c *continuous) run(ctx context.Context) (err error) {
	if err := c.connect(); err != nil {
		return err
	}
	defer c.front.close()
	if err := c.prepare(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	process, err := c.start(ctx)
	if err != nil {
		return err
	}
	defer func() {
		cancel()
		_ = process.Wait() // it was killed
	}()
	began := time.Now()
	if err := c.follow(ctx); err != nil {
		return err
	}
	problems, err := c.await(ctx, firstJudgement, func(int32) bool { return true })
	if err != nil {
		return fmt.Errorf("the first status: %w", err)
	}
	say("first status after %s: %d problems; %d lists", time.Since(began).Round(time.Millisecond), problems, c.front.lists())
	lists := c.front.lists()
	latencies, problems, err := c.breakPods(ctx, problems)
	if err != nil {
		return err
	}
	slices.SortFunc(latencies, cmp.Compare)
	manager, children := memory(process.Process.Pid)
	fmt.Printf("changes: %d; event to status: median %s, p99 %s, most %s\n", len(latencies), latencies[len(latencies)/2],
		latencies[len(latencies)*99/100], latencies[len(latencies)-1])
	fmt.Printf("RSS: manager %.0f MiB, child %.0f MiB; lists after the start: %d\n", manager, children, c.front.lists()-lists)
	took, err := c.away(ctx, problems)
	if err != nil {
		return err
	}
	fmt.Printf("API server away for %s: right again after %s; lists after the start: %d\n", c.outage, took, c.front.lists()-lists)
	return nil
}

func (c *continuous) connect() (err error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return err
	}
	if c.client, err = kubernetes.NewForConfig(c.config); err != nil {
		return err
	}
	plain := rest.CopyConfig(c.config)
	plain.ContentType, plain.AcceptContentTypes = "", "" // custom resources are JSON
	if c.own, err = client.NewWithWatch(plain, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	c.front, err = newFront(c.config, verbOfWatcher)
	return err
}

// prepare writes the Inspection and its account, which may read everything.
func (c *continuous) prepare(ctx context.Context) error {
	account := metav1.ObjectMeta{Namespace: liveNamespace, Name: v1alpha1.DefaultServiceAccountName}
	_, namespaceErr := ensure(ctx, c.client.CoreV1().Namespaces(), namespace(liveNamespace))
	_, accountErr := ensure(ctx, c.client.CoreV1().ServiceAccounts(liveNamespace), &corev1.ServiceAccount{ObjectMeta: account})
	_, bindingErr := ensure(ctx, c.client.RbacV1().ClusterRoleBindings(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: liveNamespace},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
	})
	if err := errors.Join(namespaceErr, accountErr, bindingErr); err != nil {
		return err
	}
	inspection := &v1alpha1.Inspection{
		ObjectMeta: metav1.ObjectMeta{Namespace: liveNamespace, Name: "live"},
		Spec: v1alpha1.InspectionSpec{
			Mode: v1alpha1.ModeContinuous, Thresholds: &v1alpha1.Thresholds{StartupGrace: &metav1.Duration{Duration: time.Second}},
		},
	}
	if err := c.own.Delete(ctx, inspection.DeepCopy()); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return c.own.Create(ctx, inspection)
}

// start starts a manager behind the front.
func (c *continuous) start(ctx context.Context) (*exec.Cmd, error) {
	kubeconfig, err := c.front.kubeconfig()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(c.front.folder, "manager.yaml")
	const text = `apiVersion: config.kubeops.io/v1alpha1
kind: ManagerConfig
leaderElection: {enabled: false}
metrics: {bindAddress: "0"}
health: {bindAddress: "0"}
inspections: {maxContinuous: 1}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	process := exec.CommandContext(ctx, c.manager, "--config", file) //nolint:gosec // named on the command line
	process.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	return process, process.Start()
}

// follow sends the number of problems in the status to c.status whenever it is written.
func (c *continuous) follow(ctx context.Context) error {
	watched, err := c.own.Watch(ctx, &v1alpha1.InspectionList{}, client.InNamespace(liveNamespace))
	if err != nil {
		return err
	}
	c.status = make(chan int32, 1000)
	go func() {
		defer close(c.status)
		for event := range watched.ResultChan() {
			inspection, ok := event.Object.(*v1alpha1.Inspection)
			if ok && event.Type != watch.Deleted && inspection.Status.Problems != nil {
				c.status <- inspection.Status.Problems.Total
			}
		}
	}()
	return nil
}

// await waits for a status.
func (c *continuous) await(ctx context.Context, limit time.Duration, wanted func(problems int32) bool) (int32, error) {
	deadline := time.After(limit)
	last := int32(-1)
	for {
		select {
		case problems, open := <-c.status:
			if !open {
				return last, errors.New("the watch of the Inspection ended")
			}
			if last = problems; wanted(problems) {
				return problems, nil
			}
		case <-deadline:
			return last, fmt.Errorf("not within %s; the last status has %d problems", limit, last)
		case <-ctx.Done():
			return last, ctx.Err()
		}
	}
}

// healthy workloads to break, of which each is one more problem.
func (c *continuous) victims() (victims []workload) {
	for _, one := range c.world.workloads {
		if one.flaw == healthy {
			victims = append(victims, one)
		}
	}
	return victims
}

// breakPods breaks one Pod after the other, and measures from the event of each to the status that has it.
func (c *continuous) breakPods(ctx context.Context, problems int32) (latencies []time.Duration, now int32, err error) {
	events, err := c.client.CoreV1().Pods("").Watch(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, problems, err
	}
	victims := c.victims()
	if len(victims) <= c.changes {
		return nil, problems, fmt.Errorf("%d workloads are too few for %d changes", len(victims), c.changes)
	}
	broken := make(chan time.Time, 1)
	go func() {
		for event := range events.ResultChan() {
			if pod, ok := event.Object.(*corev1.Pod); ok && event.Type == watch.Modified && len(pod.Status.ContainerStatuses) > 0 {
				broken <- time.Now()
			}
		}
	}()
	for i := range c.changes {
		if err := c.breakPod(ctx, victims[i]); err != nil {
			return nil, problems, err
		}
		since := <-broken
		want := problems + 1
		if problems, err = c.await(ctx, lateStatus, func(n int32) bool { return n >= want }); err != nil {
			return nil, problems, fmt.Errorf("change %d (%s): %w", i+1, victims[i], err)
		}
		latencies = append(latencies, time.Since(since))
	}
	events.Stop()
	return latencies, problems, nil
}

// breakPod gives the first Pod of a workload the status of a container that crashes.
func (c *continuous) breakPod(ctx context.Context, one workload) error {
	one.flaw = crashes
	pods := c.client.CoreV1().Pods(one.namespace)
	list, err := pods.List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=" + one.name, Limit: 1})
	if err != nil {
		return err
	}
	if len(list.Items) == 0 {
		return fmt.Errorf("%s has no Pod", one)
	}
	pod := &list.Items[0]
	pod.Status = *one.status(pod, c.world.nodes())
	_, err = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	return err
}

// away takes the API server from the manager, breaks a Pod meanwhile, and measures how long the status takes afterwards.
func (c *continuous) away(ctx context.Context, problems int32) (time.Duration, error) {
	c.front.leave(true)
	if err := c.breakPod(ctx, c.victims()[c.changes]); err != nil {
		return 0, err
	}
	select {
	case <-time.After(c.outage):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	c.front.leave(false)
	back := time.Now()
	_, err := c.await(ctx, lateStatus, func(n int32) bool { return n >= problems+1 })
	return time.Since(back), err
}

// memory is the resident memory of a process, and of its children, in MiB.
func memory(pid int) (own, children float64) {
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		text, err := os.ReadFile(filepath.Join(folder, "status")) //nolint:gosec // of a process
		if err != nil {
			continue // it has ended
		}
		fields := map[string]string{}
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(line, ":")
			fields[name] = strings.TrimSuffix(strings.TrimSpace(value), " kB")
		}
		kib, err := strconv.ParseFloat(fields["VmRSS"], 64)
		if err != nil {
			continue // a thread of the kernel
		}
		switch {
		case fields["Pid"] == strconv.Itoa(pid):
			own = kib / 1024
		case fields["PPid"] == strconv.Itoa(pid):
			children += kib / 1024
		}
	}
	return own, children
}
