// Package background reads what surrounds a root cause, for the prompt of a language model: the states, logs and specs of its containers,
// what changed, and what its Pods depend on. It reads a bounded number of objects as the ServiceAccount of the Inspection. What cannot be
// read is left out.
package background

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Limits of the reads. docs/limits.md names them.
const (
	// MaxReads is the number of requests for one root cause, including logs.
	MaxReads = 30
	// MaxLogs is the number of containers whose log is read for one root cause.
	MaxLogs = 4
	// MaxResponse is the size of one response in bytes. A larger one is an error.
	MaxResponse = 2 << 20
	// maxTime for one root cause.
	maxTime = 20 * time.Second
	// maxPods, maxRevisions and maxObjects are read of one list.
	maxPods, maxRevisions, maxObjects = 50, 20, 200
)

// Entry is one fact about the surroundings of a root cause. Its texts are not redacted.
type Entry struct {
	// ID is unique among the entries of a root cause, for example log2. It does not depend on the entries of other kinds.
	ID     string
	Source v1alpha1.EvidenceSource
	// About says what the text is about, for example "log of init container wait of Pod shop/cart-0".
	About string
	Text  string
	// Key is the part that an answer depends on. It is empty for what changes while a problem persists, such as times and counts.
	Key string
}

// Facts about a root cause.
type Facts struct {
	// Entries, the most telling first.
	Entries []Entry
	// Names of the objects in the entries, for masking.
	Names []string
	// NotRead are the kinds that the ServiceAccount cannot read.
	NotRead []string
}

// Gather reads the background of a finding and the findings that it causes. Failed reads leave entries out. now is the present time.
func Gather(ctx context.Context, cluster Cluster, cause v1alpha1.Finding, effects []v1alpha1.Finding, now time.Time) Facts {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	ctx = klog.NewContext(ctx, klog.Logger{}) // failed reads leave entries out
	g := &gatherer{cluster: &bounded{Cluster: cluster, left: MaxReads}, now: now, cause: cause, count: map[string]int{}}
	subject := g.subject(ctx, append([]v1alpha1.Finding{cause}, effects...))
	if subject != nil {
		g.states(subject)
		g.logs(ctx, subject)
		g.changes(ctx, subject)
		g.specs(subject)
		g.hosts(ctx, subject)
		g.references(ctx, subject)
		g.nodes(ctx, subject)
		g.volumes(ctx, subject)
		g.policies(ctx, subject)
	}
	g.object(ctx, cause)
	if subject != nil {
		g.siblings(subject)
		g.times(subject)
	}
	g.version(ctx)
	slices.Sort(g.facts.NotRead)
	g.facts.NotRead = slices.Compact(g.facts.NotRead)
	return g.facts
}

// gatherer reads the background of one root cause.
type gatherer struct {
	cluster Cluster
	now     time.Time
	cause   v1alpha1.Finding
	facts   Facts
	// count of entries by kind.
	count map[string]int
	// logged are the texts of the logs that were read, in which hosts are searched.
	logged []string
}

// add appends an entry, whose id is made of a kind and a number. An empty text adds nothing.
func (g *gatherer) add(kind string, source v1alpha1.EvidenceSource, about, text, key string) {
	text = strings.TrimSpace(text)
	if text == "" {
		return
	}
	g.count[kind]++
	id := kind + strconv.Itoa(g.count[kind])
	g.facts.Entries = append(g.facts.Entries, Entry{ID: id, Source: source, About: about, Text: text, Key: key})
}

// named records names of objects.
func (g *gatherer) named(names ...string) {
	for _, name := range names {
		if name != "" && !slices.Contains(g.facts.Names, name) {
			g.facts.Names = append(g.facts.Names, name)
		}
	}
}

// ok reports whether a read succeeded. A kind that is forbidden is recorded.
func (g *gatherer) ok(what string, err error) bool {
	if apierrors.IsForbidden(err) {
		g.facts.NotRead = append(g.facts.NotRead, what+" (RBAC)")
	}
	return err == nil
}

// spentError is the error of reads beyond MaxReads.
type spentError struct{}

// Error implements error.
func (spentError) Error() string { return "the limit of reads for one root cause is reached" }

// clock formats a time in UTC.
func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }
