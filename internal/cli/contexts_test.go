package cli

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"kubeops.io/kubeops/api/v1alpha1"
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
		flags             contextFlags
		selected, skipped []string
		err               string
	}{
		"names in their order": {flags: contextFlags{names: []string{"staging", "prod-a"}}, selected: []string{"staging", "prod-a"}},
		"a name twice":         {flags: contextFlags{names: []string{"staging", "staging"}}, selected: []string{"staging"}},
		"glob, without the same cluster twice": {
			flags: contextFlags{names: []string{"prod-*"}}, selected: []string{"prod-a", "prod-b"}, skipped: []string{"prod-b-shop"},
		},
		"named although it is the same cluster": {
			flags: contextFlags{names: []string{"prod-b", "prod-b-shop"}}, selected: []string{"prod-b", "prod-b-shop"},
		},
		"a star matches slashes": {flags: contextFlags{names: []string{"arn:*"}}, selected: []string{"arn:aws:eks:1:cluster/prod"}},
		"all": {
			flags: contextFlags{all: true}, selected: []string{"arn:aws:eks:1:cluster/prod", "prod-a", "prod-b", "staging"},
			skipped: []string{"prod-b-shop"},
		},
		"misspelt":     {flags: contextFlags{names: []string{"stagng"}}, err: `context "stagng" not found in the kubeconfig (did you mean "staging"?)`},
		"nothing like": {flags: contextFlags{names: []string{"x-*"}}, err: `no context of the kubeconfig matches "x-*"`},
	} {
		t.Run(name, func(t *testing.T) {
			selected, skipped, err := tc.flags.resolve(&clusterFlags{kubeconfig: file})
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

func TestFlagsOfSeveralClustersExcludeThoseOfOne(t *testing.T) {
	t.Parallel()
	file := kubeconfigOf(t, "a=a/admin")
	for want, args := range map[string][]string{
		"--context selects one cluster":               {"--contexts", "a", "--context", "a"},
		"--contexts and --all-contexts are mutually":  {"--contexts", "a", "--all-contexts"},
		"--timeout applies to one cluster":            {"--contexts", "a", "--timeout", "1m"},
		"--metrics-url applies to one cluster":        {"--all-contexts", "--metrics-url", "http://localhost:9090"},
		"--cluster-timeout applies to several":        {"--cluster-timeout", "1m"},
		"invalid --cluster-timeout 0s":                {"--contexts", "a", "--cluster-timeout", "0"},
		"-f inspects files, not a cluster":            {"--contexts", "a", "-f", "."},
		"check crd-schema-skew compares clusters":     {"--checks", "crd-schema-skew"},
		"check cluster-version-skew compares cluster": {"--checks", "cluster-version-skew,pod-*"},
	} {
		code, out, errOut := runCLI(t, append([]string{"inspect", "--kubeconfig", file}, args...)...)
		if code != exitError || out != "" || !strings.Contains(errOut, want) {
			t.Errorf("%q: exit code %d, %q, want %q", args, code, errOut, want)
		}
	}
}

func TestContextsAreCompletedAfterAComma(t *testing.T) {
	t.Parallel()
	file := kubeconfigOf(t, "prod-a=a/admin", "prod-b=b/admin")
	_, out, _ := runCLI(t, "__complete", "inspect", "--kubeconfig", file, "--contexts", "prod-a,")
	if !strings.HasPrefix(out, "prod-a,prod-b\n") {
		t.Errorf("got %q", out)
	}
}

func TestCommandsOfRemediationsNameTheContext(t *testing.T) {
	t.Parallel()
	for remediation, want := range map[string]string{
		"Run `kubectl get pods`, kubectl is not run here.":     "Run `kubectl --context 'a b' get pods`, kubectl is not run here.",
		"`kubectl get pods -A -o yaml | kubectl replace -f -`": "`kubectl --context 'a b' get pods -A -o yaml | kubectl --context 'a b' replace -f -`",
		"`kubectl --context c get pods`":                       "`kubectl --context c get pods`",
		"`kubectl get pods -o name | xargs -r kubectl delete`": "`kubectl --context 'a b' get pods -o name | xargs -r kubectl --context 'a b' delete`",
		"`kubectl annotate pod x note=\"kubectl x\"`":          "`kubectl --context 'a b' annotate pod x note=\"kubectl x\"`",
		"Set spec.replicas, or an unpaired ` kubectl get pods": "Set spec.replicas, or an unpaired ` kubectl get pods",
	} {
		if got := inContext(remediation, "a b"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if got := inContext(remediation, ""); got != remediation {
			t.Errorf("changed without a cluster: %s", got)
		}
	}
}

func TestTheTableNamesTheClusterOfEachFinding(t *testing.T) {
	t.Parallel()
	score := int32(81)
	r := &v1alpha1.InspectionReport{
		Clusters: []v1alpha1.InspectedCluster{
			{Name: "prod-a", Version: "v1.37.2", Score: &score, Problems: v1alpha1.RootCauseCounts{Total: 1}, Recommendations: 2},
			{Name: "prod-b", NotInspected: v1alpha1.GapTimedOut, Gaps: 1},
		},
		Findings: []v1alpha1.Finding{{
			ID: "1", Check: "pod-crash-looping", Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh, Cluster: "prod-a",
			Object: object("Deployment", "shop", "cart"), Message: "Container app of Deployment cart keeps crashing.",
		}},
		Gaps: []v1alpha1.Gap{{Cluster: "prod-b", Source: "pods", Reason: v1alpha1.GapForbidden, Message: "User x cannot list pods (RBAC)."}},
	}
	r.Summary.Problems.Add(v1alpha1.SeverityHigh)
	var out bytes.Buffer
	p := &printer{w: &out, output: "table", width: 100}
	if err := p.print(r, "2 clusters"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Clusters: 1 complete, 1 not inspected\n", "  prod-a  v1.37.2  score 81: 1 problem, 2 recommendations, in 0.0s\n",
		"  prod-b           not inspected: TimedOut, after 0.0s\n", "HIGH      Deployment shop/cart (prod-a)", "- prod-b: User x cannot list pods (RBAC).\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
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
			flags := clusterFlags{}
			flags.overrides.CurrentContext = "b"
			selected, err := flags.resolve()
			if err != nil {
				t.Fatal(err)
			}
			if got := selected.credentialsAdvice(); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if name == "defined differently" && selected.config.BearerToken != "of-a" {
				t.Errorf("client-go uses %q: the first file no longer counts", selected.config.BearerToken)
			}
		})
	}
}
