package main

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
)

// copier writes copies of workloads and nodes into etcd, with names, addresses and UIDs of their own.
type copier struct {
	client kubernetes.Interface
	etcd   *etcd
	world  world
}

// stored is one object of a pattern, as JSON, and the folder of its kind in etcd.
type stored struct {
	folder string
	object runtime.Object
	text   string
}

func (c copier) all(ctx context.Context, patterns, rest part) error {
	node, err := c.client.CoreV1().Nodes().Get(ctx, patterns.nodes[0], metav1.GetOptions{})
	if err != nil {
		return err
	}
	written, err := store("minions", node)
	if err != nil {
		return err
	}
	err = each(ctx, rest.nodes, func(ctx context.Context, name string) error {
		return c.copies(ctx, []stored{written}, "", strings.NewReplacer(node.Name, name, string(node.UID), newUID()))
	})
	if err != nil {
		return err
	}
	objects := map[flaw][]stored{}
	originals := map[flaw]workload{}
	for _, pattern := range patterns.workloads {
		if objects[pattern.flaw], err = c.read(ctx, pattern); err != nil {
			return err
		}
		originals[pattern.flaw] = pattern
	}
	return each(ctx, rest.workloads, func(ctx context.Context, o workload) error {
		// The API server allocates the addresses of Services, and writes warnings about those that it has not allocated.
		if _, err := ensure(ctx, c.client.CoreV1().Services(o.namespace), o.service()); err != nil {
			return err
		}
		return c.copies(ctx, objects[o.flaw], o.namespace, c.replacer(originals[o.flaw], o, objects[o.flaw]))
	})
}

// read returns the objects of a workload.
func (c copier) read(ctx context.Context, o workload) ([]stored, error) {
	core, apps := c.client.CoreV1(), c.client.AppsV1()
	options := metav1.ListOptions{LabelSelector: labels.SelectorFromSet(o.selector()).String()}
	slices := metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + o.name}
	lists := []struct {
		folder string
		list   func() (runtime.Object, error)
	}{
		{"configmaps", func() (runtime.Object, error) { return core.ConfigMaps(o.namespace).List(ctx, options) }},
		{"persistentvolumeclaims", func() (runtime.Object, error) { return core.PersistentVolumeClaims(o.namespace).List(ctx, options) }},
		{"poddisruptionbudgets", func() (runtime.Object, error) {
			return c.client.PolicyV1().PodDisruptionBudgets(o.namespace).List(ctx, options)
		}},
		{"deployments", func() (runtime.Object, error) { return apps.Deployments(o.namespace).List(ctx, options) }},
		{"replicasets", func() (runtime.Object, error) { return apps.ReplicaSets(o.namespace).List(ctx, options) }},
		{"pods", func() (runtime.Object, error) { return core.Pods(o.namespace).List(ctx, options) }},
		{"endpointslices", func() (runtime.Object, error) {
			return c.client.DiscoveryV1().EndpointSlices(o.namespace).List(ctx, slices)
		}},
		{"events", func() (runtime.Object, error) { return core.Events(o.namespace).List(ctx, metav1.ListOptions{}) }},
	}
	var all []stored
	for _, one := range lists {
		list, err := one.list()
		if err != nil {
			return nil, err
		}
		err = meta.EachListItem(list, func(object runtime.Object) error {
			accessor, err := meta.Accessor(object)
			if err != nil || !strings.HasPrefix(accessor.GetName(), o.name) { // Events of others in the namespace
				return err
			}
			written, err := store(one.folder, object)
			all = append(all, written)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func store(folder string, object runtime.Object) (stored, error) {
	accessor, err := meta.Accessor(object)
	if err != nil {
		return stored{}, err
	}
	accessor.SetResourceVersion("") // it follows from the write
	text, err := json.Marshal(object)
	return stored{folder, object, string(text)}, err
}

func newUID() string { return string(uuid.NewUUID()) }

// replacer turns texts of one workload into those of another. The random parts of names keep their length.
func (c copier) replacer(from, to workload, objects []stored) *strings.Replacer {
	pairs := []string{
		from.setName(), to.setName(), from.name, to.name, from.namespace, to.namespace, suffix(from.name, 10), suffix(to.name, 10),
		fmt.Sprintf("%064x", from.index), fmt.Sprintf("%064x", to.index),
	}
	replaced := map[string]bool{}
	add := func(old, with string) {
		if old != "" && !replaced[old] {
			pairs = append(pairs, old, with)
			replaced[old] = true
		}
	}
	n := 0
	for _, one := range objects {
		accessor, err := meta.Accessor(one.object)
		if err != nil {
			continue
		}
		add(string(accessor.GetUID()), newUID())
		if one.folder == "pods" {
			node := nodeName((to.index*replicas + n) % c.world.nodes())
			add(nodeName((from.index*replicas+n)%c.world.nodes()), node)
			add(address(from.namespace, accessor.GetName()), address(to.namespace, strings.Replace(accessor.GetName(), from.name, to.name,
				1)))
			n++
		}
	}
	return strings.NewReplacer(pairs...)
}

// copies writes the objects with their texts replaced.
func (c copier) copies(ctx context.Context, objects []stored, namespace string, replacer *strings.Replacer) error {
	encoder := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)
	puts := make([]put, 0, len(objects))
	for _, one := range objects {
		object, ok := reflect.New(reflect.TypeOf(one.object).Elem()).Interface().(runtime.Object)
		if !ok {
			return fmt.Errorf("%T is no object", one.object)
		}
		if err := json.Unmarshal([]byte(replacer.Replace(one.text)), object); err != nil {
			return err
		}
		kinds, _, err := scheme.Scheme.ObjectKinds(object)
		if err != nil {
			return err
		}
		object.GetObjectKind().SetGroupVersionKind(kinds[0])
		value, err := runtime.Encode(encoder, object)
		if err != nil {
			return err
		}
		accessor, err := meta.Accessor(object)
		if err != nil {
			return err
		}
		key := "/registry/" + one.folder + "/" + accessor.GetName()
		if namespace != "" {
			key = "/registry/" + one.folder + "/" + namespace + "/" + accessor.GetName()
		}
		puts = append(puts, put{[]byte(key), value})
	}
	return c.etcd.write(ctx, puts)
}
