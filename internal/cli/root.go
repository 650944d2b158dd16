// Package cli implements the kubeops command line. It runs the same engine as the controller, against the current kubeconfig.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"kubeops.io/kubeops/internal/buildinfo"
	"kubeops.io/kubeops/internal/cli/backup"
	"kubeops.io/kubeops/internal/cli/bundles"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/cli/doctor"
	"kubeops.io/kubeops/internal/cli/get"
	"kubeops.io/kubeops/internal/cli/mcpserver"
	"kubeops.io/kubeops/internal/cli/pipelines"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/problem"
)

// Exit codes are a stable interface for scripts.
const (
	exitOK       = 0
	exitFindings = 1 // findings at or above --fail-on
	exitError    = 2 // usage error, the inspection failed, or its report is incomplete
	// exitInterrupted is 128 and the number of SIGINT, as a shell reports a command that a signal ended.
	exitInterrupted = 130
)

// maxHelpWidth is the width of help on wide terminals, in columns.
const maxHelpWidth = 120

// Run executes the command in args, prints its error, if any, and returns the exit code.
func Run(ctx context.Context, args []string, streams command.Streams) int {
	root := newRoot(streams)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var findings *command.FindingsError
	var gaps *command.GapsError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &findings):
		fmt.Fprintln(streams.Err, findings.Text)
		return exitFindings
	case errors.As(err, &gaps):
		fmt.Fprintln(streams.Err, gaps.Text)
		return exitError
	case connect.Interrupted(err) || ctx.Err() != nil:
		printError(streams.Err, err)
		return exitInterrupted
	default:
		printError(streams.Err, err)
		return exitError
	}
}

func newRoot(streams command.Streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "kubeops",
		Short: "Find what is wrong in a Kubernetes cluster, and why",
		Long: `kubeops reads a cluster with your own permissions, finds what is broken and traces each symptom to its root cause.
"inspect" never changes the cluster. "run", "suspend", "resume", "ignore", "pipeline" and "restore" change resources of
KubeOps.`,
		Example: `  kubeops inspect -A                 # everything you can read
  kubeops inspect -n shop            # one namespace
  kubeops inspect -A -o json --fail-on high
  kubeops checks                     # list the checks
  kubeops run -n shop --wait         # run an Inspection in the cluster now, and print its report`,
		Args:          command.OnlySubcommands,
		RunE:          command.PrintHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       buildinfo.Read().String(),
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetFlagErrorFunc(command.SuggestFlag)
	wrapped := fmt.Sprintf(".FlagUsagesWrapped %d ", min(terminal.Width(streams.Out), maxHelpWidth))
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages ", wrapped))
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.AddCommand(
		newInspect(streams), newReport(streams), newExplain(streams), newOpen(streams), newRun(streams), newSuspend(streams),
		newResume(streams),
		newIgnore(streams), pipelines.NewCommand(streams), get.NewCommand(streams), bundles.NewDiff(streams),
		bundles.NewConflicts(streams), newChecks(streams),
		doctor.NewCommand(streams), backup.NewBackup(streams), backup.NewRestore(streams),
		newLogs(streams), newRedact(streams), mcpserver.NewCommand(streams, &mcpBackends{}), newVersion(streams),
	)
	describeBuiltin(root)
	return root
}

// describeBuiltin adds examples to the commands that cobra brings.
func describeBuiltin(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	examples := map[string]string{
		"help":       "  kubeops help inspect",
		"completion": "  kubeops completion bash",
		"bash":       "  source <(kubeops completion bash)",
		"zsh":        "  source <(kubeops completion zsh)",
		"fish":       "  kubeops completion fish | source",
		"powershell": "  kubeops completion powershell | Out-String | Invoke-Expression",
	}
	for _, cmd := range root.Commands() {
		for _, c := range append([]*cobra.Command{cmd}, cmd.Commands()...) {
			if example := examples[c.Name()]; c.Example == "" {
				c.Example = example
			}
		}
		if cmd.Name() == "completion" {
			cmd.Args = command.OnlySubcommands
			cmd.RunE = command.PrintHelp
		}
	}
}

// printError prints the message of a problem first, and its cause on a separate line. Errors quote servers, files and names.
func printError(w io.Writer, err error) {
	safe := printable.NewWriter(w)
	defer func() { _ = safe.Flush() }() // every line below has its end
	if p := problem.As(err); p != nil {
		fmt.Fprintln(safe, "error: "+p.Message)
		if p.Cause != nil {
			fmt.Fprintln(safe, "cause: "+connect.CauseText(p.Cause))
		}
		return
	}
	fmt.Fprintln(safe, "error: "+err.Error())
}
