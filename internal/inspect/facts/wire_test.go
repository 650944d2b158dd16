package facts_test

import (
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/randfill"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// protobufObject is an object of the API that has a protobuf encoding.
type protobufObject interface {
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
}

// equalNodes compares nodes with their lean specs. Quantities are equal by value: their caches differ.
func equalNodes() cmp.Options {
	return cmp.Options{
		cmp.Comparer(func(a, b resource.Quantity) bool { return a.Cmp(b) == 0 && a.Format == b.Format }),
		cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }),
	}
}

// filler fills objects of the API at random. Names come from a small set, so references within an object match.
func filler(seed int64) *randfill.Filler {
	choose := func(c randfill.Continue, from ...string) string { return from[c.Intn(len(from))] }
	names := func(c randfill.Continue) string {
		return choose(c, "", "app", "data", "kube-api-access-x7", "kube-api-access-y8", "é\x00", strings.Repeat("long ", c.Intn(400)))
	}
	return randfill.New().RandSource(rand.NewSource(seed)).NilChance(.4).NumElements(0, 3).MaxDepth(14).Funcs( //nolint:gosec // a test
		func(s *string, c randfill.Continue) { *s = names(c) },
		func(t *metav1.Time, c randfill.Continue) {
			if c.Intn(4) > 0 {
				*t = metav1.Unix(c.Int63n(1<<33)-1<<31, 0)
			}
		},
		func(t *metav1.MicroTime, c randfill.Continue) {
			*t = metav1.NewMicroTime(time.Unix(c.Int63n(1<<33), 1000))
		},
		func(q *resource.Quantity, c randfill.Continue) {
			*q = resource.MustParse(choose(c, "0", "1", "100m", "2Gi", "9E", "1e3", "-5", "128Mi", "0.5"))
		},
		func(v *intstr.IntOrString, c randfill.Continue) {
			*v = intstr.FromInt32(c.Int31n(100))
			if c.Bool() {
				*v = intstr.FromString(choose(c, "http", "25%"))
			}
		},
		func(list *corev1.ResourceList, c randfill.Continue) {
			*list = corev1.ResourceList{}
			for range c.Intn(3) {
				var quantity resource.Quantity
				c.Fill(&quantity)
				(*list)[corev1.ResourceName(choose(c, "cpu", "memory", "pods", "storage"))] = quantity
			}
		},
		func(o *metav1.ObjectMeta, c randfill.Continue) {
			c.FillNoCustom(o)
			keys := []string{
				"app", "argocd.argoproj.io/tracking-id", "meta.helm.sh/release-name", "app.kubernetes.io/managed-by",
				"container.apparmor.security.beta.kubernetes.io/app", "seccomp.security.alpha.kubernetes.io/pod",
				corev1.LastAppliedConfigAnnotation, "helm.toolkit.fluxcd.io/name",
			}
			for _, set := range []*map[string]string{&o.Labels, &o.Annotations} {
				*set = nil
				for range c.Intn(3) {
					if *set == nil {
						*set = map[string]string{}
					}
					(*set)[choose(c, keys...)] = choose(c, "app", "runtime/default", "localhost/x", "Helm", "shop_app:/Pod:shop/app", "")
				}
			}
		},
		func(e *metav1.ManagedFieldsEntry, c randfill.Continue) {
			c.FillNoCustom(e)
			e.Manager = choose(c, "helm", "kubectl", "argocd-controller", "kube-controller-manager")
			e.APIVersion, e.Subresource = choose(c, "", "v1", "v1beta1", "apps/v1"), choose(c, "", "", "status")
			e.FieldsV1 = metav1.NewFieldsV1(choose(c, `{"f:data":{"f:x":{}}}`, `{"f:spec":{"f:replicas":{}}}`, `{}`))
		},
		func(o *metav1.OwnerReference, c randfill.Continue) {
			c.FillNoCustom(o)
			o.APIVersion, o.Kind = choose(c, "apps/v1", "v1", "x.io/v1"), choose(c, "ReplicaSet", "Node", "Thing", "Deployment")
		},
		func(p *corev1.PodCondition, c randfill.Continue) {
			c.FillNoCustom(p)
			p.Type = corev1.PodConditionType(choose(c, "Ready", "Initialized", "ContainersReady", "PodScheduled", ""))
			p.Status = corev1.ConditionStatus(choose(c, "True", "False", ""))
		},
	)
}

// samePods are encodings of Pods of one workload: they differ where the API server, a controller or the scheduler makes them differ.
func samePods(c *rand.Rand, pod *corev1.Pod) []*corev1.Pod {
	other := pod.DeepCopy()
	other.Name += "-2"
	other.UID = "2"
	other.Spec.NodeName, other.Spec.Hostname = "n2", "h2"
	const random = "kube-api-access-z9"
	rename := func(name *string, token string) {
		if *name == token {
			*name = random
		}
	}
	for i := range other.Spec.Volumes {
		token := other.Spec.Volumes[i].Name
		if other.Spec.Volumes[i].Projected == nil || !strings.HasPrefix(token, "kube-api-access-") || c.Intn(3) == 0 {
			continue
		}
		for j := range other.Spec.Volumes {
			rename(&other.Spec.Volumes[j].Name, token)
		}
		for _, containers := range [][]corev1.Container{other.Spec.Containers, other.Spec.InitContainers} {
			for j := range containers {
				for k := range containers[j].VolumeMounts {
					rename(&containers[j].VolumeMounts[k].Name, token)
				}
			}
		}
		break
	}
	return []*corev1.Pod{pod, other}
}

// requireSameNode compares what a reader makes of an encoded object with what the reducer makes of the decoded one.
func requireSameNode(t *testing.T, reader *facts.WireReader, reducer facts.Reducer, object, decoded protobufObject) {
	t.Helper()
	encoded, err := object.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := decoded.Unmarshal(encoded); err != nil {
		t.Fatal(err)
	}
	got, err := reader.Reduce(encoded)
	if err != nil {
		t.Fatal(err)
	}
	for i := range encoded {
		encoded[i] = 0xff // the node must not share memory with the page
	}
	if diff := cmp.Diff(reducer.Reduce(decoded), got, equalNodes()); diff != "" {
		t.Fatalf("typed (-), from the wire (+):\n%s", diff)
	}
}

// testReducer keeps everything that a reducer can keep.
func testReducer() facts.Reducer {
	return facts.Reducer{Digests: true, Scan: func(text string) string {
		if len(text)%7 == 3 {
			return "rule"
		}
		return ""
	}}
}

func FuzzPodsFromTheWireAreThoseOfTheTypedReducer(f *testing.F) {
	for seed := range int64(60) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed int64) {
		fill := filler(seed)
		random := rand.New(rand.NewSource(seed)) //nolint:gosec // a test
		for _, reducer := range []facts.Reducer{{}, testReducer()} {
			reader := reducer.NewWireReader(facts.Pod)
			for range 3 {
				pod := &corev1.Pod{}
				fill.Fill(pod)
				for _, one := range samePods(random, pod) {
					requireSameNode(t, reader, reducer, one, &corev1.Pod{})
				}
			}
		}
	})
}

func FuzzWireReadersTakeMalformedObjects(f *testing.F) {
	pod := &corev1.Pod{}
	filler(1).Fill(pod)
	encoded, err := pod.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoded)
	f.Add(encoded[:len(encoded)/2])
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(_ *testing.T, object []byte) {
		reader := testReducer().NewWireReader(facts.Pod)
		_, _ = reader.Reduce(object)
	})
}
