package background

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/internal/text"
)

// Scope is what an Inspection reads, as in its spec. Logs name hosts in any namespace: what is outside is not read, whatever the
// ServiceAccount may read.
type Scope struct {
	// Namespaces and Excluded are names or globs. Without Namespaces, all are read, and objects of the cluster itself.
	Namespaces, Excluded []string
}

// reads reports whether a namespace is in the scope; an empty one stands for the cluster.
func (s Scope) reads(namespace string) bool {
	matches := func(pattern string) bool { return text.Match(pattern, namespace) }
	if namespace == "" {
		return len(s.Namespaces) == 0
	}
	return (len(s.Namespaces) == 0 || slices.ContainsFunc(s.Namespaces, matches)) && !slices.ContainsFunc(s.Excluded, matches)
}

// Within returns a cluster whose reads outside of a scope fail.
func Within(scope Scope, cluster Cluster) Cluster { return &within{cluster, scope} }

type within struct {
	Cluster
	scope Scope
}

// ScopeError means that a read is outside of the scope. An empty namespace stands for the cluster.
type ScopeError struct{ Namespace string }

// Error implements error.
func (e ScopeError) Error() string {
	if e.Namespace == "" {
		return "objects of the cluster are not inspected, only those of namespaces"
	}
	return fmt.Sprintf("namespace %q is not inspected", e.Namespace)
}

func (w *within) check(namespace string) error {
	if !w.scope.reads(namespace) {
		return ScopeError{namespace}
	}
	return nil
}

// Get implements client.Reader.
func (w *within) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if err := w.check(key.Namespace); err != nil {
		return err
	}
	return w.Cluster.Get(ctx, key, object, options...)
}

// List implements client.Reader.
func (w *within) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if err := w.check((&client.ListOptions{}).ApplyOptions(options).Namespace); err != nil {
		return err
	}
	return w.Cluster.List(ctx, list, options...)
}

// Log implements Cluster.
func (w *within) Log(ctx context.Context, part LogPart) (string, error) {
	if err := w.check(part.Namespace); err != nil {
		return "", err
	}
	return w.Cluster.Log(ctx, part)
}
