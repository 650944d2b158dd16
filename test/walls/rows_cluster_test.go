package walls

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
)

func jenkinsOf(url string) string {
	return "apiVersion: v1\nkind: Secret\nmetadata: {name: $NAME}\nstringData: {username: a, token: b}\n---\n" + resource("CIProvider",
		fmt.Sprintf("{type: jenkins, timeout: 2s, interval: 30s, jenkins: {url: %q, secretRef: {name: $NAME}}}", url))
}

func argocdOf(process string) string {
	return secretOf("$NAME", "a") + resource("CDProvider", "{type: argocd, timeout: 2s, interval: 30s, argocd: {url: \"$SERVER/silent\", "+
		"tokenRef: {name: $NAME, key: key}}, process: {"+process+"}}")
}

// deliveryRows are build and delivery servers.
func deliveryRows() []row {
	denied := notReady(v1alpha1.ReasonEgressDenied, "")
	const tls = "tls: {ca: {name: $NAME, key: key}, clientCertificate: {name: $NAME}}"
	return []row{
		{name: "jenkins-metadata", manifest: jenkinsOf("http://169.254.169.254/"), want: denied},
		{name: "jenkins-mapped", manifest: jenkinsOf("http://[::ffff:169.254.169.254]/"), want: denied},
		{name: "jenkins-kubernetes", manifest: jenkinsOf("https://10.96.0.1/"), want: notReady(v1alpha1.ReasonEgressDenied, "backends.egress")},
		{name: "jenkins-interval", manifest: strings.Replace(jenkinsOf("$SERVER/silent"), "interval: 30s", "interval: 5s", 1),
			want: notReady(v1alpha1.ReasonLimitExceeded, "limits.minProbeInterval")},
		{name: "jenkins-credentials", manifest: jenkinsOf("http://a:b@127.0.0.1:1/"), want: refused("URL without credentials")},
		{name: "plugin-path", manifest: argocdOf(`socket: "../../var/run/x"`), want: refused("spec.process.socket")},
		{name: "plugin-unverified", manifest: argocdOf(`address: "127.0.0.1:1", tls: {insecureSkipVerify: true}`),
			want: refused("verifies the server")},
		{name: "plugin-other", manifest: argocdOf("socket: kubernetes"), want: notReady(v1alpha1.ReasonPluginUnreachable, "")},
		{name: "plugin-metadata", manifest: argocdOf(`address: "169.254.169.254:443", ` + tls), want: notReady("", "")},
		{name: "plugin-certificate", manifest: argocdOf(`address: "127.0.0.1:$PORT", ` + tls), want: notReady("", "")},
		{name: "plugin-settings", manifest: resource("CDProvider", "{type: plugin, process: {socket: a}, plugin: {settings: {a: "+
			strings.Repeat("x", 2000)+"}}}"), want: refused("settings have names")},
	}
}

// kubeconfig is a ManagedCluster and the Secret with its kubeconfig. The certificate of the server is not verified.
func kubeconfig(server, cluster, user string) string {
	const unverified = "insecure-skip-tls-verify: true"
	return kubeconfigText(fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], `+
		`clusters: [{name: c, cluster: {server: %q, %s%s}}], users: [{name: u, user: {%s}}]}`, server, unverified, cluster, user))
}

func kubeconfigText(config string) string {
	return "apiVersion: v1\nkind: Secret\nmetadata: {name: $NAME}\nstringData:\n  value: '" + strings.ReplaceAll(config, "'", "''") + "'\n---\n" +
		resource("ManagedCluster", "{timeout: 2s, interval: 30s, kubeconfig: {name: $NAME, insecureSkipTLSVerify: true}}")
}

// clusterRows are connections to clusters.
func clusterRows() []row {
	const token = "token: a"
	invalid := func(text string) outcome { return notReady(v1alpha1.ReasonInvalidKubeconfig, text) }
	// Each level has nine times what the one before has.
	aliases := "{a0: &a0 [x,x,x,x,x,x,x,x,x]"
	for i := 1; i < 10; i++ {
		aliases += fmt.Sprintf(", a%d: &a%d [", i, i) + strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9), ",") + "]"
	}
	return []row{
		{name: "kubeconfig-program", manifest: kubeconfig("$TLS", "", "exec: {apiVersion: client.authentication.k8s.io/v1, command: sh}"),
			want: invalid("exec")},
		{name: "kubeconfig-file", manifest: kubeconfig("$TLS", "", "tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token"),
			want: invalid("tokenFile")},
		{name: "kubeconfig-as", manifest: kubeconfig("$TLS", "", token+", as: system:admin"), want: invalid("impersonation")},
		{name: "kubeconfig-proxy", manifest: kubeconfig("$TLS", `, proxy-url: "http://169.254.169.254"`, token), want: invalid("proxy-url")},
		{name: "kubeconfig-ca-file", manifest: kubeconfig("$TLS", ", certificate-authority: /etc/ssl/ca.pem", token),
			want: invalid("certificate-authority")},
		{name: "kubeconfig-aliases", manifest: kubeconfigText(aliases + "}"), want: invalid("")},
		{name: "kubeconfig-deep", manifest: kubeconfigText(strings.Repeat("[", 200_000)), want: notReady("", "")},
		{name: "kubeconfig-1m", manifest: kubeconfig("$TLS", "", token+strings.Repeat("a", 900<<10)), want: notReady("", "")},
		{name: "cluster-metadata", manifest: kubeconfig("https://169.254.169.254", "", token), want: notReady(v1alpha1.ReasonEgressDenied, "")},
		{name: "cluster-kubernetes", manifest: kubeconfig("https://10.96.0.1", "", token),
			want: notReady(v1alpha1.ReasonEgressDenied, "backends.egress")},
		{name: "cluster-silent", manifest: kubeconfig("$TLS/silent", "", token), want: notReady("", "")},
		{name: "cluster-endless", manifest: kubeconfig("$TLS/endless", "", token), want: notReady("", "")},
		{name: "cluster-bomb", manifest: kubeconfig("$TLS/bomb", "", token), want: notReady("", "")},
		{name: "cluster-redirect", manifest: kubeconfig("$TLS/metadata", "", token), want: notReady("", "")},
		{name: "cluster-untrusted", manifest: strings.NewReplacer(", insecureSkipTLSVerify: true", "", ", insecure-skip-tls-verify: true", "").
			Replace(kubeconfig("$TLS/silent", "", token)), want: notReady(v1alpha1.ReasonTLSFailed, "")},
		{name: "cluster-unencrypted", manifest: kubeconfig("$SERVER/silent", "", token), want: invalid("https URL")},
		{name: "cluster-account", manifest: resource("ManagedCluster", "{inCluster: true, serviceAccountName: developer}"),
			want: notReady(v1alpha1.ReasonImpersonationForbidden, "developer")},
		{name: "cluster-secret-path", manifest: resource("ManagedCluster", `{kubeconfig: {name: "../x"}}`), want: refused("spec.kubeconfig.name")},
		{name: "investigate-always", manifest: inspection("{ai: {providerRef: {name: a}, investigate: Always}}"),
			want: refused("spec.ai.investigate")},
		{name: "clusters-of-others", manifest: inspection("{clusters: {names: [neighbour]}}"), want: notReady("", "")},
	}
}

func bundle(fields string) string {
	return resource("ResourceBundle", "{interval: 30s, timeout: 10s, "+fields+"}")
}

// bundleRows apply what is not the tenant's, or want time or memory.
func bundleRows() []row {
	object := func(kind, metadata, more string) string {
		return "{apiVersion: " + kind + ", metadata: {" + metadata + "}" + more + "}"
	}
	manifests := func(objects ...string) string { return bundle("manifests: [" + strings.Join(objects, ", ") + "]") }
	git := func(url string) string {
		return bundle(fmt.Sprintf("manifestsFrom: [{git: {url: %q, ref: {branch: main}}}]", url))
	}
	unavailable := notReady(v1alpha1.ReasonSourceUnavailable, "")
	return []row{
		{name: "secret-of-others", manifest: manifests(object("v1, kind: Secret", "name: a, namespace: neighbour", ", stringData: {a: b}")),
			want: notReady("", "")},
		{name: "administrator", manifest: manifests(object("rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding", "name: $NAME",
			", roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}, "+
				"subjects: [{kind: ServiceAccount, name: developer, namespace: offender}]")), want: notReady("", "")},
		{name: "bundle-of-bundles", manifest: manifests(object("kubeops.io/v1alpha1, kind: ResourceBundle", "name: inner", ", spec: {}")),
			want: notReady("", "")},
		{name: "bundle-namespace", manifest: manifests(object("v1, kind: Namespace", "name: kube-system-2", "")), want: notReady("", "")},
		{name: "bundle-1000", manifest: bundle("manifests: " + list(1000, func(i int) string {
			return object("v1, kind: ConfigMap", fmt.Sprintf("name: c%d", i), ", data: {a: "+strings.Repeat("x", 500)+"}")
		})), want: notReady("", "")},
		{name: "bundle-2000", manifest: bundle("manifests: " + list(2000, func(i int) string {
			return object("v1, kind: ConfigMap", fmt.Sprintf("name: c%d", i), "")
		})), want: refused("must have at most 1000 items")},
		{name: "bundle-name-path", manifest: manifests(object("v1, kind: ConfigMap", `name: "../../secrets/x"`, "")), want: notReady("", "")},
		{name: "bundle-kind-path", manifest: manifests(object(`"v1/../../x", kind: "../ConfigMap"`, "name: a", "")), want: notReady("", "")},
		{name: "bundle-health", manifest: bundle("manifests: [" + object("v1, kind: ConfigMap", "name: a", "") + "], healthExprs: " +
			"[{group: \"\", kind: ConfigMap, healthy: \"'a'.matches('(abcdefghij){900}{900}')\"}]"), want: notReady("", "")},
		{name: "bundle-account", manifest: bundle("serviceAccountName: developer, manifests: [" +
			object("v1, kind: ConfigMap", "name: a", "") + "]"), want: notReady("", "")},
		{name: "bundle-clusters", manifest: bundle("clusters: {names: [neighbour]}, manifests: [" +
			object("v1, kind: ConfigMap", "name: a", "") + "]"), want: notReady("", "")},
		{name: "bundle-git-metadata", manifest: git("http://169.254.169.254/a.git"), want: unavailable},
		{name: "bundle-git-mapped", manifest: git("https://[::ffff:169.254.169.254]/a.git"), want: unavailable},
		{name: "bundle-git-endless", manifest: git("$SERVER/endless/a.git"), want: unavailable},
		{name: "bundle-git-silent", manifest: git("$SERVER/silent/a.git"), want: notReady("", "")},
	}
}
