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
	denied := notReady(v1alpha1.ReasonEgressDenied, "never called")
	const certificate = "apiVersion: v1\nkind: Secret\nmetadata: {name: $NAME-tls}\n" +
		"stringData: {ca.crt: $CA, tls.crt: $CERTIFICATE, tls.key: $PRIVATE}\n---\n"
	plugin := func(address string) string {
		return certificate + argocdOf(fmt.Sprintf("address: %q, tls: {ca: {name: $NAME-tls, key: ca.crt}, clientCertificate: {name: $NAME-tls}}", address))
	}
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
		{name: "plugin-other", manifest: argocdOf("socket: kubernetes"), want: notReady(v1alpha1.ReasonPluginUnreachable, "has no socket")},
		{name: "plugin-metadata", manifest: plugin("169.254.169.254:443"), want: denied},
		{name: "plugin-mapped", manifest: plugin("[::ffff:169.254.169.254]:443"), want: denied},
		{name: "plugin-kubernetes", manifest: plugin("10.96.0.1:443"), want: notReady(v1alpha1.ReasonEgressDenied, "backends.egress")},
		{name: "plugin-unencrypted", manifest: plugin("127.0.0.1:$PORT"), want: notReady(v1alpha1.ReasonTLSFailed, "does not speak TLS")},
		{name: "plugin-of-http", manifest: plugin("127.0.0.1:$ENCRYPTED"), want: notReady(v1alpha1.ReasonTLSFailed, "rejected the handshake")},
		{name: "plugin-no-certificate", manifest: argocdOf(`address: "127.0.0.1:$PORT", tls: {ca: {name: $NAME, key: key}, ` +
			"clientCertificate: {name: $NAME}}"), want: notReady(v1alpha1.ReasonInvalidSecret, "no PEM certificate")},
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

// aliases is a YAML document in which each level has nine times what the one before has.
func aliases() string {
	text := "{a0: &a0 [x,x,x,x,x,x,x,x,x]"
	for i := 1; i < 10; i++ {
		text += fmt.Sprintf(", a%d: &a%d [", i, i) + strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9), ",") + "]"
	}
	return text + "}"
}

// clusterRows are connections to clusters.
func clusterRows() []row {
	const token = "token: a"
	invalid := func(text string) outcome { return notReady(v1alpha1.ReasonInvalidKubeconfig, text) }
	tooLarge := notReady(v1alpha1.ReasonResponseTooLarge, "size limit of 1Mi")
	return []row{
		{name: "kubeconfig-program", manifest: kubeconfig("$TLS", "", "exec: {apiVersion: client.authentication.k8s.io/v1, command: sh}"),
			want: invalid("exec")},
		{name: "kubeconfig-file", manifest: kubeconfig("$TLS", "", "tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token"),
			want: invalid("tokenFile")},
		{name: "kubeconfig-as", manifest: kubeconfig("$TLS", "", token+", as: system:admin"), want: invalid("impersonation")},
		{name: "kubeconfig-proxy", manifest: kubeconfig("$TLS", `, proxy-url: "http://169.254.169.254"`, token), want: invalid("proxy-url")},
		{name: "kubeconfig-ca-file", manifest: kubeconfig("$TLS", ", certificate-authority: /etc/ssl/ca.pem", token),
			want: invalid("certificate-authority")},
		{name: "kubeconfig-aliases", manifest: kubeconfigText(aliases()), want: invalid("cannot be read")},
		{name: "kubeconfig-deep", manifest: kubeconfigText(strings.Repeat("[", 200_000)), want: invalid("cannot be read")},
		{name: "kubeconfig-1m", manifest: kubeconfig("$TLS", "", token+strings.Repeat("a", 900<<10)), want: invalid("larger than 256 KiB")},
		{name: "cluster-metadata", manifest: kubeconfig("https://169.254.169.254", "", token),
			want: notReady(v1alpha1.ReasonEgressDenied, "never called")},
		{name: "cluster-kubernetes", manifest: kubeconfig("https://10.96.0.1", "", token),
			want: notReady(v1alpha1.ReasonEgressDenied, "backends.egress")},
		{name: "cluster-silent", manifest: kubeconfig("$TLS/silent", "", token), want: notReady(v1alpha1.ReasonTimeout, "spec.timeout")},
		{name: "cluster-drip", manifest: kubeconfig("$TLS/drip", "", token), want: notReady(v1alpha1.ReasonTimeout, "spec.timeout")},
		{name: "cluster-endless", manifest: kubeconfig("$TLS/endless", "", token), want: tooLarge},
		{name: "cluster-deep", manifest: kubeconfig("$TLS/deep", "", token), want: tooLarge},
		{name: "cluster-bomb", manifest: kubeconfig("$TLS/bomb", "", token), want: tooLarge},
		{name: "cluster-header", manifest: kubeconfig("$TLS/header", "", token), want: notReady(v1alpha1.ReasonResponseTooLarge, "header")},
		{name: "cluster-flood", manifest: kubeconfig("$TLS/cluster", "", token),
			want: not(v1alpha1.ConditionInventoryReady, v1alpha1.ReasonIncomplete, "exceeds")},
		{name: "cluster-flooded", manifest: kubeconfig("$TLS/cluster", "", token) + "---\n" +
			inspection("{timeout: 30s, clusters: {names: [$NAME]}}"), want: gap("more than 20000 objects in a page of at most 500")},
		{name: "cluster-object", manifest: kubeconfig("$TLS/object", "", token) + "---\n" +
			inspection("{timeout: 30s, clusters: {names: [$NAME]}}"), want: gap("one object exceeds 4 MiB")},
		{name: "cluster-redirect", manifest: kubeconfig("$TLS/metadata", "", token), want: notReady(v1alpha1.ReasonRedirected, "never followed")},
		{name: "cluster-untrusted", manifest: strings.NewReplacer(", insecureSkipTLSVerify: true", "", ", insecure-skip-tls-verify: true", "").
			Replace(kubeconfig("$TLS/silent", "", token)), want: notReady(v1alpha1.ReasonTLSFailed, "unknown authority")},
		{name: "cluster-unencrypted", manifest: kubeconfig("$SERVER/silent", "", token), want: invalid("https URL")},
		{name: "cluster-account", manifest: resource("ManagedCluster", "{inCluster: true, serviceAccountName: developer}"),
			want: notReady(v1alpha1.ReasonImpersonationForbidden, "developer")},
		{name: "cluster-secret-path", manifest: resource("ManagedCluster", `{kubeconfig: {name: "../x"}}`), want: refused("spec.kubeconfig.name")},
		{name: "investigate-always", manifest: inspection("{ai: {providerRef: {name: a}, investigate: Always}}"),
			want: refused("spec.ai.investigate")},
		{name: "clusters-of-others", manifest: inspection("{clusters: {names: [neighbour]}}"), want: gap("neighbour")},
		{name: "selector-operator", manifest: inspection("{clusters: {selector: {matchExpressions: [{key: a, operator: Foo}]}}}"),
			want: notReady(v1alpha1.ReasonInvalidSpec, "not a valid label selector")},
		{name: "selector-20000", manifest: inspection("{clusters: {selector: {matchExpressions: [{key: a, operator: In, values: " +
			list(20_000, func(i int) string { return fmt.Sprintf("v%d", i) }) + "}]}}}"),
			want: notReady(v1alpha1.ReasonNoClusters, "spec.clusters.selector")},
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
	failed := func(text string) outcome { return notReady(v1alpha1.ReasonApplyFailed, text) }
	invalid := func(text string) outcome { return notReady(v1alpha1.ReasonInvalidManifest, text) }
	unavailable := func(text string) outcome { return notReady(v1alpha1.ReasonSourceUnavailable, text) }
	const subject = ", subjects: [{kind: ServiceAccount, name: developer, namespace: $NAMESPACE}]"
	role := func(kind, name string) string {
		return ", roleRef: {apiGroup: rbac.authorization.k8s.io, kind: " + kind + ", name: " + name + "}" + subject
	}
	one := object("v1, kind: ConfigMap", "name: $NAME", "")
	health := func(expression string) string {
		return bundle("manifests: [" + one + fmt.Sprintf("], healthExprs: [{group: \"\", kind: ConfigMap, healthy: %q}]", expression))
	}
	return []row{
		{name: "secret-of-others", manifest: manifests(object("v1, kind: Secret", "name: a, namespace: neighbour", ", stringData: {a: b}")),
			want: failed(`in the namespace "neighbour"`)},
		{name: "administrator", manifest: manifests(object("rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding", "name: $NAME",
			role("ClusterRole", "cluster-admin"))), want: failed(`resource "clusterrolebindings"`)},
		{name: "escalation", manifest: manifests(object("rbac.authorization.k8s.io/v1, kind: RoleBinding", "name: $NAME",
			role("ClusterRole", "cluster-admin"))), want: failed("permissions that it does not have")},
		{name: "wide-role", manifest: manifests(object("rbac.authorization.k8s.io/v1, kind: Role", "name: $NAME",
			`, rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]`)), want: failed("permissions that it does not have")},
		{name: "bundle-of-bundles", manifest: manifests(object("kubeops.io/v1alpha1, kind: ResourceBundle", "name: $NAME-inner",
			", spec: {manifests: ["+one+"]}")), want: harmless("1 object")},
		{name: "bundle-of-itself", manifest: manifests(object("kubeops.io/v1alpha1, kind: ResourceBundle", "name: $NAME",
			", spec: {interval: 31s}")), want: invalid("is this ResourceBundle itself")},
		{name: "bundle-of-account", manifest: manifests(object("kubeops.io/v1alpha1, kind: ResourceBundle", "name: $NAME-inner",
			", spec: {serviceAccountName: developer, manifests: ["+one+"]}")), want: failed("cannot impersonate ServiceAccount deploying/developer")},
		{name: "bundle-namespace", manifest: manifests(object("v1, kind: Namespace", "name: kube-system-2", "")),
			want: failed(`resource "namespaces"`)},
		{name: "bundle-1000", manifest: strings.Replace(bundle("manifests: "+list(1000, func(i int) string {
			return object("v1, kind: ConfigMap", fmt.Sprintf("name: c%d", i), ", data: {a: "+strings.Repeat("x", 500)+"}")
		})), "timeout: 10s", "timeout: 2m", 1), want: harmless("1000 objects applied")},
		{name: "bundle-2000", manifest: bundle("manifests: " + list(2000, func(i int) string {
			return object("v1, kind: ConfigMap", fmt.Sprintf("name: c%d", i), "")
		})), want: refused("must have at most 1000 items")},
		{name: "bundle-name-path", manifest: manifests(object("v1, kind: ConfigMap", `name: "../../secrets/x"`, "")),
			want: invalid("metadata.name that is no name of an object")},
		{name: "bundle-version-path", manifest: manifests(object(`"v1/../../x", kind: ConfigMap`, "name: a", "")),
			want: invalid("neither VERSION nor GROUP/VERSION")},
		{name: "bundle-kind-path", manifest: manifests(object(`v1, kind: "../ConfigMap"`, "name: a", "")), want: invalid("no name of a kind")},
		{name: "bundle-deep", manifest: manifests(object("v1, kind: ConfigMap", "name: a", ", data: {a: "+strings.Repeat("[", 200)+
			strings.Repeat("]", 200)+"}")), want: invalid("more than 100 levels")},
		{name: "bundle-documents", manifest: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: $NAME}\ndata:\n  a: " +
			fmt.Sprintf("%q", strings.Repeat("a\n---\n", 10_000)) + "\n---\n" + bundle("manifestsFrom: [{configMap: {name: $NAME}}]"),
			want: invalid("more than 4000 documents")},
		{name: "bundle-aliases", manifest: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: $NAME}\ndata:\n  a: " +
			fmt.Sprintf("%q", aliases()) + "\n---\n" + bundle("manifestsFrom: [{configMap: {name: $NAME}}]"),
			want: invalid("after its aliases are expanded")},
		// Each object grows by 300 KB: 30 MB in all.
		{name: "bundle-overrides", manifest: bundle("overrides: [{clusters: {names: [local]}, patches: [{target: {kind: ConfigMap}, " +
			"operations: [{op: add, path: /data, value: {a: " + strings.Repeat("x", 300_000) + "}}]}]}], manifests: " +
			list(100, func(i int) string { return object("v1, kind: ConfigMap", fmt.Sprintf("name: o%d", i), "") })),
			want: invalid("more than 8 MiB in one cluster")},
		{name: "bundle-selector", manifest: bundle("clusters: {selector: {matchExpressions: [{key: a, operator: Foo}]}}, manifests: [" + one + "]"),
			want: notReady(v1alpha1.ReasonInvalidSpec, "selector is invalid")},
		{name: "bundle-health", manifest: health("'a'.matches('(" + strings.Repeat("abcdefghij", 2) + "){900}')"),
			want: notReady(v1alpha1.ReasonUnhealthy, "at most 10000 are allowed")},
		{name: "bundle-health-loops", manifest: health("lists.range(10000).all(a, lists.range(10000).all(b, a + b >= 0))"),
			want: notReady("", "spec.healthExprs[0]")},
		{name: "bundle-health-lists", manifest: health(doubled("[1, 2]", ".map(a, [a, a])", 30, ".size() > 0")),
			want: notReady("", "larger than 8 MiB")},
		{name: "bundle-account", manifest: bundle("serviceAccountName: developer, manifests: [" + one + "]"),
			want: notReady(v1alpha1.ReasonImpersonationForbidden, "deploying/developer")},
		{name: "bundle-clusters", manifest: bundle("clusters: {names: [neighbour]}, manifests: [" + one + "]"),
			want: notReady(v1alpha1.ReasonClusterNotFound, "ManagedCluster neighbour does not exist")},
		{name: "bundle-git-metadata", manifest: git("https://169.254.169.254/a.git"), want: unavailable("never called")},
		{name: "bundle-git-mapped", manifest: git("https://[::ffff:169.254.169.254]/a.git"), want: unavailable("never called")},
		{name: "bundle-git-kubernetes", manifest: git("https://10.96.0.1/a.git"), want: unavailable("backends.egress")},
		{name: "bundle-git-unencrypted", manifest: git("http://git.example.com/a.git"), want: unavailable("unencrypted")},
		{name: "bundle-git-other", manifest: git("$SERVER/endless/a.git"), want: unavailable("not the URL of a Git repository")},
		{name: "bundle-git-branches", manifest: git("$SERVER/branches/a.git"), want: unavailable("was dropped")},
		{name: "bundle-git-pack", manifest: git("$SERVER/pack/a.git"), want: unavailable("was dropped")},
		{name: "bundle-git-redirect", manifest: git("$SERVER/metadata/a.git"), want: unavailable("redirects")},
		{name: "bundle-git-silent", manifest: git("$SERVER/silent/a.git"), want: unavailable("did not respond in time")},
	}
}
