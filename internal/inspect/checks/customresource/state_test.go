package customresource

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// judged runs table tests of one check.
func judged(t *testing.T, id string, cases map[string]struct{ documents, want string }, elsewhere ...facts.Kind) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), id, tc.documents, elsewhere...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

const (
	anHourAgo     = `"2026-01-15T11:00:00Z"`
	twoMinutesAgo = `"2026-01-15T11:58:00Z"`
	quarterAgo    = `"2026-01-15T11:45:00Z"`
)

// conditionOf is a condition in YAML's short form.
func conditionOf(conditionType, status, reason, since string) string {
	return "{type: " + conditionType + ", status: \"" + status + "\", reason: " + reason + ", message: m, " +
		"lastTransitionTime: " + since + "}"
}

func TestCustomResourceThatIsNotReady(t *testing.T) {
	widget := func(metadata, rest string) string {
		return checktest.Document("shop.example/v1", "Widget",
			"name: w, namespace: shop, generation: 2, creationTimestamp: \"2026-01-01T00:00:00Z\""+metadata, rest)
	}
	with := func(conditions string) string { return widget("", "status: {conditions: ["+conditions+"]}") }
	const on = " Widget.shop.example/shop/w: Widget w is not healthy: its "
	judged(t, "custom-resource-not-ready", map[string]struct{ documents, want string }{
		"Ready is False": {with(conditionOf("Ready", "False", "BuildFailed", anHourAgo)), checktest.Lines(
			"medium"+on+"condition Ready is False (BuildFailed).", "  condition: Ready=False (BuildFailed): m")},
		"Stalled is True, and Ready False: one finding": {
			with(conditionOf("Stalled", "True", "Why", anHourAgo) + "," + conditionOf("Ready", "False", "R", anHourAgo)),
			checktest.Lines(
				"medium"+on+"condition Ready is False (R).", "  condition: Ready=False (R): m", "  condition: Stalled=True (Why): m"),
		},
		"ready, but not in step": {
			with(conditionOf("Ready", "True", "R", anHourAgo) + "," + conditionOf("Synced", "False", "ReconcileError", anHourAgo)),
			checktest.Lines(
				"low"+on+"condition Synced is False (ReconcileError).", "  condition: Synced=False (ReconcileError): m"),
		},
		"a cluster-scoped one, written oddly": {
			checktest.Document("shop.example/v1", "Store", "name: s",
				"status: {conditions: [{type: Ready, status: false}, 7, {type: [1]}, {status: x}]}"),
			checktest.Lines(
				"medium Store.shop.example/s: Store s is not healthy: its condition Ready is False.", "  condition: Ready=False"),
		},
		"ready":               {with(conditionOf("Ready", "True", "R", anHourAgo)), ""},
		"not known":           {with(conditionOf("Ready", "Unknown", "R", anHourAgo)), ""},
		"it may take a while": {with(conditionOf("Ready", "False", "R", twoMinutesAgo)), ""},
		"work is under way":   {with(conditionOf("Ready", "False", "Provisioning", quarterAgo)), ""},
		"work has been under way for long": {
			with(conditionOf("Ready", "False", "Provisioning", anHourAgo)),
			checktest.Lines("medium"+on+"condition Ready is False (Provisioning).", "  condition: Ready=False (Provisioning): m"),
		},
		"it has done its work":               {with(conditionOf("Ready", "False", "PodCompleted", anHourAgo)), ""},
		"a type that is False when all well": {with(conditionOf("Active", "False", "NoTraffic", anHourAgo)), ""},
		"the condition is of an older spec": {
			widget("", "status: {observedGeneration: 1, conditions: ["+conditionOf("Ready", "False", "R", anHourAgo)+"]}"),
			"",
		},
		"suspended": {
			widget("", "spec: {suspend: true}\nstatus: {conditions: ["+conditionOf("Ready", "False", "R", anHourAgo)+"]}"),
			"",
		},
		"paused by an annotation": {
			widget(", annotations: {crossplane.io/paused: \"true\"}",
				"status: {conditions: ["+conditionOf("Ready", "False", "R", anHourAgo)+"]}"),
			"",
		},
		"on its way out": {
			widget(", deletionTimestamp: "+anHourAgo+", finalizers: [a/b]",
				"status: {conditions: ["+conditionOf("Ready", "False", "R", anHourAgo)+"]}"),
			"",
		},
		"a run that failed lately": {
			with(conditionOf("Succeeded", "False", "Failed", quarterAgo)),
			checktest.Lines("low"+on+"condition Succeeded is False (Failed).", "  condition: Succeeded=False (Failed): m"),
		},
		"a run that failed long ago": {with(conditionOf("Succeeded", "False", "Failed", `"2026-01-10T00:00:00Z"`)), ""},
		"a phase, and no condition": {
			widget("", "status: {phase: Failed}"),
			checktest.Lines("low"+on+"phase is Failed.", "  condition: status.phase: Failed"),
		},
		"a phase of long ago": {widget("", "status: {phase: Failed, completionTimestamp: \"2026-01-10T00:00:00Z\"}"), ""},
		"a phase beside a good condition": {
			widget("", "status: {phase: Failed, conditions: ["+conditionOf("Ready", "True", "R", anHourAgo)+"]}"),
			"",
		},
		"a status that is no object": {widget("", "status: broken"), ""},
		"kinds with a check of their own": {
			checktest.Document("cert-manager.io/v1", "Certificate", "name: c, namespace: shop",
				"status: {conditions: ["+conditionOf("Ready", "False", "R", anHourAgo)+"]}"),
			"",
		},
	})
}

func TestCustomResourceThatItsControllerForgot(t *testing.T) {
	widget := func(metadata, status string) string {
		return checktest.Document("shop.example/v1", "Widget", "name: w, namespace: shop, generation: 3"+metadata, "status: "+status)
	}
	const old = `, creationTimestamp: "2026-01-01T00:00:00Z"`
	judged(t, "custom-resource-stale-status", map[string]struct{ documents, want string }{
		"it lags": {widget(old, "{observedGeneration: 2}"), checktest.Lines(
			"low Widget.shop.example/shop/w: Widget w was changed, but its controller has not observed the change.",
			"  condition: status.observedGeneration is 2, metadata.generation 3; last written at 2026-01-01 00:00:00 UTC")},
		"conditions tell": {
			widget(old,
				"{conditions: [{type: A, status: \"True\", observedGeneration: 1}, {type: B, status: \"True\", observedGeneration: 2}]}"),
			checktest.Lines(
				"low Widget.shop.example/shop/w: Widget w was changed, but its controller has not observed the change.",
				"  condition: status.observedGeneration is 2, metadata.generation 3; last written at 2026-01-01 00:00:00 UTC"),
		},
		"it is up to date": {widget(old, "{observedGeneration: 3}"), ""},
		"it does not tell": {widget(old, "{phase: Ready}"), ""},
		"changed a moment ago": {
			widget(
				old+`, managedFields: [{manager: kubectl, time: `+twoMinutesAgo+`}, {manager: op, subresource: status, time: "2026-01-15T11:59:00Z"}]`,
				"{observedGeneration: 2}",
			),
			"",
		},
		"only its status was written then": {
			widget(old+`, managedFields: [{manager: op, subresource: status, time: `+twoMinutesAgo+`}]`, "{observedGeneration: 3}"),
			"",
		},
		"on its way out": {
			widget(old+", deletionTimestamp: "+anHourAgo+", finalizers: [a]", "{observedGeneration: 2}"),
			"",
		},
	})
}

func TestCustomResourceThatDoesNotGoAway(t *testing.T) {
	widget := func(deleted, finalizers string) string {
		return checktest.Document("shop.example/v1", "Widget",
			"name: w, namespace: shop, deletionTimestamp: "+deleted+", finalizers: ["+finalizers+"]",
			"status: {conditions: ["+conditionOf("Ready", "False", "R", anHourAgo)+"]}")
	}
	judged(t, "custom-resource-stuck-terminating", map[string]struct{ documents, want string }{
		"held": {widget(anHourAgo, "shop.example/cleanup"), checktest.Lines(
			"medium Widget.shop.example/shop/w: Widget w is stuck terminating: it is held by finalizer shop.example/cleanup.",
			"  spec: deleted at 2026-01-15 11:00:00 UTC", "  spec: finalizers: shop.example/cleanup", "  condition: Ready=False (R): m")},
		"a moment ago": {widget(twoMinutesAgo, "a/b"), ""},
		"not deleted":  {checktest.Document("shop.example/v1", "Widget", "name: w, namespace: shop", ""), ""},
	})
}

func TestACustomResourceDefinitionThatIsNotServedIsReported(t *testing.T) {
	crd := func(versions, status string) string {
		return checktest.Document(
			"apiextensions.k8s.io/v1",
			"CustomResourceDefinition",
			"name: widgets.shop.example, creationTimestamp: \"2026-01-01T00:00:00Z\"",
			"spec: {group: shop.example, scope: Namespaced, names: {plural: widgets, kind: Widget}, "+
				"versions: ["+versions+"]}\nstatus: "+status,
		)
	}
	const v1 = "{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}"
	judged(t, "crd-not-established", map[string]struct{ documents, want string }{
		"its names are taken": {
			crd(
				v1,
				"{conditions: ["+conditionOf("NamesAccepted", "False", "ShortNamesConflict", anHourAgo)+","+conditionOf("Established", "False", "NotAccepted", anHourAgo)+"]}",
			),
			checktest.Lines(
				"medium CustomResourceDefinition/widgets.shop.example: CustomResourceDefinition widgets.shop.example has conflicting "+
					"names (ShortNamesConflict): another definition in its group uses them.",
				"  condition: NamesAccepted=False (ShortNamesConflict): m",
				"  condition: Established=False (NotAccepted): m",
			),
		},
		"in force": {crd(v1, "{conditions: ["+conditionOf("Established", "True", "InitialNamesAccepted", anHourAgo)+"]}"), ""},
		"new":      {crd(v1, "{conditions: ["+conditionOf("Established", "False", "Installing", `"2026-01-15T11:59:50Z"`)+"]}"), ""},
	})
	const beta = "{name: v1beta1, served: true, storage: false, deprecated: true, deprecationWarning: use v1}"
	judged(t, "crd-version-deprecated", map[string]struct{ documents, want string }{
		"stored": {crd(v1+","+beta, "{storedVersions: [v1beta1, v1]}"), checktest.Lines(
			"info CustomResourceDefinition/widgets.shop.example: Widget of shop.example are stored in version v1beta1, which is "+
				"deprecated.",
			"  spec: deprecationWarning of v1beta1: use v1",
			"  condition: status.storedVersions: v1beta1, v1",
			"  spec: versions that are not deprecated: v1",
		)},
		"only served": {crd(v1+","+beta, "{storedVersions: [v1]}"), ""},
	})
	const gone = "{name: v1alpha1, served: false, storage: false}"
	judged(t, "crd-stored-version-not-served", map[string]struct{ documents, want string }{
		"stored": {crd(v1+","+gone, "{storedVersions: [v1alpha1, v1]}"), checktest.Lines(
			"low CustomResourceDefinition/widgets.shop.example: Widget of shop.example may be stored in version v1alpha1, which is no "+
				"longer served.",
			"  condition: status.storedVersions: v1alpha1, v1",
			"  spec: storage version: v1",
		)},
		"migrated": {crd(v1+","+gone, "{storedVersions: [v1]}"), ""},
	})
}
