package pod

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestParseMissingReferencesFromKubeletMessages(t *testing.T) {
	for name, tc := range map[string]struct {
		message string
		want    []reference
	}{
		"ConfigMap of an env": {`configmap "settings" not found`, []reference{{facts.ConfigMap, "settings", ""}}},
		"Secret of an env":    {`secret "db" not found`, []reference{{facts.Secret, "db", ""}}},
		"key of a ConfigMap": {"couldn't find key db-url in ConfigMap " +
			"shop/settings", []reference{{facts.ConfigMap, "settings", "db-url"}}},
		"key of a Secret": {"couldn't find key password in Secret shop/db", []reference{{facts.Secret, "db", "password"}}},
		"key of a ConfigMap's volume": {`MountVolume.SetUp failed for volume "config" : configmap references non-existent config key: ` +
			`app.yaml`, []reference{{facts.ConfigMap, "", "app.yaml"}}},
		"key of a Secret's volume": {`MountVolume.SetUp failed for volume "tls" : references non-existent secret key: ` +
			`tls.crt`, []reference{{facts.Secret, "", "tls.crt"}}},
		"the volume's whole ConfigMap": {`MountVolume.SetUp failed for volume "config" : configmap "settings" ` +
			`not found`, []reference{{facts.ConfigMap, "settings", ""}}},
		"several in a projected volume": {`MountVolume.SetUp failed for volume "all" : [secret "db" not found, configmap "settings" ` +
			`not found, configmap references non-existent config key: a]`,
			[]reference{{facts.Secret, "db", ""}, {facts.ConfigMap, "settings", ""}, {facts.ConfigMap, "", "a"}}},
		"in the API server's words":           {`configmaps "settings" not found`, []reference{{facts.ConfigMap, "settings", ""}}},
		"twice the same":                      {`[secret "db" not found, secret "db" not found]`, []reference{{facts.Secret, "db", ""}}},
		"something else that is not found":    {`persistentvolumeclaim "data" not found`, nil},
		"a Secret that cannot be read":        {`secret "db" is forbidden: no relationship found`, nil},
		"nothing":                             {"", nil},
		"a quote that is never closed":        {`configmap "set`, nil},
		"a key of a kind that is neither one": {"couldn't find key a in Gadget shop/b", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, parseMissing(tc.message), cmp.AllowUnexported(reference{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

const (
	envOfConfigMap = "containers: [{name: api, image: i, env: [{name: DB_URL, valueFrom: {configMapKeyRef: {name: settings, key: " +
		"db-url}}}]}]"
	configVolume = "containers: [{name: api, image: i}], volumes: [{name: config, configMap: {name: settings, items: [{key: " +
		"app.yaml, path: app.yaml}]}}]"
)

func configMap(name, data string) string {
	return checktest.Document("v1", "ConfigMap", "namespace: shop, name: "+name, "data: {"+data+"}")
}

func TestAMissingConfigMapIsReported(t *testing.T) {
	const notFound = `configmap "settings" not found`
	refused := checktest.CartWithPod(waitingPod(envOfConfigMap, "CreateContainerConfigError", notFound))
	optional := strings.Replace(envOfConfigMap, "key: db-url", "key: db-url, optional: true", 1)
	for name, tc := range map[string]struct {
		documents string
		elsewhere []facts.Kind
		want      string
	}{
		"of an environment variable": {refused, nil, checktest.Lines(
			"high Deployment/shop/cart [settings]: ConfigMap settings does not exist; Deployment cart needs it (env DB_URL of "+
				"container api).",
			`  condition: container api is waiting: CreateContainerConfigError: configmap "settings" not found`,
			"  spec: env DB_URL of container api: ConfigMap settings",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"of an environment variable, where ConfigMaps cannot be read": {refused, []facts.Kind{facts.ConfigMap}, checktest.Lines(
			"high Deployment/shop/cart [settings]: ConfigMap settings does not exist; Deployment cart needs it (env DB_URL of "+
				"container api).",
			`  condition: container api is waiting: CreateContainerConfigError: configmap "settings" not found`,
			"  spec: env DB_URL of container api: ConfigMap settings",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"one with a near name exists": {refused + configMap("setings", ""), nil, checktest.Lines(
			"high Deployment/shop/cart [settings]: ConfigMap settings does not exist; Deployment cart needs it (env DB_URL of "+
				"container api).",
			`  condition: container api is waiting: CreateContainerConfigError: configmap "settings" not found`,
			"  spec: env DB_URL of container api: ConfigMap settings",
			"  spec: similar name: ConfigMap setings exists",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"of a volume, from the event": {checktest.CartWithPod(waitingPod(configVolume, "ContainerCreating", "")) +
			eventAbout("cart-7d9f-a", "", "FailedMount", `MountVolume.SetUp failed for volume `+
				`"config" : `+notFound, "11:59", 12), []facts.Kind{facts.ConfigMap}, checktest.Lines(
			"high Deployment/shop/cart [settings]: ConfigMap settings does not exist; Deployment cart needs it (volume config).",
			`  event: FailedMount: MountVolume.SetUp failed for volume "config" : configmap "settings" not found`,
			"  spec: volume config: ConfigMap settings",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"of a volume, without an event": {checktest.CartWithPod(waitingPod(configVolume, "ContainerCreating", "")), nil, checktest.Lines(
			"high Deployment/shop/cart [settings]: ConfigMap settings does not exist; Deployment cart needs it (volume config).",
			"  spec: volume config: ConfigMap settings",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"of a volume, without an event or permission to read ConfigMaps": {checktest.CartWithPod(waitingPod(configVolume,
			"ContainerCreating", "")), []facts.Kind{facts.ConfigMap}, ""},
		"it was created since":               {refused + configMap("settings", "db-url: x"), nil, ""},
		"of a Pod that is half a minute old": {strings.ReplaceAll(refused, "2026-01-15T11:00:00Z", "2026-01-15T11:59:30Z"), nil, ""},
		"an optional one":                    {checktest.CartWithPod(waitingPod(optional, "ContainerCreating", "")), nil, ""},
		"of a Pod that runs and needs it no more": {checktest.CartWithPod("spec: {nodeName: node-1, " + envOfConfigMap +
			"}\nstatus: {phase: Running, " +
			"containerStatuses: [{name: api, ready: true, restartCount: 0, state: {running: {}}}]}"), nil, ""},
		"of a Pod that still pulls its image": {checktest.CartWithPod("spec: {nodeName: node-1, " + configVolume + "}\nstatus: {phase: " +
			"Pending, conditions: [{type: PodReadyToStartContainers, status: \"True\"}], " +
			"containerStatuses: [{name: api, ready: false, restartCount: 0, state: {waiting: {reason: ContainerCreating}}}]}"), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), configMapMissing, tc.documents, tc.elsewhere...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConfigMapKeyMissing(t *testing.T) {
	refused := checktest.CartWithPod(waitingPod(envOfConfigMap, "CreateContainerConfigError", "couldn't find key db-url in ConfigMap "+
		"shop/settings"))
	for name, tc := range map[string]struct {
		documents string
		want      string
	}{
		"the key is written otherwise": {refused + configMap("settings", "DB_URL: postgres://, log-level: info"), checktest.Lines(
			"high Deployment/shop/cart [settings/db-url]: ConfigMap settings has no key db-url; Deployment cart needs it (env DB_URL "+
				"of container api).",
			"  condition: container api is waiting: CreateContainerConfigError: couldn't find key db-url in ConfigMap shop/settings",
			"  spec: env DB_URL of container api: key db-url of ConfigMap settings",
			"  spec: ConfigMap settings has the keys DB_URL, log-level",
			"  spec: similar key: DB_URL",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"the ConfigMap is empty": {refused + configMap("settings", ""), checktest.Lines(
			"high Deployment/shop/cart [settings/db-url]: ConfigMap settings has no key db-url; Deployment cart needs it (env DB_URL "+
				"of container api).",
			"  condition: container api is waiting: CreateContainerConfigError: couldn't find key db-url in ConfigMap shop/settings",
			"  spec: env DB_URL of container api: key db-url of ConfigMap settings",
			"  spec: ConfigMap settings has no keys",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"of a volume, whose event names the key alone": {checktest.CartWithPod(waitingPod(configVolume, "ContainerCreating", "")) +
			configMap("settings", "app.yml: x") +
			eventAbout("cart-7d9f-a", "", "FailedMount", `MountVolume.SetUp failed for volume "config" : configmap references `+
				`non-existent config key: app.yaml`, "11:59", 12), checktest.Lines(
			"high Deployment/shop/cart [settings/app.yaml]: ConfigMap settings has no key app.yaml; Deployment cart needs it (volume "+
				"config).",
			`  event: FailedMount: MountVolume.SetUp failed for volume "config" : configmap references non-existent config key: app.yaml`,
			"  spec: volume config: key app.yaml of ConfigMap settings",
			"  spec: ConfigMap settings has the key app.yml",
			"  spec: similar key: app.yml",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"it was added since": {refused + configMap("settings", "db-url: x"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), configMapKeyMissing, tc.documents)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAMissingSecretIsReported(t *testing.T) {
	spec := "containers: [{name: api, image: i, envFrom: [{secretRef: {name: db}}]}]"
	key := "containers: [{name: api, image: i, env: [{name: PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}]}]"
	secret := checktest.Document("v1", "Secret", "name: db, namespace: shop", "data: {user: cm9vdA==}")
	for name, tc := range map[string]struct {
		check, documents string
		elsewhere        []facts.Kind
		want             string
	}{
		"missing, and Secrets cannot be read": {secretMissing, checktest.CartWithPod(waitingPod(spec, "CreateContainerConfigError",
			`secret "db" not found`)), []facts.Kind{facts.Secret}, checktest.Lines(
			"high Deployment/shop/cart [db]: Secret db does not exist; Deployment cart needs it (envFrom of container api).",
			`  condition: container api is waiting: CreateContainerConfigError: secret "db" not found`,
			"  spec: envFrom of container api: Secret db",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"without its key; other keys are not shown": {secretKeyMissing, secret + checktest.CartWithPod(waitingPod(key,
			"CreateContainerConfigError", "couldn't find "+
				"key password in Secret shop/db")), nil, checktest.Lines(
			"high Deployment/shop/cart [db/password]: Secret db has no key password; Deployment cart needs it (env PASSWORD of "+
				"container api).",
			"  condition: container api is waiting: CreateContainerConfigError: couldn't find key password in Secret shop/db",
			"  spec: env PASSWORD of container api: key password of Secret db",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"created since": {secretMissing, secret + checktest.CartWithPod(waitingPod(spec, "CreateContainerConfigError",
			`secret "db" not found`)), nil, ""},
		"a missing pull secret is none": {secretMissing, checktest.CartWithPod(waitingPod("imagePullSecrets: [{name: regcred}], "+
			"containers: [{name: api, image: i}]",
			"ContainerCreating", "")), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), tc.check, tc.documents, tc.elsewhere...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRemediationOfMissingReferenceHasACommand(t *testing.T) {
	for name, tc := range map[string]struct {
		ref     reference
		similar string
		want    string
	}{
		"ConfigMap": {reference{facts.ConfigMap, "settings", ""}, "", "kubectl -n shop create configmap settings " +
			"--from-literal=<key>=<value>"},
		"key": {reference{facts.ConfigMap, "settings", "a"}, "", `kubectl -n shop patch configmap settings --type=merge -p ` +
			`'{"data":{"a":"<value>"}}'`},
		"Secret": {reference{facts.Secret, "db", ""}, "", "kubectl -n shop create secret generic db --from-literal=<key>=<value>"},
		"its key": {reference{facts.Secret, "db", "p"}, "", `kubectl -n shop patch secret db --type=merge -p ` +
			`'{"stringData":{"p":"<value>"}}'`},
		"a typo": {reference{facts.ConfigMap, "settings", "db-url"}, "DB_URL", "Correct the key in the Pod template to DB_URL"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.ref.remedy("shop", tc.similar); !strings.Contains(string(got), tc.want) {
				t.Errorf("got %q, want it to hold %q", got, tc.want)
			}
		})
	}
}
