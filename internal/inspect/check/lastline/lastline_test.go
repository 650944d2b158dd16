package lastline

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// podWith is a Pod of account robot whose containers are app and side; spec and app are further fields.
func podWith(spec, app string) string {
	return checktest.Document("v1", "Pod", `name: p, namespace: shop, labels: {app: p}, creationTimestamp: "2026-01-15T11:00:00Z"`,
		"spec: {nodeName: node-1, serviceAccountName: robot, "+spec+"containers: [{name: app, image: shop/app:v1"+app+
			"}, {name: side, image: side:1, ports: [{containerPort: 9000}]}]}\nstatus: {phase: Running}")
}

func surroundings() string {
	return checktest.Document("v1", "Node", "name: node-1, labels: {kubernetes.io/arch: arm64}", "") +
		checktest.Document("v1", "ConfigMap", "name: settings, namespace: shop", "data: {app.yaml: x, FROM_MAP: x}") +
		checktest.Document("v1", "ServiceAccount", "name: robot, namespace: shop", "automountServiceAccountToken: false") +
		checktest.Document("v1", "Service", `name: my-queue, namespace: shop, creationTimestamp: "2026-01-15T10:00:00Z"`,
			"spec: {clusterIP: 10.96.0.77, selector: {app: queue}, ports: [{port: 5672}]}") +
		checktest.Document("v1", "Service", `name: p, namespace: shop, creationTimestamp: "2026-01-15T10:00:00Z"`,
			"spec: {clusterIP: 10.96.0.78, selector: {app: p}, ports: [{port: 7070}]}") +
		checktest.Document("v1", "Namespace", "name: shop", "")
}

func TestAConnectionOfTheOnlyContainerToItsPodIsNamed(t *testing.T) {
	g := testkit.Graph(t, checktest.Document("v1", "Pod", `name: p, namespace: shop, creationTimestamp: "2026-01-15T11:00:00Z"`,
		"spec: {nodeName: node-1, containers: [{name: app, image: i}]}\nstatus: {phase: Running}"))
	pod, _ := facts.Lookup[*facts.PodNode](g, facts.Ref{Kind: facts.Pod, Namespace: "shop", Name: "p"})
	s, known := NewReader(g, check.DefaultParams()).Read(pod, pod.Containers[0], "connect ECONNREFUSED 127.0.0.1:5432")
	if !known || s.Kind != "own-host" || !strings.Contains(string(s.Fix), "If this container runs it") {
		t.Errorf("got %+v, %t", s, known)
	}
}

const (
	mounts = ", volumeMounts: [{name: conf, mountPath: /etc/app}, {name: data, mountPath: /data}, {name: seed, mountPath: /seed, " +
		"readOnly: true}]"
	volumes = "volumes: [{name: conf, configMap: {name: settings}}, {name: data, persistentVolumeClaim: {claimName: p-data}}, " +
		"{name: seed, emptyDir: {}}], "
)

func TestLastLogLinesAreJoinedWithTheSpec(t *testing.T) {
	for name, tc := range map[string]struct{ spec, app, log, want string }{
		"exec format": {"", "", "exec /app: exec format error", "exec-format: its image is built for another CPU architecture than " +
			"that of " +
			"its node (arm64), or its script has no #! line"},
		"exec format of a shell": {"", "", "sh: ./run: Exec format error", "exec-format: its image is built for another CPU architecture " +
			"than that of its node (arm64), or its script has no #! line"},

		"token, off on the account": {"", "", "open /var/run/secrets/kubernetes.io/serviceaccount/token: no such file or directory",
			"token-not-mounted: it needs the token of its ServiceAccount, which is not mounted: automountServiceAccountToken is false on " +
				"ServiceAccount robot"},
		"token, off in the Pod": {"automountServiceAccountToken: false, ", "", "unable to load in-cluster configuration, " +
			"KUBERNETES_SERVICE_HOST",
			"token-not-mounted: it needs the token of its ServiceAccount, which is not mounted: automountServiceAccountToken is false " +
				"in the " +
				"Pod template"},
		"token, on in the Pod": {"automountServiceAccountToken: true, ", "", "unable to load in-cluster configuration", ""},

		"service link": {"", "", `strconv.Atoi: parsing "tcp://10.96.0.77:5672": invalid syntax`, "service-link: it reads a value that " +
			"Kubernetes sets for Service my-queue of its namespace: MY_QUEUE_PORT is tcp://10.96.0.77:5672"},
		"service link in Java": {"", "", `java.lang.NumberFormatException: For input string: "tcp://10.96.0.77:5672"`, "service-link: it " +
			"reads a value that Kubernetes sets for Service my-queue of its namespace: MY_QUEUE_PORT is tcp://10.96.0.77:5672"},
		"service links off":             {"enableServiceLinks: false, ", "", `invalid port "tcp://10.96.0.77:5672"`, ""},
		"an address of another program": {"", "", `invalid port "tcp://10.96.0.79:5672"`, ""},
		"an address used on purpose":    {"", "", "listening, peer tcp://10.96.0.77:5672", ""},

		"forbidden, by " +
			"namespace": {"", "", `pods is forbidden: User "system:serviceaccount:shop:robot" cannot list resource "pods" in API ` +
			`group "" in the namespace "shop"`, "forbidden: ServiceAccount robot cannot list pods in namespace shop (RBAC): no binding " +
			"grants it a role there"},
		"forbidden, everywhere": {"", "", `E0115 err="User \"system:serviceaccount:shop:robot\" cannot watch resource \"leases\" in API ` +
			`group \"coordination.k8s.io\" at the cluster scope"`, "forbidden: ServiceAccount robot cannot watch " +
			"leases.coordination.k8s.io in the whole cluster (RBAC): no ClusterRoleBinding grants it a role"},

		"host, lookup": {"", "", "dial tcp: lookup db.shop.svc on 10.96.0.10:53: no such host", "host-unreachable: it cannot reach " +
			"db.shop.svc: Service db does not exist in namespace shop"},
		"host, refused": {"", "", "Error: connect ECONNREFUSED my-queue.shop.svc:5672", "host-unreachable: it cannot reach " +
			"my-queue.shop.svc: the selector of Service my-queue matches no Pods"},
		"host, from the configuration": {"", ", env: [{name: DB, value: 'pg://u:p@db.shop.svc:5432'}]", "FATAL: connection timed out",
			"host-unreachable: it cannot reach db.shop.svc: Service db does not exist in namespace shop"},
		"an object that does not exist": {"", "", `Error from server (NotFound): configmaps "settingz" not found`, "object-missing: ConfigMap " +
			"settingz does not exist in namespace shop"},
		"an object, in JSON":       {"", "", `{"err":"secrets \"db\" not found"}`, "object-missing: Secret db does not exist in namespace shop"},
		"an object that is there":  {"", "", `configmaps "settings" not found`, ""},
		"something of another API": {"", "", `widgets.example.com "a" not found`, ""},
		"a user in a database":     {"", "", `user "jane" not found`, ""},

		"host, without a dot": {"", "", `psycopg2.OperationalError: could not translate host name "postgres-primary" to address: Name or ` +
			"service not known", "host-unreachable: it cannot look up postgres-primary: Service postgres-primary does not exist in namespace shop"},
		"host, of a namespace": {"", "", "Error: getaddrinfo ENOTFOUND cache.shop", "host-unreachable: it cannot look up cache.shop: Service " +
			"cache does not exist in namespace shop"},
		"host, with a dot":                {"", "", "Error: getaddrinfo ENOTFOUND example.com", ""},
		"host, by the resolver of a node": {"dnsPolicy: Default, ", "", "Could not resolve host: intranet", ""},
		"host, that answered nothing":     {"", "", "Error: connect ECONNREFUSED intranet:80", ""},
		"host, in Chinese": {"", "", "错误：无法连接消息队列（my-queue:5672），连接超时", "host-unreachable: it cannot reach my-queue: the selector of " +
			"Service my-queue matches no Pods"},
		"host, of Java": {"", "", "Connection to node -1 (my-queue/10.96.0.77:5673) could not be established. Broker may not be available.",
			"host-unreachable: it cannot reach my-queue: Service my-queue has no port 5673"},

		"host, by the resolver of a node, of a Service": {"dnsPolicy: Default, ", "", "Could not resolve host: my-queue", "host-unreachable: it " +
			"cannot reach my-queue: dnsPolicy is Default, so that the Pods use the resolver of their node, which does not know Services"},
		"host, on the host network": {"hostNetwork: true, ", "", "getaddrinfo ENOTFOUND my-queue", "host-unreachable: it cannot reach " +
			"my-queue: the selector of Service my-queue matches no Pods"},
		"host, its own": {"", "", "dial tcp 127.0.0.1:5672: connect: connection refused", "own-host: it connects to 127.0.0.1:5672, which " +
			"is its own Pod, and no container of the Pod declares that port"},
		"host, its own, in IPv6": {"", "", "connect ECONNREFUSED [::1]:5672", "own-host: it connects to 127.0.0.1:5672, which is its own " +
			"Pod, and no container of the Pod declares that port"},
		"host, its own, of libpq": {"", "", `connection to server at "localhost" (::1), port 5672 failed: Connection refused`, "own-host: it " +
			"connects to localhost:5672, which is its own Pod, and no container of the Pod declares that port"},
		"host, its own, where a neighbour may listen on more than it declares": {"", "", "connect to localhost:15021: connection refused", ""},
		"host, its own, of its own Service":                                    {"", "", "connect to localhost:7070: connection refused", ""},
		"host, its own, of a resolver": {"", "", "lookup db.example.com on 127.0.0.53:53: read udp 127.0.0.1:4711->127.0.0.53:53: read: " +
			"connection refused", ""},
		"host, its own, of a neighbour":      {"", "", "connect to localhost:9000: connection refused", ""},
		"host, its own, on the host network": {"hostNetwork: true, ", "", "connect to localhost:5672: connection refused", ""},

		"host, outside": {"", "", "lookup api.example.com: no such host", ""},

		"certificate, unknown": {"", "", "x509: certificate signed by unknown authority", "certificate: it does not trust the " +
			"certificate " +
			"authority"},
		"certificate, expired": {"", "", "https://id.example.com/keys: CERT_HAS_EXPIRED", "certificate: the certificate of " +
			"id.example.com " +
			"has expired"},
		"certificate, name": {"", "", "x509: certificate is valid for a, not b", "certificate: the certificate has another name than the " +
			"host that it connects to"},

		"password of Postgres": {"", "", `FATAL: password authentication failed for user "app"`, "password-rejected: the server rejects " +
			"its user or password"},
		"password of Redis": {"", "", "WRONGPASS invalid username-password pair", "password-rejected: the server rejects its user or " +
			"password"},

		"variable": {"", ", env: [{name: DB_HOST, value: x}]", "Error: environment variable DB_HOTS is required", "variable-missing: " +
			"environment variable DB_HOTS is not set"},
		"variable in Python": {"", "", "KeyError: 'API_TOKEN'", "variable-missing: environment variable API_TOKEN is not set"},
		"variable in a shell": {"", "", "/run.sh: line 3: API_TOKEN: unbound variable", "variable-missing: environment variable " +
			"API_TOKEN is not set"},
		"variable that is set":      {"", ", env: [{name: API_TOKEN, value: x}]", "KeyError: 'API_TOKEN'", ""},
		"variable of a ConfigMap":   {"", ", envFrom: [{configMapRef: {name: settings}}]", "KeyError: 'FROM_MAP'", ""},
		"a key that is no variable": {"", "", "KeyError: 'items'", ""},

		"read-only root": {"", ", securityContext: {readOnlyRootFilesystem: true}", "open /tmp/x.lock: read-only file " +
			"system", "read-only: it " +
			"writes to /tmp/x.lock, and securityContext.readOnlyRootFilesystem is true"},
		"read-only mount": {volumes, mounts, "touch: /seed/x: Read-only file system", "read-only: it writes below /seed, where volume " +
			"seed " +
			"is mounted read-only"},
		"read-only ConfigMap": {volumes, mounts, "EROFS: read-only file system, open '/etc/app/x'", "read-only: it writes below " +
			"/etc/app, " +
			"where volume conf of a ConfigMap or Secret is mounted, which is always read-only"},
		"read-only for no reason in the spec": {"", "", "open /x: read-only file system", ""},

		"port below 1024": {"securityContext: {runAsUser: 1000}, ", "", "listen tcp :80: bind: permission denied", "port-privileged: " +
			"it may " +
			"not listen on port 80, which is reserved for root"},
		"port below 1024 of a server in C": {"", "", "bind() to 0.0.0.0:443 failed (13: Permission denied)", "port-privileged: it may " +
			"not " +
			"listen on port 443, which is reserved for root"},

		"permission in a volume": {volumes + "securityContext: {runAsUser: 70}, ", mounts, "mkdir: can't create '/data/pg': " +
			"Permission denied",
			"permission-denied: user 70 has no permission for /data/pg in volume data, and fsGroup is not set"},
		"permission in the image": {"securityContext: {runAsUser: 70}, ", "", "open /var/cache/x: permission " +
			"denied", "permission-denied: " +
			"user 70 has no permission for /var/cache/x in the image"},
		"permission in a volume of the group": {volumes + "securityContext: {runAsUser: 70, fsGroup: 70}, ", mounts,
			"open /data/pg: permission denied", ""},

		"owner of files": {volumes + "securityContext: {runAsUser: 70, fsGroup: 70}, ", mounts, `FATAL: data directory "/data/pg" has wrong ` +
			"ownership", "ownership: it refuses the owner or the mode of /data/pg in volume data"},
		"owner of files of the image": {"", "", "Cookie file /root/.erlang.cookie must be accessible by owner only", ""},

		"address of a neighbour": {"", "", "listen tcp :9000: bind: address already in use", "address-in-use: container side of the " +
			"same Pod " +
			"has port 9000"},
		"address of the node": {"hostNetwork: true, ", "", "Error: listen EADDRINUSE: address already in use " +
			":::7000", "address-in-use: port " +
			"7000 of its node is in use, and the Pod uses the host network"},
		"address, unexplained": {"", "", "listen tcp :7000: bind: address already in use", ""},

		"disk of a claim": {volumes, mounts, "write /data/wal: no space left on device", "disk-full: volume data, mounted at /data, " +
			"is full"},
		"disk, watches": {"", "", "inotify_add_watch: no space left on device", "disk-full: its node has no inotify watches left"},

		"open files":      {"", "", "accept: too many open files", "files-exhausted: it has reached the limit of open files"},
		"heap of Java":    {"", "", "java.lang.OutOfMemoryError: Java heap space", "heap-exhausted: its heap is exhausted"},
		"heap of Node.js": {"", "", "FATAL ERROR: JavaScript heap out of memory", "heap-exhausted: its heap is exhausted"},
		"a worker that is killed": {"", ", resources: {limits: {memory: 64Mi}}", "[CRITICAL] Worker (pid:12) was sent SIGKILL! Perhaps out of " +
			"memory?", "process-killed: a process of it is killed, most likely at the memory limit of 64Mi"},
		"a worker that is killed without a limit": {"", "", "worker died with signal 9", ""},
		"library": {"", "", "error while loading shared libraries: libpq.so.5: cannot open", "library-missing: library " +
			"libpq.so.5 is not in its image"},
		"module of Node": {"", "", "Error: Cannot find module 'express'", "module-missing: module express is not in its image"},
		"module of Python": {"", "", "ModuleNotFoundError: No module named 'flask'", "module-missing: module flask is not in " +
			"its image"},
		"table": {"", "", `ERROR: relation "orders" does not exist`, "table-missing: a table that it needs does not " +
			"exist"},
		"database": {"", "", `FATAL: database "orders" does not exist`, "table-missing: the database that it needs does " +
			"not exist"},
		"flag without its value": {"", "", "unknown flag: --token=abc", "flag-unknown: it does not know the flag --token"},

		"file of the image": {volumes, mounts, "open /opt/rules.json: no such file or directory", "file-missing: /opt/rules.json is " +
			"not in " +
			"its image, and no volume is mounted there"},
		"file of a ConfigMap": {volumes, mounts, "ENOENT: no such file or directory, open '/etc/app/app.yml'", "file-missing: " +
			"/etc/app/app.yml is not in ConfigMap settings, which is mounted at /etc/app"},
		"file that has come since": {volumes, mounts, "open /etc/app/app.yaml: no such file or directory", ""},

		"the last line that says something": {"", "", "KeyError: 'API_TOKEN'\nTraceback\nexit status 1\n\n", "variable-missing: " +
			"environment " +
			"variable API_TOKEN is not set"},
		"nothing":  {"", "", "starting\nready\n", ""},
		"no lines": {"", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := testkit.Graph(t, surroundings()+podWith(tc.spec, tc.app))
			pod, _ := facts.Lookup[*facts.PodNode](g, facts.Ref{Kind: facts.Pod, Namespace: "shop", Name: "p"})
			s, known := NewReader(g, check.DefaultParams()).Read(pod, pod.Containers[0], tc.log)
			got := ""
			if known {
				got = s.Kind + ": " + s.Why
			}
			if got != tc.want {
				t.Fatalf("got  %q\nwant %q", got, tc.want)
			}
			if known && s.Fix == "" {
				t.Error("no remedy")
			}
		})
	}
}

func TestASayingIsLiftedIntoTheHeadlineOnce(t *testing.T) {
	f := check.Finding{Message: "Container app keeps crashing.", Remediation: "Look.", Evidence: []check.Evidence{{Text: "a"}}}
	s := Saying{Why: "its heap is exhausted", Fix: "Raise it.", Evidence: []check.Evidence{{Text: "b"}}}
	got := Lift(Lift(f, s), s)
	if got.Message != "Container app keeps crashing: its heap is exhausted." || got.Remediation != "Raise it." || len(got.Evidence) != 2 {
		t.Errorf("got %+v", got)
	}
	if len(f.Evidence) != 1 || f.Message != "Container app keeps crashing." {
		t.Errorf("the finding itself was changed: %+v", f)
	}
}

func FuzzAnyLogIsRead(f *testing.F) {
	for _, seed := range []string{
		"exec format error", "KeyError: ", "tcp://:", `User "system:serviceaccount:`, "permission denied /", "EADDRINUSE :::", "İ " +
			"lookup İ\xff",
		strings.Repeat("/", 3000) + ": no such file or directory",
	} {
		f.Add(seed)
	}
	g := testkit.Graph(f, surroundings()+podWith(volumes, mounts))
	pod, _ := facts.Lookup[*facts.PodNode](g, facts.Ref{Kind: facts.Pod, Namespace: "shop", Name: "p"})
	reader := NewReader(g, check.DefaultParams())
	f.Fuzz(func(t *testing.T, log string) {
		if s, known := reader.Read(pod, pod.Containers[0], log); known && (s.Why == "" || s.Kind == "" || len(s.Why) > 600) {
			t.Errorf("%q: %+v", log, s)
		}
	})
}
