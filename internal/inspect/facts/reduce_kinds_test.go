package facts_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/facts/cabundle"
)

// meta is what the small objects of the tables below have in common.
func meta(kind facts.Kind, namespace, name string) facts.Meta {
	return facts.Meta{Ref: facts.Ref{Kind: kind, Namespace: namespace, Name: name}, Observed: -1}
}

func TestWorkloadsAreReduced(t *testing.T) {
	apps := func(kind facts.Kind, generation, observed int64) facts.Meta {
		m := meta(kind, "shop", "w")
		m.Generation, m.Observed = generation, observed
		return m
	}
	selector := facts.SelectorFromSet(map[string]string{"app": "w"})
	const template = "  template: {metadata: {labels: {app: w}}, spec: {containers: [{name: c}]}}\n"
	templateLabels := map[string]string{"app": "w"}
	for name, tc := range map[string]struct {
		document string
		want     any
	}{
		"a Deployment with its defaults": {
			"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w, namespace: shop, generation: 2}\nspec:\n" +
				"  selector: {matchLabels: {app: w}}\n" + template +
				"status: {observedGeneration: 2, replicas: 3, updatedReplicas: 2, readyReplicas: 1, availableReplicas: 1, conditions: [{type: " +
				"Progressing, status: 'True', reason: R}]}",
			&facts.WorkloadNode{
				Meta: func() facts.Meta {
					m := apps(facts.Deployment, 2, 2)
					m.Conditions = []facts.Condition{{Type: "Progressing", Status: "True", Reason: "R"}}
					return m
				}(),
				Selector: selector, Desired: 1, Current: 3, Updated: 2, Ready: 1, Available: 1, ProgressDeadline: 10 * time.Minute, RevisionHistory: 10,
				Template: &facts.PodSpec{}, TemplateLabels: templateLabels,
			},
		},
		"a Deployment whose selector cannot be read": {
			"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w, namespace: shop}\nspec:\n  paused: true\n  replicas: 0\n" +
				"  progressDeadlineSeconds: 60\n" +
				"  selector: {matchExpressions: [{key: app, operator: Near}]}\n" + template,
			&facts.WorkloadNode{
				Meta: apps(facts.Deployment, 0, 0), Selector: facts.Selector{Invalid: `"Near" is not a valid label selector operator`},
				Paused: true, ProgressDeadline: time.Minute, RevisionHistory: 10, Template: &facts.PodSpec{}, TemplateLabels: templateLabels,
			},
		},
		"a ReplicaSet without an owner": {
			"apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: w, namespace: shop}\nspec:\n  replicas: 2\n" +
				"  selector: {matchLabels: {app: w}}\n" + template,
			&facts.WorkloadNode{
				Meta: apps(facts.ReplicaSet, 0, 0), Selector: selector, Desired: 2, RevisionHistory: -1, Template: &facts.PodSpec{},
				TemplateLabels: templateLabels,
			},
		},
		"a Deployment's ReplicaSet does not repeat the template": {
			"apiVersion: apps/v1\nkind: ReplicaSet\n" +
				"metadata: {name: w, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: d, uid: u, controller: " +
				"true}]}\n" +
				"spec:\n  selector: {matchLabels: {app: w}}\n" + template,
			&facts.WorkloadNode{
				Meta: func() facts.Meta {
					m := apps(facts.ReplicaSet, 0, 0)
					m.Owner = facts.Ref{Kind: facts.Deployment, Namespace: "shop", Name: "d"}
					m.Owned = true
					return m
				}(),
				Selector: selector, Desired: 1, RevisionHistory: -1,
			},
		},
		"a StatefulSet": {
			"apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: w, namespace: shop}\nspec:\n  serviceName: peers\n  replicas: 3\n" +
				"  updateStrategy: {type: OnDelete}\n  selector: {matchLabels: {app: w}}\n" + template + "  volumeClaimTemplates: [{metadata: {name: " +
				"data}}]\n" +
				"status: {replicas: 3, updatedReplicas: 1, readyReplicas: 2, availableReplicas: 2, currentRevision: a, updateRevision: b}",
			&facts.WorkloadNode{
				Meta: apps(facts.StatefulSet, 0, 0), Selector: selector, Desired: 3, Current: 3, Updated: 1, Ready: 2, Available: 2,
				CurrentRevision: "a", UpdateRevision: "b", OnDelete: true, ServiceName: "peers", VolumeClaims: []string{"data"}, RevisionHistory: -1,
				Template: &facts.PodSpec{}, TemplateLabels: templateLabels,
			},
		},
		"a DaemonSet wants what its status says": {
			"apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: w, namespace: shop}\nspec:\n  selector: {matchLabels: {app: w}}\n" + template +
				"status: {desiredNumberScheduled: 5, currentNumberScheduled: 4, updatedNumberScheduled: 3, numberReady: 2, numberAvailable: 1, " +
				"numberMisscheduled: 1}",
			&facts.WorkloadNode{
				Meta: apps(facts.DaemonSet, 0, 0), Selector: selector, Desired: 5, Current: 4, Updated: 3, Ready: 2, Available: 1, Misscheduled: 1,
				RevisionHistory: -1,
				Template:        &facts.PodSpec{}, TemplateLabels: templateLabels,
			},
		},
		"a ReplicationController without a template": {
			"apiVersion: v1\nkind: ReplicationController\nmetadata: {name: w, namespace: shop}\nspec: {replicas: 1, selector: {app: w}}",
			&facts.WorkloadNode{Meta: apps(facts.ReplicationController, 0, 0), Selector: selector, Desired: 1, RevisionHistory: -1},
		},
		"a Job with its defaults": {
			"apiVersion: batch/v1\nkind: Job\nmetadata: {name: w, namespace: shop}\nspec:\n" + template + "status: {failed: 2, startTime: " +
				"'2026-01-15T10:00:00Z'}",
			&facts.JobNode{
				Meta: meta(facts.Job, "shop", "w"), Failed: 2, Completions: 1, BackoffLimit: 6, Started: at(10, 0, 0), TTL: -1,
				Template: &facts.PodSpec{}, TemplateLabels: templateLabels,
			},
		},
		"a CronJob": {
			"apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: w, namespace: shop}\nspec:\n  schedule: '*/5 * * * *'\n" +
				"  timeZone: Europe/Berlin\n  suspend: true\n" +
				"  concurrencyPolicy: Forbid\n  startingDeadlineSeconds: 9223372036854775807\n" +
				"  jobTemplate: {spec: {template: {spec: {containers: [{name: c}]}}}}\n" +
				"status: {lastScheduleTime: '2026-01-15T10:00:00Z', active: [{name: a}]}",
			&facts.CronJobNode{
				Meta: meta(facts.CronJob, "shop", "w"), Schedule: "*/5 * * * *", TimeZone: "Europe/Berlin", Suspended: true,
				ConcurrencyPolicy: "Forbid",
				LastScheduled:     at(10, 0, 0), Active: 1, StartingDeadline: 9223372036 * time.Second,
				SuccessfulHistory: 3, FailedHistory: 1, Template: &facts.PodSpec{},
			},
		},
		"an autoscaler": {
			"apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: w, namespace: shop}\nspec:\n  maxReplicas: 4\n" +
				"  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: api}\n  metrics:\n" +
				"  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}\n" +
				"  - {type: ContainerResource, containerResource: {name: memory, container: c, target: {type: AverageValue, averageValue: 64Mi}}}\n" +
				"  - {type: Pods, pods: {metric: {name: queue}, target: {type: AverageValue, averageValue: 5}}}\n" +
				"  - {type: Object, object: {metric: {name: hits}, describedObject: {kind: Ingress, name: i}, target: {type: Value, value: 2k}}}\n" +
				"  - {type: External, external: {metric: {name: lag}, target: {type: Value}}}\n  - {type: Odd}\n",
			&facts.HPANode{
				Meta: meta(facts.HPA, "shop", "w"), Target: facts.Ref{Kind: facts.Deployment, Namespace: "shop", Name: "api"},
				TargetAPIVersion: "apps/v1",
				Min:              1, Max: 4, Metrics: []string{"cpu 80%", "memory 64Mi of container c", "queue 5", "hits 2k", "lag", "Odd"},
				MetricTypes: []string{"Resource", "ContainerResource", "Pods", "Object", "External", "Odd"},
			},
		},
		"a disruption budget": {
			"apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: w, namespace: shop, generation: 3}\n" +
				"spec: {maxUnavailable: 50%, minAvailable: 2, selector: {matchLabels: {app: w}}}\n" +
				"status: {observedGeneration: 3, disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 2, expectedPods: 2}",
			&facts.PDBNode{
				Meta: apps(facts.PDB, 3, 3), Selector: selector, MinAvailable: "2", MaxUnavailable: "50%", CurrentHealthy: 1, DesiredHealthy: 2,
				Expected: 2,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, reduceOne(t, tc.document), sameSelectors(), leanApart()); diff != "" {
				t.Errorf("node (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNetworkObjectsAreReduced(t *testing.T) {
	for name, tc := range map[string]struct {
		document string
		want     any
	}{
		"a Service with ports by name, by number and by default": {
			"apiVersion: v1\nkind: Service\nmetadata: {name: w, namespace: shop}\nspec:\n  type: LoadBalancer\n  selector: {app: w}\n" +
				"  publishNotReadyAddresses: true\n" +
				"  ports: [{name: a, port: 80, targetPort: http}, {name: b, port: 81, targetPort: 8081, protocol: UDP}, {port: 82}]\n" +
				"status: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}",
			&facts.ServiceNode{
				Meta: meta(facts.Service, "shop", "w"), Type: "LoadBalancer", Selector: map[string]string{"app": "w"}, PublishNotReady: true,
				LoadBalancerAddresses: 1,
				Ports: []facts.ServicePort{
					{Name: "a", Port: 80, TargetName: "http"}, {Name: "b", Port: 81, TargetPort: 8081, Protocol: "UDP"}, {Port: 82, TargetPort: 82},
				},
			},
		},
		"a headless Service": {
			"apiVersion: v1\nkind: Service\nmetadata: {name: w, namespace: shop}\nspec: {type: ClusterIP, clusterIP: None}",
			&facts.ServiceNode{Meta: meta(facts.Service, "shop", "w"), Type: "ClusterIP", Headless: true},
		},
		"an EndpointSlice without conditions, which means ready": {
			"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\n" +
				"metadata: {name: w, namespace: shop, labels: {kubernetes.io/service-name: api}}\n" +
				"endpoints: [{addresses: [a]}, {addresses: [b], conditions: {ready: true}}, {addresses: [c], conditions: {ready: false, serving: " +
				"true}}]\nports: [{name: http, port: 80}, {port: 81}]",
			&facts.EndpointsNode{
				Meta: meta(facts.EndpointSlice, "shop", "w"), Service: "api", Ready: 2, NotReady: 1, PortNames: []string{"http", ""},
			},
		},
		"an Ingress": {
			"apiVersion: networking.k8s.io/v1\nkind: Ingress\n" +
				"metadata: {name: w, namespace: shop, annotations: {kubernetes.io/ingress.class: old}}\nspec:\n  ingressClassName: new\n" +
				"  defaultBackend: {service: {name: front, port: {name: http}}}\n  tls: [{secretName: cert}, {hosts: [a]}]\n" +
				"  rules:\n  - host: shop.example\n    http: {paths: [{path: /api, pathType: Prefix, backend: {service: {name: api, port: {number: " +
				"80}}}}, {path: /x, pathType: Prefix, backend: {resource: {kind: Bucket, name: b}}}]}\n  - host: empty.example",
			&facts.IngressNode{
				Meta: meta(facts.Ingress, "shop", "w"), Class: "new", TLSSecrets: []string{"cert"}, DefaultBackend: true,
				Hosts: []string{"shop.example", "empty.example"}, TLSHosts: []string{"", "a"},
				Backends: []facts.IngressBackend{{Service: "front", PortName: "http"}, {Host: "shop.example", Path: "/api", Service: "api", Port: 80}},
			},
		},
		"an Ingress with the old annotation": {
			"apiVersion: networking.k8s.io/v1\nkind: Ingress\n" +
				"metadata: {name: w, namespace: shop, annotations: {kubernetes.io/ingress.class: old}}\n" +
				"status: {loadBalancer: {ingress: [{hostname: h}]}}",
			&facts.IngressNode{Meta: meta(facts.Ingress, "shop", "w"), Class: "old", ClassAnnotation: true, Addresses: 1},
		},
		"the default IngressClass": {
			"apiVersion: networking.k8s.io/v1\nkind: IngressClass\n" +
				"metadata: {name: w, annotations: {ingressclass.kubernetes.io/is-default-class: 'true'}}\nspec: {controller: example.com/c}",
			&facts.IngressClassNode{Meta: meta(facts.IngressClass, "", "w"), Controller: "example.com/c", Default: true},
		},
		"a webhook with its defaults, and one called by URL": {
			"apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: w}\nwebhooks:\n" +
				"- {name: a, sideEffects: None, admissionReviewVersions: [v1], clientConfig: {service: {namespace: n1, name: hook}}, rules: " +
				"[{operations: [CREATE, UPDATE], apiGroups: [''], apiVersions: [v1], resources: [pods, services]}]}\n" +
				"- {name: b, sideEffects: None, admissionReviewVersions: [v1], failurePolicy: Ignore, clientConfig: {url: 'https://hook.example'}}",
			&facts.WebhookNode{Meta: meta(facts.ValidatingWebhook, "", "w"), Webhooks: []facts.Webhook{
				{
					Name: "a", Service: facts.Ref{Kind: facts.Service, Namespace: "n1", Name: "hook"}, Port: 443, FailClosed: true,
					Rules: []string{"CREATE,UPDATE pods,services"},
				},
				{Name: "b"},
			}},
		},
		"a mutating webhook": {
			"apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\nmetadata: {name: w}\nwebhooks:\n" +
				"- {name: a, sideEffects: None, admissionReviewVersions: [v1], failurePolicy: Fail, clientConfig: {service: {namespace: n1, name: " +
				"hook, port: 8443}}}",
			&facts.WebhookNode{Meta: meta(facts.MutatingWebhook, "", "w"), Webhooks: []facts.Webhook{
				{Name: "a", Service: facts.Ref{Kind: facts.Service, Namespace: "n1", Name: "hook"}, Port: 8443, FailClosed: true},
			}},
		},
		"an aggregated API": {
			"apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.w}\n" +
				"spec: {group: w, version: v1, service: {namespace: n1, name: api, port: 443}, groupPriorityMinimum: 100, versionPriority: 1, " +
				"insecureSkipTLSVerify: true, caBundle: Zm9v}\n" +
				"status: {conditions: [{type: Available, status: 'False', reason: MissingEndpoints, message: m, lastTransitionTime: " +
				"'2026-01-15T10:00:00Z'}]}",
			&facts.APIServiceNode{
				Meta: func() facts.Meta {
					m := meta(facts.APIService, "", "v1.w")
					m.Conditions = []facts.Condition{{Type: "Available", Status: "False", Reason: "MissingEndpoints", Message: "m", Since: at(10, 0, 0)}}
					return m
				}(),
				Service: facts.Ref{Kind: facts.Service, Namespace: "n1", Name: "api"}, Group: "w", Version: "v1",
				Trust: cabundle.Bundle{Malformed: true},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, reduceOne(t, tc.document)); diff != "" {
				t.Errorf("node (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClusterAndStorageObjectsAreReduced(t *testing.T) {
	for name, tc := range map[string]struct {
		document string
		want     any
	}{
		"a Node": {
			"apiVersion: v1\nkind: Node\nmetadata: {name: w, labels: {zone: a}}\n" +
				"spec: {unschedulable: true, taints: [{key: k, value: v, effect: NoSchedule, timeAdded: '2026-01-15T10:00:00Z'}]}\n" +
				"status: {allocatable: {cpu: 1500m, memory: 1Gi, pods: '110'}, nodeInfo: {kubeletVersion: v1.37.2}}",
			&facts.NodeNode{
				Meta: meta(facts.Node, "", "w"), Unschedulable: true, KubeletVersion: "v1.37.2", NodeLabels: map[string]string{"zone": "a"},
				AllocatableCPU: 1500, AllocatableMemory: 1 << 30, AllocatablePods: 110,
				Taints: []facts.Taint{{Key: "k", Value: "v", Effect: "NoSchedule", Added: at(10, 0, 0)}},
			},
		},
		"a Namespace": {
			"apiVersion: v1\nkind: Namespace\nmetadata: {name: w, labels: {team: a}}\nspec: {finalizers: [kubernetes]}\n" +
				"status: {phase: Terminating, conditions: [{type: NamespaceContentRemaining, status: 'True'}]}",
			&facts.NamespaceNode{
				Meta: func() facts.Meta {
					m := meta(facts.Namespace, "", "w")
					m.Labels = map[string]string{"team": "a"}
					m.Conditions = []facts.Condition{{Type: "NamespaceContentRemaining", Status: "True"}}
					return m
				}(),
				Phase: "Terminating", SpecFinalizers: []string{"kubernetes"},
			},
		},
		"a quota, its items in order": {
			"apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: w, namespace: shop}\nspec: {hard: {pods: 9}}\n" +
				"status: {hard: {pods: 3, limits.cpu: 1500m}, used: {pods: 2}}",
			&facts.QuotaNode{Meta: meta(facts.ResourceQuota, "shop", "w"), Items: []facts.QuotaItem{
				{Resource: "limits.cpu", Hard: 1500, HardText: "1500m", UsedText: "0"}, {
					Resource: "pods", Hard: 3000, Used: 2000, HardText: "3", UsedText: "2",
				},
			}},
		},
		"a quota too large to count in thousandths": {
			"apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: w, namespace: shop}\nstatus: {hard: {requests.storage: 7Ei}}",
			&facts.QuotaNode{Meta: meta(facts.ResourceQuota, "shop", "w"), Items: []facts.QuotaItem{
				{Resource: "requests.storage", Hard: 1<<63 - 1, HardText: "7Ei", UsedText: "0"},
			}},
		},
		"a ConfigMap keeps its keys, not its values": {
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: w, namespace: shop}\ndata: {b: value}\nbinaryData: {a: Zm9v}",
			&facts.ConfigNode{Meta: meta(facts.ConfigMap, "shop", "w"), Keys: []string{"a", "b"}, Bytes: 8},
		},
		"a Secret keeps its name only": {
			"apiVersion: v1\nkind: Secret\nmetadata: {name: w, namespace: shop}\nstringData: {password: p}",
			&facts.ConfigNode{Meta: meta(facts.Secret, "shop", "w")},
		},
		"a ServiceAccount": {
			"apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: w, namespace: shop}\nimagePullSecrets: [{name: pull}]\nsecrets: [{name: token}]",
			&facts.ConfigNode{
				Meta: meta(facts.ServiceAccount, "shop", "w"), Automount: true, PullSecrets: []string{"pull"}, TokenSecrets: []string{"token"},
			},
		},
		"a claim without a class": {
			"apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: w, namespace: shop}\n" +
				"spec: {storageClassName: '', volumeName: pv, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n" +
				"status: {phase: Pending}",
			&facts.PVCNode{
				Meta: meta(facts.PVC, "shop", "w"), Phase: "Pending", NoClass: true, Volume: "pv", Request: 1 << 30, RequestText: "1Gi",
				AccessModes: []string{"ReadWriteOnce"},
			},
		},
		"a claim whose class stands in the old annotation": {
			"apiVersion: v1\nkind: PersistentVolumeClaim\n" +
				"metadata: {name: w, namespace: shop, annotations: {volume.beta.kubernetes.io/storage-class: old}}",
			&facts.PVCNode{Meta: meta(facts.PVC, "shop", "w"), StorageClass: "old", RequestText: "0"},
		},
		"a volume": {
			"apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: w}\n" +
				"spec: {storageClassName: fast, capacity: {storage: 1Gi}, accessModes: [ReadWriteMany], claimRef: {kind: PersistentVolumeClaim, " +
				"namespace: shop, name: c}}\nstatus: {phase: Failed, reason: R, message: m}",
			&facts.PVNode{
				Meta: meta(facts.PV, "", "w"), Phase: "Failed", Reason: "R", Message: "m", StorageClass: "fast", Capacity: 1 << 30,
				AccessModes: []string{"ReadWriteMany"}, Claim: facts.Ref{Kind: facts.PVC, Namespace: "shop", Name: "c"},
			},
		},
		"the default StorageClass": {
			"apiVersion: storage.k8s.io/v1\nkind: StorageClass\n" +
				"metadata: {name: w, annotations: {storageclass.kubernetes.io/is-default-class: 'true'}}\nprovisioner: example.com/p\n" +
				"volumeBindingMode: WaitForFirstConsumer",
			&facts.StorageClassNode{
				Meta: meta(facts.StorageClass, "", "w"), Provisioner: "example.com/p", Default: true, WaitForConsumer: true, ReclaimPolicy: "Delete",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, reduceOne(t, tc.document)); diff != "" {
				t.Errorf("node (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEventsOfBothAPIsAreRead(t *testing.T) {
	about := func(kind, apiVersion, namespace, name, uid string) corev1.ObjectReference {
		return corev1.ObjectReference{Kind: kind, APIVersion: apiVersion, Namespace: namespace, Name: name, UID: "u", FieldPath: uid}
	}
	pod := facts.Ref{Kind: facts.Pod, Namespace: "shop", Name: "p"}
	for name, tc := range map[string]struct {
		event corev1.Event
		want  *facts.EventNode
	}{
		"core/v1 with a count": {
			corev1.Event{
				InvolvedObject: about("Pod", "v1", "shop", "p", "spec.containers{a}"), Reason: "BackOff", Message: "m", Count: 7,
				Source: corev1.EventSource{Component: "kubelet"}, FirstTimestamp: metav1.Time{Time: at(10, 0, 0)},
				LastTimestamp: metav1.Time{Time: at(11, 0, 0)},
			},
			&facts.EventNode{
				About: pod, AboutUID: "u", FieldPath: "spec.containers{a}", Reason: "BackOff", Message: "m", Component: "kubelet", Count: 7,
				First: at(10, 0, 0), Last: at(11, 0, 0),
			},
		},
		"events.k8s.io with a series": {
			corev1.Event{
				InvolvedObject: about("Pod", "v1", "shop", "p", ""), Reason: "FailedScheduling", ReportingController: "default-scheduler",
				EventTime: metav1.MicroTime{Time: at(10, 0, 0)}, Series: &corev1.EventSeries{
					Count: 3, LastObservedTime: metav1.MicroTime{Time: at(11, 0, 0)},
				},
			},
			&facts.EventNode{
				About: pod, AboutUID: "u", Reason: "FailedScheduling", Component: "default-scheduler", Count: 3, First: at(10, 0, 0),
				Last: at(11, 0, 0),
			},
		},
		"a single one of events.k8s.io": {
			corev1.Event{InvolvedObject: about("Pod", "v1", "shop", "p", ""), EventTime: metav1.MicroTime{Time: at(10, 0, 0)}},
			&facts.EventNode{About: pod, AboutUID: "u", Count: 1, First: at(10, 0, 0), Last: at(10, 0, 0)},
		},
		"one with no time but its creation": {
			corev1.Event{
				ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.Time{Time: at(9, 0, 0)}}, InvolvedObject: about("Pod", "v1", "shop", "p", ""),
			},
			&facts.EventNode{About: pod, AboutUID: "u", Count: 1, First: at(9, 0, 0), Last: at(9, 0, 0)},
		},
		"about a Node, which has no namespace and, to old kubelets, its name for a UID": {
			corev1.Event{InvolvedObject: about("Node", "", "default", "u", "")},
			&facts.EventNode{About: facts.Ref{Kind: facts.Node, Name: "u"}, Count: 1},
		},
		"about a foreign kind of the same name": {
			corev1.Event{InvolvedObject: about("Service", "serving.knative.dev/v1", "shop", "p", "")},
			&facts.EventNode{About: facts.Ref{Kind: "Service.serving.knative.dev", Namespace: "shop", Name: "p"}, AboutUID: "u", Count: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tc.event.Type = corev1.EventTypeWarning
			if diff := cmp.Diff(any(tc.want), facts.Reduce(&tc.event)); diff != "" {
				t.Errorf("node (-want +got):\n%s", diff)
			}
		})
	}
}
