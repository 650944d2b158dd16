// Package manifests reads Kubernetes objects from YAML and JSON files into the facts that checks evaluate. It records the file and
// line of each object, reports errors in a document instead of failing on them, and keeps an object only until it is reduced.
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

// Options for Read.
type Options struct {
	// Namespace of objects without one; the default is "default".
	Namespace string
	// Complete means that the files contain every object that users create in the namespaces of the files: an object that they lack
	// does not exist.
	Complete bool
	// Minor version of Kubernetes, 1.Minor, to check API versions against; 0 is the newest.
	Minor int
	// Flat excludes subdirectories.
	Flat bool
	// Now is the time of the graph; required.
	Now time.Time
	// Stdin is read for the source "-".
	Stdin io.Reader
	// Scan detects secrets; see facts.Reducer. May be nil.
	Scan func(text string) string
	// Judge tells what an API server would refuse. May be nil: then nothing is known about that.
	Judge Judge
	// Definitions are directories and files with CustomResourceDefinitions. Judge learns them; nothing else is read from them.
	Definitions []string
	// Limits; the zero value is the default.
	Limits Limits
}

// Limits bound what is read. Anything beyond them is a gap.
type Limits struct {
	// FileBytes per file; TotalBytes and Files in all sources together.
	FileBytes, TotalBytes int64
	Files                 int
	// Objects in all files together.
	Objects int
}

func (l Limits) orDefault() Limits {
	if l == (Limits{}) {
		return Limits{FileBytes: 10 << 20, TotalBytes: 512 << 20, Files: 50_000, Objects: 200_000}
	}
	return l
}

// Manifests is the result of Read.
type Manifests struct {
	// Graph of the objects.
	Graph *facts.Graph
	// Gaps are the files and documents that could not be read.
	Gaps []facts.Gap
	Counts
	positions map[objectKey]position
}

// Counts of what was read.
type Counts struct {
	Files int
	// Objects that were read; NotChecked of them have a kind without checks.
	Objects, NotChecked int
	// Skipped documents are not Kubernetes objects: Helm values, configuration of other tools, patches.
	Skipped int
}

// objectKey identifies an object in any API version.
type objectKey struct{ kind, namespace, name string }

type position struct {
	file       string
	line       int
	apiVersion string
}

func (p position) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// NoObjectsError means that the sources contain neither valid nor invalid Kubernetes objects.
type NoObjectsError struct{ Counts Counts }

// Error counts the files read and the documents skipped.
func (e *NoObjectsError) Error() string {
	return fmt.Sprintf("no Kubernetes objects found (files read: %d; documents skipped, since they are not Kubernetes objects: %d)",
		e.Counts.Files, e.Counts.Skipped)
}

// Read reads every source: a directory, a file, or "-" for Options.Stdin. A file that cannot be read is a gap, and an invalid object
// an error in the graph. Read returns an error if a source does not exist, if ctx ends, or if there are no objects: then it is a
// *NoObjectsError.
func Read(ctx context.Context, sources []string, o Options) (*Manifests, error) {
	if o.Namespace == "" {
		o.Namespace = "default"
	}
	if o.Minor == 0 {
		o.Minor = NewestMinor
	}
	o.Limits = o.Limits.orDefault()
	r := newReader(o)
	if err := r.define(ctx); err != nil {
		return nil, err
	}
	for _, source := range sources {
		if err := r.source(ctx, source); err != nil {
			return nil, err
		}
	}
	r.judgeWaiting()
	if r.counts.Objects == 0 && !r.flawed {
		if len(r.gaps) > 0 && r.gaps[0].Message != "" {
			return nil, fmt.Errorf("no Kubernetes objects could be read: %s", r.gaps[0].Message)
		}
		return nil, &NoObjectsError{r.counts}
	}
	r.reportDuplicates()
	if o.Complete {
		r.markComplete()
	}
	return &Manifests{Graph: r.builder.Graph(), Gaps: r.boundedGaps(), Counts: r.counts, positions: r.positions}, nil
}

func newReader(o Options) *reader {
	r := &reader{
		options: o, builder: facts.NewBuilder("", o.Now), positions: map[objectKey]position{},
		namespaces: map[string]bool{}, patches: map[string]bool{}, opened: map[string]bool{}, unnamed: map[objectKey]int{},
		fields: fieldCache{}, operatorNamespaces: map[string]bool{},
		duplicates: map[facts.Ref][]position{}, generatedSecrets: map[facts.Ref]metav1.OwnerReference{},
	}
	r.builder.SetFromManifests()
	r.builder.SetVersion(fmt.Sprintf("v1.%d.0", o.Minor))
	return r
}

// define reads the definitions of custom resources, with a reader of its own.
func (r *reader) define(ctx context.Context) error {
	if len(r.options.Definitions) == 0 || r.options.Judge == nil {
		return nil
	}
	definitions := newReader(r.options)
	definitions.definitionsOnly = true
	for _, source := range r.options.Definitions {
		if err := definitions.source(ctx, source); err != nil {
			return fmt.Errorf("read definitions of custom resources: %w", err)
		}
	}
	r.gaps = definitions.gaps
	r.options.Judge = definitions.options.Judge
	return nil
}

// Locate returns the file of an object, relative to the source and with forward slashes, and the first line of its document.
func (m *Manifests) Locate(object v1alpha1.ObjectReference) (file string, line int, ok bool) {
	p, ok := m.position(object)
	return p.file, p.line, ok
}

// APIVersion returns the API version in the document of an object; empty for an object that was not read.
func (m *Manifests) APIVersion(object v1alpha1.ObjectReference) string {
	p, _ := m.position(object)
	return p.apiVersion
}

// position finds an object. Kinds that are not built into Kubernetes are stored with their group.
func (m *Manifests) position(object v1alpha1.ObjectReference) (position, bool) {
	p, ok := m.positions[objectKey{object.Kind, object.Namespace, object.Name}]
	if !ok {
		p, ok = m.positions[objectKey{string(facts.KindOf(object.APIVersion, object.Kind)), object.Namespace, object.Name}]
	}
	return p, ok
}

// maxGaps reported individually.
const maxGaps = 50

// boundedGaps merges the gaps beyond maxGaps.
func (r *reader) boundedGaps() []facts.Gap {
	if len(r.gaps) <= maxGaps {
		return r.gaps
	}
	more := len(r.gaps) - maxGaps
	return append(r.gaps[:maxGaps:maxGaps], facts.Gap{
		Source: "remaining files", Reason: v1alpha1.GapUnreadable,
		Message:     fmt.Sprintf("%d more files could not be read completely.", more),
		Remediation: "Pass only directories with Kubernetes manifests.",
	})
}
