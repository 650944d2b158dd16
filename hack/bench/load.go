package main

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
)

// writers is the number of concurrent writers.
const writers = 16

// load fills the cluster, waits until its controllers are idle, and sets the status of the broken Pods. Existing objects
// are kept, so it can be repeated.
func load(ctx context.Context, config *rest.Config, w world, patience time.Duration) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	say("making %d workloads with %d Pods in %d namespaces", len(w.workloads), w.expectedPods(), namespaces)
	if err := makeNamespaces(ctx, client); err != nil {
		return err
	}
	if err := each(ctx, w.workloads, func(ctx context.Context, o workload) error { return o.create(ctx, client) }); err != nil {
		return err
	}
	if err := settle(ctx, client, w); err != nil {
		return err
	}
	say("making %d workloads fail", len(w.broken()))
	if err := each(ctx, w.broken(), func(ctx context.Context, o workload) error { return o.fail(ctx, client) }); err != nil {
		return err
	}
	return quiet(ctx, client, w)
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }

// each calls f for every item, some concurrently, and stops at the first error.
func each[T any](ctx context.Context, items []T, f func(context.Context, T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan T)
	done := make(chan struct{})
	for range writers {
		go func() {
			defer func() { done <- struct{}{} }()
			for item := range queue {
				if err := patiently(ctx, func() error { return f(ctx, item) }); err != nil {
					cancel(err)
				}
			}
		}()
	}
feed:
	for _, item := range items {
		select {
		case queue <- item:
		case <-ctx.Done():
			break feed
		}
	}
	close(queue)
	for range writers {
		<-done
	}
	return context.Cause(ctx)
}

// patiently retries requests that an overloaded server rejected or did not complete, so f may be called twice.
func patiently(ctx context.Context, f func() error) error {
	backoff := wait.Backoff{Duration: time.Second, Factor: 2, Steps: 6, Cap: 30 * time.Second}
	return retry.OnError(backoff, func(err error) bool {
		overloaded := apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err) ||
			apierrors.IsTooManyRequests(err) || apierrors.IsServiceUnavailable(err)
		return overloaded && ctx.Err() == nil
	}, f)
}

// made ignores that an object already exists.
func made[T any](_ T, err error) error {
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func makeNamespaces(ctx context.Context, client kubernetes.Interface) error {
	names := []string{quotaNamespace}
	for i := range namespaces {
		names = append(names, namespaceName(i))
	}
	return each(ctx, names, func(ctx context.Context, name string) error {
		if err := made(client.CoreV1().Namespaces().Create(ctx, namespace(name), metav1.CreateOptions{})); err != nil {
			return err
		}
		if err := made(client.CoreV1().ServiceAccounts(name).Create(ctx, account(name), metav1.CreateOptions{})); err != nil {
			return err
		}
		if err := made(client.NetworkingV1().NetworkPolicies(name).Create(ctx, isolation(name), metav1.CreateOptions{})); err != nil {
			return err
		}
		if name == quotaNamespace {
			return made(client.CoreV1().ResourceQuotas(name).Create(ctx, fullQuota(), metav1.CreateOptions{}))
		}
		return nil
	})
}

func (o workload) create(ctx context.Context, client kubernetes.Interface) error {
	core := client.CoreV1()
	if err := made(core.ConfigMaps(o.namespace).Create(ctx, o.configMap(), metav1.CreateOptions{})); err != nil {
		return err
	}
	if err := made(core.Services(o.namespace).Create(ctx, o.service(), metav1.CreateOptions{})); err != nil {
		return err
	}
	if err := made(client.PolicyV1().PodDisruptionBudgets(o.namespace).Create(ctx, o.budget(), metav1.CreateOptions{})); err != nil {
		return err
	}
	if o.flaw == noClass {
		if err := made(core.PersistentVolumeClaims(o.namespace).Create(ctx, o.claim(), metav1.CreateOptions{})); err != nil {
			return err
		}
	}
	return made(client.AppsV1().Deployments(o.namespace).Create(ctx, o.deployment(), metav1.CreateOptions{}))
}

// settle waits until the Pods exist and are running, where possible.
func settle(ctx context.Context, client kubernetes.Interface, w world) error {
	running := 0
	for _, o := range w.workloads {
		if o.flaw.podsExist() && o.flaw != tooLarge && o.flaw != noSuchNode && o.flaw != noClass {
			running += replicas
		}
	}
	said := time.Now()
	return wait.PollUntilContextCancel(ctx, w.pace(), true, func(ctx context.Context) (bool, error) {
		all, up, err := countPods(ctx, client)
		if err != nil {
			return false, nil //nolint:nilerr // a busy server may refuse once; the deadline ends the waiting
		}
		if time.Since(said) > 20*time.Second {
			say("%d of %d Pods exist, %d of %d run", all, w.expectedPods(), up, running)
			said = time.Now()
		}
		return all >= w.expectedPods() && up >= running, nil
	})
}

// pace is the time between two polls. Each lists all Pods, which on a small machine slows down the servers that are waited
// for.
func (w world) pace() time.Duration {
	return 2*time.Second + time.Duration(w.expectedPods()/2000)*time.Second
}

func countPods(ctx context.Context, client kubernetes.Interface) (all, running int, err error) {
	options := metav1.ListOptions{Limit: 2000}
	for {
		page, err := client.CoreV1().Pods("").List(ctx, options)
		if err != nil {
			return 0, 0, err
		}
		all += len(page.Items)
		for i := range page.Items {
			if page.Items[i].Status.Phase == corev1.PodRunning {
				running++
			}
		}
		if page.Continue == "" {
			return all, running, nil
		}
		options.Continue = page.Continue
	}
}

// quiet waits until the controllers have caught up: healthy Deployments are available, broken ones are not, and Services
// have endpoints. On a small machine this can take minutes.
func quiet(ctx context.Context, client kubernetes.Interface, w world) error {
	say("waiting for the controllers to come to rest")
	want := map[string]int32{}
	for _, o := range w.workloads {
		if o.flaw == healthy || o.flaw == wrongSelector {
			want[o.namespace+"/"+o.name] = replicas
		} else {
			want[o.namespace+"/"+o.name] = 0
		}
	}
	said := time.Now()
	return wait.PollUntilContextCancel(ctx, w.pace(), true, func(ctx context.Context) (bool, error) {
		behind, err := lagging(ctx, client, w, want)
		if err != nil {
			return false, nil //nolint:nilerr // see settle
		}
		if behind > 0 && time.Since(said) > 20*time.Second {
			say("%d objects are not yet as they will be", behind)
			said = time.Now()
		}
		return behind == 0, nil
	})
}

// lagging returns the number of objects that controllers still have to write.
func lagging(ctx context.Context, client kubernetes.Interface, w world, want map[string]int32) (int, error) {
	deployments, err := client.AppsV1().Deployments("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, err
	}
	behind := 0
	for i := range deployments.Items {
		d := &deployments.Items[i]
		n, ours := want[d.Namespace+"/"+d.Name]
		if ours && (d.Status.AvailableReplicas != n || d.Status.ObservedGeneration != d.Generation) {
			behind++
		}
	}
	slices, err := client.DiscoveryV1().EndpointSlices("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, err
	}
	ready := map[string]int32{}
	for i := range slices.Items {
		for _, e := range slices.Items[i].Endpoints {
			if e.Conditions.Ready != nil && *e.Conditions.Ready {
				ready[slices.Items[i].Namespace+"/"+slices.Items[i].Labels[discoveryv1.LabelServiceName]]++
			}
		}
	}
	budgets, err := client.PolicyV1().PodDisruptionBudgets("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, err
	}
	for i := range budgets.Items {
		b := &budgets.Items[i]
		if n, ours := want[b.Namespace+"/"+b.Name]; ours && b.Status.CurrentHealthy != n {
			behind++
		}
	}
	for _, o := range w.workloads {
		if n := want[o.namespace+"/"+o.name]; o.flaw != wrongSelector && ready[o.namespace+"/"+o.name] != n {
			behind++
		}
	}
	return behind, nil
}
