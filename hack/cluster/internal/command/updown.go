package command

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"kubeops.io/kubeops/hack/cluster/internal/build"
	"kubeops.io/kubeops/hack/cluster/internal/cluster"
	"kubeops.io/kubeops/hack/cluster/internal/place"
	"kubeops.io/kubeops/hack/cluster/internal/state"
)

func newBuild(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "build",
		Short: "Build Kubernetes if necessary, and print the folder of its programs",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			root, err := f.rootFolder()
			if err != nil {
				return err
			}
			module, err := place.Source()
			if err != nil {
				return err
			}
			result, err := build.Build(cmd.Context(), log(cmd), root, module)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), result.Folder)
			return err
		},
	}
}

func newUp(f *flags) *cobra.Command {
	options := cluster.Options{}
	kind := ""
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Ensure that the cluster runs, and print the path of its kubeconfig",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if existing(cmd) {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), os.Getenv("KUBECONFIG"))
				return err
			}
			if options.Nodes < 1 {
				return errors.New("--nodes must be at least 1")
			}
			c, err := f.cluster(cmd)
			if err != nil {
				return err
			}
			if options.Module, err = place.Source(); err != nil {
				return err
			}
			options.Node = state.NodeKind(kind)
			kubeconfig, err := c.Up(cmd.Context(), options)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), kubeconfig)
			return err
		},
	}
	cmd.Flags().StringVar(&kind, "node", string(state.Auto), "what runs the Pods: auto, real, simulated or none")
	cmd.Flags().IntVar(&options.Nodes, "nodes", 1, "number of simulated nodes")
	cmd.Flags().BoolVar(&options.Bare, "bare", false, "start etcd and the API server, but no controllers (with --node none)")
	return cmd
}

func newDown(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "Remove the cluster completely",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if existing(cmd) {
				return nil
			}
			c, err := f.cluster(cmd)
			if err != nil {
				return err
			}
			return c.Down(cmd.Context())
		},
	}
}
