package connect

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/text"
)

// defaultClusterTimeout of --cluster-timeout. Lists of 10,000 Pods take some seconds; a cluster that does not answer costs all of it.
const defaultClusterTimeout = 2 * time.Minute

// ContextFlags select the contexts of a kubeconfig to inspect together.
type ContextFlags struct {
	// Names are names or globs.
	Names   []string
	all     bool
	Timeout time.Duration
}

// Register adds the flags that select several contexts.
func (f *ContextFlags) Register(cmd *cobra.Command, cluster *ClusterFlags) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.Names, "contexts", nil, "kubeconfig contexts or globs to inspect together; can be repeated")
	flags.BoolVar(&f.all, "all-contexts", false, "inspect all contexts of the kubeconfig together")
	flags.DurationVar(&f.Timeout, "cluster-timeout", defaultClusterTimeout,
		"with --contexts: stop reading a cluster after this time, from connecting on; anything not read by then is a gap")
	command.CompleteWith(cmd, "contexts", func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		before := typed[:strings.LastIndex(typed, ",")+1]
		var found []string
		for _, name := range cluster.Contexts() {
			if !slices.Contains(strings.Split(before, ","), name) {
				found = append(found, before+name)
			}
		}
		return found, command.Silent | cobra.ShellCompDirectiveNoSpace
	})
}

// Several reports whether the flags select contexts.
func (f *ContextFlags) Several() bool { return f.all || len(f.Names) > 0 }

// Validate rejects flags that exclude each other.
func (f *ContextFlags) Validate(flags *pflag.FlagSet) error {
	switch {
	case !f.Several() && flags.Changed("cluster-timeout"):
		return errors.New("--cluster-timeout applies to several clusters: use it with --contexts or --all-contexts, or use --timeout")
	case !f.Several():
		return nil
	case f.all && len(f.Names) > 0:
		return errors.New("--contexts and --all-contexts are mutually exclusive")
	case flags.Changed("context"):
		return errors.New("--context selects one cluster, --contexts and --all-contexts several: use one of them")
	case flags.Changed("timeout"):
		return errors.New("--timeout applies to one cluster: use --cluster-timeout with --contexts or --all-contexts")
	case f.Timeout <= 0:
		return fmt.Errorf("invalid --cluster-timeout %s: must be positive", f.Timeout)
	}
	for _, flag := range []string{"metrics-url", "logs-url"} {
		if flags.Changed(flag) {
			return fmt.Errorf("--%s applies to one cluster: remove it, or inspect one cluster with --context", flag)
		}
	}
	return nil
}

// Resolve returns the selected contexts: those named in the order of the flag, those of a glob by name. Contexts that a glob selects and
// that have the cluster and the user of an earlier one are skipped, since they differ only in their namespace.
func (f *ContextFlags) Resolve(cluster *ClusterFlags) (selected, skipped []string, err error) {
	raw, err := cluster.loader().RawConfig()
	if err != nil {
		return nil, nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	known := cluster.Contexts()
	patterns := f.Names
	if f.all {
		patterns = []string{"*"}
	}
	for _, pattern := range patterns {
		if raw.Contexts[pattern] != nil {
			if !slices.Contains(selected, pattern) {
				selected = append(selected, pattern)
			}
			continue
		}
		matching := slices.DeleteFunc(slices.Clone(known), func(name string) bool { return !matchContext(pattern, name) })
		if len(matching) == 0 {
			return nil, nil, noContext(pattern, known)
		}
		for _, name := range matching {
			same := slices.ContainsFunc(selected, func(other string) bool { return sameAccess(raw.Contexts[name], raw.Contexts[other]) })
			switch {
			case slices.Contains(selected, name):
			case same:
				skipped = append(skipped, name)
			default:
				selected = append(selected, name)
			}
		}
	}
	slices.Sort(skipped)
	return selected, slices.Compact(skipped), nil
}

func noContext(pattern string, known []string) error {
	const list = "; run `kubectl config get-contexts` to list the contexts"
	switch {
	case len(known) == 0:
		return errors.New("the kubeconfig has no contexts: set KUBECONFIG or --kubeconfig")
	case strings.ContainsAny(pattern, "*?["):
		return fmt.Errorf("no context of the kubeconfig matches %q%s", pattern, list)
	default:
		return fmt.Errorf("context %q not found in the kubeconfig%s%s", pattern, command.DidYouMean(command.Nearest(known, pattern)), list)
	}
}

// matchContext is text.Match in which * also matches a slash: names of contexts are no paths.
func matchContext(pattern, name string) bool {
	const slash = "\x00"
	return text.Match(strings.ReplaceAll(pattern, "/", slash), strings.ReplaceAll(name, "/", slash))
}

func sameAccess(a, b *clientcmdapi.Context) bool {
	return a.Cluster == b.Cluster && a.AuthInfo == b.AuthInfo
}
