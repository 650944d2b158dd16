// Package command has what all commands of the command line share: streams, exit codes, suggestions, and completion of flags.
package command

import (
	"io"

	"github.com/spf13/cobra"
)

// Streams are the standard streams of a command.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// FindingsError makes a command that succeeded exit with code 1.
type FindingsError struct{ Text string }

func (e *FindingsError) Error() string { return e.Text }

// GapsError makes a command that printed an incomplete report exit with code 2.
type GapsError struct{ Text string }

func (e *GapsError) Error() string { return e.Text }

// PrintHelp is the RunE of a command that has only subcommands.
func PrintHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }
