package walls

import (
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

const pollInterval = 500 * time.Millisecond

// with adds fields to the metadata of a resource.
func with(metadata, manifest string) string {
	return strings.Replace(manifest, "metadata: {name: $NAME}", "metadata: {name: $NAME, "+metadata+"}", 1)
}

// labels are a number of labels of about 350 bytes.
func labels(n int) string {
	return "labels: {" + strings.Trim(list(n, func(i int) string {
		return fmt.Sprintf("%s/%s%d: %s", strings.TrimSuffix(strings.Repeat(strings.Repeat("d", 40)+".", 5), "."),
			strings.Repeat("l", 50), i, strings.Repeat("v", 60))
	}), "[]") + "}"
}

// metadataRows are tricks with metadata, and things that a tenant does over and over.
func metadataRows() []row {
	quick := inspection("{namespaces: [$NAMESPACE], checks: {include: [service-selector-matches-nothing]}}")
	tolerant := func(err error) error {
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) || apierrors.IsAlreadyExists(err) {
			return nil
		}
		return err
	}
	return []row{
		{name: "annotation-256k", manifest: with("annotations: {a: "+strings.Repeat("a", 255<<10)+"}", quick), want: harmless("")},
		{name: "request-256k", manifest: with("annotations: {kubeops.io/requested-at: "+strings.Repeat("a", 255<<10)+"}", quick),
			want: harmless("")},
		{name: "labels-2000", manifest: with(labels(2000), quick), want: harmless("")},
		{name: "owners", manifest: with("ownerReferences: "+list(500, func(i int) string {
			return fmt.Sprintf("{apiVersion: v1, kind: Namespace, name: neighbour, uid: u%d, blockOwnerDeletion: false}", i)
		}), quick), want: harmless("")},
		{name: "finalizers", manifest: with("finalizers: "+list(500, func(i int) string {
			return fmt.Sprintf("example.com/%s%d", strings.Repeat("f", 50), i)
		}), quick), want: harmless("")},
		{name: "deleted-and-kept", manifest: with("finalizers: [example.com/never]", metrics("$SERVER/silent")),
			want: notReady(v1alpha1.ReasonTimeout, ""),
			then: func(ctx context.Context, tenant client.Client, object object) error {
				current := object.DeepCopy()
				for { // one that is deleted before it was looked at has no condition
					if err := tolerant(tenant.Get(ctx, client.ObjectKeyFromObject(object), current)); err != nil {
						return err
					}
					if conditions, _, _ := unstructured.NestedSlice(current.Object, "status", "conditions"); len(conditions) > 0 {
						return tolerant(tenant.Delete(ctx, current))
					}
					pause(ctx, pollInterval)
				}
			}},
		{name: "status-of-tenant", manifest: quick, want: harmless(""),
			then: func(ctx context.Context, tenant client.Client, object object) error {
				patch := mergePatch(`{"status":{"lastReport":"../../../neighbour/x","score":100}}`)
				if err := tenant.Status().Patch(ctx, object.DeepCopy(), patch); !apierrors.IsForbidden(err) {
					return fmt.Errorf("the tenant wrote the status: %w", err)
				}
				return nil
			}},
		{name: "requests", manifest: quick, want: harmless(""), then: every(50*time.Millisecond,
			func(ctx context.Context, tenant client.Client, object object, n int) error {
				patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:"%d"}}}`, v1alpha1.AnnotationRequestedAt, n)
				return tenant.Patch(ctx, object, mergePatch(patch))
			})},
		{name: "generations", manifest: quick,
			want: outcome{condition: v1alpha1.ConditionReady, status: "True"}, then: every(100*time.Millisecond,
				func(ctx context.Context, tenant client.Client, object object, n int) error {
					return tolerant(tenant.Patch(ctx, object, mergePatch(fmt.Sprintf(`{"spec":{"keepReports":%d}}`, 1+n%20))))
				})},
		{name: "rotated", manifest: secretOf("rotated", "a") + resource("MetricsBackend", `{type: prometheus, timeout: 2s,
  prometheus: {url: "$SERVER/html"}, auth: {bearerToken: {name: rotated, key: key}}}`), want: notReady(v1alpha1.ReasonInvalidResponse, ""),
			then: every(20*time.Millisecond, func(ctx context.Context, tenant client.Client, _ object, n int) error {
				secret := &unstructured.Unstructured{}
				secret.SetAPIVersion("v1")
				secret.SetKind("Secret")
				secret.SetNamespace(offender)
				secret.SetName("rotated")
				return tenant.Patch(ctx, secret, mergePatch(fmt.Sprintf(`{"stringData":{"key":"%d"}}`, n)))
			})},
		{name: "recreated", manifest: loki("$SERVER/hang-up"), want: outcome{condition: v1alpha1.ConditionReady, status: "False"},
			then: every(200*time.Millisecond, func(ctx context.Context, tenant client.Client, object object, n int) error {
				object.SetName(fmt.Sprintf("recreated-%d", n%5))
				object.SetResourceVersion("")
				object.SetUID("")
				if n%10 < 5 {
					return tolerant(tenant.Create(ctx, object))
				}
				return tolerant(tenant.Delete(ctx, object))
			})},
	}
}

// crowdRows are more resources of a kind than a namespace may have, some of them as large as the API server takes them.
func crowdRows() []row {
	over := func(setting string) outcome { return notReady(v1alpha1.ReasonQuotaExceeded, setting) }
	timeout := notReady(v1alpha1.ReasonTimeout, "spec.timeout")
	annotated := func(manifest string) string {
		return with("annotations: {a: "+strings.Repeat("a", 255<<10)+"}", manifest)
	}
	labelled := func(manifest string) string { return with(labels(1500), manifest) }
	hourly := inspection(`{schedule: "@hourly", namespaces: [$NAMESPACE]}`)
	// Of objects that were created within a second, the last one by name is the youngest.
	return []row{
		{name: "labelled-metrics", manifest: labelled(metrics("$SERVER/silent")), copies: 3, want: timeout},
		{name: "labelled-logs", manifest: labelled(loki("$SERVER/silent")), copies: 3, want: timeout},
		{name: "labelled-channels", manifest: labelled(webhook("$SERVER/silent")), copies: 3, want: timeout},
		{name: "labelled-models", manifest: labelled(ollama("$SERVER/silent")), copies: 3, want: timeout},
		{name: "labelled-inspections", manifest: labelled(hourly), copies: 3, want: harmless("first run at")},
		{name: "annotated-metrics", manifest: annotated(metrics("$SERVER/silent")), copies: 25, want: timeout},
		{name: "annotated-logs", manifest: annotated(loki("$SERVER/silent")), copies: 25, want: timeout},
		{name: "annotated-channels", manifest: annotated(webhook("$SERVER/silent")), copies: 25, want: timeout},
		{name: "annotated-models", manifest: annotated(ollama("$SERVER/silent")), copies: 25, want: timeout},
		{name: "annotated-inspections", manifest: annotated(hourly), copies: 60, want: harmless("first run at")},
		{name: "zz-metrics", manifest: metrics("$SERVER/silent"), copies: 75, want: over("quotas.metricsBackends")},
		{name: "zz-logs", manifest: loki("$SERVER/silent"), copies: 75, want: over("quotas.logBackends")},
		{name: "zz-channels", manifest: webhook("$SERVER/silent"), copies: 75, want: over("quotas.notificationChannels")},
		{name: "zz-models", manifest: ollama("$SERVER/silent"), copies: 75, want: over("quotas.aiProviders")},
		{name: "zz-builds", manifest: jenkinsOf("$SERVER/silent"), copies: 101, want: over("quotas.ciProviders")},
		{name: "zz-clusters", manifest: kubeconfig("$TLS/silent", "", "token: a"), copies: 101, want: over("quotas.managedClusters")},
		{name: "zz-bundles", manifest: bundle("manifests: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}]"), copies: 101,
			want: over("quotas.resourceBundles")},
		{name: "zz-pipelines", manifest: pipelineOf("{stages: [" + waitStage("a", "") + "], triggers: [{name: t, type: schedule, " +
			"schedule: {cron: \"@every 1m\"}}]}"), copies: 101, want: over("quotas.pipelines")},
		{name: "zz-inspections", manifest: inspection(`{schedule: "@every 1m", namespaces: [$NAMESPACE]}`), copies: 300,
			want: harmless("")},
	}
}
