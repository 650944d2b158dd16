// Package manifests reads Kubernetes objects from files into the facts that checks judge: YAML and JSON, as a repository
// holds them. It knows of each object where it stands, tells what is wrong with a document instead of failing on it, and
// keeps no object longer than it takes to reduce it.
package manifests

import (
	"context"
	"fmt"
	"io"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Options say how files are read.
type Options struct {
	// Namespace of objects that name none; default when it is empty.
	Namespace string
	// Complete says that the files hold all that people write into the namespaces that occur in them, so that what is not
	// there does not exist.
	Complete bool
	// Minor is the release 1.Minor of Kubernetes to judge API versions for; 0 is the newest.
	Minor int
	// Flat reads no directories below the ones that are named.
	Flat bool
	// Now is the time of the graph; required.
	Now time.Time
	// Stdin is read for the source "-".
	Stdin io.Reader
	// Scan recognises secrets; see facts.Reducer. May be nil.
	Scan func(text string) string
	// Limits of the reading; the zero value is the default.
	Limits Limits
}

// Limits bound what is read. What is beyond them is a gap.
type Limits struct {
	// FileBytes of one file, and TotalBytes and Files of all.
	FileBytes, TotalBytes int64
	Files                 int
	// Objects of all files.
	Objects int
}

func (l Limits) orDefault() Limits {
	if l == (Limits{}) {
		return Limits{FileBytes: 10 << 20, TotalBytes: 512 << 20, Files: 50_000, Objects: 200_000}
	}
	return l
}

// Manifests is what was read.
type Manifests struct {
	// Graph of the objects.
	Graph *facts.Graph
	// Gaps are files and documents that could not be read.
	Gaps []facts.Gap
	Counts
	places map[place]position
}

// Counts say what was met.
type Counts struct {
	// Files that were read.
	Files int
	// Objects that were read; NotChecked of them are of kinds that no check knows.
	Objects, NotChecked int
	// Skipped documents are YAML, and no Kubernetes objects: values, configuration of other tools, patches.
	Skipped int
}

// place names an object whatever its API version.
type place struct{ kind, namespace, name string }

type position struct {
	file       string
	line       int
	apiVersion string
}

func (p position) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// NothingError says that the sources hold no object and nothing that fails to be one.
type NothingError struct{ Counts Counts }

// Error says what was there instead.
func (e *NothingError) Error() string {
	return fmt.Sprintf("no Kubernetes object found (files read: %d; documents in them that have no apiVersion and kind, or are of another tool: %d)",
		e.Counts.Files, e.Counts.Skipped)
}

// Read reads every source: a directory with all below it, a file, or "-" for Options.Stdin. What cannot be read or is no
// valid object becomes a gap or a flaw of the graph. An error means that a source does not exist, that ctx ended, or, as
// *NothingError, that there was no object at all.
func Read(ctx context.Context, sources []string, o Options) (*Manifests, error) {
	if o.Namespace == "" {
		o.Namespace = "default"
	}
	if o.Minor == 0 {
		o.Minor = NewestMinor
	}
	o.Limits = o.Limits.orDefault()
	r := &reader{
		options: o, builder: facts.NewBuilder("", o.Now), places: map[place]position{},
		namespaces: map[string]bool{}, patches: map[string]bool{}, opened: map[string]bool{}, unnamed: map[place]int{}, fields: fieldCache{}, makers: map[string]bool{},
		doubles: map[facts.Ref][]position{}, declared: map[facts.Ref]metav1.OwnerReference{},
	}
	r.builder.SetVersion(fmt.Sprintf("v1.%d.0", o.Minor))
	for _, source := range sources {
		if err := r.source(ctx, source); err != nil {
			return nil, err
		}
	}
	if r.counts.Objects == 0 && !r.flawed {
		if len(r.gaps) > 0 && r.gaps[0].Message != "" {
			return nil, fmt.Errorf("no Kubernetes object could be read: %s", r.gaps[0].Message)
		}
		return nil, &NothingError{r.counts}
	}
	r.tellDoubles()
	if o.Complete {
		r.cover()
	}
	return &Manifests{Graph: r.builder.Graph(), Gaps: r.boundedGaps(), Counts: r.counts, places: r.places}, nil
}

// Locate says where an object stands: the file as the source was given, with forward slashes, and the line on which its
// document begins.
func (m *Manifests) Locate(object v1alpha1.ObjectReference) (file string, line int, ok bool) {
	p, ok := m.place(object)
	return p.file, p.line, ok
}

// APIVersion is what the object's document says; empty for an object that was not read.
func (m *Manifests) APIVersion(object v1alpha1.ObjectReference) string {
	p, _ := m.place(object)
	return p.apiVersion
}

// place is where an object stands. Kinds that are not Kubernetes' own are remembered with their group.
func (m *Manifests) place(object v1alpha1.ObjectReference) (position, bool) {
	p, ok := m.places[place{object.Kind, object.Namespace, object.Name}]
	if !ok {
		p, ok = m.places[place{string(facts.KindOf(object.APIVersion, object.Kind)), object.Namespace, object.Name}]
	}
	return p, ok
}

// maxGaps are told one by one.
const maxGaps = 50

// boundedGaps joins those beyond what a person reads.
func (r *reader) boundedGaps() []facts.Gap {
	if len(r.gaps) <= maxGaps {
		return r.gaps
	}
	more := len(r.gaps) - maxGaps
	return append(r.gaps[:maxGaps:maxGaps], facts.Gap{
		Source: "further files", Reason: v1alpha1.GapUnreadable,
		Message:     fmt.Sprintf("%d more files could not be read, or not in full.", more),
		Remediation: "Name only the folders that hold Kubernetes manifests.",
	})
}
