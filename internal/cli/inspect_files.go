package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/manifests"
	"kubeops.io/kubeops/internal/inspect/validator"
	"kubeops.io/kubeops/internal/leaks"
	"kubeops.io/kubeops/internal/redact"
)

// fileOptions are the flags that apply to manifests only.
type fileOptions struct {
	sources    []string
	recursive  bool
	complete   bool
	config     string
	kubernetes string
	crds       []string
}

func (o *fileOptions) register(flags *pflag.FlagSet) {
	flags.StringArrayVarP(&o.sources, "filename", "f", nil,
		"inspect manifests instead of a cluster: a directory, a `file`, or - for stdin; can be repeated")
	flags.BoolVarP(&o.recursive, "recursive", "R", true, "with -f: include subdirectories")
	flags.BoolVar(&o.complete, "complete", false,
		"with -f: the files contain every object of their namespaces; report references to missing ones")
	flags.StringVar(&o.config, "config", "",
		"with -f: file with checks, ignore rules and thresholds (default: "+configName+", if it exists)")
	flags.StringVar(&o.kubernetes, "kubernetes-version", fmt.Sprintf("1.%d", manifests.NewestMinor),
		"with -f: Kubernetes release to check API versions against")
	flags.StringArrayVar(&o.crds, "crds", nil,
		"with -f: a directory or `file` with CustomResourceDefinitions to check custom resources against; can be repeated")
}

// unused rejects flags that have no effect on a cluster.
func (o *fileOptions) unused() error {
	if o.complete || o.config != "" || len(o.crds) > 0 {
		return errors.New("--complete, --config and --crds apply to manifests only: use them with -f DIRECTORY or -f FILE")
	}
	return nil
}

// inspectFiles inspects manifests and prints the report.
func (o *inspectOptions) inspectFiles(cmd *cobra.Command, streams command.Streams) error {
	if err := o.validateFiles(cmd.Flags()); err != nil {
		return err
	}
	config, err := readConfig(o.files.config)
	if err != nil {
		return err
	}
	o.applyConfig(cmd.Flags(), config)
	selected, err := o.manifestChecks()
	if err != nil {
		return err
	}
	minor, err := manifests.ParseVersion(o.files.kubernetes)
	if err != nil {
		return fmt.Errorf("--kubernetes-version: %w", err)
	}
	scanner, err := leaks.New()
	if err != nil {
		return err
	}
	gate, err := redact.New(redact.Options{})
	if err != nil {
		return err
	}
	wall := clock.RealClock{}
	start := wall.Now()
	reading := manifests.Options{
		Namespace: strings.Join(o.namespaces, ""), Complete: o.files.complete, Minor: minor, Flat: !o.files.recursive,
		Now: start, Stdin: streams.In, Scan: scanner.Scan, Definitions: o.files.crds,
	}
	program, err := o.files.startValidator(cmd.Context(), minor, streams.Err)
	if err != nil {
		return err
	}
	if program != nil {
		defer program.Close() //nolint:errcheck // its answers are complete
		reading.Judge = program
	}
	read, err := manifests.Read(cmd.Context(), o.files.sources, reading)
	if err != nil {
		return err
	}
	report := inspect.Manifests(inspect.ManifestsInput{
		Read: read, Checks: selected, Params: config.params(o.grace),
		Ignore: config.Ignore, ExcludeNamespaces: slices.Concat(config.ExcludeNamespaces, o.excludeNamespaces),
		Clock: wall, Start: start, Bounds: printedBounds(), Redact: gate.Text,
	})
	report.Summary.Trigger = "cli"
	printer, err := newPrinter(streams.Out, o.output, o.color, o.outputFile)
	if err != nil {
		return err
	}
	printer.checks = selected
	printer.recommendations = o.recommendations
	printer.failOn = v1alpha1.Severity(o.failOn)
	printer.locate = read.Locate
	if err := o.filter.print(printer, streams.Err, report, filesHeading(o.files.sources, read.Counts)); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return verdict(v1alpha1.Severity(o.failOn), o.failOnGaps, report)
}

// startValidator starts the program that knows what an API server would refuse. Without it, files are inspected all the same, and a note
// says what is not checked.
func (o *fileOptions) startValidator(ctx context.Context, minor int, notes io.Writer) (*validator.Program, error) {
	path, err := validator.Find()
	switch {
	case err != nil && len(o.crds) > 0:
		return nil, fmt.Errorf("--crds: %w; install it beside kubeops", err)
	case err != nil:
		fmt.Fprintf(notes, "Note: %v: the validation rules of the API server are not checked.\n", err)
		return nil, nil // it is optional
	}
	return validator.Start(ctx, path, minor)
}

// manifestChecks are the selected checks that apply to manifests; none is an error.
func (o *inspectOptions) manifestChecks() ([]check.Check, error) {
	selected, err := check.Select(checks.Builtin(), o.checks, o.exclude)
	if err != nil {
		return nil, fmt.Errorf("%w; run `kubeops checks --manifests` to list the checks for manifests", err)
	}
	selected = onManifests(selected)
	if len(selected) == 0 {
		return nil, errors.New("none of the selected checks applies to manifests; run `kubeops checks --manifests` to list those that do")
	}
	return selected, nil
}

// validateFiles rejects flags that apply to clusters only.
func (o *inspectOptions) validateFiles(flags *pflag.FlagSet) error {
	var clusterOnly []string
	for _, name := range []string{"kubeconfig", "context", "contexts", "all-contexts", "cluster-timeout", "as", "all-namespaces"} {
		if flags.Changed(name) {
			clusterOnly = append(clusterOnly, "--"+name)
		}
	}
	if len(clusterOnly) > 0 {
		return fmt.Errorf(
			"-f inspects files, not a cluster: remove %s, or remove -f (with -f, -n sets the default namespace of the objects)",
			strings.Join(clusterOnly, " and "),
		)
	}
	if len(o.namespaces) > 1 || strings.ContainsAny(strings.Join(o.namespaces, ""), "*?[") {
		return errors.New("with -f, -n sets the default namespace of the objects: pass one name")
	}
	stdin := 0
	for _, source := range o.files.sources {
		if source == "-" {
			stdin++
		}
	}
	if stdin > 1 {
		return errors.New("-f - is given more than once: stdin can be read only once")
	}
	return o.validate()
}

// applyConfig fills in from the file what the command line leaves unset.
func (o *inspectOptions) applyConfig(flags *pflag.FlagSet, config *repositoryConfig) {
	if !flags.Changed("checks") {
		o.checks = config.Checks.Include
	}
	o.exclude = append(slices.Clone(o.exclude), config.Checks.Exclude...)
	if !flags.Changed("fail-on") {
		o.failOn = string(config.FailOn)
	}
}

// onManifests are the checks that apply to manifests.
func onManifests(selected []check.Check) []check.Check {
	return slices.DeleteFunc(slices.Clone(selected), func(c check.Check) bool { return c.OnFiles() == nil })
}

// filesHeading names the sources and counts their files.
func filesHeading(sources []string, c manifests.Counts) string {
	names := make([]string, 0, len(sources))
	for _, source := range sources {
		if source == "-" {
			source = "stdin"
		}
		names = append(names, filepath.ToSlash(source))
	}
	text := joinFirst(names, 3) + ", " + terminal.Count(c.Files, "file", "files")
	if c.NotChecked > 0 {
		text += fmt.Sprintf(" (%s of kinds without checks)", terminal.Count(c.NotChecked, "object", "objects"))
	}
	return text
}

// exists reports whether name is a regular file.
func exists(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}
