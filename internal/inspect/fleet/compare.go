package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/comparison"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/facts/crdschema"
	"kubeops.io/kubeops/internal/inspect/report"
)

const (
	// maxDefinitions whose schemas are read to name the fields that differ.
	maxDefinitions = 20
	// schemasTimeout bounds reading them. It is in addition to the deadlines of the clusters.
	schemasTimeout = 5 * time.Second
)

// compare runs the checks that compare clusters, on those of which anything was read.
func (r *run) compare(ctx context.Context, start time.Time) report.Part {
	selected := check.Comparing(r.in.Checks)
	clusters := &comparison.Clusters{}
	for i := range r.outcomes {
		if c := r.outcomes[i].comparison; c != nil {
			clusters.List = append(clusters.List, c)
		}
	}
	slices.SortFunc(clusters.List, func(a, b *comparison.Cluster) int { return strings.Compare(a.Name, b.Name) })
	var linked []causes.Linked
	var gaps []facts.Gap
	ran := 0
	clusterOf := map[string]string{}
	if len(clusters.List) > 1 {
		clusters.Fields = r.differences(ctx, clusters, selected)
		for _, c := range selected {
			found, gap := compareWith(c, clusters)
			if gap != nil {
				gaps = append(gaps, *gap)
			} else {
				ran++
			}
			for _, f := range found {
				id := causes.ID(f.Cluster, f.Finding)
				if _, twice := clusterOf[id]; !twice {
					clusterOf[id] = f.Cluster
					linked = append(linked, causes.Linked{Finding: f.Finding, ID: id, CausedBy: -1})
				}
			}
		}
	}
	slices.SortFunc(linked, func(a, b causes.Linked) int { return strings.Compare(a.ID, b.ID) })
	seen, unseen := r.previousComparison(clusterOf)
	builder := facts.NewBuilder("", start)
	for _, kind := range check.Kinds(selected) {
		builder.Covered(kind, "")
	}
	compared := report.New(report.Input{
		Graph: builder.Graph(), Findings: linked, Gaps: gaps, Checks: selected, ChecksRun: ran,
		Ignore: r.in.Ignore, ExcludeNamespaces: r.in.ExcludeNamespaces, NamespacesOnly: r.in.NamespacesOnly,
		Previous: seen, Start: start, Bounds: r.in.Bounds, Redact: r.in.Redactor.Text,
	})
	for i := range compared.Findings {
		compared.Findings[i].Cluster = clusterOf[compared.Findings[i].ID]
	}
	return report.Part{Report: compared, Previous: unseen}
}

// compareWith runs one check and sets the defaults of its findings. The gap is set if the check panics.
func compareWith(c check.Check, clusters *comparison.Clusters) (found []check.ClusterFinding, gap *facts.Gap) {
	defer func() {
		if problem := recover(); problem != nil {
			gap = &facts.Gap{
				Source: "check " + c.ID, Reason: v1alpha1.GapCheckFailed, Checks: []string{c.ID},
				Message:     fmt.Sprintf("Check %s failed: panic: %v.", c.ID, problem),
				Remediation: "This is a bug in KubeOps: please report it with this message.",
			}
		}
	}()
	found = c.Compare(clusters)
	for i := range found {
		f := &found[i].Finding
		f.Check = c.ID
		f.Class = c.ClassOrDefault()
		if f.Severity == "" {
			f.Severity = c.Severity
		}
		if f.Remediation == "" {
			f.Remediation = c.Remediation
		}
	}
	return found, nil
}

// previousComparison is the part of the previous report about differences: seen is what this run can compare with, unseen the differences
// that were not found again although a cluster was not completely read. Those are not fixed.
func (r *run) previousComparison(found map[string]string) (seen, unseen *v1alpha1.InspectionReport) {
	previous := r.previousOf(func(check, _ string) bool { return r.comparing(check) })
	incomplete := slices.ContainsFunc(r.outcomes, func(o outcome) bool { return o.result == nil || !o.result.Report.Summary.Complete() })
	if previous == nil || !incomplete {
		return previous, nil
	}
	again := func(id string) bool {
		_, again := found[id]
		return again
	}
	unseen = &v1alpha1.InspectionReport{
		Findings:   slices.DeleteFunc(slices.Clone(previous.Findings), func(f v1alpha1.Finding) bool { return again(f.ID) }),
		Unverified: slices.DeleteFunc(slices.Clone(previous.Unverified), func(f v1alpha1.UnverifiedFinding) bool { return again(f.ID) }),
	}
	previous.Findings = slices.DeleteFunc(previous.Findings, func(f v1alpha1.Finding) bool { return !again(f.ID) })
	previous.Unverified = slices.DeleteFunc(previous.Unverified, func(f v1alpha1.UnverifiedFinding) bool { return !again(f.ID) })
	return previous, unseen
}

// differences reads the schemas that differ from the first cluster of the two largest groups, to name the fields.
func (r *run) differences(
	ctx context.Context, clusters *comparison.Clusters, selected []check.Check,
) map[comparison.SchemaVersion][]string {
	if !slices.ContainsFunc(selected, func(c check.Check) bool { return slices.Contains(c.Needs, facts.CRD) }) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, schemasTimeout)
	defer cancel()
	sources := map[string]collect.Source{}
	for i := range r.in.Clusters {
		sources[r.in.Clusters[i].name()] = r.in.Clusters[i].Input.Source
	}
	read := map[string]map[string][]byte{} // by cluster, of one definition
	schemas := func(cluster, definition string) map[string][]byte {
		known, again := read[cluster]
		if !again {
			known, _ = within(ctx, schemasTimeout, func(ctx context.Context) (map[string][]byte, error) {
				return collect.Schemas(ctx, sources[cluster], definition)
			})
			read[cluster] = known // nil after an error: the fields are not named
		}
		return known
	}
	fields := map[comparison.SchemaVersion][]string{}
	definition := ""
	definitions := 0
	for _, skew := range clusters.SchemaSkews() {
		if skew.Definition != definition {
			definition = skew.Definition
			definitions++
			clear(read)
		}
		if definitions > maxDefinitions || ctx.Err() != nil {
			break
		}
		one := schemas(skew.Groups[0][0], skew.Definition)[skew.Version]
		other := schemas(skew.Groups[1][0], skew.Definition)[skew.Version]
		if one == nil || other == nil {
			continue
		}
		if paths, err := crdschema.Differences(one, other); err == nil {
			fields[skew.SchemaVersion] = paths
		}
	}
	return fields
}
