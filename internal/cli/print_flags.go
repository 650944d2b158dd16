package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
)

// printFlags say how a stored report is printed.
type printFlags struct {
	output     string
	outputFile string
	color      string
	failOn     string
	failOnGaps bool
	// recommendations prints them in full.
	recommendations bool
	filter          filterFlags
}

func (f *printFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", "table", outputHelp)
	flags.StringVar(&f.outputFile, "output-file", "", outputFileHelp)
	flags.StringVar(&f.color, "color", "auto", colorHelp)
	flags.StringVar(&f.failOn, "fail-on", "", failOnHelp)
	flags.BoolVar(&f.failOnGaps, "fail-on-gaps", true, failOnGapsHelp)
	flags.BoolVar(&f.recommendations, "recommendations", false, recommendationsHelp)
	f.filter.register(cmd)
	command.CompleteValues(cmd, "output", outputFormats()...)
	command.CompleteValues(cmd, "color", "auto", "always", "never")
	command.CompleteValues(cmd, "fail-on", severityNames()...)
}

// changed is the first of the flags that the command line sets, or "".
func (f *printFlags) changed(cmd *cobra.Command) string {
	for _, name := range []string{
		"output", "output-file", "color", "fail-on", "fail-on-gaps", "recommendations", "min-severity", "problems", "only-causes",
	} {
		if cmd.Flags().Changed(name) {
			return name
		}
	}
	return ""
}

func (f *printFlags) validate() error {
	if err := checkSeverity(f.failOn); err != nil {
		return err
	}
	if err := f.filter.validate(); err != nil {
		return err
	}
	_, err := newPrinter(nil, f.output, f.color, f.outputFile)
	return err
}

// write prints a report, and returns an error if it has findings at or above --fail-on, whether they are printed or not, or if it is
// incomplete.
func (f *printFlags) write(streams command.Streams, t connect.Target, report *v1alpha1.InspectionReport) error {
	printer, err := newPrinter(streams.Out, f.output, f.color, f.outputFile)
	if err != nil {
		return err
	}
	printer.recommendations = f.recommendations
	printer.failOn = v1alpha1.Severity(f.failOn)
	heading := fmt.Sprintf("%s, report %s/%s", t.Cluster, report.Namespace, report.Name)
	if err := f.filter.print(printer, streams.Err, report, heading); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return verdict(v1alpha1.Severity(f.failOn), f.failOnGaps, report)
}
