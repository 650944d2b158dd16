package bundles

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/bundle"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect/render"
	"kubeops.io/kubeops/internal/text"
)

// maxValue of a field that is printed, in runes.
const maxValue = 60

// bundleDiff is what a bundle would change, as `kubeops diff -o json` prints it.
type bundleDiff struct {
	Namespace string        `json:"namespace"`
	Name      string        `json:"name"`
	Clusters  []clusterDiff `json:"clusters"`
}

type clusterDiff struct {
	Cluster string       `json:"cluster"`
	Problem string       `json:"problem,omitempty"`
	Objects []objectDiff `json:"objects"`
	// Unchanged is the number of objects that are up to date.
	Unchanged int `json:"unchanged"`
}

type objectDiff struct {
	APIVersion string `json:"apiVersion,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
	// State as in the status of a ResourceBundle; empty if the object is up to date but for fields that are left to others.
	State   v1alpha1.BundleObjectState `json:"state,omitempty"`
	Message string                     `json:"message,omitempty"`
	// Changes of fields. Those of a Secret have no values.
	Changes []fieldChange `json:"changes,omitempty"`
	// Fields that have another value than in the manifest and another owner.
	Fields []ownedField `json:"fields,omitempty"`
}

type fieldChange struct {
	Field  string `json:"field"`
	Before any    `json:"before,omitempty"`
	After  any    `json:"after,omitempty"`
}

// ownedField is a field with its owner.
type ownedField struct {
	Field string `json:"field"`
	// Type is Conflict, Drift, Yielded or Shared.
	Type string `json:"type"`
	// Manager is empty if no one owns the field, as when it was removed.
	Manager string `json:"manager,omitempty"`
	// LastWriteTime is when the manager wrote to the object last, to this or another field.
	LastWriteTime *metav1.Time `json:"lastWriteTime,omitempty"`
	// FirstSeenTime is when the bundle saw the difference first.
	FirstSeenTime *metav1.Time `json:"firstSeenTime,omitempty"`
	Live          any          `json:"live,omitempty"`
	Manifest      any          `json:"manifest,omitempty"`
}

type diffOptions struct {
	cluster connect.ClusterFlags
	output  string
	only    string
}

// NewDiff is "kubeops diff".
func NewDiff(streams command.Streams) *cobra.Command {
	o := diffOptions{}
	cmd := &cobra.Command{
		Use:   "diff BUNDLE",
		Short: "Show what a ResourceBundle would change",
		Long: `Show what a ResourceBundle would create, change and delete in each of its clusters, by dry runs: nothing is written. The
cluster of the context is asked with your permissions, which need those of an apply. ManagedClusters are asked with the kubeconfigs
of their Secrets, which you must be able to read, as the ServiceAccount of the bundle. Values of Secrets are not printed. Exit codes
are 0 without differences, 1 with differences, and 2 if a cluster could not be read.`,
		Example: `  kubeops diff bundle/settings -n bundles
  kubeops diff settings -n bundles --cluster east -o json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%q requires the name of a ResourceBundle; `kubectl get rbun` lists them", cmd.CommandPath())
			}
			return command.MaxArguments(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, streams, args) },
	}
	o.cluster.Register(cmd.Flags())
	o.cluster.Complete(cmd)
	cmd.Flags().StringVarP(&o.output, "output", "o", "table", "format: table, json, yaml")
	cmd.Flags().StringVar(&o.only, "cluster", "", "one of the clusters of the bundle (default: all)")
	command.CompleteValues(cmd, "output", "table", "json", "yaml")
	o.cluster.CompleteFlag(cmd, "cluster", connect.ClusterKind())
	cmd.ValidArgsFunction = o.cluster.CompleteNames(1, connect.BundleKind())
	return cmd
}

func (o *diffOptions) run(cmd *cobra.Command, streams command.Streams, args []string) error {
	if err := command.OneOf("-o", o.output, "table", "json", "yaml"); err != nil {
		return err
	}
	ref, err := connect.ParseReference(args[0], connect.BundleKind())
	if err != nil {
		return err
	}
	s, err := o.cluster.Open()
	if err != nil {
		return err
	}
	plan, err := planBundle(cmd.Context(), s, ref.Name, o.only)
	if err != nil {
		return err
	}
	diff := plan.diff()
	switch o.output {
	case "json":
		err = render.JSON(streams.Out, diff)
	case "yaml":
		err = render.YAML(streams.Out, diff)
	default:
		err = printDiff(streams.Out, diff)
	}
	if err != nil {
		return err
	}
	if err := connect.UnreadClusters(plan.problems()); err != nil {
		return err
	}
	differing := 0
	for _, c := range diff.Clusters {
		differing += len(c.Objects)
	}
	if differing > 0 {
		return &command.FindingsError{Text: terminal.Count(differing, "object differs", "objects differ")}
	}
	return nil
}

// diff of a plan.
func (p *bundlePlan) diff() bundleDiff {
	diff := bundleDiff{Namespace: p.bundle.Namespace, Name: p.bundle.Name}
	for _, planned := range p.clusters {
		c := clusterDiff{Cluster: planned.cluster, Objects: []objectDiff{}}
		if planned.problem != nil {
			c.Problem = planned.problem.Error()
		}
		for _, r := range planned.results {
			if r.State == "" && len(r.Fields) == 0 && !r.Obsolete {
				c.Unchanged++
				continue
			}
			c.Objects = append(c.Objects, p.object(planned.cluster, r))
		}
		diff.Clusters = append(diff.Clusters, c)
	}
	return diff
}

func (p *bundlePlan) object(cluster string, r bundle.Result) objectDiff {
	o := objectDiff{
		APIVersion: r.APIVersion, Kind: r.Key.Kind, Namespace: r.Key.Namespace, Name: r.Key.Name, State: r.State, Message: r.Message,
	}
	if o.Name == "" {
		o.Name = r.Source
	}
	if r.State == "" && r.Obsolete {
		o.Message = "is no longer in the manifests, and kept: spec.prune is not enabled"
	}
	if r.State == v1alpha1.ObjectChange {
		for _, change := range r.Changed {
			o.Changes = append(o.Changes, fieldChange{change.Path, change.Before, change.After})
		}
	}
	for _, f := range r.Fields {
		o.Fields = append(o.Fields, p.owned(cluster, r, f))
	}
	return o
}

// owned is a field with the time when the bundle saw the difference first.
func (p *bundlePlan) owned(cluster string, r bundle.Result, f bundle.Field) ownedField {
	owned := ownedField{
		Field: f.Path, Type: string(f.State), Manager: f.Manager, LastWriteTime: f.LastWrite, Live: f.Live, Manifest: f.Manifest,
	}
	for _, c := range p.bundle.Status.Conflicts {
		same := c.Cluster == cluster && c.Kind == r.Key.Kind && c.Namespace == r.Key.Namespace && c.Name == r.Key.Name
		if same && c.Field == f.Path && c.Manager == f.Manager {
			owned.FirstSeenTime = &c.FirstSeenTime
		}
	}
	return owned
}

// printDiff prints a diff for people.
func printDiff(w io.Writer, diff bundleDiff) error {
	out := &terminal.Writer{W: w, Width: terminal.Width(w)}
	for i, c := range diff.Clusters {
		if i > 0 {
			out.Line("")
		}
		if c.Problem != "" {
			out.Block("", "  ", fmt.Sprintf("cluster %s: %s", c.Cluster, c.Problem))
			continue
		}
		out.Line("cluster %s: %s, %d unchanged", c.Cluster, terminal.Count(len(c.Objects), "object differs", "objects differ"), c.Unchanged)
		for _, o := range c.Objects {
			printObjectDiff(out, o)
		}
	}
	return out.Err
}

func printObjectDiff(out *terminal.Writer, o objectDiff) {
	sign := map[v1alpha1.BundleObjectState]string{
		v1alpha1.ObjectCreate: "+", v1alpha1.ObjectChange: "~", v1alpha1.ObjectDelete: "-", "": " ",
	}[o.State]
	if sign == "" {
		sign = "!"
	}
	title := objectTitle(o.Kind, o.Namespace, o.Name)
	if o.Message != "" {
		title += ": " + o.Message
	} else if sign == "!" {
		title += ": " + string(o.State)
	}
	out.Block("  "+sign+" ", "      ", title)
	for _, change := range o.Changes {
		switch {
		case o.Kind == "Secret":
			out.Line("      %s", change.Field)
		default:
			out.Block("      ", "        ", fmt.Sprintf("%s: %s -> %s", change.Field, shown(change.Before), shown(change.After)))
		}
	}
	for _, f := range o.Fields {
		if o.Kind != "Secret" {
			out.Block("      ", "        ", fmt.Sprintf("%s: live %s, manifest %s", f.Field, shown(f.Live), shown(f.Manifest)))
		}
	}
}

func objectTitle(kind, namespace, name string) string {
	if namespace != "" {
		name = namespace + "/" + name
	}
	if kind == "" {
		return name
	}
	return kind + " " + name
}

// shown is the beginning of a value.
func shown(value any) string {
	if value == nil {
		return "none"
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return "?"
	}
	return text.Clip(string(encoded), maxValue)
}
