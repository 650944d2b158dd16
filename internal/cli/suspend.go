package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/cli/source"
	"kubeops.io/kubeops/internal/printable"
)

type suspendOptions struct {
	cluster       connect.ClusterFlags
	allNamespaces bool
	all           bool
	selector      string
	kind          string
	// suspend is the value of spec.suspend that the command sets.
	suspend bool
}

func newSuspend(streams command.Streams) *cobra.Command {
	o := suspendOptions{suspend: true}
	return o.command(streams, &cobra.Command{
		Use:   "suspend [KIND/]NAME ...",
		Short: "Suspend Inspections, backends, providers or channels",
		Long: `Set spec.suspend of resources. An Inspection does not run while it is suspended, not even on request. For the other kinds,
see "kubectl explain KIND.spec.suspend".

A name without a kind is an Inspection. Resources that are suspended already stay as they are.`,
		Example: `  kubeops suspend everything -n shop
  kubeops suspend metricsbackend/prometheus nch/slack -n shop
  kubeops suspend --all -n shop
  kubeops suspend --all -A --kind notificationchannel
  kubeops suspend -l team=checkout -A`,
	})
}

func newResume(streams command.Streams) *cobra.Command {
	o := suspendOptions{}
	return o.command(streams, &cobra.Command{
		Use:   "resume [KIND/]NAME ...",
		Short: "Resume suspended resources",
		Long: `Remove spec.suspend of resources. An Inspection runs its latest request and the latest scheduled time of the meantime.
Without a schedule, it runs once.

A name without a kind is an Inspection. Resources that are not suspended stay as they are.`,
		Example: `  kubeops resume everything -n shop
  kubeops resume logbackend/loki -n shop
  kubeops resume --all -n shop
  kubeops resume -l team=checkout -A`,
	})
}

func (o *suspendOptions) command(streams command.Streams, cmd *cobra.Command) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), streams, args) }
	flags := cmd.Flags()
	o.cluster.Register(flags)
	o.cluster.Complete(cmd)
	flags.BoolVar(&o.all, "all", false, "all resources of the kind in the namespace")
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "with --all or -l: in all namespaces")
	flags.StringVarP(&o.selector, "selector", "l", "", "resources of the kind with these labels, for example team=checkout")
	flags.StringVar(&o.kind, "kind", "inspection", "with --all or -l: kind of the resources")
	kinds := connect.ReconciledKinds()
	singular := make([]string, 0, len(kinds))
	for _, k := range kinds {
		singular = append(singular, k.Names()[0])
	}
	command.CompleteValues(cmd, "kind", singular...)
	cmd.ValidArgsFunction = o.cluster.CompleteNames(-1, kinds...)
	return cmd
}

// validate checks the combination of flags and names.
func (o *suspendOptions) validate(args []string) error {
	many := o.all || o.selector != ""
	switch {
	case many && len(args) > 0:
		return errors.New("names, --all and -l are mutually exclusive")
	case o.all && o.selector != "":
		return errors.New("--all and -l are mutually exclusive")
	case !many && len(args) == 0:
		return errors.New("nothing selected: specify names, --all or -l")
	case o.allNamespaces && !many:
		return errors.New("-A requires --all or -l: a name belongs to one namespace")
	case o.allNamespaces && o.cluster.Overrides.Context.Namespace != "":
		return errors.New("-A and -n are mutually exclusive")
	}
	if _, err := labels.Parse(o.selector); err != nil {
		return fmt.Errorf("invalid -l %q: %w", o.selector, err)
	}
	return nil
}

func (o *suspendOptions) run(ctx context.Context, streams command.Streams, args []string) error {
	if err := o.validate(args); err != nil {
		return err
	}
	kind, err := connect.ParseKind(o.kind, connect.ReconciledKinds()...)
	if err != nil {
		return fmt.Errorf("--kind: %w", err)
	}
	var references []connect.Reference
	for _, argument := range args {
		ref, err := connect.ParseReference(argument, connect.ReconciledKinds()...)
		if err != nil {
			return err
		}
		references = append(references, ref)
	}
	s, err := o.cluster.OpenAny(o.allNamespaces)
	if err != nil {
		return err
	}
	out := printable.NewWriter(streams.Out)
	warnings := printable.NewWriter(streams.Err)
	if len(args) == 0 {
		return o.selected(ctx, s, kind, out, warnings)
	}
	var failures []error // one missing name does not keep the others from being changed
	for _, ref := range references {
		found, err := s.Get(ctx, ref.Kind, ref.Name)
		if err == nil {
			err = o.set(ctx, s, ref.Kind, found.(connect.Reconciled), out, warnings)
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// selected changes all resources of a kind, or those with the labels.
func (o *suspendOptions) selected(ctx context.Context, s *connect.Store, kind connect.ResourceKind, out, warnings *printable.Writer) error {
	var found []connect.Reconciled
	collect := func(object connect.APIObject) { found = append(found, object.(connect.Reconciled)) }
	if err := s.Each(ctx, kind, o.selector, collect); err != nil {
		return err
	}
	if len(found) == 0 {
		what := ""
		if o.selector != "" {
			what = " with labels " + o.selector
		}
		fmt.Fprintf(warnings, "no %s%s in %s of context %q\n", kind.Resource, what, s.Where(), s.Target.Cluster)
		return nil
	}
	var failures []error
	for _, object := range found {
		failures = append(failures, o.set(ctx, s, kind, object, out, warnings))
	}
	return errors.Join(failures...)
}

// set changes one resource, and prints what changed.
func (o *suspendOptions) set(
	ctx context.Context, s *connect.Store, kind connect.ResourceKind, object connect.Reconciled, out, warnings *printable.Writer,
) error {
	name := fmt.Sprintf("%s %s/%s", kind.Kind, object.GetNamespace(), object.GetName())
	done, already := "resumed", "is not suspended"
	if o.suspend {
		done, already = "suspended", "is already suspended"
	}
	if object.Lifecycle().Suspend == o.suspend {
		fmt.Fprintf(out, "%s %s\n", name, already)
		return nil
	}
	var value any // null removes the field
	if o.suspend {
		value = true
	}
	body, err := json.Marshal(map[string]any{"spec": map[string]any{"suspend": value}})
	if err != nil {
		return err
	}
	if _, err := s.Patch(ctx, kind, object.GetNamespace(), object.GetName(), types.MergePatchType, body); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s %s\n", name, done)
	if source := source.Of(object); source != "" {
		fmt.Fprintf(warnings, "warning: %s is managed by %s, which can revert this; set spec.suspend in its source\n", name, source)
	}
	return nil
}
