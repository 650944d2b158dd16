package e2e

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"html"
	"net"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"kubeops.io/kubeops/internal/testkit/gitserver"
	"kubeops.io/kubeops/internal/testkit/servers"
)

const (
	// shopPort of the node leads to the shop.
	shopPort = "30080"
	// webhookSecret that the sender shares with the trigger.
	webhookSecret = "webhook-secret-of-the-line"
)

// line has the real servers between a push and the Pods: those of Git on the host, and Argo CD on the node.
type line struct {
	// source has the shop, and deployments its manifests.
	source, deployments *gitserver.Server
	// values of the variables in testdata.
	values map[string]string
}

// newLine starts the servers.
func newLine() *line {
	GinkgoHelper()
	t := GinkgoTB()
	host := servers.Place{Address: env.status.Network.HostIP}
	node := servers.Place{Address: env.status.Network.NodeIP, Network: "/run/netns/" + env.status.Network.Namespace}
	certificate := servers.NewCertificate(t, net.ParseIP(host.Address))
	pair, err := tls.X509KeyPair(certificate.Certificate, certificate.Key)
	Expect(err).NotTo(HaveOccurred())
	ca := filepath.Join(t.TempDir(), "ca.crt")
	Expect(os.WriteFile(ca, certificate.CA, 0o600)).To(Succeed())

	l := &line{values: map[string]string{"NODE_PORT": shopPort}}
	l.source = gitserver.NewAt(t, host.Address+":0", &pair, shop("app/www/cgi-bin/order"))
	l.deployments = gitserver.NewAt(t, host.Address+":0", &pair, map[string]string{
		"shop/deployment.yaml": l.testdata("deployment.yaml"), "shop/service.yaml": l.testdata("service.yaml"),
	})
	registry := servers.Registry(t, host)
	env.pullWithoutTLS(registry)
	hudson, _ := servers.HudsonAt(t, host, map[string]string{"shop": buildJob(l.source.URL, ca, registry)})
	prometheus, _ := servers.Prometheus(t, servers.PrometheusOptions{
		Place: host, Targets: map[string]string{"shop": node.Address + ":" + shopPort},
	})
	argoCD := servers.ArgoCDAt(t, node, env.config)
	l.values = map[string]string{
		"DEPLOYMENTS": l.deployments.URL, "GIT_USER": gitserver.User, "GIT_PASSWORD": gitserver.Password,
		"GIT_CA": base64.StdEncoding.EncodeToString(certificate.CA), "REGISTRY": registry, "WEBHOOK_SECRET": webhookSecret,
		"HUDSON": hudson, "HUDSON_USER": servers.HudsonUser, "HUDSON_PASSWORD": servers.HudsonPassword,
		"ARGOCD": argoCD.URL, "ARGOCD_TOKEN": argoCD.Token, "PROMETHEUS": prometheus,
	}
	return l
}

// testdata is a file of testdata/pipeline with the values of its variables.
func (l *line) testdata(name string) string {
	GinkgoHelper()
	content, err := os.ReadFile(filepath.Join("testdata", "pipeline", name))
	Expect(err).NotTo(HaveOccurred())
	return os.Expand(string(content), func(variable string) string {
		value, known := l.values[variable]
		Expect(known).To(BeTrue(), variable)
		return value
	})
}

// shop has the files of the source of the shop, with one of them as its command order.
func shop(order string) map[string]string {
	GinkgoHelper()
	files := map[string]string{}
	for name, file := range map[string]string{
		"app/run": "app/run", "app/www/index.html": "app/www/index.html", "app/www/metrics": "app/www/metrics",
		"app/www/cgi-bin/order": order,
	} {
		content, err := os.ReadFile(filepath.Join("testdata", "pipeline", file))
		Expect(err).NotTo(HaveOccurred())
		files[name] = string(content)
	}
	return files
}

// buildJob is the config.xml of a job that builds a commit of a repository, and pushes the image.
func buildJob(repository, ca, registry string) string {
	GinkgoHelper()
	program, err := os.Executable()
	Expect(err).NotTo(HaveOccurred())
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
