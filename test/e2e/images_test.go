package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// registry responds like an image registry that does not have the image, or that rejects the client.
func registry(host string) (address string) {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	Expect(err).NotTo(HaveOccurred())
	mux := http.NewServeMux()
	mux.HandleFunc("/v2/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/v2/":
			w.WriteHeader(http.StatusOK)
		case strings.HasPrefix(r.URL.Path, "/v2/private/"):
			// Registries redirect clients to a token server, which knows no client.
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="registry"`, r.Host))
			w.WriteHeader(http.StatusUnauthorized)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`)
		}
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // ends with Close
	DeferCleanup(server.Close)
	return listener.Addr().String()
}

// pullWithoutTLS lets the node pull from one registry by plain HTTP.
func (e *environment) pullWithoutTLS(registry string) {
	GinkgoHelper()
	hosts := filepath.Join(e.status.Containerd.RegistryHosts, registry)
	Expect(os.MkdirAll(hosts, 0o755)).To(Succeed())
	DeferCleanup(os.RemoveAll, hosts)
	config := fmt.Appendf(nil, "server = %[1]q\n\n[host.%[1]q]\n  capabilities = [\"pull\", \"resolve\"]\n", "http://"+registry)
	Expect(os.WriteFile(filepath.Join(hosts, "hosts.toml"), config, 0o600)).To(Succeed())
}

var _ = Describe("images that cannot be pulled", func() {
	It("are distinguished: missing image, no permission, unreachable registry", func(ctx SpecContext) {
		address := registry(env.status.Network.HostIP)
		env.pullWithoutTLS(address)

		env.namespace(ctx, "images")
		for name, image := range map[string]string{
			"typo":    address + "/shop/cart:v1.2.33",
			"private": address + "/private/cart:v1",
			"offline": "127.0.0.1:1/shop/cart:v1",
			"absurd":  "Not/A/Valid/Image:::",
		} {
			env.apply(ctx, fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: images}
spec:
  containers:
  - {name: app, image: %q}
`, name, image))
		}
		Eventually(func(g Gomega) {
			_, out, errOut, _ := env.kubeops(ctx, "inspect", "-n", "images", "-o", "json", "--startup-grace", "0s")
			g.Expect(errOut).To(BeEmpty())
			g.Expect(causes(parseReport(out))).To(ConsistOf("image-not-found Pod/images/typo", "image-pull-denied Pod/images/private",
				"image-registry-unreachable Pod/images/offline", "image-pull-failed Pod/images/absurd"))
		}).WithContext(ctx).Should(Succeed())
	}, SpecTimeout(4*minute))
})
