package main

import (
	"context"
	"fmt"
	"os"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
)

// writers is the number of concurrent writers.
const writers = 16

// load fills a cluster without controllers with what they and the kubelets would write, status included. One workload of each flaw is
// written through the API server. Where etcd can be written to, the others are copies of these: the API server needs 5 ms of CPU time for
// each write, most of it for managedFields, which is half an hour for 50,000 Pods on a busy machine. Existing objects are kept or replaced,
// so it can be repeated.
func load(ctx context.Context, config *rest.Config, kubeconfig string, w world, patience time.Duration) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	start := time.Now()
	say("writing %d nodes, and %d workloads with %d Pods in %d namespaces", w.nodes(), len(w.workloads), w.expectedPods(), namespaces)
	if err := writeNamespaces(ctx, client); err != nil {
		return err
	}
	store, err := openEtcd(kubeconfig)
	if err != nil {
		return err
	}
	write := writer{client, w}
	patterns, rest := w.patterns(store != nil)
	if err := each(ctx, patterns.nodes, func(ctx context.Context, name string) error { return writeNode(ctx, client, name) }); err != nil {
		return err
	}
	if err := each(ctx, patterns.workloads, write.workload); err != nil {
		return err
	}
	say("%d nodes and %d workloads written by the API server after %s", len(patterns.nodes), len(patterns.workloads),
		time.Since(start).Round(time.Second))
	if store != nil {
		err = copier{client: client, etcd: store, world: w}.all(ctx, patterns, rest)
	}
	say("written in %s", time.Since(start).Round(time.Second))
	return err
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

// writeNamespaces writes the namespaces with their ServiceAccounts and policies.
func writeNamespaces(ctx context.Context, client kubernetes.Interface) error {
	names := []string{quotaNamespace}
	for i := range namespaces {
		names = append(names, namespaceName(i))
	}
	return each(ctx, names, func(ctx context.Context, name string) error {
		if _, err := ensure(ctx, client.CoreV1().Namespaces(), namespace(name)); err != nil {
			return err
		}
		for _, account := range accounts(name) {
			if _, err := ensure(ctx, client.CoreV1().ServiceAccounts(name), account); err != nil {
				return err
			}
		}
		if _, err := ensure(ctx, client.CoreV1().ConfigMaps(name), rootCA(name)); err != nil {
			return err
		}
		if _, err := ensure(ctx, client.NetworkingV1().NetworkPolicies(name), isolation(name)); err != nil || name != quotaNamespace {
			return err
		}
		quota, err := ensure(ctx, client.CoreV1().ResourceQuotas(name), fullQuota())
		if err == nil {
			quota.Status = fullQuotaStatus()
			_, err = client.CoreV1().ResourceQuotas(name).UpdateStatus(ctx, quota, metav1.UpdateOptions{})
		}
		return err
	})
}

// getterCreator is a typed client of one kind.
type getterCreator[T any] interface {
	Create(ctx context.Context, object T, options metav1.CreateOptions) (T, error)
	Get(ctx context.Context, name string, options metav1.GetOptions) (T, error)
}

// ensure creates an object, or returns the existing one.
func ensure[T metav1.Object](ctx context.Context, client getterCreator[T], object T) (T, error) {
	created, err := client.Create(ctx, object, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return client.Get(ctx, object.GetName(), metav1.GetOptions{})
	}
	return created, err
}
