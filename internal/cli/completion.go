package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
)

// findingFlags name one finding of a latest report.
type findingFlags struct {
	cluster    connect.ClusterFlags
	inspection string
}

// register adds the flags and completions to a command, which runs with the finding that its arguments name.
func (o *findingFlags) register(cmd *cobra.Command, inspectionHelp string, run func(ctx context.Context, finding string) error) {
	o.cluster.Register(cmd.Flags())
	o.cluster.Complete(cmd)
	cmd.Flags().StringVar(&o.inspection, "inspection", "", inspectionHelp)
	o.cluster.CompleteFlag(cmd, "inspection", connect.InspectionKind())
	cmd.ValidArgsFunction = o.completeFindings
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return errors.New("no finding given: specify its id, or its check and object")
		}
		return run(cmd.Context(), strings.Join(args, " "))
	}
}

// completeFindings completes the ids of findings in the latest reports, described by check and object.
func (o *findingFlags) completeFindings(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, command.Silent
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), command.CompletionTimeout)
	defer cancel()
	s, err := o.cluster.Open()
	if err != nil {
		return nil, command.Silent
	}
	name, err := cmd.Flags().GetString("inspection")
	if err != nil {
		return nil, command.Silent
	}
	candidates, err := inspectionsWithReport(ctx, s, name)
	if err != nil {
		return nil, command.Silent
	}
	var found []string
	for _, inspection := range candidates {
		report, err := s.NamedReport(ctx, inspection.Status.LastReport)
		if err != nil {
			return nil, command.Silent
		}
		for _, finding := range report.Findings {
			found = append(found, cobra.CompletionWithDesc(finding.ID, describeFinding(finding)))
		}
	}
	return found, command.Silent
}

func describeFinding(f v1alpha1.Finding) string { return f.Check + " " + objectName(f.Object) }

// completeChecks completes a flag with a list of check ids: the part behind the last comma.
func completeChecks(cmd *cobra.Command, flag string) {
	command.CompleteWith(cmd, flag, func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		complete := typed[:strings.LastIndex(typed, ",")+1]
		var found []string
		for _, id := range checkIDs() {
			found = append(found, complete+id)
		}
		return found, command.Silent | cobra.ShellCompDirectiveNoSpace
	})
}
