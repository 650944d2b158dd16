package connect

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// kubeconfigOf has contexts as name=cluster/user.
func kubeconfigOf(t *testing.T, contexts ...string) string {
	t.Helper()
	config := clientcmdapi.NewConfig()
	for _, entry := range contexts {
		name, access, _ := strings.Cut(entry, "=")
		cluster, user, _ := strings.Cut(access, "/")
		config.Contexts[name] = &clientcmdapi.Context{Cluster: cluster, AuthInfo: user}
		config.Clusters[cluster] = &clientcmdapi.Cluster{Server: "https://127.0.0.1:1"}
		config.AuthInfos[user] = &clientcmdapi.AuthInfo{}
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestContextsAreSelectedByNameAndGlob(t *testing.T) {
	t.Parallel()
	file := kubeconfigOf(t, "prod-a=a/admin", "prod-b=b/admin", "prod-b-shop=b/admin", "staging=s/admin", "arn:aws:eks:1:cluster/prod=e/admin")
	for name, tc := range map[string]struct {
		flags             ContextFlags
		selected, skipped []string
		err               string
	}{
		"names in their order": {flags: ContextFlags{Names: []string{"staging", "prod-a"}}, selected: []string{"staging", "prod-a"}},
		"a name twice":         {flags: ContextFlags{Names: []string{"staging", "staging"}}, selected: []string{"staging"}},
		"glob, without the same cluster twice": {
			flags: ContextFlags{Names: []string{"prod-*"}}, selected: []string{"prod-a", "prod-b"}, skipped: []string{"prod-b-shop"},
		},
		"named although it is the same cluster": {
			flags: ContextFlags{Names: []string{"prod-b", "prod-b-shop"}}, selected: []string{"prod-b", "prod-b-shop"},
		},
		"a star matches slashes": {flags: ContextFlags{Names: []string{"arn:*"}}, selected: []string{"arn:aws:eks:1:cluster/prod"}},
		"all": {
			flags: ContextFlags{all: true}, selected: []string{"arn:aws:eks:1:cluster/prod", "prod-a", "prod-b", "staging"},
			skipped: []string{"prod-b-shop"},
		},
		"misspelt":     {flags: ContextFlags{Names: []string{"stagng"}}, err: `context "stagng" not found in the kubeconfig (did you mean "staging"?)`},
		"nothing like": {flags: ContextFlags{Names: []string{"x-*"}}, err: `no context of the kubeconfig matches "x-*"`},
	} {
		t.Run(name, func(t *testing.T) {
			selected, skipped, err := tc.flags.Resolve(&ClusterFlags{kubeconfig: file})
			if tc.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tc.err) {
					t.Errorf("got %v, want %s", err, tc.err)
				}
				return
			}
			if err != nil || !slices.Equal(selected, tc.selected) || !slices.Equal(skipped, tc.skipped) {
				t.Errorf("selected %q, skipped %q (%v)", selected, skipped, err)
			}
		})
	}
}

func TestAUserOfSeveralFilesIsNamedWhenItsCredentialsAreRejected(t *testing.T) {
	file := func(name, token string) string {
		config := clientcmdapi.NewConfig()
		config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: "kubernetes-admin"}
		config.Clusters[name] = &clientcmdapi.Cluster{Server: "https://127.0.0.1:1"}
		config.AuthInfos["kubernetes-admin"] = &clientcmdapi.AuthInfo{Token: token}
		path := filepath.Join(t.TempDir(), name)
		if err := clientcmd.WriteToFile(*config, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	first := file("a", "of-a")
	second := file("b", "of-b")
	copied := file("c", "of-a")
	for name, tc := range map[string]struct {
		files []string
		want  string
	}{
		"defined differently": {[]string{first, second, filepath.Join(t.TempDir(), "missing")}, `context "b" uses user "kubernetes-admin", which 2 ` +
			"files of the kubeconfig define differently (" + first + ", " + second + "), and the first one counts: rename the user in one of " +
			"them, or select one file with --kubeconfig"},
		"defined once": {[]string{second}, `log in again, or renew the token or certificate of user "kubernetes-admin" of context "b"`},
		"defined alike": {[]string{file("b", "of-a"), copied},
			`log in again, or renew the token or certificate of user "kubernetes-admin" of context "b"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", strings.Join(tc.files, string(filepath.ListSeparator)))
			flags := ClusterFlags{}
			flags.Overrides.CurrentContext = "b"
			selected, err := flags.Resolve()
			if err != nil {
				t.Fatal(err)
			}
			if got := selected.CredentialsAdvice(); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if name == "defined differently" && selected.Config.BearerToken != "of-a" {
				t.Errorf("client-go uses %q: the first file no longer counts", selected.Config.BearerToken)
			}
		})
	}
}
