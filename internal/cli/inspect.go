package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/custom"
	"kubeops.io/kubeops/internal/inspect/report"
	"kubeops.io/kubeops/internal/inspect/usage"
)

type inspectOptions struct {
	cluster       clusterFlags
	allNamespaces bool
	checks        []string
	exclude       []string
	customChecks  string
	output        string
	outputFile    string
	color         string
	failOn        string
	timeout       time.Duration
	grace         time.Duration
	files         fileOptions
	metrics       metricsFlags
	logs          logFlags
}

func newInspect(streams Streams) *cobra.Command {
	var o inspectOptions
	cmd := &cobra.Command{
		Use:   "inspect",
		Short: "Inspect the cluster of the current kubeconfig",
		Long: `Inspect reads a cluster once, with your own rights, and prints what is broken: root causes first, each with its
evidence, what it breaks, and what to do. What could not be read is listed as a gap. Nothing is changed.

Without -A, one namespace is inspected: that of -n, or of the kubeconfig's context. Cluster-scoped objects, such as
Nodes, are inspected with -A only.

With -f, manifests in files are inspected instead of a cluster, by every check that needs no live state.

Exit codes: 0 the inspection was carried out; 1 it found something at or above --fail-on; 2 it could not be carried out.`,
		Example: `  kubeops inspect -A
  kubeops inspect -n shop --checks 'pod-*,image-*'
  kubeops inspect -A -o json | jq '.findings[] | select(.causedBy == null)'
  kubeops inspect -A -o html --output-file report.html
  kubeops inspect -A --fail-on high        # for scripts: exit code 1 on high and critical findings
  kubeops inspect -f deploy --fail-on high # for a repository's CI: manifests instead of a cluster
  kubeops inspect -A --custom-checks checks.yaml --checks 'custom-*'
  kubeops inspect -A --metrics-url http://localhost:9090
  kubeops inspect -A --logs-url http://localhost:3100 --log-analysis
  kubeops inspect -n shop --as system:serviceaccount:shop:kubeops`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(o.files.sources) > 0 {
				if err := errors.Join(o.metrics.unused(), o.logs.unused()); err != nil {
					return err
				}
				return o.inspectFiles(cmd, streams)
			}
			if err := o.files.unused(); err != nil {
				return err
			}
			return o.run(cmd.Context(), streams)
		},
	}
	flags := cmd.Flags()
	o.cluster.register(flags)
	o.files.register(flags)
	o.metrics.register(cmd)
	o.logs.register(cmd)
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "inspect every namespace, and cluster-scoped objects")
	flags.StringSliceVar(&o.checks, "checks", nil, "ids or globs of checks to run (default: all; `kubeops checks` lists them)")
	flags.StringSliceVar(&o.exclude, "exclude-checks", nil, "ids or globs of checks to leave out")
	flags.StringVar(&o.customChecks, "custom-checks", "", "file with checks of your own in CEL: a list, or an Inspection with spec.customChecks; - reads stdin")
	flags.StringVarP(&o.output, "output", "o", "table", outputHelp)
	flags.StringVar(&o.outputFile, "output-file", "", "write the report to this file, not to standard output")
	flags.StringVar(&o.color, "color", "auto", "auto (colour on a terminal), always or never")
	flags.StringVar(&o.failOn, "fail-on", "", "exit with 1 on findings of this severity or worse: critical, high, medium, low or info")
	flags.DurationVar(&o.timeout, "timeout", v1alpha1.DefaultTimeout, "give up reading after this time; what is missing is a gap")
	flags.DurationVar(&o.grace, "startup-grace", check.DefaultParams().StartupGrace, "how long something may be starting or not ready before it is a finding")
	complete(cmd, "output", outputFormats()...)
	complete(cmd, "color", "auto", "always", "never")
	complete(cmd, "fail-on", severityNames()...)
	complete(cmd, "checks", checkIDs()...)
	complete(cmd, "exclude-checks", checkIDs()...)
	return cmd
}

func (o *inspectOptions) run(ctx context.Context, streams Streams) error {
	if err := o.validate(); err != nil {
		return err
	}
	own, err := customPrograms(o.customChecks, streams.In)
	if err != nil {
		return err
	}
	selected, own, err := custom.Select(checks.Builtin(), own, o.checks, o.exclude)
	if err != nil {
		return fmt.Errorf("%w; `kubeops checks` lists them", err)
	}
	target, err := o.cluster.resolve()
	if err != nil {
		return err
	}
	made, err := o.inspect(ctx, streams, target, selected, own)
	if err != nil {
		return err
	}
	printer, err := newPrinter(streams.Out, o.output, o.color, o.outputFile)
	if err != nil {
		return err
	}
	printer.checks = selected
	if err := printer.print(made, o.heading(target)); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return failOn(v1alpha1.Severity(o.failOn), made)
}

func (o *inspectOptions) validate() error {
	if err := checkSeverity(o.failOn); err != nil {
		return err
	}
	if o.allNamespaces && o.cluster.overrides.Context.Namespace != "" {
		return fmt.Errorf("-A and -n exclude each other")
	}
	if err := o.logs.validate(); err != nil {
		return err
	}
	_, err := newPrinter(nil, o.output, o.color, o.outputFile)
	return err
}

func (o *inspectOptions) heading(t target) string {
	if o.allNamespaces {
		return t.cluster + ", all namespaces"
	}
	return t.cluster + ", namespace " + t.namespace + " (-A for all)"
}

func (o *inspectOptions) inspect(ctx context.Context, streams Streams, t target, selected []check.Check, own []custom.Program) (*v1alpha1.InspectionReport, error) {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	scope := collect.Scope{Home: t.namespace}
	if !o.allNamespaces {
		scope.Namespaces = []string{t.namespace}
	}
	params := check.DefaultParams()
	params.StartupGrace = o.grace
	backend, err := o.metrics.open()
	if err != nil {
		return nil, err
	}
	if backend != nil {
		defer backend.Close()
	}
	stored, err := o.logs.open()
	if err != nil {
		return nil, err
	}
	if stored != nil {
		defer stored.Close()
	}
	progress := newProgress(streams.Err, t.cluster)
	result, err := inspect.Run(ctx, inspect.Input{
		Source: collect.Source{Cluster: t.cluster, Config: t.config}, Scope: scope,
		Checks: selected, Custom: own, Params: params, Clock: clock.RealClock{}, Progress: progress.update,
		Bounds: printedBounds(), Metrics: backend, Usage: usage.Options{MatchLabels: o.metrics.labels},
		Logs: stored, LogAnalysis: o.logs.options(),
	})
	progress.clear()
	if err != nil {
		return nil, err
	}
	result.Report.Summary.Trigger = "cli"
	return result.Report, nil
}

// checkSeverity refuses a value of --fail-on that is no severity; empty is none.
func checkSeverity(name string) error {
	if name == "" || slices.Contains(severityNames(), name) {
		return nil
	}
	return fmt.Errorf("--fail-on takes %s, not %q", joinWords(severityNames()), name)
}

// failOn is an error when the report has a finding of the severity or worse.
func failOn(severity v1alpha1.Severity, report *v1alpha1.InspectionReport) error {
	if severity == "" {
		return nil
	}
	n := atLeast(report.Summary.Counts, severity)
	if n == 0 {
		return nil
	}
	return &findingsError{fmt.Sprintf("%s of severity %s or worse (--fail-on)", count(n, "finding", "findings"), severity)}
}

// atLeast counts the findings of a severity or worse, those that a truncated report left out included.
func atLeast(counts v1alpha1.SeverityCounts, severity v1alpha1.Severity) int {
	worseThan := []int32{counts.Critical, counts.High, counts.Medium, counts.Low, counts.Info}
	n := 0
	for _, c := range worseThan[:severity.Rank()+1] {
		n += int(c)
	}
	return n
}

func severityNames() []string {
	var names []string
	for _, s := range v1alpha1.Severities() {
		names = append(names, string(s))
	}
	return names
}

func checkIDs() []string {
	var ids []string
	for _, c := range checks.Builtin() {
		ids = append(ids, c.ID)
	}
	return ids
}

// complete offers the values of a flag to the shell. Registering fails only for flags that do not exist.
func complete(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // a flag's name is mistyped in this file
	}
}

// printedBounds are those of reports that nothing stores: what is found is printed.
func printedBounds() report.Bounds { return report.Bounds{Findings: 100_000, Bytes: 64 << 20} }
