package walls

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/collect"
)

// neighbour is a tenant that means no harm: it inspects the Pods of its namespace.
type neighbour struct {
	*cluster
	key  client.ObjectKey
	pods int
	runs int
	// account reads as its ServiceAccount.
	account *rest.Config
	// gaps of its first report; later ones have no more.
	gaps int32
}

// run is one run of an Inspection.
type run struct {
	// waited until the run began, since its request; took until its result was recorded.
	waited, took time.Duration
	// reported is the duration in the report, a part of took.
	reported time.Duration
	// control is what the same work took just before in the process of the test. It says how busy the machine and the API server are.
	control time.Duration
}

func (c *cluster) newNeighbour(namespace string, pods int) *neighbour {
	c.t.Helper()
	c.newTenant(namespace)
	delete(c.tenants, namespace) // it stays
	n := &neighbour{cluster: c, key: client.ObjectKey{Namespace: namespace, Name: "pods"}, pods: pods}
	n.account = c.as(namespace, v1alpha1.DefaultServiceAccountName)
	template := shopPod()
	set := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "shop"}, Spec: appsv1.ReplicaSetSpec{
			Replicas: new(int32(pods)), Selector: &metav1.LabelSelector{MatchLabels: template.Labels}, Template: template,
		},
	}
	c.create(set)
	var group sync.WaitGroup
	const writers = 8
	for writer := range writers {
		group.Go(func() {
			for i := writer; i < pods; i += writers {
				if err := n.createPod(i, set); err != nil {
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
	c.create(&v1alpha1.Inspection{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: n.key.Name},
		Spec:       v1alpha1.InspectionSpec{Namespaces: []string{namespace}, KeepReports: 1},
	})
	return n
}

func shopPod() corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "shop"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "shop", Image: "registry.example.com/shop:1.0", Env: []corev1.EnvVar{{Name: "MODE", Value: "production"}},
		}}},
	}
}

// createPod creates a Pod as a node leaves it. One of 50 crashes.
func (n *neighbour) createPod(i int, set *appsv1.ReplicaSet) error {
	started := metav1.NewTime(time.Now().Add(-time.Hour).Truncate(time.Second))
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: n.key.Namespace, Name: fmt.Sprintf("shop-%d", i), Labels: set.Spec.Template.Labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))},
		},
		Spec: *set.Spec.Template.Spec.DeepCopy(),
	}
	pod.Spec.NodeName = fmt.Sprintf("node-%d", i%20)
	if err := n.client.Create(n.t.Context(), pod); err != nil {
		return err
	}
	status := corev1.ContainerStatus{
		Name: "shop", Image: "registry.example.com/shop:1.0", Ready: true, Started: new(true),
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: started}},
	}
	ready := corev1.ConditionTrue
	if i%50 == 0 {
		ready = corev1.ConditionFalse
		status.Ready = false
		status.RestartCount = 12
		status.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
		status.LastTerminationState = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error"}}
	}
	pod.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, StartTime: &started, ContainerStatuses: []corev1.ContainerStatus{status},
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready, LastTransitionTime: started}},
	}
	return n.client.Status().Update(n.t.Context(), pod)
}

// measure requests a number of runs, one after the other.
func (n *neighbour) measure(ctx context.Context, count int) (runs []run) {
	n.t.Helper()
	for range count {
		r, err := n.run(ctx)
		if err != nil {
			n.t.Fatalf("the neighbour's run: %v", err)
		}
		runs = append(runs, r)
	}
	return runs
}

// measureUntilStopped requests runs until stop is called, which returns them.
func (n *neighbour) measureUntilStopped(ctx context.Context) (stop func() []run) {
	ctx, cancel := context.WithCancel(ctx)
	var runs []run
	ended := make(chan error, 1)
	go func() {
		for {
			r, err := n.run(ctx)
			if err != nil {
				ended <- err
				return
			}
			runs = append(runs, r)
		}
	}()
	return func() []run {
		n.t.Helper()
		const enough = 5 // a run that is cut off does not count
		select {
		case err := <-ended:
			n.t.Fatalf("the neighbour's run: %v", err)
		default:
		}
		cancel()
		if err := <-ended; err == nil {
			n.t.Fatal("the runs of the neighbour ended without being cancelled")
		}
		if len(runs) < enough {
			n.t.Fatalf("the neighbour had %d runs beside hostile resources, fewer than %d", len(runs), enough)
		}
		return runs
	}
}

// run requests one run and follows it by a watch.
func (n *neighbour) run(ctx context.Context) (r run, err error) {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	n.runs++
	if r.control, err = n.control(limited); err != nil {
		return r, err
	}
	list := &v1alpha1.InspectionList{}
	events, err := n.client.Watch(limited, list, client.InNamespace(n.key.Namespace))
	if err != nil {
		return r, err
	}
	defer events.Stop()
	request := fmt.Sprintf("run-%d", n.runs)
	patch := client.RawPatch("application/merge-patch+json",
		[]byte(`{"metadata":{"annotations":{"`+v1alpha1.AnnotationRequestedAt+`":"`+request+`"}}}`))
	inspection := &v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: n.key.Namespace, Name: n.key.Name}}
	if err := n.client.Patch(limited, inspection, patch); err != nil {
		return r, err
	}
	requested := time.Now()
	var began time.Time
	for event := range events.ResultChan() {
		seen, ok := event.Object.(*v1alpha1.Inspection)
		switch {
		case !ok:
			return r, fmt.Errorf("a watch event of type %s", event.Type)
		case seen.Status.ActiveRun != nil && seen.Status.ActiveRun.Request == request && began.IsZero():
			began = time.Now()
		case seen.Status.LastHandledRequest == request:
			if began.IsZero() {
				return r, fmt.Errorf("run %s was never in progress", request)
			}
			r.waited = began.Sub(requested)
			r.took = time.Since(began)
			r.reported, err = n.check(limited, seen)
			return r, err
		}
	}
	return r, fmt.Errorf("no result of %s: %w", request, context.Cause(limited))
}

// control inspects the Pods, and saves the report, in this process.
func (n *neighbour) control(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	result, err := inspect.Run(ctx, inspect.Input{
		Source: collect.Source{Cluster: v1alpha1.LocalCluster, Config: rest.CopyConfig(n.account)},
		Scope:  collect.Scope{Namespaces: []string{n.key.Namespace}, Home: n.key.Namespace},
		Checks: checks.Builtin(), Params: check.DefaultParams(), Clock: clock.RealClock{},
	})
	if err != nil {
		return 0, fmt.Errorf("the control: %w", err)
	}
	report := result.Report
	report.ObjectMeta = metav1.ObjectMeta{Namespace: n.key.Namespace, Name: fmt.Sprintf("control-%d", n.runs)}
	if err := n.client.Create(ctx, report); err != nil {
		return 0, fmt.Errorf("the control: %w", err)
	}
	return time.Since(began), n.client.Delete(ctx, report)
}

// check that a run saw all, and returns its duration.
func (n *neighbour) check(ctx context.Context, inspection *v1alpha1.Inspection) (time.Duration, error) {
	report := &v1alpha1.InspectionReport{}
	key := client.ObjectKey{Namespace: n.key.Namespace, Name: inspection.Status.LastReport}
	if err := n.client.Get(ctx, key, report); err != nil {
		return 0, err
	}
	summary := report.Summary
	if n.gaps == 0 {
		n.gaps = summary.Gaps
	}
	if int(summary.Objects) < n.pods || summary.Gaps > n.gaps || summary.Counts.Total() == 0 {
		return 0, fmt.Errorf("the report has %d objects, %d gaps and %d findings", summary.Objects, summary.Gaps, summary.Counts.Total())
	}
	return summary.Duration.Duration, nil
}

// median of a time of runs.
func median(runs []run, of func(run) time.Duration) time.Duration {
	var times []time.Duration
	for _, r := range runs {
		times = append(times, of(r))
	}
	slices.Sort(times)
	return times[len(times)/2]
}

func took(r run) time.Duration { return r.took }

func control(r run) time.Duration { return r.control }

// slowdown of runs, absolute and relative to the controls beside them.
func slowdown(alone, beside []run) (absolute, relative float64) {
	absolute = float64(median(beside, took)) / float64(median(alone, took))
	return absolute, absolute / (float64(median(beside, control)) / float64(median(alone, control)))
}

func describe(runs []run) string {
	round := func(of func(run) time.Duration) time.Duration { return median(runs, of).Round(time.Millisecond) }
	return fmt.Sprintf("%d runs took %s, of which %s are in the report; the control took %s; they waited for a slot for %s (all of them "+
		"medians), and at most %s", len(runs), round(took), round(func(r run) time.Duration { return r.reported }), round(control),
		round(func(r run) time.Duration { return r.waited }), longestWait(runs).Round(time.Millisecond))
}

func longestWait(runs []run) time.Duration {
	return slices.MaxFunc(runs, func(a, b run) int { return cmp.Compare(a.waited, b.waited) }).waited
}
