// Package command implements the command line.
package command

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"kubeops.io/kubeops/hack/cluster/internal/cluster"
	"kubeops.io/kubeops/hack/cluster/internal/place"
	"kubeops.io/kubeops/hack/cluster/internal/report"
)

// NotRunningError sets exit code 1 without a message.
type NotRunningError struct{}

func (NotRunningError) Error() string { return "the cluster does not run" }

// flags of all commands.
type flags struct {
	name, root string
}

// New returns the root command with all subcommands.
func New() *cobra.Command {
	f := &flags{}
	root := &cobra.Command{
		Use:           "cluster",
		Short:         "A real Kubernetes cluster on this machine, without Docker",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
	}
	root.PersistentFlags().StringVar(&f.name, "name", "kubeops", "name of the cluster; several run side by side")
	root.PersistentFlags().StringVar(&f.root, "root", "",
		"folder of the built components and the clusters (default: bin in the repository)")
	root.AddCommand(newBuild(f), newUp(f), newDown(f), newStatus(f), newLoadImage(f))
	return root
}

func (f *flags) rootFolder() (place.Root, error) {
	if f.root != "" {
		return place.Root(f.root).Abs()
	}
	root, err := place.DefaultRoot()
	if err != nil {
		return "", fmt.Errorf("%w; set a folder with --root", err)
	}
	return root.Abs()
}

func (f *flags) cluster(cmd *cobra.Command) (*cluster.Cluster, error) {
	root, err := f.rootFolder()
	if err != nil {
		return nil, err
	}
	at, err := place.New(root, f.name)
	if err != nil {
		return nil, err
	}
	return cluster.New(at, log(cmd)), nil
}

func log(cmd *cobra.Command) *report.Log { return report.New(cmd.ErrOrStderr()) }

// existing reports whether an existing cluster is used, which must not be changed.
func existing(cmd *cobra.Command) bool {
	if os.Getenv("KUBEOPS_USE_KUBECONFIG") != "1" {
		return false
	}
	log(cmd).Say("KUBEOPS_USE_KUBECONFIG is set: using the existing cluster in KUBECONFIG=%s.", os.Getenv("KUBECONFIG"))
	return true
}
