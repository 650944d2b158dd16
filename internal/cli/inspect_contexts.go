package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/custom"
	"kubeops.io/kubeops/internal/inspect/fleet"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// maxHeadingClusters are named in the heading.
const maxHeadingClusters = 5

// runContexts inspects several clusters and prints one report. Where the user interrupts it, the report has the clusters that were
// finished.
func (o *inspectOptions) runContexts(
	ctx context.Context, streams command.Streams, selected []check.Check, programs []custom.Program,
) error {
	contexts, skipped, err := o.contexts.Resolve(&o.cluster)
	if err != nil {
		return err
	}
	if len(skipped) > 0 {
		fmt.Fprintln(printable.NewWriter(streams.Err),
			"skipped, since another context has the same cluster and user: "+terminal.JoinWords(skipped))
	}
	clusters := make([]fleet.Cluster, 0, len(contexts))
	for _, name := range contexts {
		clusters = append(clusters, o.fleetCluster(name, selected, programs))
	}
	progress := newFleetProgress(streams.Err, len(clusters))
	result, err := fleet.Run(ctx, fleet.Input{
		Clusters: clusters, Checks: selected, ExcludeNamespaces: o.excludeNamespaces, NamespacesOnly: !o.allNamespaces,
		Bounds: printedBounds(), Engine: inspect.Run, Clock: clock.RealClock{}, Progress: progress.update,
	})
	progress.clear()
	if err != nil {
		return err
	}
	result.Report.Summary.Trigger = "cli"
	inContexts(result.Report)
	err = o.print(streams, selected, result.Report, o.headingOf(contexts))
	if result.Interrupted {
		return errors.New("interrupted: the report lacks the clusters that were not finished")
	}
	return err
}

// fleetCluster is the cluster of a context. A context that cannot be used is a gap, as a cluster that does not answer is.
func (o *inspectOptions) fleetCluster(name string, selected []check.Check, programs []custom.Program) fleet.Cluster {
	flags := o.cluster
	flags.Overrides.CurrentContext = name
	target, err := flags.Resolve()
	if err != nil {
		input := inspect.Input{Source: collect.Source{Cluster: name}}
		invalid := problem.UserError(v1alpha1.ReasonClusterUnreachable, nil, "context %s cannot be used (%s); correct the kubeconfig",
			name, err)
		return fleet.Cluster{Input: input, Deadline: o.contexts.Timeout, Err: invalid}
	}
	return fleet.Cluster{Input: o.input(target, selected, programs), Deadline: o.contexts.Timeout}
}

func (o *inspectOptions) headingOf(contexts []string) string {
	heading := text.CountOf(len(contexts), "cluster", "clusters") + " (" + text.List(contexts, maxHeadingClusters) + "), "
	switch {
	case o.allNamespaces:
		return heading + "all namespaces"
	case len(o.namespaces) > 0:
		return heading + text.Plural(len(o.namespaces), "namespace ", "namespaces ") + terminal.JoinWords(o.namespaces) + " (-A for all)"
	default:
		return heading + "the namespace of each context (-A for all)"
	}
}

// comparesNothing rejects a selection of nothing but checks that compare clusters, for one cluster.
func (o *inspectOptions) comparesNothing(selected []check.Check) error {
	comparing := check.Comparing(selected)
	for _, c := range comparing {
		if len(comparing) == len(selected) || slices.Contains(o.checks, c.ID) {
			return fmt.Errorf("check %s compares clusters: use it with --contexts or --all-contexts", c.ID)
		}
	}
	return nil
}

// inContexts adds the context to the commands of remediations, which would otherwise run in the current one.
func inContexts(report *v1alpha1.InspectionReport) {
	for i := range report.Findings {
		report.Findings[i].Remediation = inContext(report.Findings[i].Remediation, report.Findings[i].Cluster)
	}
	for i := range report.Gaps {
		report.Gaps[i].Remediation = inContext(report.Gaps[i].Remediation, report.Gaps[i].Cluster)
	}
}

// inContext adds --context to each kubectl between backquotes that starts a command and has none.
func inContext(remediation, cluster string) string {
	if cluster == "" {
		return remediation
	}
	command := regexp.MustCompile(`(^|[|;&(]\s*|xargs (?:-\S+ )*)kubectl `)
	parts := strings.Split(remediation, "`")
	for i := 1; i < len(parts)-1; i += 2 {
		if strings.Contains(parts[i], "--context ") {
			continue
		}
		parts[i] = command.ReplaceAllStringFunc(parts[i], func(found string) string {
			return found + "--context " + remedy.Quote(cluster) + " "
		})
	}
	return strings.Join(parts, "`")
}
