// Package cli is the kubeops command line: the same engine as the controller's, on the kubeconfig at hand.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"

	"kubeops.io/kubeops/internal/problem"
)

// Exit codes. They are part of the command line's promise to scripts.
const (
	exitOK       = 0
	exitFindings = 1 // findings at or above --fail-on
	exitError    = 2 // wrong usage, or the cluster could not be inspected
)

// Streams are what a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// findingsError ends a command whose work is done with exit code 1.
type findingsError struct{ text string }

func (e *findingsError) Error() string { return e.text }

// Run carries out the command that args name and returns the exit code. Errors have been printed.
func Run(ctx context.Context, args []string, streams Streams) int {
	root := newRoot(streams)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var findings *findingsError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &findings):
		fmt.Fprintln(streams.Err, findings.text)
		return exitFindings
	default:
		printError(streams.Err, err)
		return exitError
	}
}

func newRoot(streams Streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "kubeops",
		Short: "Find what is wrong in a Kubernetes cluster, and why",
		Long: `kubeops reads a cluster with your own rights, finds what is broken, and says which finding causes which.
It changes nothing in the cluster.`,
		Example: `  kubeops inspect -A                 # everything you may read
  kubeops inspect -n shop            # one namespace
  kubeops inspect -A -o json --fail-on high
  kubeops checks                     # what is looked for`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version(),
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.AddCommand(newInspect(streams), newChecks(streams), newReport(streams), newLogs(streams), newRedact(streams), newVersion(streams))
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

// version is what the Go toolchain recorded when it built the program: the module's version, or the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}

// printError writes an error for a person: a problem's message first, its cause on a line of its own.
func printError(w io.Writer, err error) {
	if p := problem.As(err); p != nil {
		fmt.Fprintln(w, "error: "+p.Message)
		if p.Cause != nil {
			fmt.Fprintln(w, "cause: "+p.Cause.Error())
		}
		return
	}
	fmt.Fprintln(w, "error: "+err.Error())
}
