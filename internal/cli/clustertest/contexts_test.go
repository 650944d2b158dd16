package clustertest

import (
	"encoding/json"
	"net"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"kubeops.io/kubeops/api/v1alpha1"
)

// severalContexts adds to the kubeconfig of a shop: expired, with rejected credentials; dead, with a closed port; hung, which accepts
// connections and never answers; and invalid, whose certificate file does not exist.
func severalContexts(t *testing.T, s *shop) {
	t.Helper()
	config, err := clientcmd.LoadFromFile(s.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	hung, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hung.Close() })
	closed, err := clientcmd.LoadFromFile(deadKubeconfig(t))
	if err != nil {
		t.Fatal(err)
	}
	config.AuthInfos["expired"] = &clientcmdapi.AuthInfo{Token: "expired"}
	config.Clusters["dead"] = closed.Clusters["test"]
	config.Clusters["hung"] = &clientcmdapi.Cluster{Server: "https://" + hung.Addr().String(), InsecureSkipTLSVerify: true}
	config.AuthInfos["invalid"] = &clientcmdapi.AuthInfo{ClientCertificate: "missing.crt", ClientKey: "missing.key"}
	config.Contexts["expired"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "expired", Namespace: s.Namespace}
	config.Contexts["dead"] = &clientcmdapi.Context{Cluster: "dead", AuthInfo: "test", Namespace: s.Namespace}
	config.Contexts["hung"] = &clientcmdapi.Context{Cluster: "hung", AuthInfo: "test", Namespace: s.Namespace}
	config.Contexts["invalid"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "invalid", Namespace: s.Namespace}
	if err := clientcmd.WriteToFile(*config, s.kubeconfig); err != nil {
		t.Fatal(err)
	}
}

func TestSeveralContextsOfWhichSomeCannotBeInspected(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.LostService("lost")
	severalContexts(t, s)
	args := []string{"inspect", "--contexts", "test,expired,dead,hung,invalid", "--cluster-timeout", "5s", "--startup-grace", "0s"}
	out := s.wants(2, []string{
		"5 clusters (test, expired, dead, hung, invalid), the namespace of each context", "Clusters: 1 complete, 4 not inspected",
		"Cluster expired at ", "rejected the credentials (401)", "Cluster dead at ", "is unreachable", "Cluster hung at ", "timed out",
		"Context invalid cannot be used", "Service " + s.Namespace + "/lost (test)", "kubectl --context test ",
	}, args...)
	if strings.Contains(out, "Score ") {
		t.Errorf("a score of an incomplete report:\n%s", out)
	}
	s.wants(0, nil, append(args, "--fail-on-gaps=false")...)
	var report v1alpha1.InspectionReport
	if err := json.Unmarshal([]byte(s.wants(2, nil, append(args, "-o", "json")...)), &report); err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, c := range report.Clusters {
		names = append(names, c.Name)
	}
	if !slices.Equal(names, []string{"dead", "expired", "hung", "invalid", "test"}) || report.Clusters[4].Score == nil ||
		report.Summary.RequiredGaps != 4 || report.Summary.Trigger != "cli" {
		t.Errorf("clusters %+v, summary %+v", report.Clusters, report.Summary)
	}
	for _, format := range []string{"html", "markdown", "sarif", "junit"} {
		out := s.wants(2, nil, append(args, "-o", format)...)
		for _, name := range []string{"test", "hung"} {
			if !strings.Contains(out, name) {
				t.Errorf("%s: cluster %s is missing", format, name)
			}
		}
	}
}

func TestTwoContextsOfOneClusterAreComplete(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.LostService("lost")
	s.wants(0, []string{"Clusters: 2 complete", "Score "}, "inspect", "--contexts", "test,staging", "--startup-grace", "0s")
	s.wants(2, []string{`context "stagin" not found in the kubeconfig (did you mean "staging"?)`}, "inspect", "--contexts", "stagin")
}
