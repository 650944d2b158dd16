package command

import (
	"time"

	"github.com/spf13/cobra"
)

// CompletionTimeout bounds what a completion may take. A shell that hangs is worse than one that completes nothing.
const CompletionTimeout = 2 * time.Second

// Silent is the result of a completion that has nothing to offer. Errors are not printed: the shell would show them as values.
const Silent = cobra.ShellCompDirectiveNoFileComp

// CompleteWith registers the completion of a flag.
func CompleteWith(cmd *cobra.Command, flag string, completion cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, completion); err != nil {
		panic(err) // only a flag that is not defined fails
	}
}

// CompleteValues registers the values of a flag for shell completion.
func CompleteValues(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // only a flag that is not defined fails
	}
}

// IsSet reports whether the command has the flag, and the user set it.
func IsSet(cmd *cobra.Command, flag string) bool {
	f := cmd.Flags().Lookup(flag)
	return f != nil && f.Changed
}
