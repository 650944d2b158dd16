package workload

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/apimessage"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

const (
	webQuota = `
apiVersion: v1
kind: ResourceQuota
metadata: {name: compute, namespace: shop}
status: {hard: {limits.cpu: "1", limits.memory: 4Gi, pods: "2"}, used: {limits.cpu: "1", limits.memory: 1Gi, pods: "2"}}
---
`
	blockedReplicaSet = ", conditions: [{type: ReplicaFailure, status: 'True', reason: FailedCreate, lastTransitionTime: " +
		"'2026-01-14T11:00:00Z', message: '"
)

func TestPodsBlockedByQuota(t *testing.T) {
	deployment := checktest.WebDeployment("replicas: 3", "replicas: 2, readyReplicas: 2, availableReplicas: 2")
	recent := func(message string) string {
		return checktest.FailedCreate("ReplicaSet", "web-6d4", "web-6d4", "2026-01-15T11:20:00Z", "2026-01-15T11:55:00Z", message)
	}
	cases := map[string]struct {
		documents string
		want      string
	}{
		"named with what it leaves no room for, on the Deployment": {
			documents: deployment + checktest.WebReplicaSet("web-6d4", 3, 2, 2, "") + recent(checktest.OverQuota) + webQuota,
			want: checktest.Lines(
				"high Deployment/shop/web [compute]: Pods of Deployment web cannot be created: ResourceQuota compute has no room for "+
					"their limits.cpu, pods.",
				"  event: FailedCreate: "+checktest.OverQuota,
				"  condition: ResourceQuota compute: 1 of 1 limits.cpu used",
				"  condition: ResourceQuota compute: 2 of 2 pods used"),
		},
		"a condition that stands for a day, after its event is gone": {
			documents: deployment + checktest.WebReplicaSet("web-6d4", 3, 2, 2, blockedReplicaSet+checktest.OverQuota+"'}]"),
			want: checktest.Lines(
				"high Deployment/shop/web [compute]: Pods of Deployment web cannot be created: ResourceQuota compute has no room for "+
					"their limits.cpu, pods.",
				"  condition: ReplicaFailure=True (FailedCreate): "+checktest.OverQuota),
		},
		"the Deployment's own condition, where ReplicaSets were not read": {
			documents: checktest.WebDeployment("replicas: 3",
				"replicas: 2"+blockedReplicaSet+checktest.OverQuota[len("Error creating: "):]+"'}]"),
			want: checktest.Lines(
				"high Deployment/shop/web [compute]: Pods of Deployment web cannot be created: ResourceQuota compute has no room for "+
					"their limits.cpu, pods.",
				"  condition: ReplicaFailure=True (FailedCreate): "+checktest.OverQuota[len("Error creating: "):]),
		},
		"containers that do not state what is counted": {
			documents: deployment + checktest.WebReplicaSet("web-6d4", 3, 2, 2, "") +
				recent(`Error creating: pods "web-6d4-" is forbidden: failed quota: compute: must specify limits.cpu for: web; `+
					`limits.memory for: proxy,web`),
			want: checktest.Lines(
				"high Deployment/shop/web [compute]: Pods of Deployment web cannot be created: ResourceQuota compute requires every "+
					"container to set limits.cpu, limits.memory.",
				`  event: FailedCreate: Error creating: pods "web-6d4-" is forbidden: failed quota: compute: must specify limits.cpu `+
					`for: web; limits.memory for: proxy,web`),
		},
		"the volume claims of a StatefulSet": {
			documents: webStatefulSet("", "replicas: 1") + checktest.FailedCreate(
				"StatefulSet",
				"web",
				"w1",
				"2026-01-15T11:20:00Z",
				"2026-01-15T11:55:00Z",
				`create Claim data-web-1 for Pod web-1 in StatefulSet web failed error: persistentvolumeclaims "data-web-1" is `+
					`forbidden: exceeded quota: disks, requested: requests.storage=10Gi, used: requests.storage=45Gi, limited: `+
					`requests.storage=50Gi`,
			),
			want: checktest.Lines(
				"high StatefulSet/shop/web [disks]: Volume claims of StatefulSet web cannot be created: ResourceQuota disks has no "+
					"room for their requests.storage.",
				`  event: FailedCreate: create Claim data-web-1 for Pod web-1 in StatefulSet web failed error: persistentvolumeclaims `+
					`"data-web-1" is forbidden: exceeded quota: disks, requested: requests.storage=10Gi, used: requests.storage=45Gi, `+
					`limited: requests.storage=50Gi`),
		},
		"a Job of a CronJob, on the CronJob": {
			documents: checktest.Document("batch/v1", "CronJob", `name: night, namespace: shop`, `spec: {schedule: "0 1 * * *", `+
				`jobTemplate: {spec: {template: {spec: {containers: []}}}}}`) +
				checktest.Document("batch/v1", "Job", `name: night-1, namespace: shop, uid: j1, ownerReferences: [{apiVersion: `+
					`batch/v1, kind: CronJob, name: night, uid: c1, controller: true}]`,
					`spec: {template: {spec: {containers: []}}}`) +
				checktest.FailedCreate("Job", "night-1", "j1", "2026-01-15T11:20:00Z", "2026-01-15T11:55:00Z",
					`Error creating: pods "night-1-abcde" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=2, `+
						`limited: pods=2`),
			want: checktest.Lines(
				"high CronJob/shop/night [compute]: Pods of CronJob night cannot be created: ResourceQuota compute has no room for "+
					"their pods.",
				`  event: FailedCreate: Error creating: pods "night-1-abcde" is forbidden: exceeded quota: compute, requested: pods=1, `+
					`used: pods=2, limited: pods=2`),
		},
		"Jobs that may not be created": {
			documents: checktest.Document("batch/v1", "CronJob", `name: night, namespace: shop, uid: c1`, `
spec: {schedule: "0 1 * * *", jobTemplate: {spec: {template: {spec: {containers: []}}}}}
status: {lastScheduleTime: "2026-01-15T01:00:00Z"}`) +
				checktest.FailedCreate("CronJob", "night", "c1", "2026-01-15T11:20:00Z", "2026-01-15T11:55:00Z",
					`Error creating job: jobs.batch "night-29470260" is forbidden: exceeded quota: objects, requested: `+
						`count/jobs.batch=1, used: count/jobs.batch=5, limited: count/jobs.batch=5`),
			want: checktest.Lines(
				"high CronJob/shop/night [objects]: Jobs of CronJob night cannot be created: ResourceQuota objects has no room for "+
					"their count/jobs.batch.",
				`  event: FailedCreate: Error creating job: jobs.batch "night-29470260" is forbidden: exceeded quota: objects, `+
					`requested: count/jobs.batch=1, used: count/jobs.batch=5, limited: count/jobs.batch=5`),
		},
		"what the cluster allows only under a quota": {
			documents: deployment + checktest.WebReplicaSet("web-6d4", 3, 2, 2, "") +
				recent(`Error creating: insufficient quota to match these scopes: [{PriorityClass In [system-cluster-critical]}]`),
			want: checktest.Lines(
				"high Deployment/shop/web [uncovered]: Pods of Deployment web cannot be created: the cluster requires a ResourceQuota "+
					"that covers it ([{PriorityClass In [system-cluster-critical]}]) and namespace shop has none.",
				"  event: FailedCreate: Error creating: insufficient quota to match these scopes: [{PriorityClass In "+
					"[system-cluster-critical]}]"),
		},
		"two revisions that are refused alike, once": {
			documents: deployment + checktest.WebReplicaSet("web-6d4", 3, 2, 2, "") + checktest.WebReplicaSet("web-7e5", 1, 0, 0, blockedReplicaSet+checktest.OverQuota+"'}]") + recent(checktest.OverQuota),
			want: checktest.Lines(
				"high Deployment/shop/web [compute]: Pods of Deployment web cannot be created: ResourceQuota compute has no room for "+
					"their limits.cpu, pods.",
				"  event: FailedCreate: "+checktest.OverQuota),
		},
		"an old event about a workload that lacks Pods for another reason": {
			documents: deployment + checktest.WebReplicaSet("web-6d4", 3, 2, 2, "") +
				checktest.FailedCreate("ReplicaSet", "web-6d4", "web-6d4", "2026-01-15T09:00:00Z", "2026-01-15T10:30:00Z",
					checktest.OverQuota),
		},
		"a recent event about a workload that has got all its Pods since": {
			documents: deployment + checktest.WebReplicaSet("web-6d4", 2, 2, 2, "") + recent(checktest.OverQuota),
		},
		"an earlier ReplicaSet of the same name": {
			documents: deployment + checktest.WebReplicaSet("web-6d4", 3, 2, 2, "") +
				checktest.FailedCreate("ReplicaSet", "web-6d4", "other-uid", "2026-01-15T11:20:00Z", "2026-01-15T11:55:00Z",
					checktest.OverQuota),
		},
		"an admission webhook is another check's": {
			documents: deployment + checktest.WebReplicaSet("web-6d4", 3, 2, 2, "") + recent(`Error creating: admission webhook `+
				`"policy.example.com" denied the request: no`),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "pods-blocked-by-quota", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestBlockedPodsNameWhatIsBehindIt(t *testing.T) {
	blocked := func(message, others string) string {
		return checktest.WebDeployment("replicas: 3", "replicas: 2") + checktest.WebReplicaSet("web-6d4", 3, 2, 2, "") +
			checktest.FailedCreate("ReplicaSet", "web-6d4", "web-6d4", "2026-01-15T11:20:00Z", "2026-01-15T11:55:00Z", message) + others
	}
	quota := facts.Ref{Kind: facts.ResourceQuota, Namespace: "shop", Name: "compute"}
	cases := map[string]struct {
		documents string
		want      []facts.Ref
	}{
		"a quota that is used up": {documents: blocked(checktest.OverQuota, webQuota), want: []facts.Ref{quota}},
		"a quota that has room, only not enough of it": {
			documents: blocked(`Error creating: pods "web-6d4-a" is forbidden: exceeded quota: compute, requested: limits.memory=8Gi, `+
				`used: limits.memory=1Gi, limited: limits.memory=4Gi`, webQuota),
		},
		"the configuration of a webhook that does not answer": {
			documents: blocked(`Error creating: Internal error occurred: failed calling webhook "inject.example.com": failed to call `+
				`webhook: Post "https://injector.mesh.svc:443/inject?timeout=10s": no endpoints available for service "injector"`,
				checktest.Document("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "name: injector", `
webhooks: [{name: inject.example.com, sideEffects: None, admissionReviewVersions: [v1],
  clientConfig: {service: {namespace: mesh, name: injector}}}]`)),
			want: []facts.Ref{{Kind: facts.MutatingWebhook, Name: "injector"}},
		},
		"a webhook that only said no": {
			documents: blocked(`Error creating: admission webhook "inject.example.com" denied the request: no`,
				checktest.Document("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "name: injector", `
webhooks: [{name: inject.example.com, sideEffects: None, admissionReviewVersions: [v1],
  clientConfig: {service: {namespace: mesh, name: injector}}}]`)),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			findings := blockedFindings(testkit.Graph(t, c.documents), check.DefaultParams(),
				func(apimessage.Refusal) bool { return true })
			if len(findings) != 1 {
				t.Fatalf("%d findings, want 1", len(findings))
			}
			if diff := cmp.Diff(c.want, findings[0].Culprits); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestPodsBlockedByAdmission(t *testing.T) {
	cases := map[string]struct {
		message string
		want    string
	}{
		"a webhook denies them": {
			message: `Error creating: admission webhook "validate.kyverno.svc-fail" denied the request: resource ` +
				`Pod/shop/web-6d4-x2k9z was blocked due to the following policies`,
			want: "[validate.kyverno.svc-fail]: Pods of Deployment web cannot be created: admission webhook " +
				"validate.kyverno.svc-fail denies them.",
		},
		"a webhook does not answer": {
			message: `Error creating: Internal error occurred: failed calling webhook "inject.example.com": failed to call webhook: ` +
				`Post "https://injector.mesh.svc:443/inject?timeout=10s": dial tcp 10.96.3.4:443: connect: connection refused`,
			want: "[inject.example.com]: Pods of Deployment web cannot be created: admission webhook inject.example.com " +
				"(ValidatingWebhookConfiguration gates) refuses connections.",
		},
		"a policy denies them": {
			message: `Error creating: pods "web-6d4-x2k9z" is forbidden: ValidatingAdmissionPolicy 'only-signed' with binding ` +
				`'only-signed-shop' denied request: image web:1 is not signed`,
			want: "[only-signed]: Pods of Deployment web cannot be created: ValidatingAdmissionPolicy only-signed denies them.",
		},
		"they violate Pod Security": {
			message: `Error creating: pods "web-6d4-x2k9z" is forbidden: violates PodSecurity "restricted:latest": ` +
				`allowPrivilegeEscalation != false (container "web" must set securityContext.allowPrivilegeEscalation=false), ` +
				`runAsNonRoot != true (pod or container "web" must set securityContext.runAsNonRoot=true)`,
			want: "[restricted:latest]: Pods of Deployment web cannot be created: namespace shop enforces Pod Security level " +
				"restricted, which they violate: allowPrivilegeEscalation != false, runAsNonRoot != true.",
		},
		"a LimitRange forbids them": {
			message: `Error creating: pods "web-6d4-x2k9z" is forbidden: [maximum cpu usage per Container is 1, but limit is 2, ` +
				`maximum memory usage per Container is 1Gi, but limit is 2Gi]`,
			want: "[limitrange]: Pods of Deployment web cannot be created: they violate a LimitRange in namespace shop: maximum cpu " +
				"usage per Container is 1, but limit is 2, maximum memory usage per Container is 1Gi, but limit is 2Gi.",
		},
		"a PriorityClass is missing": {
			message: `Error creating: pods "web-6d4-x2k9z" is forbidden: no PriorityClass with name urgent was found`,
			want: "[PriorityClass urgent]: Pods of Deployment web cannot be created: they reference PriorityClass urgent, which " +
				"does not exist.",
		},
		"a RuntimeClass is missing": {
			message: `Error creating: pods "web-6d4-x2k9z" is forbidden: pod rejected: RuntimeClass "gvisor" not found`,
			want: "[RuntimeClass gvisor]: Pods of Deployment web cannot be created: they reference RuntimeClass gvisor, which does " +
				"not exist.",
		},
		"the template makes no valid Pod": {
			message: `Error creating: Pod "web-6d4-x2k9z" is invalid: spec.containers[0].resources.requests: Invalid value: "2": must ` +
				`be less than or equal to cpu limit of 1`,
			want: "[invalid]: Pods of Deployment web cannot be created: the API server rejects their template as invalid.",
		},
		"another plugin refuses them": {
			message: `Error creating: pods "web-6d4-x2k9z" is forbidden: unable to validate against any security context constraint: []`,
			want:    "[other]: Pods of Deployment web cannot be created: admission control rejects them.",
		},
		"a ServiceAccount is missing, which has a check of its own": {
			message: `Error creating: pods "web-6d4-x2k9z" is forbidden: error looking up service account shop/web: serviceaccount ` +
				`"web" not found`,
		},
		"the API server was slow":               {message: `Error creating: etcdserver: request timed out`},
		"a quota, which has a check of its own": {message: checktest.OverQuota},
		"the namespace is about to go away": {message: `Error creating: pods "web-6d4-x2k9z" is forbidden: unable to create new ` +
			`content in namespace shop because it is being terminated`},
		"an empty message says nothing":           {message: `-`},
		"a refusal that is cut off in the middle": {message: `Error creating: admission webhook "val`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := checktest.Text(
				t,
				Checks(),
				"pods-blocked-by-admission",
				gates("validate.kyverno.svc-fail", "inject.example.com")+checktest.WebDeployment("replicas: 3", "replicas: 2")+
					checktest.WebReplicaSet("web-6d4", 3, 2, 2, "")+
					checktest.FailedCreate("ReplicaSet", "web-6d4", "web-6d4", "2026-01-15T11:20:00Z", "2026-01-15T11:55:00Z", c.message),
			)
			want := ""
			if c.want != "" {
				want = checktest.Lines("high Deployment/shop/web "+c.want, "  event: FailedCreate: "+c.message)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// gates is a configuration of webhooks.
func gates(names ...string) string {
	hooks := ""
	for _, name := range names {
		hooks += "\n- {name: " + name + ", sideEffects: None, admissionReviewVersions: [v1], clientConfig: {url: https://gate.example.com}}"
	}
	return checktest.Document("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "name: gates", "webhooks:"+hooks)
}

func TestARefusalByWhatIsGoneSinceIsHistory(t *testing.T) {
	const (
		webhook  = `Error creating: admission webhook "gate.example.com" denied the request: no`
		call     = `Error creating: Internal error occurred: failed calling webhook "gate.example.com": failed to call webhook: x`
		security = `Error creating: pods "web-6d4-x2k9z" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)`
	)
	level := func(label string) string {
		return checktest.Document("v1", "Namespace", "name: shop, labels: {"+label+"}", "")
	}
	for name, tc := range map[string]struct {
		message, documents string
		unread             []facts.Kind
		found              bool
	}{
		"the webhook is there":                  {webhook, gates("gate.example.com"), nil, true},
		"the webhook is gone":                   {webhook, gates("other.example.com"), nil, false},
		"the webhook that was called is gone":   {call, "", nil, false},
		"the webhooks were not read":            {webhook, "", []facts.Kind{facts.MutatingWebhook}, true},
		"the namespace enforces the level":      {security, level("pod-security.kubernetes.io/enforce: baseline"), nil, true},
		"the namespace enforces a higher level": {security, level("pod-security.kubernetes.io/enforce: restricted"), nil, true},
		"the namespace enforces a lower level":  {security, level("pod-security.kubernetes.io/enforce: privileged"), nil, false},
		"the level is the API server's default": {security, level(""), nil, true},
		"the namespace has a level of its own":  {security, level("pod-security.kubernetes.io/enforce: custom"), nil, true},
		"the namespace was not read":            {security, "", []facts.Kind{facts.Namespace}, true},
	} {
		t.Run(name, func(t *testing.T) {
			documents := tc.documents + checktest.WebDeployment("replicas: 3", "replicas: 2") + checktest.WebReplicaSet("web-6d4", 3, 2, 2, "") +
				checktest.FailedCreate("ReplicaSet", "web-6d4", "web-6d4", "2026-01-15T11:20:00Z", "2026-01-15T11:55:00Z", tc.message)
			got := blockedFindings(testkit.Graph(t, documents, tc.unread...), check.DefaultParams(), func(apimessage.Refusal) bool { return true })
			if (len(got) == 1) != tc.found {
				t.Errorf("%d findings, want one: %t", len(got), tc.found)
			}
		})
	}
}
