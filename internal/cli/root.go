// Package cli implements the kubeops command line. It runs the same engine as the controller, against the current kubeconfig.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/problem"
)

// Exit codes are a stable interface for scripts.
const (
	exitOK       = 0
	exitFindings = 1 // findings at or above --fail-on
	exitError    = 2 // usage error, the inspection failed, or its report is incomplete
)

// Streams are the standard streams of a command.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// findingsError makes a command that succeeded exit with code 1.
type findingsError struct{ text string }

func (e *findingsError) Error() string { return e.text }

// Run executes the command in args, prints its error, if any, and returns the exit code.
func Run(ctx context.Context, args []string, streams Streams) int {
	root := newRoot(streams)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var findings *findingsError
	var gaps *gapsError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &findings):
		fmt.Fprintln(streams.Err, findings.text)
		return exitFindings
	case errors.As(err, &gaps):
		fmt.Fprintln(streams.Err, gaps.text)
		return exitError
	default:
		printError(streams.Err, err)
		return exitError
	}
}

func newRoot(streams Streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "kubeops",
		Short: "Find what is wrong in a Kubernetes cluster, and why",
		Long: `kubeops reads a cluster with your own permissions, finds what is broken and traces each symptom to its root cause.
It never changes the cluster.`,
		Example: `  kubeops inspect -A                 # everything you can read
  kubeops inspect -n shop            # one namespace
  kubeops inspect -A -o json --fail-on high
  kubeops checks                     # list the checks`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version(),
	}
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages ", ".FlagUsagesWrapped 120 "))
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.AddCommand(
		newInspect(streams), newChecks(streams), newReport(streams), newLogs(streams), newRedact(streams), newVersion(streams),
	)
	return root
}

func newVersion(streams Streams) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(streams.Out, "kubeops "+version())
			return err
		},
	}
}

// version is the module version or commit that the Go toolchain recorded in the binary.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}

// printError prints the message of a problem first, and its cause on a separate line. Errors quote servers, files and names.
func printError(w io.Writer, err error) {
	safe := printable.NewWriter(w)
	defer func() { _ = safe.Flush() }() // every line below has its end
	if p := problem.As(err); p != nil {
		fmt.Fprintln(safe, "error: "+p.Message)
		if p.Cause != nil {
			fmt.Fprintln(safe, "cause: "+p.Cause.Error())
		}
		return
	}
	fmt.Fprintln(safe, "error: "+err.Error())
}
