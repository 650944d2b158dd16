package bundles

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"kubeops.io/kubeops/internal/bundle"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect/render"
)

// conflictReport is who else owns fields of what a source applies, as `kubeops conflicts -o json` prints it.
type conflictReport struct {
	// Source is what applies the objects, for example ResourceBundle shop/settings.
	Source  string           `json:"source"`
	Objects []objectConflict `json:"objects"`
	// Problems are clusters or kinds that could not be read.
	Problems []connect.ClusterProblem `json:"problems,omitempty"`
	// Applied is the number of objects that the source applies.
	Applied int `json:"applied"`
}

type objectConflict struct {
	Cluster    string       `json:"cluster"`
	APIVersion string       `json:"apiVersion,omitempty"`
	Kind       string       `json:"kind"`
	Namespace  string       `json:"namespace,omitempty"`
	Name       string       `json:"name"`
	Fields     []ownedField `json:"fields"`
}

type conflictOptions struct {
	cluster       connect.ClusterFlags
	output        string
	only          string
	allNamespaces bool
}

// NewConflicts is "kubeops conflicts".
func NewConflicts(streams command.Streams) *cobra.Command {
	o := conflictOptions{}
	cmd := &cobra.Command{
		Use:   "conflicts SOURCE",
		Short: "Show who else owns fields of what a bundle, Helm release or Argo CD application applies",
		Long: `Show which other field managers own fields of the objects that a source applies, and when they wrote last. The source is a
ResourceBundle (bundle/NAME), a Helm release (helm/NAME) or an Argo CD application (argocd/NAME).

Conflict: the field has another value than the source applies, and another owner. Drift: the bundle applied the field, and someone
changed it since. Shared: the value is the same, and the next change of one of them is a conflict.

A bundle is compared by dry runs, as in "kubeops diff". The objects of a release or application are found by their labels and
annotations in the cluster of the context: their metadata is read in all kinds that you can list.`,
		Example: `  kubeops conflicts bundle/settings -n bundles
  kubeops conflicts helm/shop -n shop
  kubeops conflicts argocd/shop -A -o json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%q requires a source: bundle/NAME, helm/NAME or argocd/NAME", cmd.CommandPath())
			}
			return command.MaxArguments(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, streams, args[0]) },
	}
	o.cluster.Register(cmd.Flags())
	o.cluster.Complete(cmd)
	cmd.Flags().StringVarP(&o.output, "output", "o", "table", "format: table, json, yaml")
	cmd.Flags().StringVar(&o.only, "cluster", "", "one of the clusters of the bundle (default: all)")
	cmd.Flags().BoolVarP(&o.allNamespaces, "all-namespaces", "A", false,
		"look for the objects of a release or application in all namespaces")
	command.CompleteValues(cmd, "output", "table", "json", "yaml")
	o.cluster.CompleteFlag(cmd, "cluster", connect.ClusterKind())
	cmd.ValidArgsFunction = o.completeSource
	return cmd
}

// completeSource completes bundles, and the prefixes of other sources.
func (o *conflictOptions) completeSource(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, command.Silent
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), command.CompletionTimeout)
	defer cancel()
	sources := []string{"helm/", "argocd/"}
	s, err := o.cluster.Open()
	if err != nil {
		return sources, command.Silent | cobra.ShellCompDirectiveNoSpace
	}
	found, _ := s.Complete(ctx, connect.BundleKind(), "bundle/", args)
	return append(found, sources...), command.Silent | cobra.ShellCompDirectiveNoSpace
}

func (o *conflictOptions) run(cmd *cobra.Command, streams command.Streams, argument string) error {
	if err := command.OneOf("-o", o.output, "table", "json", "yaml"); err != nil {
		return err
	}
	report, err := o.report(cmd, argument)
	if err != nil {
		return err
	}
	switch o.output {
	case "json":
		err = render.JSON(streams.Out, report)
	case "yaml":
		err = render.YAML(streams.Out, report)
	default:
		err = printConflicts(streams.Out, report)
	}
	if err != nil {
		return err
	}
	return connect.UnreadClusters(report.Problems)
}

func (o *conflictOptions) report(cmd *cobra.Command, argument string) (*conflictReport, error) {
	if r, ok, err := parseRelease(argument); ok || err != nil {
		if err == nil && o.only != "" {
			err = fmt.Errorf("--cluster applies to bundles: select the cluster of a release or application with --context")
		}
		if err != nil {
			return nil, err
		}
		target, err := o.cluster.Resolve()
		if err != nil {
			return nil, err
		}
		if o.allNamespaces {
			target.Namespace = ""
		}
		return r.conflicts(cmd.Context(), target)
	}
	if o.allNamespaces {
		return nil, fmt.Errorf("-A applies to releases and applications: select the namespace of a bundle with -n")
	}
	ref, err := connect.ParseReference(argument, connect.BundleKind())
	if err != nil {
		return nil, err
	}
	s, err := o.cluster.Open()
	if err != nil {
		return nil, err
	}
	plan, err := planBundle(cmd.Context(), s, ref.Name, o.only)
	if err != nil {
		return nil, err
	}
	return plan.conflicts(), nil
}

// conflicts of a plan.
func (p *bundlePlan) conflicts() *conflictReport {
	report := &conflictReport{
		Source: "ResourceBundle " + p.bundle.Namespace + "/" + p.bundle.Name, Objects: []objectConflict{}, Problems: p.problems(),
	}
	for _, c := range p.clusters {
		for _, r := range c.results {
			if r.Obsolete {
				continue
			}
			report.Applied++
			if fields := slices.Concat(r.Fields, r.Shared); len(fields) > 0 {
				report.Objects = append(report.Objects, p.conflict(c.cluster, r, fields))
			}
		}
	}
	return report
}

func (p *bundlePlan) conflict(cluster string, r bundle.Result, fields []bundle.Field) objectConflict {
	o := objectConflict{
		Cluster: cluster, APIVersion: r.APIVersion, Kind: r.Key.Kind, Namespace: r.Key.Namespace, Name: r.Key.Name,
	}
	for _, f := range fields {
		o.Fields = append(o.Fields, p.owned(cluster, r, f))
	}
	return o
}

// printConflicts prints a report for people: the fields of an object that one manager owns are one entry.
func printConflicts(w io.Writer, report *conflictReport) error {
	out := &terminal.Writer{W: w, Width: terminal.Width(w)}
	applied := terminal.Count(report.Applied, "object", "objects")
	out.Line("%s: %s, %d with fields of other managers", report.Source, applied, len(report.Objects))
	for _, problem := range report.Problems {
		out.Block("", "  ", fmt.Sprintf("cluster %s: %s", problem.Cluster, problem.Message))
	}
	for _, o := range report.Objects {
		out.Line("")
		out.Block("", "  ", "cluster "+o.Cluster+": "+objectTitle(o.Kind, o.Namespace, o.Name))
		for _, group := range byOwner(o.Fields) {
			first := group[0]
			out.Block("  ", "    ", describeOwner(first))
			const maxFields = 5
			for _, f := range group[:min(len(group), maxFields)] {
				out.Block("    ", "      ", f.Field+values(f))
			}
			if more := len(group) - maxFields; more > 0 {
				out.Line("    and %d more (see -o yaml)", more)
			}
		}
	}
	return out.Err
}

// byOwner groups fields by type and owner.
func byOwner(fields []ownedField) (groups [][]ownedField) {
	sorted := slices.Clone(fields)
	slices.SortStableFunc(sorted, func(a, b ownedField) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Manager, b.Manager))
	})
	for i, f := range sorted {
		if i > 0 && sorted[i-1].Type == f.Type && sorted[i-1].Manager == f.Manager {
			groups[len(groups)-1] = append(groups[len(groups)-1], f)
			continue
		}
		groups = append(groups, []ownedField{f})
	}
	return groups
}

func describeOwner(f ownedField) string {
	owner := fmt.Sprintf("%s: %q", f.Type, f.Manager)
	if f.Manager == "" {
		owner = f.Type + ": no owner, the field was removed"
	}
	if f.LastWriteTime != nil {
		owner += ", last write " + f.LastWriteTime.UTC().Format(time.RFC3339)
	}
	if f.FirstSeenTime != nil {
		owner += ", first seen " + f.FirstSeenTime.UTC().Format(time.RFC3339)
	}
	return owner
}

// values of a field that differ; empty if they are not known.
func values(f ownedField) string {
	if f.Live == nil && f.Manifest == nil {
		return ""
	}
	return fmt.Sprintf(": live %s, applied %s", shown(f.Live), shown(f.Manifest))
}
