// Package collect reads a cluster into facts: lists in pages, kinds side by side, each object reduced at once and its
// page dropped. What cannot be read is a gap; nothing that a cluster answers ends a run.
package collect

import (
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// Source is one cluster that can be read.
type Source struct {
	// Cluster is its name in findings.
	Cluster string
	// Config to reach it, with the identity whose rights are used. It is not changed.
	Config *rest.Config
}

// Scope says which namespaces are read, and how closely.
type Scope struct {
	// Namespaces to read; empty means all, and cluster-scoped kinds too.
	Namespaces []string
	// Home is the namespace that is read when all may not be listed; may be empty.
	Home string
	// Leaks asks for secrets in plain text to be looked for, which takes time.
	Leaks bool
}

// Progress is told after each kind that was read.
type Progress func(done, total, objects int)

// Collected is what could be read, and what could not.
type Collected struct {
	Graph *facts.Graph
	Gaps  []facts.Gap
}
