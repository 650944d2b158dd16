package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"kubeops.io/kubeops/internal/buildinfo"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/inspect/render"
)

func newVersion(streams command.Streams) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long: "Print the version and the commit of kubeops, the version of Go that compiled it, and the platform. No cluster " +
			"is contacted.",
		Example: `  kubeops version
  kubeops version -o json`,
		Args: command.NoArguments,
		RunE: func(*cobra.Command, []string) error {
			info := buildinfo.Read()
			switch output {
			case "":
				_, err := fmt.Fprintln(streams.Out, "kubeops "+info.String())
				return err
			case "json":
				return render.JSON(streams.Out, info)
			case "yaml":
				return render.YAML(streams.Out, info)
			}
			return command.InvalidValue("-o", output, "json", "yaml")
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "json or yaml (default: one line of text)")
	command.CompleteValues(cmd, "output", "json", "yaml")
	return cmd
}

// version of this program, as reports and formats name it.
func version() string { return buildinfo.Read().Version }
