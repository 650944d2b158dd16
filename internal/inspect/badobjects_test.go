package inspect_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// from decodes JSON documents into objects of their kind.
func from(t *testing.T, documents ...string) []any {
	t.Helper()
	var objects []any
	for _, document := range documents {
		var kind metav1.TypeMeta
		if err := json.Unmarshal([]byte(document), &kind); err != nil {
			t.Fatalf("%v in %.200s", err, document)
		}
		object := empty(t, kind.Kind)
		if err := json.Unmarshal([]byte(document), object); err != nil {
			t.Fatalf("%v in %.200s", err, document)
		}
		objects = append(objects, object)
	}
	return objects
}

func empty(t *testing.T, kind string) any {
	t.Helper()
	for _, object := range everyObject() {
		if strings.HasSuffix(fmt.Sprintf("%T", object), "."+kind) || kind == "APIService" &&
			fmt.Sprintf("%T", object) == "*facts.APIServiceObject" {
			return object
		}
	}
	t.Fatalf("no type for %s", kind)
	return nil
}

// everyObject is an empty object of each type that has a reducer.
func everyObject() []any {
	return []any{
		&corev1.Pod{}, &corev1.Node{}, &corev1.Namespace{}, &corev1.Service{}, &discoveryv1.EndpointSlice{}, &networkingv1.Ingress{},
		&networkingv1.IngressClass{}, &appsv1.Deployment{}, &appsv1.ReplicaSet{}, &appsv1.StatefulSet{}, &appsv1.DaemonSet{},
		&corev1.ReplicationController{}, &batchv1.Job{}, &batchv1.CronJob{}, &autoscalingv2.HorizontalPodAutoscaler{},
		&policyv1.PodDisruptionBudget{}, &corev1.PersistentVolumeClaim{}, &corev1.PersistentVolume{}, &storagev1.StorageClass{},
		&corev1.ConfigMap{}, &metav1.PartialObjectMetadata{}, &corev1.ServiceAccount{}, &corev1.ResourceQuota{}, &facts.APIServiceObject{},
		&admissionregistrationv1.ValidatingWebhookConfiguration{}, &admissionregistrationv1.MutatingWebhookConfiguration{},
		&rbacv1.Role{}, &rbacv1.ClusterRole{}, &rbacv1.RoleBinding{}, &rbacv1.ClusterRoleBinding{}, &networkingv1.NetworkPolicy{},
		&corev1.LimitRange{}, &schedulingv1.PriorityClass{}, &corev1.Event{Type: corev1.EventTypeWarning},
	}
}

func emptyObjects(*testing.T) []any { return everyObject() }

func badQuantities(t *testing.T) []any {
	// The decoder rejects malformed quantities: they become gaps when the objects are read.
	for _, malformed := range []string{"1.2.3", "ten", "1Xi", "--1", "1e", ""} {
		document := fmt.Sprintf(`{"spec":{"containers":[{"name":"a","resources":{"limits":{"memory":%q}}}]}}`, malformed)
		if err := json.Unmarshal([]byte(document), &corev1.Pod{}); err == nil && malformed != "" {
			t.Errorf("quantity %q was accepted", malformed)
		}
	}
	var objects []any
	for i, q := range []string{"-1", "-9E", "9E", "9223372036854775807", "1e99", "0", "1n", "0.0000000000001",
		"999999999999999999999999999Ei", "100000E"} {
		resources := fmt.Sprintf(`{"cpu":%q,"memory":%q,"pods":%[1]q,"storage":%[1]q,"ephemeral-storage":%[1]q,"hugepages-2Mi":%[1]q}`, q,
			q)
		containers := fmt.Sprintf(`{"containers":[{"name":"a","image":"a","resources":{"limits":%s,"requests":%[1]s}}],`+
			`"initContainers":[{"name":"b","image":"b","resources":{"limits":%[1]s,"requests":%[1]s}}],"overhead":%[1]s}`, resources)
		objects = append(objects, from(
			t,
			fmt.Sprintf(`{"kind":"Node","metadata":{"name":"n%d"},"status":{"allocatable":%s,"capacity":%[2]s}}`, i, resources),
			fmt.Sprintf(`{"kind":"Pod","metadata":{"name":"p%d","namespace":"shop"},"spec":%s,"status":{"phase":"Pending",`+
				`"conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable",`+
				`"message":"0/%[1]d nodes are available: %[1]d Insufficient memory, -3 Insufficient cpu, 99999999999999999999 x."}],`+
				`"containerStatuses":[{"name":"a","state":{"terminated":{"reason":"OOMKilled","exitCode":-1}},"restartCount":-7}]}}`, i, containers),
			fmt.Sprintf(`{"kind":"Deployment","metadata":{"name":"d%d","namespace":"shop"},"spec":{"replicas":%d,`+
				`"strategy":{"rollingUpdate":{"maxSurge":"-900%%","maxUnavailable":"x"}},"template":{"spec":%s}},"status":{"replicas":-5,`+
				`"availableReplicas":2147483647}}`, i, math.MinInt32+i, containers),
			fmt.Sprintf(`{"kind":"ResourceQuota","metadata":{"name":"q%d","namespace":"shop"},"status":{"hard":%s,"used":%[2]s}}`, i,
				resources),
			fmt.Sprintf(`{"kind":"LimitRange","metadata":{"name":"l%d","namespace":"shop"},"spec":{"limits":[{"type":"Container",`+
				`"max":%s,"min":%[2]s,"default":%[2]s}]}}`, i, resources),
			fmt.Sprintf(`{"kind":"PersistentVolumeClaim","metadata":{"name":"c%d","namespace":"shop"},`+
				`"spec":{"resources":{"requests":%s}},"status":{"phase":"Pending"}}`, i, resources),
			fmt.Sprintf(`{"kind":"PersistentVolume","metadata":{"name":"v%d"},"spec":{"capacity":%s},"status":{"phase":"Available"}}`, i,
				resources),
			fmt.Sprintf(`{"kind":"HorizontalPodAutoscaler","metadata":{"name":"h%d","namespace":"shop"},"spec":{"minReplicas":-1,`+
				`"maxReplicas":-2,"scaleTargetRef":{"kind":"Deployment","name":"d%[1]d"},"metrics":[{"type":"Pods",`+
				`"pods":{"target":{"averageValue":%q}}}]}}`, i, q),
			fmt.Sprintf(`{"kind":"PodDisruptionBudget","metadata":{"name":"b%d","namespace":"shop"},"spec":{"minAvailable":"-%[1]d%%",`+
				`"maxUnavailable":"9999999999999%%"},"status":{"expectedPods":-1,"desiredHealthy":2147483647}}`, i),
		)...)
	}
	return objects
}

func badSelectors(t *testing.T) []any {
	var objects []any
	for i, selector := range []string{
		`{}`, `null`, `{"matchLabels":{"":""}}`, `{"matchLabels":{"a b":"ü ü"}}`, `{"matchExpressions":[{}]}`,
		`{"matchExpressions":[{"key":"a","operator":"Nope","values":["x"]}]}`, `{"matchExpressions":[{"key":"a","operator":"In"}]}`,
		`{"matchExpressions":[{"key":"a","operator":"Exists","values":["x"]}]}`,
		`{"matchExpressions":[{"key":"//","operator":"NotIn","values":["-","_."]}]}`,
		fmt.Sprintf(`{"matchLabels":{%q:%[1]q}}`, strings.Repeat("k", 5000)),
	} {
		spread := fmt.Sprintf(`"topologySpreadConstraints":[{"labelSelector":%s,"maxSkew":-1}],`+
			`"affinity":{"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"labelSelector":%[1]s}]},`+
			`"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{},{"matchFields":[{}]}]}}},`+
			`"nodeSelector":{"":"","a=b":"c=d"}`, selector)
		template := fmt.Sprintf(`{"metadata":{"labels":{"a":"x"}},"spec":{"containers":[{"name":"a"}],%s}}`, spread)
		for _, kind := range []string{"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"} {
			objects = append(
				objects,
				from(t, fmt.Sprintf(`{"kind":%q,"metadata":{"name":"w%d","namespace":"shop"},"spec":{"selector":%s,`+
					`"template":%s}}`, kind, i, selector, template))...)
		}
		objects = append(objects, from(
			t,
			fmt.Sprintf(`{"kind":"PodDisruptionBudget","metadata":{"name":"b%d","namespace":"shop"},"spec":{"selector":%s}}`, i,
				selector),
			fmt.Sprintf(`{"kind":"NetworkPolicy","metadata":{"name":"np%d","namespace":"shop"},"spec":{"podSelector":%s,`+
				`"ingress":[{"from":[{"podSelector":%[2]s,"namespaceSelector":%[2]s}]}]}}`, i, selector),
			fmt.Sprintf(`{"kind":"ValidatingWebhookConfiguration","metadata":{"name":"wh%d"},"webhooks":[{"name":"",`+
				`"namespaceSelector":%s,"clientConfig":{"service":{"port":-1}}}]}`, i, selector),
			fmt.Sprintf(`{"kind":"Service","metadata":{"name":"s%d","namespace":"shop"},"spec":{"selector":{"a b":"ü","":""},`+
				`"ports":[{"port":-1,"targetPort":"nowhere"},{"targetPort":99999}]}}`, i),
			fmt.Sprintf(`{"kind":"Pod","metadata":{"name":"p%d","namespace":"shop","labels":{"a":"x","a b":"ü","":""}},`+
				`"spec":{"containers":[{"name":"a"}],%s},"status":{"phase":"Nowhere"}}`, i, spread),
		)...)
	}
	return objects
}

func badSchedules(t *testing.T) []any {
	var objects []any
	for i, schedule := range []string{
		"", " ", "* * * * * *", "61 25 32 13 8", "0 0 31 2 *", "@every -5s", "@every 999999h", "@never", "TZ=Nowhere/City * * * * *",
		"CRON_TZ= * * * * *", "TZ=",
		"*/0 * * * *", "5-1 * * * *", "1/99999999999999999999 * * * *", strings.Repeat("*,", 5_000) + "* * * * *", "\x00 * * * *",
		"ü * * * *", "* * * * 1#9", "? ? ? ? ?",
	} {
		text, err := json.Marshal(schedule)
		if err != nil {
			t.Fatal(err)
		}
		for n, zone := range []string{"", "Nowhere/City", "../../etc/passwd", "Local", strings.Repeat("z", 5000)} {
			objects = append(objects, from(t, fmt.Sprintf(`{"kind":"CronJob","metadata":{"name":"c%d-%d","namespace":"shop",`+
				`"creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"schedule":%s,"timeZone":%q,`+
				`"startingDeadlineSeconds":-9223372036854775808},"status":{"lastScheduleTime":"2026-01-02T00:00:00Z",`+
				`"lastSuccessfulTime":"2030-01-02T00:00:00Z"}}`, i, n, text, zone))...)
		}
	}
	return objects
}

func badLabels(t *testing.T) []any {
	odd := map[string]string{
		"": "", " ": " ", "a/b/c": "d", strings.Repeat("k", 100_000): strings.Repeat("v", 100_000), "kubernetes.io/service-name": "../..",
		"app":               "\x1b[31mred\x1b[0m\x00",
		"pod-template-hash": "\n\n", "\xff\xfe": "\xc3\x28", "node-role.kubernetes.io/control-plane": "%s%d%!",
		"controller-revision-hash":           strings.Repeat("ü", 3000),
		"pod-security.kubernetes.io/enforce": "Extreme", "app.kubernetes.io/managed-by": "Helm",
	}
	objects := everyObject()
	for i, object := range objects {
		if m, ok := object.(metav1.Object); ok {
			m.SetName(fmt.Sprint("o", i))
			m.SetLabels(odd)
			m.SetAnnotations(odd)
			m.SetFinalizers([]string{"", "\x00", strings.Repeat("f", 5000)})
			m.SetManagedFields([]metav1.ManagedFieldsEntry{{}, {APIVersion: "%s", Manager: "\x1b"},
				{APIVersion: strings.Repeat("v", 5000), Time: &metav1.Time{}}})
		}
		switch o := object.(type) {
		case *corev1.Service:
			o.Spec.Selector = odd
		case *appsv1.Deployment:
			o.Spec.Selector = &metav1.LabelSelector{MatchLabels: odd}
			o.Spec.Template.Labels = odd
		case *corev1.Pod:
			o.Spec.NodeSelector = odd
		}
	}
	return append(objects, from(t, `{"kind":"Namespace","metadata":{"name":"shop"}}`)...)
}

func badOwners(t *testing.T) []any {
	owned := func(kind, name, ownerKind, owner string) string {
		return fmt.Sprintf(`{"kind":%q,"metadata":{"name":%q,"namespace":"shop","ownerReferences":[{"apiVersion":"apps/v1","kind":%q,`+
			`"name":%q,"controller":true},{"apiVersion":"","kind":"","name":"","controller":true}]},"spec":{"replicas":3,`+
			`"template":{"spec":{"containers":[{"name":"a"}]}}},"status":{"replicas":1}}`, kind, name, ownerKind, owner)
	}
	documents := []string{
		owned("Deployment", "self", "Deployment", "self"), owned("ReplicaSet", "a", "Deployment", "b"),
		owned("Deployment", "b", "ReplicaSet", "a"),
		owned("Job", "j", "CronJob", "c"), owned("StatefulSet", "gone", "Nothing", "nowhere"),
		owned("ReplicaSet", "orphan", "Deployment", "deleted"),
	}
	for i := range 30 { // longer than any walk
		documents = append(documents, owned("ReplicaSet", fmt.Sprint("ring", i), "ReplicaSet", fmt.Sprint("ring", (i+1)%30)))
	}
	for i, owner := range [][2]string{{"Deployment", "self"}, {"ReplicaSet", "a"}, {"Deployment", "b"}, {"Job", "j"},
		{"ReplicaSet", "ring7"}, {"Pod", "p5"}, {"Pod", "p7"}, {"Pod", "p6"}, {"Node", "gone"}, {"Service", "s"}} {
		documents = append(documents, fmt.Sprintf(`{"kind":"Pod","metadata":{"name":"p%d","namespace":"shop","labels":{"a":"b"},`+
			`"ownerReferences":[{"kind":%q,"name":%q,"controller":true}]},"spec":{"containers":[{"name":"a"}]},`+
			`"status":{"phase":"Running","containerStatuses":[{"name":"a","restartCount":9,`+
			`"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":1}}}]}}`, i, owner[0], owner[1]))
	}
	documents = append(documents,
		`{"kind":"CronJob","metadata":{"name":"c","namespace":"shop","ownerReferences":[{"kind":"Job","name":"j","controller":true}]},`+
			`"spec":{"schedule":"* * * * *"}}`,
		`{"kind":"Service","metadata":{"name":"s","namespace":"shop","ownerReferences":[{"kind":"Pod","name":"p9",`+
			`"controller":true}]},"spec":{"selector":{"a":"b"}}}`)
	return from(t, documents...)
}

func badTimes(t *testing.T) []any {
	var objects []any
	for i, at := range []string{"0001-01-01T00:00:00Z", "1601-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2026-01-15T12:00:00Z",
		"2200-01-01T00:00:00Z", "9999-12-31T23:59:59Z"} {
		for n, other := range []string{"0001-01-01T00:00:00Z", "2026-01-15T11:59:59Z", "9999-12-31T23:59:59Z"} {
			meta := fmt.Sprintf(`"metadata":{"name":"o%d-%d","namespace":"shop","generation":-1,"creationTimestamp":%q}`, i, n, at)
			going := fmt.Sprintf(`"metadata":{"name":"g%d-%d","namespace":"shop","creationTimestamp":%q,"deletionTimestamp":%q,`+
				`"finalizers":["a"]}`, i, n, at, other)
			conditions := fmt.Sprintf(`[{"type":"Ready","status":"False","lastTransitionTime":%q},{"type":"Available","status":"False",`+
				`"lastTransitionTime":%[1]q},{"type":"Progressing","status":"False","lastTransitionTime":%[1]q},{"type":"Failed",`+
				`"status":"True","lastTransitionTime":%[1]q},{"type":"ScalingActive","status":"False","lastTransitionTime":%[1]q},`+
				`{"type":"MemoryPressure","status":"True","lastTransitionTime":%[1]q},{"type":"DisruptionAllowed","status":"False",`+
				`"lastTransitionTime":%[1]q}]`, other)
			status := fmt.Sprintf(`{"phase":"Running","startTime":%q,"conditions":%s,"containerStatuses":[{"name":"a","restartCount":5,`+
				`"state":{"running":{"startedAt":%q}},"lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled","startedAt":%[3]q,`+
				`"finishedAt":%[1]q}}}]}`, at, conditions, other)
			for _, m := range []string{meta, going} {
				objects = append(objects, from(
					t,
					`{"kind":"Pod",`+m+`,"spec":{"nodeName":"n","containers":[{"name":"a","livenessProbe":{}}]},"status":`+status+`}`,
					`{"kind":"Node",`+strings.Replace(m, `"namespace":"shop",`, "", 1)+`,"status":{"conditions":`+conditions+`}}`,
					`{"kind":"Namespace",`+strings.Replace(m, `"namespace":"shop",`, "", 1)+`}`,
					`{"kind":"Deployment",`+m+`,"spec":{"progressDeadlineSeconds":-1},"status":{"conditions":`+conditions+`}}`,
					`{"kind":"StatefulSet",`+m+`,"spec":{"replicas":3}}`,
					`{"kind":"Job",`+m+fmt.Sprintf(`,"status":{"startTime":%q,"completionTime":%q,"conditions":%s}}`, other, at,
						conditions),
					`{"kind":"CronJob",`+m+`,"spec":{"schedule":"* * * * *"},`+
						fmt.Sprintf(`"status":{"lastScheduleTime":%q,"lastSuccessfulTime":%q}}`, at, other),
					`{"kind":"PersistentVolumeClaim",`+m+`,"status":{"phase":"Lost"}}`,
					`{"kind":"HorizontalPodAutoscaler",`+m+`,"status":{"conditions":`+conditions+`}}`,
					`{"kind":"PodDisruptionBudget",`+m+`,"status":{"expectedPods":1,"conditions":`+conditions+`}}`,
					`{"kind":"Service",`+m+`,"spec":{"type":"LoadBalancer","selector":{"a":"b"}}}`,
					`{"kind":"Ingress",`+m+`,"spec":{"tls":[{"secretName":"x"}]}}`,
					`{"kind":"APIService",`+strings.Replace(m, `"namespace":"shop",`, "", 1)+
						`,"spec":{"service":{"name":"x","namespace":"shop"}},"status":{"conditions":`+conditions+`}}`,
				)...)
				objects = append(objects, from(t, fmt.Sprintf(`{"kind":"Event","type":"Warning","metadata":{"name":"e%d-%d",`+
					`"namespace":"shop"},"reason":"Unhealthy","message":"Liveness probe failed","count":-4,"firstTimestamp":%q,`+
					`"lastTimestamp":%q,"involvedObject":{"kind":"Pod","name":"o%[1]d-%[2]d","namespace":"shop"}}`, i, n, other, at))...)
			}
		}
	}
	return objects
}

// since is a time before that of the test.
func since(d time.Duration) metav1.Time {
	return metav1.NewTime(time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC).Add(-d))
}

func crashing(name string) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Name: name, RestartCount: 9, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff",
			Message: "back-off " + name}},
		LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error",
			FinishedAt: since(time.Minute)}},
	}
}

func podOf(name string, owner *metav1.OwnerReference) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", Labels: map[string]string{"app": "cart"},
			CreationTimestamp: since(2 * time.Hour)},
		Status: corev1.PodStatus{Phase: corev1.PodRunning},
	}
	if owner != nil {
		pod.OwnerReferences = []metav1.OwnerReference{*owner}
	}
	return pod
}

func replicaSet() *metav1.OwnerReference {
	return &metav1.OwnerReference{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "cart", Controller: ptr.To(true)}
}
