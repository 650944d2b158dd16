// Package connect reaches clusters with the permissions of the user: flags, contexts, objects of KubeOps, and errors that name the server.
package connect

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/terminal"
)

// ClusterFlags select a cluster and a user, as in kubectl.
type ClusterFlags struct {
	kubeconfig string
	Overrides  clientcmd.ConfigOverrides
}

// Register adds the flags that select a cluster and a namespace.
func (f *ClusterFlags) Register(flags *pflag.FlagSet) {
	f.RegisterCluster(flags)
	flags.StringVarP(&f.Overrides.Context.Namespace, "namespace", "n", "", "namespace (default: the context's)")
}

// RegisterCluster is register without the namespace, for commands that take several.
func (f *ClusterFlags) RegisterCluster(flags *pflag.FlagSet) {
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "path to the kubeconfig (default: $KUBECONFIG, then ~/.kube/config)")
	flags.StringVar(&f.Overrides.CurrentContext, "context", "", "kubeconfig context to use")
	flags.StringVar(&f.Overrides.AuthInfo.Impersonate, "as", "",
		"user or ServiceAccount to impersonate, for example system:serviceaccount:shop:kubeops")
}

// Target is the cluster that the flags select.
type Target struct {
	Config *rest.Config
	// Cluster is the name of the context, by which the user knows the cluster.
	Cluster string
	// Namespace given with -n, or the context's.
	Namespace string
	// user is the name of the context's user in the kubeconfig; empty in a Pod.
	user string
	// definitions are the files that define the user differently, the one that counts first. Empty unless there are several.
	definitions []string
}

// Resolve reads the kubeconfig. In a Pod without a kubeconfig, it uses the Pod's ServiceAccount.
func (f *ClusterFlags) Resolve() (Target, error) {
	loader := f.loader()
	raw, err := loader.RawConfig()
	if err != nil {
		return Target{}, fmt.Errorf("read kubeconfig: %w", err)
	}
	if name := f.Overrides.CurrentContext; name != "" && raw.Contexts[name] == nil {
		suggestion := command.DidYouMean(command.Nearest(f.Contexts(), name))
		return Target{}, fmt.Errorf("context %q not found in the kubeconfig%s; run `kubectl config get-contexts` to list the contexts",
			name, suggestion)
	}
	config, err := loader.ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		return Target{}, errors.New("no cluster configured: set KUBECONFIG or --kubeconfig to a kubeconfig file")
	}
	if err != nil {
		return Target{}, fmt.Errorf("load kubeconfig: %w", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return Target{}, fmt.Errorf("read the context's namespace: %w", err)
	}
	t := Target{Config: config, Cluster: contextName(raw, f.Overrides.CurrentContext), Namespace: namespace}
	if selected := raw.Contexts[t.Cluster]; selected != nil {
		t.user = selected.AuthInfo
		t.definitions = definitionsOf(f.rules().GetLoadingPrecedence(), t.user)
	}
	return t, nil
}

// definitionsOf are the files of a merged kubeconfig that define a user, if their definitions differ. kubectl and KubeOps use the first
// one for the contexts of all files.
func definitionsOf(files []string, user string) []string {
	var first *clientcmdapi.AuthInfo
	var found []string
	differ := false
	for _, file := range files {
		config, err := clientcmd.LoadFromFile(file)
		if err != nil || config.AuthInfos[user] == nil { // an unreadable file is reported elsewhere
			continue
		}
		info := config.AuthInfos[user].DeepCopy()
		info.LocationOfOrigin = ""
		found = append(found, file)
		if first == nil {
			first = info
		}
		differ = differ || !equality.Semantic.DeepEqual(first, info)
	}
	if !differ {
		return nil
	}
	return found
}

// CredentialsAdvice is what to do if the API server rejects the credentials, as the end of a sentence.
func (t Target) CredentialsAdvice() string {
	switch {
	case len(t.definitions) > 1:
		return fmt.Sprintf("context %q uses user %q, which %d files of the kubeconfig define differently (%s), and the first one counts: "+
			"rename the user in one of them, or select one file with --kubeconfig", t.Cluster, t.user, len(t.definitions),
			terminal.JoinWords(t.definitions))
	case t.user != "":
		return fmt.Sprintf("log in again, or renew the token or certificate of user %q of context %q", t.user, t.Cluster)
	default:
		return "renew the token or certificate"
	}
}

func (f *ClusterFlags) rules() *clientcmd.ClientConfigLoadingRules {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.kubeconfig
	return rules
}

func (f *ClusterFlags) loader() clientcmd.ClientConfig {
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(f.rules(), &f.Overrides)
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
