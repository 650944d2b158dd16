package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/manifests"
	"kubeops.io/kubeops/internal/leaks"
	"kubeops.io/kubeops/internal/redact"
)

// fileOptions are the flags that matter for manifests only.
type fileOptions struct {
	sources    []string
	recursive  bool
	complete   bool
	config     string
	kubernetes string
}

func (o *fileOptions) register(flags *pflag.FlagSet) {
	flags.StringArrayVarP(&o.sources, "filename", "f", nil, "inspect manifests instead of a cluster: a directory, a file, or - for standard input; may be repeated")
	flags.BoolVarP(&o.recursive, "recursive", "R", true, "with -f: directories with all below them")
	flags.BoolVar(&o.complete, "complete", false, "with -f: the files hold all there is in their namespaces, so that what they do not hold is missing")
	flags.StringVar(&o.config, "config", "", "with -f: file with checks, ignore rules and thresholds (default: "+configName+" where there is one)")
	flags.StringVar(&o.kubernetes, "kubernetes-version", fmt.Sprintf("1.%d", manifests.NewestMinor), "with -f: release of Kubernetes that API versions are judged for")
}

// unused refuses flags that would have no effect on a cluster.
func (o *fileOptions) unused() error {
	if o.complete || o.config != "" {
		return errors.New("--complete and --config are about manifests: use them with -f DIRECTORY or -f FILE")
	}
	return nil
}

// inspectFiles inspects manifests and prints the report.
func (o *inspectOptions) inspectFiles(cmd *cobra.Command, streams Streams) error {
	if err := o.validateFiles(cmd.Flags()); err != nil {
		return err
	}
	config, err := readConfig(o.files.config)
	if err != nil {
		return err
	}
	o.applyConfig(cmd.Flags(), config)
	selected, err := check.Select(checks.Builtin(), o.checks, o.exclude)
	if err != nil {
		return fmt.Errorf("%w; `kubeops checks --manifests` lists them", err)
	}
	selected = onManifests(selected)
	if len(selected) == 0 {
		return errors.New("none of the chosen checks can judge manifests; `kubeops checks --manifests` lists those that can")
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
	read, err := manifests.Read(cmd.Context(), o.files.sources, manifests.Options{
		Namespace: o.cluster.overrides.Context.Namespace, Complete: o.files.complete, Minor: minor, Flat: !o.files.recursive,
		Now: start, Stdin: streams.In, Scan: scanner.Scan,
	})
	if err != nil {
		return err
	}
	report := inspect.Manifests(inspect.ManifestsInput{
		Redact: gate.Text,
		Read:   read, Checks: selected, Params: config.params(o.grace), Ignore: config.Ignore, ExcludeNamespaces: config.ExcludeNamespaces,
		Clock: wall, Start: start, Bounds: printedBounds(),
	})
	report.Summary.Trigger = "cli"
	printer, err := newPrinter(streams.Out, o.output, o.color, o.outputFile)
	if err != nil {
		return err
	}
	printer.checks, printer.locate = selected, read.Locate
	if err := printer.print(report, filesHeading(o.files.sources, read.Counts)); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return failOn(v1alpha1.Severity(o.failOn), report)
}

// validateFiles refuses flags that speak of a cluster.
func (o *inspectOptions) validateFiles(flags *pflag.FlagSet) error {
	var wrong []string
	for _, name := range []string{"kubeconfig", "context", "as", "all-namespaces"} {
		if flags.Changed(name) {
			wrong = append(wrong, "--"+name)
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("-f inspects files and asks no cluster: leave out %s, or leave out -f to inspect a cluster (-n gives objects without a namespace one)",
			strings.Join(wrong, " and "))
	}
	if slices.Index(o.files.sources, "-") != len(o.files.sources)-1-slices.Index(reversed(o.files.sources), "-") && slices.Contains(o.files.sources, "-") {
		return errors.New("standard input can be read once: give -f - once")
	}
	return o.validate()
}

func reversed(list []string) []string {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

// applyConfig takes from the file what the command line does not say.
func (o *inspectOptions) applyConfig(flags *pflag.FlagSet, config *repositoryConfig) {
	if !flags.Changed("checks") {
		o.checks = config.Checks.Include
	}
	o.exclude = append(slices.Clone(o.exclude), config.Checks.Exclude...)
	if !flags.Changed("fail-on") {
		o.failOn = string(config.FailOn)
	}
}

// onManifests are the checks that judge manifests.
func onManifests(selected []check.Check) []check.Check {
	return slices.DeleteFunc(slices.Clone(selected), func(c check.Check) bool { return c.OnFiles() == nil })
}

// filesHeading says what was read.
func filesHeading(sources []string, c manifests.Counts) string {
	names := make([]string, 0, len(sources))
	for _, source := range sources {
		if source == "-" {
			source = "standard input"
		}
		names = append(names, filepath.ToSlash(source))
	}
	text := fewWords(names, 3) + ", " + count(c.Files, "file", "files")
	if c.NotChecked > 0 {
		text += fmt.Sprintf(" (%s of kinds that are not checked)", count(c.NotChecked, "object", "objects"))
	}
	return text
}

// exists says whether there is a file of that name.
func exists(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}
