package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
)

type reportOptions struct {
	cluster       connect.ClusterFlags
	print         printFlags
	allNamespaces bool
	list          bool
	diff          bool
	watch         bool
}

func newReport(streams command.Streams) *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:   "report [INSPECTION or REPORT]",
		Short: "Print, list or compare reports stored in the cluster",
		Long: `Print the latest report of an Inspection, or an InspectionReport by its name, in any format of "kubeops inspect".
Without a name, the namespace must have exactly one Inspection. Names can have a kind, as in inspection/everything and
report/everything-g1-1a2b3, or insp and inspr for short.

With --list, the reports are listed, latest first; NEW and FIXED count root causes, as PROBLEMS and RECOMMENDATIONS do.
With --diff, two reports are compared; one Inspection means its last two reports. A finding that the later report may
ignore or not inspect is "no longer reported", not fixed. One that the earlier report ignored is "no longer ignored",
not new. With --watch, each new report of the Inspection is printed until the command is interrupted.

Exit codes:
  0  the report was printed
  1  the report has findings at or above --fail-on, even if it is incomplete
  2  usage error, there is no report, or it is incomplete (see --fail-on-gaps)
  130  interrupted`,
		Example: `  kubeops report -n shop
  kubeops report -n shop everything --min-severity high
  kubeops report -n shop everything -o html > report.html
  kubeops report -n shop report/everything-g1-1a2b3 -o markdown --output-file comment.md
  kubeops report -n shop everything --list
  kubeops report -A --list
  kubeops report -n shop everything --diff
  kubeops report -n shop --diff everything-g1-1a2b3 everything-g2-4c5d6
  kubeops report -n shop everything --watch`,
		Args: command.MaxArguments(2),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, streams, args) },
	}
	o.cluster.Register(cmd.Flags())
	o.cluster.Complete(cmd)
	o.print.register(cmd)
	flags := cmd.Flags()
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "look for Inspections and reports in all namespaces")
	flags.BoolVar(&o.list, "list", false, "list the reports, as table, json or yaml")
	flags.BoolVar(&o.diff, "diff", false, "compare two reports, as table, json or yaml")
	flags.BoolVarP(&o.watch, "watch", "w", false, "print each new report until interrupted")
	cmd.ValidArgsFunction = o.cluster.CompleteNames(2, connect.InspectionKind(), connect.ReportKind())
	return cmd
}

func (o *reportOptions) run(cmd *cobra.Command, streams command.Streams, args []string) error {
	if err := o.validate(cmd, args); err != nil {
		return err
	}
	store, err := o.cluster.OpenAny(o.allNamespaces)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	switch {
	case o.list:
		return o.printList(ctx, streams, store, strings.Join(args, ""))
	case o.diff:
		return o.printDiff(ctx, streams, store, args)
	case o.watch:
		return o.printEach(ctx, streams, store, strings.Join(args, ""))
	}
	report, err := store.Report(ctx, strings.Join(args, ""))
	if err != nil {
		return err
	}
	return o.print.write(streams, store.Target, report)
}

func (o *reportOptions) validate(cmd *cobra.Command, args []string) error {
	if err := o.print.validate(); err != nil {
		return err
	}
	modes := 0
	for _, set := range []bool{o.list, o.diff, o.watch} {
		if set {
			modes++
		}
	}
	switch {
	case modes > 1:
		return errors.New("--list, --diff and --watch are mutually exclusive")
	case o.allNamespaces && o.cluster.Overrides.Context.Namespace != "":
		return errors.New("-A and -n are mutually exclusive")
	case len(args) > 1 && !o.diff:
		return fmt.Errorf("%d names given; only --diff takes two", len(args))
	}
	if o.list && o.print.filter.String() != "" {
		return fmt.Errorf("%s selects findings, which --list does not print", &o.print.filter)
	}
	if o.list || o.diff {
		if o.print.outputFile != "" || cmd.Flags().Changed("fail-on") {
			return errors.New("--output-file and --fail-on apply to one report: remove --list or --diff")
		}
		if format := o.print.output; format != "table" && format != "json" && format != "yaml" {
			return fmt.Errorf("-o %s prints one report; use table, json or yaml with --list and --diff", format)
		}
	}
	return nil
}

// printEach prints the latest report of an Inspection, and each further one.
func (o *reportOptions) printEach(ctx context.Context, streams command.Streams, s *connect.Store, argument string) error {
	name := ""
	if argument != "" {
		ref, err := connect.ParseReference(argument, connect.InspectionKind())
		if err != nil {
			return err
		}
		name = ref.Name
	}
	printed := ""
	err := connect.NewPoller(streams.Err).Until(ctx, func(ctx context.Context) (bool, error) {
		inspection, err := s.Inspection(ctx, name)
		if err != nil || inspection.Status.LastReport == printed || inspection.Status.LastReport == "" {
			return false, err
		}
		report, err := s.In(inspection.Namespace).NamedReport(ctx, inspection.Status.LastReport)
		if err != nil {
			return false, err
		}
		err = o.print.write(streams, s.Target, report)
		var findings *command.FindingsError
		var gaps *command.GapsError
		if errors.As(err, &findings) || errors.As(err, &gaps) { // neither --fail-on nor a gap ends a watch
			err = nil
		}
		printed = report.Name
		return false, err
	})
	if connect.Interrupted(err) {
		return &connect.Failure{Text: "interrupted", Cause: err}
	}
	return err
}
