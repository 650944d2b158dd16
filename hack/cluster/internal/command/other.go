package command

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"kubeops.io/kubeops/hack/cluster/internal/cluster"
)

func newStatus(f *flags) *cobra.Command {
	output := ""
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the status of the cluster; the exit code is 0 only if it is running",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.cluster(cmd)
			if err != nil {
				return err
			}
			status, err := c.Status(cmd.Context())
			if err != nil {
				return err
			}
			if err := printStatus(cmd, status, output); err != nil {
				return err
			}
			if status.State != cluster.StateRunning {
				return NotRunningError{}
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "json, or nothing for people")
	return cmd
}

func printStatus(cmd *cobra.Command, status cluster.Status, format string) error {
	switch format {
	case "":
		return status.Print(cmd.OutOrStdout())
	case "json":
		encoder := json.NewEncoder(cmd.OutOrStdout())
		encoder.SetIndent("", "  ")
		return encoder.Encode(status)
	default:
		return fmt.Errorf("unknown output format %q: use json, or leave it out", format)
	}
}

func newLoadImage(f *flags) *cobra.Command {
	source := cluster.ImageSource{}
	cmd := &cobra.Command{
		Use:   "load-image NAME:TAG (--file ARCHIVE | --binary PROGRAM [--entrypoint ARG ...] | --busybox)",
		Short: "Load an image on the node, for Pods with imagePullPolicy IfNotPresent or Never",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.cluster(cmd)
			if err != nil {
				return err
			}
			return c.LoadImage(cmd.Context(), args[0], source)
		},
	}
	cmd.Flags().StringVar(&source.Archive, "file", "", "an image archive, as docker save or an OCI tool writes it")
	cmd.Flags().StringVar(&source.Binary, "binary", "", "a static program, the only one of the image")
	cmd.Flags().StringArrayVar(&source.Entrypoint, "entrypoint", nil,
		"entrypoint of the image, one flag per word (default: the program)")
	cmd.Flags().BoolVar(&source.Busybox, "busybox", false, "a shell and the usual small programs")
	cmd.MarkFlagsMutuallyExclusive("file", "binary", "busybox")
	cmd.MarkFlagsOneRequired("file", "binary", "busybox")
	return cmd
}
