// Package get implements "kubeops get", which lists objects of several clusters in one table.
package get

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect/render"
)

type getOptions struct {
	cluster       connect.ClusterFlags
	contexts      connect.ContextFlags
	clusters      string
	hubNamespace  string
	selector      string
	output        string
	allNamespaces bool
	watch         bool
	timeout       time.Duration
	// printed table, whose columns changes keep.
	printed *fleetTable
}

// width to shorten columns to; -o wide does not.
func (o *getOptions) width(streams command.Streams) int {
	if o.output == "wide" {
		return 0
	}
	return terminal.Width(streams.Out)
}

// NewCommand is "kubeops get".
func NewCommand(streams command.Streams) *cobra.Command {
	o := getOptions{}
	cmd := &cobra.Command{
		Use:   "get KIND [NAME]",
		Short: "List objects of several clusters in one table",
		Long: `List objects of any kind in several clusters, with the columns that each API server prints and one for the cluster.
--clusters selects ManagedClusters by their labels; they are read with the kubeconfigs of their Secrets, which you must be able to
read. --contexts selects contexts of the kubeconfig, which are read with your own credentials. A cluster that does not answer costs
its --cluster-timeout and no other one; the exit code is then 2.`,
		Example: `  kubeops get pods -n shop --clusters environment=production
  kubeops get deploy web -n shop --contexts "prod-*" -o wide
  kubeops get nodes --clusters "" -w`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%q requires a kind, such as pods", cmd.CommandPath())
			}
			return command.MaxArguments(2)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, streams, args) },
	}
	flags := cmd.Flags()
	o.cluster.Register(flags)
	o.cluster.Complete(cmd)
	flags.StringVar(&o.clusters, "clusters", "", "label selector of ManagedClusters; an empty one selects all")
	flags.StringVar(&o.hubNamespace, "clusters-namespace", "", "namespace of the ManagedClusters (default: the context's)")
	flags.StringSliceVar(&o.contexts.Names, "contexts", nil, "kubeconfig contexts or globs; can be repeated")
	flags.StringVarP(&o.selector, "selector", "l", "", "label selector of the objects")
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "all namespaces")
	flags.StringVarP(&o.output, "output", "o", "table", "format: table, wide, json, yaml")
	flags.BoolVarP(&o.watch, "watch", "w", false, "print changes after the list, until interrupted (-o table or wide)")
	flags.DurationVar(&o.timeout, "cluster-timeout", connect.MemberTimeout, "stop reading a cluster after this time")
	command.CompleteValues(cmd, "output", "table", "wide", "json", "yaml")
	command.CompleteWith(cmd, "contexts", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return o.cluster.Contexts(), command.Silent
	})
	command.CompleteWith(cmd, "clusters-namespace", func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), command.CompletionTimeout)
		defer cancel()
		target, err := o.cluster.Resolve()
		if err != nil {
			return nil, command.Silent
		}
		found, err := connect.Namespaces(ctx, target)
		if err != nil {
			return nil, command.Silent
		}
		return found, command.Silent
	})
	cmd.ValidArgsFunction = o.completeKinds
	return cmd
}

// completeKinds completes the kinds of the cluster of the context.
func (o *getOptions) completeKinds(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, command.Silent
	}
	target, err := o.cluster.Resolve()
	if err != nil {
		return nil, command.Silent
	}
	target.Config.Timeout = command.CompletionTimeout
	kinds, _, err := connect.Listable(cmd.Context(), target)
	if err != nil {
		return nil, command.Silent
	}
	var names []string
	for _, kind := range kinds {
		names = append(names, kind.Name)
	}
	return names, command.Silent
}

func (o *getOptions) validate(cmd *cobra.Command) error {
	byLabel := cmd.Flags().Changed("clusters")
	byContext := len(o.contexts.Names) > 0
	switch {
	case byLabel && byContext:
		return errors.New("--clusters and --contexts are mutually exclusive")
	case byContext && cmd.Flags().Changed("context"):
		return errors.New("--context selects one cluster, --contexts several: use one of them")
	case !byLabel && !byContext:
		return errors.New("select clusters with --clusters or --contexts; `kubectl get` reads one")
	case o.timeout <= 0:
		return fmt.Errorf("invalid --cluster-timeout %s: must be positive", o.timeout)
	case o.watch && o.output != "table" && o.output != "wide":
		return errors.New("-w prints a table: use -o table or -o wide")
	}
	return command.OneOf("-o", o.output, "table", "wide", "json", "yaml")
}

// members are the selected clusters, and the namespace to read.
func (o *getOptions) members(ctx context.Context) (members []connect.Member, namespace string, err error) {
	if len(o.contexts.Names) > 0 {
		names, _, err := o.contexts.Resolve(&o.cluster)
		if err != nil {
			return nil, "", err
		}
		for _, name := range names {
			flags := o.cluster
			flags.Overrides.CurrentContext = name
			target, err := flags.Resolve()
			members = append(members, connect.Member{Name: name, Config: target.Config, Own: true, Problem: err})
			if namespace == "" {
				namespace = target.Namespace
			}
		}
		return members, namespace, nil
	}
	hub := o.cluster
	hub.Overrides.Context.Namespace = o.hubNamespace
	s, err := hub.Open()
	if err != nil {
		return nil, "", err
	}
	found, err := s.ManagedClusters(ctx, o.clusters)
	if err != nil {
		return nil, "", err
	}
	if len(found) == 0 {
		return nil, "", fmt.Errorf("no ManagedCluster in %s of context %q matches --clusters %q; use --clusters-namespace to select "+
			"another namespace", s.Where(), s.Target.Cluster, o.clusters)
	}
	namespace = s.Namespace
	if selected := o.cluster.Overrides.Context.Namespace; selected != "" {
		namespace = selected
	}
	return s.Members(ctx, found), namespace, nil
}

func (o *getOptions) run(cmd *cobra.Command, streams command.Streams, args []string) error {
	if err := o.validate(cmd); err != nil {
		return err
	}
	members, namespace, err := o.members(cmd.Context())
	if err != nil {
		return err
	}
	if o.allNamespaces {
		namespace = ""
	}
	q := query{kind: args[0], namespace: namespace, selector: o.selector, table: o.output == "table" || o.output == "wide"}
	if len(args) > 1 {
		q.name = args[1]
	}
	answers := make([]answer, len(members))
	connect.InParallel(len(members), func(i int) {
		limited, cancel := context.WithTimeout(cmd.Context(), o.timeout)
		defer cancel()
		answers[i] = q.read(limited, members[i])
	})
	var problems []connect.ClusterProblem
	for _, a := range answers {
		if a.problem != nil {
			problems = append(problems, connect.ClusterProblem{Cluster: a.cluster, Message: a.problem.Error()})
		}
	}
	if err := o.print(streams, answers, problems); err != nil {
		return err
	}
	if o.watch && len(problems) < len(answers) {
		return o.follow(cmd.Context(), streams, q, members, answers)
	}
	return connect.UnreadClusters(problems)
}

func (o *getOptions) print(streams command.Streams, answers []answer, problems []connect.ClusterProblem) error {
	type item struct {
		Cluster string         `json:"cluster"`
		Object  map[string]any `json:"object"`
	}
	if o.output == "json" || o.output == "yaml" {
		document := struct {
			Items    []item                   `json:"items"`
			Problems []connect.ClusterProblem `json:"problems,omitempty"`
		}{Items: []item{}, Problems: problems}
		for _, a := range answers {
			for _, object := range a.objects {
				document.Items = append(document.Items, item{a.cluster, object})
			}
		}
		if o.output == "json" {
			return render.JSON(streams.Out, document)
		}
		return render.YAML(streams.Out, document)
	}
	o.printed = newFleetTable(answers, o.allNamespaces, o.output == "wide")
	for _, a := range answers {
		o.printed.add(a.cluster, a.table.Rows)
	}
	if err := o.printed.print(streams.Out, true, o.width(streams)); err != nil {
		return err
	}
	out := &terminal.Writer{W: streams.Err, Width: terminal.Width(streams.Err)}
	for _, problem := range problems {
		out.Block("", "  ", fmt.Sprintf("cluster %s: %s", problem.Cluster, problem.Message))
	}
	return out.Err
}
