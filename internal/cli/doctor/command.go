// Package doctor implements "kubeops doctor", which checks an installation of KubeOps.
package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect/render"
)

type options struct {
	cluster connect.ClusterFlags
	output  string
	timeout time.Duration
}

// defaultTimeout of all checks.
const defaultTimeout = time.Minute

// NewCommand is "kubeops doctor".
func NewCommand(streams command.Streams) *cobra.Command {
	o := options{}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check the KubeOps of a cluster",
		Long: `Check an installation of KubeOps with your own permissions, and print what is wrong with the next step:
CustomResourceDefinitions that are missing, older or newer than this program's, the manager, its configuration, leader, clock
and permissions, admission policies, NetworkPolicies, several installations in one cluster, connections of all backends,
resources that are stalled, and objects that were restored from a backup. It changes nothing. What you cannot read is listed as
not checked.

The exit code is 1 if there are problems, and 2 if something was not checked. Warnings do not change it.`,
		Example: `  kubeops doctor
  kubeops doctor --context staging
  kubeops doctor -o json`,
		Args: command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd, streams) },
	}
	flags := cmd.Flags()
	o.cluster.RegisterCluster(flags)
	flags.StringVarP(&o.output, "output", "o", "table", "format: table, json, yaml")
	flags.DurationVar(&o.timeout, "timeout", defaultTimeout, "stop after this time")
	command.CompleteValues(cmd, "output", "table", "json", "yaml")
	command.CompleteWith(cmd, "context", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return o.cluster.Contexts(), command.Silent
	})
	return cmd
}

func (o *options) run(cmd *cobra.Command, streams command.Streams) error {
	if err := command.OneOf("-o", o.output, "table", "json", "yaml"); err != nil {
		return err
	}
	if o.timeout <= 0 {
		return fmt.Errorf("invalid --timeout %s: must be positive", o.timeout)
	}
	store, err := o.cluster.OpenAny(true)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), o.timeout)
	defer cancel()
	report, err := examine(ctx, store, time.Now)
	if err != nil {
		return err
	}
	switch o.output {
	case "json":
		err = render.JSON(streams.Out, report)
	case "yaml":
		err = render.YAML(streams.Out, report)
	default:
		err = printTable(streams.Out, report, terminal.Width(streams.Out))
	}
	if err != nil {
		return err
	}
	return verdict(report)
}

// verdict is the error of the exit code.
func verdict(report *Report) error {
	problems := report.count(LevelProblem)
	switch {
	case problems > 0:
		return &command.FindingsError{Text: terminal.Count(problems, "problem", "problems")}
	case len(report.Gaps) > 0:
		return &command.GapsError{Text: terminal.Count(len(report.Gaps), "check", "checks") + " could not be completed"}
	}
	return nil
}
