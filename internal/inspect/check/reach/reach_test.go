package reach

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

const ready = `status: {phase: Running, conditions: [{type: Ready, status: "True", lastTransitionTime: "2026-01-15T11:00:10Z"}]}`

func pod(namespace, name, labels, spec string) string {
	return checktest.Document("v1", "Pod", "name: "+name+", namespace: "+namespace+", labels: {"+labels+
		`}, creationTimestamp: "2026-01-15T11:00:00Z"`, "spec: {nodeName: node-1"+spec+", containers: [{name: "+name+", image: i, ports: "+
		"[{name: sql, containerPort: 5432, protocol: TCP}]}]}\n"+ready)
}

func namespace(name string) string {
	return checktest.Document("v1", "Namespace", "name: "+name+", labels: {kubernetes.io/metadata.name: "+name+"}", "")
}

func service(name, selector string) string {
	return checktest.Document("v1", "Service", "name: "+name+`, namespace: data, creationTimestamp: "2026-01-15T10:00:00Z"`,
		"spec: {clusterIP: 10.96.7.7, selector: {"+selector+"}, ports: [{port: 5432, targetPort: sql, protocol: TCP}]}")
}

func policy(namespace, name, spec string) string {
	return checktest.Document("networking.k8s.io/v1", "NetworkPolicy", "name: "+name+", namespace: "+namespace, "spec: {"+spec+"}")
}

// world is a client in namespace shop, a database in namespace data, and DNS.
func world() string {
	return namespace("shop") + namespace("data") + namespace("kube-system") + pod("shop", "client", "app: client", "") +
		pod("data", "db", "app: db", "") + service("db", "app: db") + pod("kube-system", "coredns", "k8s-app: kube-dns", "")
}

func TestObstaclesBetweenAPodAndAHost(t *testing.T) {
	const (
		toDB  = "{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: data}}}], ports: [{port: 5432}]}"
		toDNS = "{to: [{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}], ports: [{port: 53, protocol: UDP}]}"
	)
	out := func(rules string) string {
		return policy("shop", "out", "podSelector: {matchLabels: {app: client}}, policyTypes: [Egress], egress: ["+rules+"]")
	}
	for name, tc := range map[string]struct {
		documents, host string
		port            int32
		want            string
	}{
		"nothing":                    {world(), "db.data.svc", 5432, ""},
		"nothing, by a short name":   {world(), "db.data", 5432, ""},
		"nothing, by its address":    {world(), "10.96.7.7", 5432, ""},
		"a host outside":             {world(), "db.example.com", 5432, ""},
		"a Service that is missing":  {world(), "mysql.data.svc.cluster.local", 3306, "Service mysql does not exist in namespace data"},
		"a namespace that is absent": {world(), "db.prod.svc", 0, "namespace prod of the Service does not exist"},
		"a short name of nothing":    {world(), "mysql", 3306, ""},
		"a port":                     {world(), "db.data.svc", 3306, "Service db has no port 3306"},
		"a selector": {
			world() + service("cache", "app: cache"), "cache.data.svc", 5432, "the selector of Service cache matches no Pods",
		},
		"DNS": {
			world() + out(toDB), "db.data.svc", 5432,
			"NetworkPolicy out does not allow egress to DNS (port 53), so that no name can be looked up",
		},
		"no DNS is needed for an address": {world() + out(toDB), "10.96.7.7", 5432, ""},
		"a policy that allows both":       {world() + out(toDB+", "+toDNS), "db.data.svc", 5432, ""},
		"a policy that allows all":        {world() + out("{}"), "db.data.svc", 5432, ""},
		"a second policy that allows DNS": {
			world() + out(toDB) + policy("shop", "dns", "podSelector: {}, policyTypes: [Egress], egress: "+
				"["+toDNS+"]"), "db.data.svc", 5432, "",
		},
		"egress to its Pods": {
			world() + out(toDNS), "db.data.svc", 5432, "NetworkPolicy out does not allow egress to the Pods of Service db",
		},
		"egress by a range of addresses may be enough": {
			world() + out(toDNS+", {to: [{ipBlock: {cidr: 10.0.0.0/8}}]}"), "db.data.svc", 5432, "",
		},
		"egress by the port of the Service instead of that of the Pods": {
			world() + out(toDNS+", {ports: [{port: 80}]}"), "db.data.svc", 5432,
			"NetworkPolicy out does not allow egress to the Pods of Service db",
		},
		"egress by the name of the port": {world() + out(toDNS+", {ports: [{port: sql}]}"), "db.data.svc", 5432, ""},
		"ingress of its Pods": {
			world() + policy("data", "in", "podSelector: {}, ingress: [{from: [{podSelector: {}}]}]"), "db.data.svc", 5432,
			"NetworkPolicy in in namespace data does not allow ingress to the Pods of Service db from these Pods",
		},
		"ingress from the namespace of the client": {
			world() + policy("data", "in", "podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: "+
				"{kubernetes.io/metadata.name: shop}}}], ports: [{port: 5000, endPort: 6000}]}]"), "db.data.svc", 5432, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := testkit.Graph(t, tc.documents)
			client, _ := facts.Lookup[*facts.PodNode](g, facts.Ref{Kind: facts.Pod, Namespace: "shop", Name: "client"})
			got, found := NewIndex(g, check.DefaultParams()).Find(client, tc.host, tc.port)
			if got.Why != tc.want || found != (tc.want != "") {
				t.Fatalf("got %q, want %q", got.Why, tc.want)
			}
			if found && (got.Fix == "" || got.Key == "" || len(got.Culprits) == 0) {
				t.Errorf("incomplete: %+v", got)
			}
		})
	}
}

func TestAServiceThatSendsToAPortOfNoContainerIsAnObstacle(t *testing.T) {
	server := func(containers string) string {
		return checktest.Document("v1", "Pod", "name: db-0, namespace: data, labels: {app: db}", "spec: {nodeName: node-1, containers: ["+
			containers+"]}\n"+ready)
	}
	const wrong = "Service db sends port 80 to port 8080 of its Pods, which declare or probe "
	for name, tc := range map[string]struct{ containers, target, want string }{
		"another port is declared":   {"{name: a, image: i, ports: [{containerPort: 9090}]}", "8080", wrong + "9090"},
		"another port is probed":     {"{name: a, image: i, readinessProbe: {httpGet: {port: 9090}}}", "8080", wrong + "9090"},
		"two ports are declared":     {"{name: a, image: i, ports: [{containerPort: 9090}, {containerPort: 81}]}", "8080", wrong + "81, 9090"},
		"only UDP is declared":       {"{name: a, image: i, ports: [{containerPort: 9090, protocol: UDP}]}", "8080", ""},
		"the port is declared":       {"{name: a, image: i, ports: [{containerPort: 8080}]}", "8080", ""},
		"the port is probed":         {"{name: a, image: i, ports: [{containerPort: 9090}], livenessProbe: {tcpSocket: {port: 8080}}}", "8080", ""},
		"nothing is declared":        {"{name: a, image: i}", "8080", ""},
		"a sidecar declares nothing": {"{name: a, image: i, ports: [{containerPort: 9090}]}, {name: b, image: i}", "8080", ""},
		"a native sidecar has the port": {"{name: a, image: i, ports: [{containerPort: 9090}]}], initContainers: [{name: proxy, image: i, " +
			"restartPolicy: Always, ports: [{containerPort: 8080}]}", "8080", ""},
		"an init container that ends had it": {"{name: a, image: i, ports: [{containerPort: 9090}]}], initContainers: [{name: init, image: i, " +
			"ports: [{containerPort: 8080}]}", "8080", wrong + "9090"},
		"only a port for monitoring is declared": {"{name: a, image: i, ports: [{name: http-metrics, containerPort: 9090}]}", "8080", ""},
		"a port for monitoring is probed": {"{name: a, image: i, ports: [{name: health, containerPort: 9090}], readinessProbe: {httpGet: " +
			"{port: 9090}}}", "8080", ""},
		"a port by its name": {"{name: a, image: i, ports: [{name: http, containerPort: 9090}]}", "http", ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := testkit.Graph(t, namespace("shop")+namespace("data")+pod("shop", "client", "app: client", "")+server(tc.containers)+
				checktest.Document("v1", "Service", `name: db, namespace: data, creationTimestamp: "2026-01-15T10:00:00Z"`,
					"spec: {clusterIP: 10.96.7.7, selector: {app: db}, ports: [{port: 80, targetPort: "+tc.target+", protocol: TCP}]}"))
			client, _ := facts.Lookup[*facts.PodNode](g, facts.Ref{Kind: facts.Pod, Namespace: "shop", Name: "client"})
			got, found := NewIndex(g, check.DefaultParams()).Find(client, "db.data", 80)
			if got.Why != tc.want || found != (tc.want != "") {
				t.Errorf("got %q, want %q", got.Why, tc.want)
			}
		})
	}
}

func TestNoObstacleIsClaimedForNamesThatNeedNoServiceOfTheCluster(t *testing.T) {
	aliases := ", hostAliases: [{ip: 10.0.0.9, hostnames: [mysql.data.svc, old]}]"
	g := testkit.Graph(t, namespace("shop")+namespace("data")+pod("shop", "client", "app: client", aliases)+
		policy("shop", "out", "podSelector: {}, policyTypes: [Egress], egress: []"))
	client, _ := facts.Lookup[*facts.PodNode](g, facts.Ref{Kind: facts.Pod, Namespace: "shop", Name: "client"})
	x := NewIndex(g, check.DefaultParams())
	for _, host := range []string{"mysql.data.svc", "db.data.svc.clusterset.local"} {
		if o, found := x.Find(client, host, 3306); found {
			t.Errorf("%s: %s", host, o.Why)
		}
	}
	if o, found := x.Unknown(client, "old"); found {
		t.Errorf("an alias: %s", o.Why)
	}
	if _, found := x.Find(client, "other.data.svc.cluster.local", 3306); !found {
		t.Error("a name of the cluster has no obstacle")
	}
}

func TestNamesOfServicesNeedTheDNSOfTheCluster(t *testing.T) {
	const none = ", dnsPolicy: None, dnsConfig: {nameservers: [10.0.0.2]"
	for name, tc := range map[string]struct{ spec, host, want string }{
		"the cluster's":                        {"", "db.data", ""},
		"that of the node":                     {", dnsPolicy: Default", "db.data", "dnsPolicy is Default, so that the Pods use the resolver of their node"},
		"that of the node, for an address":     {", dnsPolicy: Default", "10.96.7.7", ""},
		"that of the node, for a host outside": {", dnsPolicy: Default", "db.example.com", ""},
		"the host network":                     {", hostNetwork: true", "db.data", "the Pods are on the host network and dnsPolicy is ClusterFirst"},
		"the host network with the cluster's":  {", hostNetwork: true, dnsPolicy: ClusterFirstWithHostNet", "db.data", ""},
		"that of the node, and nameservers":    {", dnsPolicy: Default, dnsConfig: {nameservers: [10.96.0.10]}", "db.data", ""},
		"the host network, and nameservers":    {", hostNetwork: true, dnsConfig: {nameservers: [10.96.0.10]}", "db.data", ""},
		"that of the node, for an alias":       {", dnsPolicy: Default, hostAliases: [{ip: 10.0.0.9, hostnames: [db.data]}]", "db.data", ""},
		"its own, without search domains":      {none + "}", "db.data", "dnsPolicy is None, and no search domain of dnsConfig completes db.data"},
		"its own, with those of another":       {none + ", searches: [shop.svc.cluster.local]}", "db.data", "dnsPolicy is None"},
		"its own, with search domains":         {none + ", searches: [shop.svc.cluster.local, svc.cluster.local]}", "db.data", ""},
		"its own, for a complete name":         {none + "}", "db.data.svc.cluster.local", ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := testkit.Graph(t, namespace("shop")+namespace("data")+service("db", "app: db")+pod("shop", "client", "app: client", tc.spec))
			client, _ := facts.Lookup[*facts.PodNode](g, facts.Ref{Kind: facts.Pod, Namespace: "shop", Name: "client"})
			got, found := NewIndex(g, check.DefaultParams()).OtherResolver(client, tc.host)
			if found != (tc.want != "") || !strings.HasPrefix(got.Why, tc.want) {
				t.Fatalf("got %q, want %q", got.Why, tc.want)
			}
			if found && (got.Fix == "" || len(got.Evidence) == 0) {
				t.Errorf("incomplete: %+v", got)
			}
		})
	}
}

func TestPodsOnTheHostNetworkAndUnreadKindsHaveNoObstacle(t *testing.T) {
	deny := policy("shop", "out", "podSelector: {}, policyTypes: [Egress]")
	client := facts.Ref{Kind: facts.Pod, Namespace: "shop", Name: "client"}
	for name, tc := range map[string]struct {
		documents string
		host      string
		unread    []facts.Kind
	}{
		"host network": {
			world() + deny + pod("shop", "client", "app: client", ", hostNetwork: true"), "db.data.svc", nil,
		},
		"policies that were not read": {world() + deny, "db.data.svc", []facts.Kind{facts.NetworkPolicy}},
		"Services that were not read": {world(), "mysql.data.svc", []facts.Kind{facts.Service}},
	} {
		t.Run(name, func(t *testing.T) {
			g := testkit.Graph(t, tc.documents, tc.unread...)
			node, _ := facts.Lookup[*facts.PodNode](g, client)
			if got, found := NewIndex(g, check.DefaultParams()).Find(node, tc.host, 5432); found {
				t.Errorf("got %+v", got)
			}
		})
	}
}
