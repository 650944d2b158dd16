package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/custom"
	"kubeops.io/kubeops/internal/inspect/report"
	"kubeops.io/kubeops/internal/inspect/usage"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/text"
)

type inspectOptions struct {
	cluster       connect.ClusterFlags
	contexts      connect.ContextFlags
	allNamespaces bool
	// namespaces and excludeNamespaces are names or globs.
	namespaces        []string
	excludeNamespaces []string
	checks            []string
	exclude           []string
	customChecks      string
	output            string
	outputFile        string
	color             string
	failOn            string
	failOnGaps        bool
	recommendations   bool
	timeout           time.Duration
	grace             time.Duration
	files             fileOptions
	metrics           metricsFlags
	logs              logFlags
	filter            filterFlags
}

func newInspect(streams command.Streams) *cobra.Command {
	var o inspectOptions
	cmd := &cobra.Command{
		Use:   "inspect",
		Short: "Inspect the cluster of the current kubeconfig",
		Long: `Inspect reads a cluster once, with your own permissions, and prints its root causes, worst first. Each comes with
evidence, the symptoms it causes and a fix. Nothing is changed.

Anything that could not be read is listed as a gap. A report with a gap that is not optional is incomplete: it has no
score.

Without -A, the namespaces given with -n are inspected, or the context's default. -n and --exclude-namespaces take lists
and globs: -n a,b or -n 'shop-*'. Cluster-scoped objects, such as Nodes, are inspected only with -A.

With --contexts or --all-contexts, several clusters are inspected in parallel and compared, in one report. A cluster
that does not answer before --cluster-timeout, or rejects the credentials, is a gap; the others are reported.

With -f, manifest files are inspected instead of a cluster, by every check that needs no live state.

Exit codes:
  0  everything was read, and there are no findings at or above --fail-on
  1  there are findings at or above --fail-on, even if the report is incomplete
  2  usage error, nothing could be read, or the report is incomplete (see --fail-on-gaps)`,
		Example: `  kubeops inspect -A
  kubeops inspect -n 'shop-*' --checks 'pod-*,image-*'
  kubeops inspect -A -o json | jq '.findings[] | select(.causedBy == null)'
  kubeops inspect -A -o html --output-file report.html
  kubeops inspect -A --contexts 'prod-*,staging'
  kubeops inspect -A --fail-on high        # exit code 1 on high and critical findings
  kubeops inspect -f deploy --fail-on high # check the manifests of a repository in CI
  kubeops inspect -A --custom-checks checks.yaml --checks 'custom-*'
  kubeops inspect -A --metrics-url http://localhost:9090
  kubeops inspect -A --logs-url http://localhost:3100 --log-analysis
  kubeops inspect -n shop --as system:serviceaccount:shop:kubeops`,
		Args: command.NoArguments,
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
			if err := o.contexts.Validate(cmd.Flags()); err != nil {
				return err
			}
			return o.run(cmd.Context(), streams)
		},
	}
	o.register(cmd)
	return cmd
}

func (o *inspectOptions) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	o.cluster.RegisterCluster(flags)
	o.contexts.Register(cmd, &o.cluster)
	o.files.register(flags)
	o.metrics.register(cmd)
	o.logs.register(cmd)
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "inspect all namespaces and cluster-scoped objects")
	flags.StringSliceVarP(&o.namespaces, "namespace", "n", nil, "namespaces or globs (default: the context's); can be repeated")
	flags.StringSliceVar(&o.excludeNamespaces, "exclude-namespaces", nil, "namespaces or globs to exclude from the report")
	flags.StringSliceVar(&o.checks, "checks", nil, `check IDs or globs to run (default: all; see "kubeops checks")`)
	flags.StringSliceVar(&o.exclude, "exclude-checks", nil, "check IDs or globs to skip")
	flags.StringVar(&o.customChecks, "custom-checks", "",
		"file with custom CEL checks: a list, or an Inspection with spec.customChecks; - for stdin")
	flags.StringVarP(&o.output, "output", "o", "table", outputHelp)
	flags.StringVar(&o.outputFile, "output-file", "", outputFileHelp)
	flags.StringVar(&o.color, "color", "auto", colorHelp)
	flags.StringVar(&o.failOn, "fail-on", "", failOnHelp)
	flags.BoolVar(&o.recommendations, "recommendations", false, recommendationsHelp)
	flags.BoolVar(&o.failOnGaps, "fail-on-gaps", true, failOnGapsHelp)
	flags.DurationVar(&o.timeout, "timeout", v1alpha1.DefaultTimeout, "stop reading after this time; anything not read by then is a gap")
	flags.DurationVar(&o.grace, "startup-grace", check.DefaultParams().StartupGrace,
		"how long an object may be starting or not ready before it is reported")
	command.CompleteValues(cmd, "output", outputFormats()...)
	command.CompleteValues(cmd, "color", "auto", "always", "never")
	command.CompleteValues(cmd, "fail-on", severityNames()...)
	completeChecks(cmd, "checks")
	completeChecks(cmd, "exclude-checks")
	o.cluster.Complete(cmd)
	o.filter.register(cmd)
}

func (o *inspectOptions) run(ctx context.Context, streams command.Streams) error {
	if err := o.validate(); err != nil {
		return err
	}
	programs, err := customPrograms(ctx, o.customChecks, streams.In)
	if err != nil {
		return err
	}
	selected, programs, err := custom.Select(checks.Builtin(), programs, o.checks, o.exclude)
	if err != nil {
		return fmt.Errorf("%w; run `kubeops checks` to list all checks", err)
	}
	if len(selected)+len(programs) == 0 {
		return errors.New("no check to run: --exclude-checks removes every check that --checks selects")
	}
	if o.contexts.Several() {
		return o.runContexts(ctx, streams, selected, programs)
	}
	if err := o.comparesNothing(selected); err != nil {
		return err
	}
	target, err := o.cluster.Resolve()
	if err != nil {
		return err
	}
	result, err := o.inspect(ctx, streams, target, selected, programs)
	if err != nil {
		return err
	}
	return o.print(streams, selected, result, o.heading(target))
}

// print prints a report and returns the error that decides about the exit code.
func (o *inspectOptions) print(streams command.Streams, selected []check.Check, result *v1alpha1.InspectionReport, heading string) error {
	printer, err := newPrinter(streams.Out, o.output, o.color, o.outputFile)
	if err != nil {
		return err
	}
	printer.checks = selected
	printer.recommendations = o.recommendations
	printer.failOn = v1alpha1.Severity(o.failOn)
	if err := o.filter.print(printer, streams.Err, result, heading); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return verdict(v1alpha1.Severity(o.failOn), o.failOnGaps, result)
}

func (o *inspectOptions) validate() error {
	if err := errors.Join(checkSeverity(o.failOn), o.filter.validate()); err != nil {
		return err
	}
	if o.allNamespaces && len(o.namespaces) > 0 {
		return errors.New("-A and -n are mutually exclusive")
	}
	if err := checkNamespaces(o.namespaces, o.excludeNamespaces); err != nil {
		return err
	}
	if err := o.logs.validate(); err != nil {
		return err
	}
	_, err := newPrinter(nil, o.output, o.color, o.outputFile)
	return err
}

func (o *inspectOptions) heading(t connect.Target) string {
	if o.allNamespaces {
		return t.Cluster + ", all namespaces"
	}
	inspected := o.inspected(t)
	return t.Cluster + ", " + text.Plural(len(inspected), "namespace ", "namespaces ") + terminal.JoinWords(inspected) + " (-A for all)"
}

// inspected are the names and globs of the namespaces to inspect; none for all.
func (o *inspectOptions) inspected(t connect.Target) []string {
	switch {
	case o.allNamespaces:
		return nil
	case len(o.namespaces) > 0:
		return o.namespaces
	default:
		return []string{t.Namespace}
	}
}

func (o *inspectOptions) inspect(
	ctx context.Context, streams command.Streams, t connect.Target, selected []check.Check, programs []custom.Program,
) (*v1alpha1.InspectionReport, error) {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	metricsBackend, err := o.metrics.open()
	if err != nil {
		return nil, err
	}
	if metricsBackend != nil {
		defer metricsBackend.Close()
	}
	logBackend, err := o.logs.open()
	if err != nil {
		return nil, err
	}
	if logBackend != nil {
		defer logBackend.Close()
	}
	progress := newProgress(streams.Err, t.Cluster)
	input := o.input(t, selected, programs)
	input.Progress = progress.update
	input.Metrics, input.Logs = metricsBackend, logBackend
	input.Usage = usage.Options{MatchLabels: o.metrics.labels}
	input.LogAnalysis = o.logs.options()
	result, err := inspect.Run(ctx, input)
	progress.clear()
	if err != nil {
		return nil, err
	}
	result.Report.Summary.Trigger = "cli"
	return result.Report, nil
}

// input is the input of a run without backends.
func (o *inspectOptions) input(t connect.Target, selected []check.Check, programs []custom.Program) inspect.Input {
	params := check.DefaultParams()
	params.StartupGrace = o.grace
	return inspect.Input{
		Source: collect.Source{Cluster: t.Cluster, Config: t.Config, Credentials: t.CredentialsAdvice()},
		Clock:  clock.RealClock{}, Bounds: printedBounds(),
		Scope:  collect.Scope{Home: t.Namespace, Namespaces: o.inspected(t), Asked: check.Asked(selected, o.checks)},
		Checks: selected, Custom: programs, Params: params, ExcludeNamespaces: o.excludeNamespaces,
		AskedSources: check.AskedSources(selected, o.checks),
	}
}

// checkNamespaces validates lists of names and globs.
func checkNamespaces(namespaces, excluded []string) error {
	for flag, entries := range map[string][]string{"-n": namespaces, "--exclude-namespaces": excluded} {
		for _, entry := range entries {
			if err := names.Namespaces(flag, entry); err != nil {
				return err
			}
		}
	}
	return nil
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

// printedBounds are wide: a printed report does not have to fit into an API object.
func printedBounds() report.Bounds { return report.Bounds{Findings: 100_000, Bytes: 64 << 20} }
