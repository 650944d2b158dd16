package cli

import (
	"fmt"
	"os"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// clusterFlags choose a cluster and a user as kubectl does.
type clusterFlags struct {
	kubeconfig string
	overrides  clientcmd.ConfigOverrides
}

func (f *clusterFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "path of the kubeconfig (default: $KUBECONFIG, then ~/.kube/config)")
	flags.StringVar(&f.overrides.CurrentContext, "context", "", "context of the kubeconfig to use")
	flags.StringVarP(&f.overrides.Context.Namespace, "namespace", "n", "", "namespace to look at (default: the context's)")
	flags.StringVar(&f.overrides.AuthInfo.Impersonate, "as", "", "user or ServiceAccount to act as, for example system:serviceaccount:shop:kubeops")
}

// target is the cluster that the flags choose.
type target struct {
	config *rest.Config
	// cluster is the name of the context: how the user knows the cluster.
	cluster string
	// namespace of the context or of -n.
	namespace string
}

// resolve reads the kubeconfig. Inside a Pod without one, the Pod's ServiceAccount is used.
func (f *clusterFlags) resolve() (target, error) {
	loader := f.loader()
	raw, err := loader.RawConfig()
	if err != nil {
		return target{}, fmt.Errorf("read kubeconfig: %w", err)
	}
	if name := f.overrides.CurrentContext; name != "" && raw.Contexts[name] == nil {
		return target{}, fmt.Errorf("the kubeconfig has no context %q; `kubectl config get-contexts` lists them", name)
	}
	config, err := loader.ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		return target{}, fmt.Errorf("no cluster to look at: set KUBECONFIG or --kubeconfig to a kubeconfig file")
	}
	if err != nil {
		return target{}, fmt.Errorf("use kubeconfig: %w", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return target{}, fmt.Errorf("read the context's namespace: %w", err)
	}
	return target{config: config, cluster: contextName(raw, f.overrides.CurrentContext), namespace: namespace}, nil
}

func (f *clusterFlags) loader() clientcmd.ClientConfig {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.kubeconfig
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &f.overrides)
}

func contextName(raw clientcmdapi.Config, override string) string {
	switch {
	case override != "":
		return override
	case raw.CurrentContext != "":
		return raw.CurrentContext
	case os.Getenv("KUBERNETES_SERVICE_HOST") != "":
		return "in-cluster"
	default:
		return "default"
	}
}
