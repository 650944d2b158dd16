// Package collect reads a cluster into facts: lists in pages, kinds in parallel, each object reduced at once and its page dropped.
// A list that fails is a gap; no response of a cluster ends a run.
package collect

import (
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// Source is one cluster that can be read.
type Source struct {
	// Cluster is its name in findings.
	Cluster string
	// Config to connect, with the identity to read as. It is not changed.
	Config *rest.Config
	// Credentials is what to do if the API server rejects the credentials, as the end of a sentence. Empty: renew them.
	Credentials string
}

// Scope is which namespaces are read, and whether secrets are searched for.
type Scope struct {
	// Namespaces to read, as names or globs; empty means all, and cluster-scoped kinds too. All resolves globs.
	Namespaces []string
	// ExcludeNamespaces are names or globs of namespaces that globs in Namespaces do not select.
	ExcludeNamespaces []string
	// Asked are the kinds that checks read which were selected by their id. Their gaps are never optional.
	Asked []facts.Kind
	// Home is the namespace to read when listing all is forbidden; may be empty.
	Home string
	// Leaks enables the search for secrets in plain text, which takes time.
	Leaks bool
	// Compare also reads what only a comparison of clusters needs: digests of images, and hashes of the schemas of custom resources.
	Compare bool
}

// Progress is called after each kind.
type Progress func(done, total, objects int)

// Collected is what was read, and what was not.
type Collected struct {
	Graph *facts.Graph
	Gaps  []facts.Gap
	// Namespaces that the scope selects, without globs; empty means all. Those that do not exist are included.
	Namespaces []string
}
