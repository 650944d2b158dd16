package facts_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestHostsOfAContainerAreThoseOfItsSpecAndConfigMaps(t *testing.T) {
	config := checktest.Document("v1", "ConfigMap", "name: urls, namespace: shop", `data:
  DB_HOST: orders-db
  MODE: fast
  QUEUE_URL: "amqp://user:word@queue:5672/x"
  API_URL: https://api.example.com:443
  app.yaml: |
    # example: http://example.other.svc:80
    cache: redis.cache.svc:6379 # or redis.other.svc:6379
    // legacy old.cache.svc:1
    -- lua.cache.svc:1
    <!-- xml.cache.svc:1 -->
    /* c.cache.svc:1
     * c.cache.svc:2 */
`)
	pod := func(container string) string {
		return checktest.Document("v1", "Pod", "name: p, namespace: shop", "spec: {containers: [{name: side}, {name: app, "+container+
			"}], volumes: [{name: conf, configMap: {name: urls}}]}")
	}
	key := func(key, host string, port int32) facts.HostUse {
		return facts.HostUse{Container: "app", Field: "key " + key + " of ConfigMap urls", Host: host, Port: port}
	}
	file := func(h facts.HostUse) facts.HostUse {
		h.File = true
		return h
	}
	all := []facts.HostUse{key("DB_HOST", "orders-db", 0), key("QUEUE_URL", "queue", 5672), key("app.yaml", "redis.cache.svc", 6379)}
	for name, tc := range map[string]struct {
		container string
		want      []facts.HostUse
	}{
		"none":     {"image: i", nil},
		"all keys": {"envFrom: [{configMapRef: {name: urls}}]", all},
		"a volume": {
			"volumeMounts: [{name: conf, mountPath: /conf}]", []facts.HostUse{file(all[0]), file(all[1]), file(all[2])},
		},
		"a volume and a key": {
			"volumeMounts: [{name: conf, mountPath: /conf}], env: [{name: Q, valueFrom: {configMapKeyRef: {name: urls, key: QUEUE_URL}}}]",
			[]facts.HostUse{all[1], file(all[0]), file(all[2])},
		},
		"a key":                      {"env: [{name: DB, valueFrom: {configMapKeyRef: {name: urls, key: DB_HOST}}}]", all[:1]},
		"a variable":                 {"env: [{name: SMTP_SERVER, value: mail}]", []facts.HostUse{{Container: "app", Field: "env SMTP_SERVER", Host: "mail"}}},
		"a variable that is no host": {"env: [{name: LEVEL, value: mail}]", nil},
		"one in both": {
			`env: [{name: Q, value: "queue:5672"}, {name: R, valueFrom: {configMapKeyRef: {name: urls, key: QUEUE_URL}}}]`,
			[]facts.HostUse{{Container: "app", Field: "env Q", Host: "queue", Port: 5672}},
		},
		"a ConfigMap that is missing": {"envFrom: [{configMapRef: {name: other}}]", nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := testkit.Graph(t, config+pod(tc.container))
			p, _ := facts.Lookup[*facts.PodNode](g, facts.Ref{Kind: facts.Pod, Namespace: "shop", Name: "p"})
			if diff := cmp.Diff(tc.want, g.HostsOf(p, "app")); diff != "" {
				t.Errorf("hosts (-want +got):\n%s", diff)
			}
			if got := g.HostsOf(p, "side"); got != nil {
				t.Errorf("hosts of another container: %v", got)
			}
		})
	}
}
