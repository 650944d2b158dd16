package command

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/text"
)

// MaxNames that an error lists.
const MaxNames = 10

// DidYouMean is a suggestion within an error, with a leading space; empty without a name.
func DidYouMean(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", name)
}

// InvalidValue is the error about a value that is not one of those allowed.
func InvalidValue(flag, value string, allowed ...string) error {
	must := "one of " + terminal.JoinWords(allowed)
	if len(allowed) == 2 {
		must = strings.Join(allowed, " or ")
	}
	return fmt.Errorf("invalid %s %q%s: must be %s", flag, value, DidYouMean(Nearest(allowed, value)), must)
}

// Nearest returns the name that a misspelt one likely meant: the most similar one, or else the first that begins with it or contains it;
// "" if there is none. Two exchanged letters are a distance of two, which is allowed from four letters on.
func Nearest(names []string, misspelt string) string {
	wanted := strings.ToLower(misspelt)
	if slices.Contains(names, wanted) {
		return wanted
	}
	if similar := text.Closest(names, wanted, max(text.Typo(wanted), min(len(wanted)-2, 2))); similar != "" {
		return similar
	}
	const minPart = 3 // a shorter part says too little
	if len(wanted) < minPart {
		return ""
	}
	for _, matches := range []func(string, string) bool{strings.HasPrefix, strings.Contains} {
		if i := slices.IndexFunc(names, func(name string) bool { return matches(name, wanted) }); i >= 0 {
			return names[i]
		}
	}
	return ""
}

// SuggestFlag adds the most similar flag to an error about an unknown one.
func SuggestFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return fmt.Errorf("%w; see %q", err, cmd.CommandPath()+" --help")
	}
	var names []string
	collect := func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	}
	cmd.Flags().VisitAll(collect)
	cmd.InheritedFlags().VisitAll(collect)
	name := unknown.GetSpecifiedName()
	spelling := "--" + name
	if shorthands := unknown.GetSpecifiedShortnames(); shorthands != "" {
		spelling = "-" + shorthands
		if !slices.Contains(names, name) { // -output for --output
			name = shorthands
		}
	}
	similar := Nearest(names, name)
	if similar != "" {
		similar = "--" + similar
	}
	return fmt.Errorf("unknown flag %s of %q%s; see %q", spelling, cmd.CommandPath(), DidYouMean(similar), cmd.CommandPath()+" --help")
}

// OnlySubcommands is the Args of a command that has only subcommands: an argument is a misspelt subcommand.
func OnlySubcommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	slices.Sort(names)
	return fmt.Errorf("unknown command %q of %q%s: must be one of %s", args[0], cmd.CommandPath(),
		DidYouMean(Nearest(names, args[0])), strings.Join(names, ", "))
}

// MaxArguments is cobra.MaximumNArgs with the arguments that are too many.
func MaxArguments(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) <= n {
			return nil
		}
		return fmt.Errorf("%q takes at most %s, got also %q; see %q", cmd.CommandPath(), terminal.Count(n, "name", "names"),
			strings.Join(args[n:], " "), cmd.CommandPath()+" --help")
	}
}

// NoArguments is cobra.NoArgs with the command and the argument.
func NoArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%q takes no arguments, got %q; see %q", cmd.CommandPath(), args[0], cmd.CommandPath()+" --help")
}

// OneOf is the error about a value of a flag that is not one of those allowed; nil if it is.
func OneOf(flag, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return InvalidValue(flag, value, allowed...)
}
