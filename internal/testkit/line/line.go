// Package line has the real servers between a push and the Pods of a local cluster: two Git servers, Hudson, a container registry,
// Prometheus and Loki on the host, and Argo CD on the node. A push to the first repository is built, and deployed from the second. What the
// Pods of the shop log is collected.
package line

import (
	"crypto/tls"
	"embed"
	"encoding/base64"
	"fmt"
	"html"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/testkit/gitserver"
	"kubeops.io/kubeops/internal/testkit/servers"
)

const (
	// port of the node that leads to the shop.
	port = "30080"
	// Namespace has the Pipeline.
	Namespace = "line"
	// ShopNamespace has the shop.
	ShopNamespace = "line-shop"
	// Orders is the path of the command that breaks a broken shop.
	Orders = "/cgi-bin/order"
	// Order of a shop that works: see Shop.
	Order = "app/www/cgi-bin/order"
	// BrokenOrder is an order that breaks the shop.
	BrokenOrder = "broken-order"
)

// Options of a Line.
type Options struct {
	// Config of the cluster, as an administrator.
	Config *rest.Config
	// HostIP and NodeIP are the addresses of the host for Pods, and of the node.
	HostIP, NodeIP string
	// NetworkNamespace is the name of that of the node.
	NetworkNamespace string
	// RegistryHosts is the folder where the node's containerd looks for settings of registries.
	RegistryHosts string
	// PodLogs is the folder where the node's kubelet keeps the logs of Pods.
	PodLogs string
}

// Line is between a push and the Pods.
type Line struct {
	// Source has the shop, and Deployments its manifests.
	Source, Deployments *gitserver.Server

	options Options
	// values of the variables in testdata.
	values map[string]string
}

// New starts the servers, until the test ends. Build must have been called.
func New(t testing.TB, o Options) *Line {
	t.Helper()
	host := servers.Place{Address: o.HostIP}
	node := servers.Place{Address: o.NodeIP, Network: "/run/netns/" + o.NetworkNamespace}
	certificate := servers.NewCertificate(t, net.ParseIP(host.Address))
	pair, err := tls.X509KeyPair(certificate.Certificate, certificate.Key)
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(ca, certificate.CA, 0o600); err != nil {
		t.Fatal(err)
	}
	registry := servers.Registry(t, host)
	pullWithoutTLS(t, o.RegistryHosts, registry)
	l := &Line{options: o, values: map[string]string{"NODE_PORT": port, "FIRST": first(t, registry)}}
	l.Source = gitserver.NewAt(t, host.Address+":0", &pair, Shop(t, Order))
	l.Deployments = gitserver.NewAt(t, host.Address+":0", &pair, map[string]string{
		"shop/deployment.yaml": l.Manifest(t, "deployment.yaml"), "shop/service.yaml": l.Manifest(t, "service.yaml"),
	})
	hudson, _ := servers.HudsonAt(t, host, map[string]string{"shop": job(t, l.Source.URL, ca, registry)})
	prometheus, _ := servers.Prometheus(t, servers.PrometheusOptions{
		Place: host, Targets: map[string]string{"shop": node.Address + ":" + port},
	})
	loki := servers.StartLoki(t, servers.LokiOptions{Place: host})
	l.collect(t, loki.URL)
	argoCD := servers.ArgoCDAt(t, node, o.Config)
	maps.Copy(l.values, map[string]string{
		"DEPLOYMENTS": l.Deployments.URL, "GIT_USER": gitserver.User, "GIT_PASSWORD": gitserver.Password,
		"GIT_CA": base64.StdEncoding.EncodeToString(certificate.CA), "REGISTRY": registry, "WEBHOOK_SECRET": webhookSecret,
		"HUDSON": hudson, "HUDSON_USER": servers.HudsonUser, "HUDSON_PASSWORD": servers.HudsonPassword,
		"ARGOCD": argoCD.URL, "ARGOCD_TOKEN": argoCD.Token, "PROMETHEUS": prometheus,
		"LOKI": loki.URL,
	})
	return l
}

// URL of a server by the name of its variable, such as HUDSON.
func (l *Line) URL(variable string) string { return l.values[variable] }

// ShopURL of a path of the shop, which is reachable on the host.
func (l *Line) ShopURL(path string) string {
	return "http://" + net.JoinHostPort(l.options.NodeIP, port) + path
}

//go:embed testdata
var files embed.FS

// Manifest is a file of testdata with the values of its variables: deployment.yaml and service.yaml for the shop as it is before its first
// run, application.yaml for Argo CD, pipeline.yaml for KubeOps.
func (l *Line) Manifest(t testing.TB, name string) string {
	t.Helper()
	return os.Expand(read(t, name), func(variable string) string {
		value, known := l.values[variable]
		if !known {
			t.Fatalf("%s: unknown variable %s", name, variable)
		}
		return value
	})
}

func read(t testing.TB, name string) string {
	t.Helper()
	content, err := files.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// Shop has the files of the source of the shop, with one of them as its command order.
func Shop(t testing.TB, order string) map[string]string {
	t.Helper()
	return map[string]string{
		"app/run": read(t, "app/run"), "app/www/index.html": read(t, "app/www/index.html"), "app/www/metrics": read(t, "app/www/metrics"),
		"app/www/cgi-bin/order": read(t, order),
	}
}

// pullWithoutTLS lets the node pull from one registry by plain HTTP.
func pullWithoutTLS(t testing.TB, folder, registry string) {
	t.Helper()
	hosts := filepath.Join(folder, registry)
	t.Cleanup(func() { _ = os.RemoveAll(hosts) })
	config := fmt.Appendf(nil, "server = %[1]q\n\n[host.%[1]q]\n  capabilities = [\"pull\", \"resolve\"]\n", "http://"+registry)
	writeFile(t, filepath.Join(hosts, "hosts.toml"), string(config))
}

func writeFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// job is the config.xml of a job that builds a commit of a repository, and pushes the image.
func job(t testing.TB, repository, ca, registry string) string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	login := strings.Replace(repository, "https://", "https://"+gitserver.User+":"+gitserver.Password+"@", 1)
	script := fmt.Sprintf("set -eu\nrm -rf source\nGIT_SSL_CAINFO=%s git clone -q %s source\ngit -C source checkout -q \"$COMMIT\"\n"+
		"%s=%s %s=$COMMIT %s=source/app %s\necho KUBEOPS_OUTPUT tag=$COMMIT\n",
		ca, login, variableHost, registry, variableTag, variableFolder, program)
	declared := ""
	for _, parameter := range []string{"KUBEOPS_RUN", "COMMIT"} {
		declared += "<hudson.model.StringParameterDefinition><name>" + parameter + "</name><description></description>" +
			"<defaultValue></defaultValue></hudson.model.StringParameterDefinition>"
	}
	return "<project><description></description><properties><hudson.model.ParametersDefinitionProperty><parameterDefinitions>" + declared +
		"</parameterDefinitions></hudson.model.ParametersDefinitionProperty></properties><scm class='hudson.scm.NullSCM'/>" +
		"<canRoam>true</canRoam><disabled>false</disabled><builders><hudson.tasks.Shell><command>" + html.EscapeString(script) +
		"</command></hudson.tasks.Shell></builders><publishers/><buildWrappers/></project>"
}
