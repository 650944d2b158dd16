package controlplane

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// goneAt is a namespace that was deleted at a time, with conditions that are True.
func goneAt(at, metadata, conditions string) string {
	return checktest.Document("v1", "Namespace", `name: old, deletionTimestamp: "`+at+`"`+metadata, `
spec: {finalizers: [kubernetes]}
status: {phase: Terminating, conditions: [`+conditions+`]}`)
}

func standing(conditionType, reason, message string) string {
	return `{type: ` + conditionType + `, status: "True", reason: ` + reason + `, message: '` + message + `', lastTransitionTime: "` + checktest.LongAgo + `"},`
}

const (
	discoveryFailed = "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: " +
		"metrics.k8s.io/v1beta1: stale GroupVersion discovery: metrics.k8s.io/v1beta1"
	remaining     = "Some resources are remaining: pods. has 2 resource instances, widgets.example.com has 1 resource instances"
	held          = "Some content in the namespace has finalizers remaining: example.com/cleanup in 1 resource instances"
	webhookFailed = `Failed to delete all resource types, 1 remaining: Internal error occurred: failed calling webhook "guard.example.com": failed to call webhook: Post "https://guard.ops.svc:443/": service "guard" not found`
)

func TestANamespaceStuckInTerminationIsReported(t *testing.T) {
	cases := map[string]struct {
		documents string
		want      string
	}{
		"an API that does not respond": {
			documents: goneAt(checktest.LongAgo, "", standing("NamespaceDeletionDiscoveryFailure", "DiscoveryFailed", discoveryFailed)),
			want: checktest.Lines(
				"medium Namespace/old: Namespace old is stuck terminating: its objects cannot be listed because API "+
					"metrics.k8s.io/v1beta1 does not respond.",
				"  condition: NamespaceDeletionDiscoveryFailure=True (DiscoveryFailed): "+discoveryFailed,
			),
		},
		"finalizers, with what they hold": {
			documents: goneAt(checktest.LongAgo, "", standing("NamespaceContentRemaining", "SomeResourcesRemain", remaining)+
				standing("NamespaceFinalizersRemaining", "SomeFinalizersRemain", held)),
			want: checktest.Lines(
				"medium Namespace/old: Namespace old is stuck terminating: pods, widgets.example.com are held by finalizer "+
					"example.com/cleanup.",
				"  condition: NamespaceContentRemaining=True (SomeResourcesRemain): "+remaining,
				"  condition: NamespaceFinalizersRemaining=True (SomeFinalizersRemain): "+held,
			),
		},
		"objects that remain without a finalizer": {
			documents: goneAt(checktest.LongAgo, "", standing("NamespaceContentRemaining", "SomeResourcesRemain", remaining)),
			want: checktest.Lines(
				"medium Namespace/old: Namespace old is stuck terminating: pods, widgets.example.com remain.",
				"  condition: NamespaceContentRemaining=True (SomeResourcesRemain): "+remaining),
		},
		"a webhook that does not respond": {
			documents: goneAt(checktest.LongAgo, "", standing("NamespaceDeletionContentFailure", "ContentDeletionFailed", webhookFailed)),
			want: checktest.Lines(
				"medium Namespace/old: Namespace old is stuck terminating: admission webhook guard.example.com, which is called for "+
					"deletions, does not respond.",
				"  condition: NamespaceDeletionContentFailure=True (ContentDeletionFailed): "+webhookFailed,
			),
		},
		"a finalizer of its own": {
			documents: goneAt(checktest.LongAgo, ", finalizers: [example.com/account]", ""),
			want: checktest.Lines(
				"medium Namespace/old: Namespace old is stuck terminating: it has finalizer example.com/account.",
				"  spec: finalizers of the namespace itself: example.com/account"),
		},
		"nobody works on it": {
			documents: goneAt(checktest.LongAgo, "", ""),
			want:      checktest.Lines("medium Namespace/old: Namespace old is stuck terminating: no condition reports the reason."),
		},
		"on its way": {
			documents: goneAt("2026-01-15T11:58:00Z", "", standing("NamespaceContentRemaining", "SomeResourcesRemain", remaining)),
		},
		"active": {documents: checktest.Document("v1", "Namespace", "name: old", "status: {phase: Active}")},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "namespace-stuck-terminating", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestStuckNamespacesNameTheirCulprits(t *testing.T) {
	cases := map[string]struct {
		documents string
		want      []facts.Ref
	}{
		"the API that does not respond": {
			documents: goneAt(checktest.LongAgo, "", standing("NamespaceDeletionDiscoveryFailure", "DiscoveryFailed", discoveryFailed)),
			want:      []facts.Ref{{Kind: facts.APIService, Name: "v1beta1.metrics.k8s.io"}},
		},
		"the configuration of the webhook": {
			documents: goneAt(checktest.LongAgo, "",
				standing("NamespaceDeletionContentFailure", "ContentDeletionFailed", webhookFailed)) +
				checktest.Document(
					"admissionregistration.k8s.io/v1",
					"ValidatingWebhookConfiguration",
					"name: guard",
					`
webhooks: [{name: guard.example.com, sideEffects: None, admissionReviewVersions: [v1], clientConfig: {service: {namespace: ops, name: guard}}}]`,
				),
			want: []facts.Ref{{Kind: facts.ValidatingWebhook, Name: "guard"}},
		},
		"the Pods that do not go": {
			documents: goneAt(checktest.LongAgo, "", standing("NamespaceContentRemaining", "SomeResourcesRemain", remaining)) +
				checktest.Document("v1", "Pod", `name: db-0, namespace: old, deletionTimestamp: "`+checktest.LongAgo+`", finalizers: [x]`,
					"spec: {containers: []}") +
				checktest.Document("v1", "Pod", `name: db-1, namespace: old`, "spec: {containers: []}"),
			want: []facts.Ref{{Kind: facts.Pod, Namespace: "old", Name: "db-0"}},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			findings := namespaceStuckTerminating(testkit.Graph(t, c.documents), check.DefaultParams())
			if len(findings) != 1 {
				t.Fatalf("%d findings, want 1", len(findings))
			}
			if diff := cmp.Diff(c.want, findings[0].Culprits); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
