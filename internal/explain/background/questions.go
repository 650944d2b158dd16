package background

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/hostname"
)

// ask answers a single question by the functions that Gather uses for all of them, with the same limits. It returns nothing about an object
// that is no workload and has none.
func ask(
	ctx context.Context, cluster Cluster, object v1alpha1.ObjectReference, now time.Time, answer func(context.Context, *gatherer, *subject),
) Facts {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	ctx = klog.NewContext(ctx, klog.Logger{}) // failed reads leave entries out
	cause := v1alpha1.Finding{Object: object}
	g := &gatherer{cluster: &bounded{Cluster: cluster, left: MaxReads}, now: now, cause: cause, count: map[string]int{}}
	if s := g.subject(ctx, []v1alpha1.Finding{cause}); s != nil {
		answer(ctx, g, s)
	}
	slices.Sort(g.facts.NotRead)
	g.facts.NotRead = slices.Compact(g.facts.NotRead)
	return g.facts
}

// Rollout says what the last rollout of a workload changed.
func Rollout(ctx context.Context, cluster Cluster, object v1alpha1.ObjectReference, now time.Time) Facts {
	return ask(ctx, cluster, object, now, func(ctx context.Context, g *gatherer, s *subject) { g.changes(ctx, s) })
}

// Related describes what a workload consists of and depends on: its Pods, the Services in front of it and behind the hosts that it uses,
// its ConfigMaps, Secrets and volumes, the nodes and the NetworkPolicies.
func Related(ctx context.Context, cluster Cluster, object v1alpha1.ObjectReference, now time.Time) Facts {
	return ask(ctx, cluster, object, now, func(ctx context.Context, g *gatherer, s *subject) {
		g.states(s)
		g.hosts(ctx, s)
		g.references(ctx, s)
		g.volumes(ctx, s)
		g.policies(ctx, s)
		g.nodes(ctx, s)
		g.siblings(s)
	})
}

// ResolveHost says which Service a host names in a namespace, what its ports and endpoints are, or that there is none. The port is 0 if
// it is not known. Nothing is said about hosts outside of the cluster.
func ResolveHost(ctx context.Context, cluster Cluster, namespace, host string, port int32) Facts {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	ctx = klog.NewContext(ctx, klog.Logger{})
	g := &gatherer{cluster: &bounded{Cluster: cluster, left: MaxReads}, count: map[string]int{}}
	if clusterHost(host) {
		newResolver(g, namespace).resolve(ctx, usedHost{hostname.Use{Host: host, Port: port}, "the question"})
	}
	return g.facts
}

// Fields are the fields of an object, one a line as PATH: VALUE, in the order of their paths. Entries of lists are identified by their
// names where they have one. Values of ConfigMaps and Secrets, and those of environment variables that are more than a number or a
// switch, are not among them.
func Fields(object map[string]any) []string {
	fields := map[string]string{}
	for key, child := range object {
		switch key {
		case "data", "binaryData", "stringData":
			values, _ := child.(map[string]any)
			for name, value := range values {
				fields[key+"["+name+"]"] = fmt.Sprintf(": %d bytes", len(fmt.Sprint(value)))
			}
		case "metadata":
			flatten(key, withoutNoise(child), fields)
		default:
			flatten(key, withoutVariables(child), fields)
		}
	}
	var all []string
	for _, path := range slices.Sorted(maps.Keys(fields)) {
		all = append(all, strings.TrimPrefix(path, " ")+fields[path])
	}
	return all
}

// withoutVariables is a value in which the literal values of environment variables are hidden.
func withoutVariables(value any) any {
	switch v := value.(type) {
	case map[string]any:
		kept := make(map[string]any, len(v))
		for key, child := range v {
			kept[key] = withoutVariables(child)
			if variables, ok := child.([]any); ok && key == "env" {
				kept[key] = hidden(variables)
			}
		}
		return kept
	case []any:
		kept := make([]any, len(v))
		for i := range v {
			kept[i] = withoutVariables(v[i])
		}
		return kept
	}
	return value
}

// hidden are environment variables without the values that are more than a number or a switch.
func hidden(variables []any) []any {
	kept := make([]any, len(variables))
	for i, one := range variables {
		kept[i] = one
		variable, _ := one.(map[string]any)
		if text, literal := variable["value"].(string); literal {
			variable = maps.Clone(variable)
			variable["value"] = envSource(corev1.EnvVar{Value: text})
			kept[i] = variable
		}
	}
	return kept
}

// withoutNoise is the metadata of an object without what says nothing about its state.
func withoutNoise(value any) any {
	metadata, ok := value.(map[string]any)
	if !ok {
		return value
	}
	kept := maps.Clone(metadata)
	for _, noise := range []string{"managedFields", "uid", "resourceVersion", "generateName", "selfLink"} {
		delete(kept, noise)
	}
	if annotations, ok := kept["annotations"].(map[string]any); ok {
		annotations = maps.Clone(annotations)
		delete(annotations, "kubectl.kubernetes.io/last-applied-configuration")
		kept["annotations"] = annotations
	}
	return kept
}

// Changed is when the data or spec of an object changed last, as its managed fields show it, and which manager of fields changed it.
// Without managed fields it is the time of its creation.
func Changed(meta metav1.ObjectMeta) (at time.Time, manager string) {
	at = meta.CreationTimestamp.Time
	for _, entry := range meta.ManagedFields {
		if entry.Time == nil || entry.FieldsV1 == nil || entry.Subresource != "" || entry.Time.Time.Before(at) {
			continue
		}
		content := entry.FieldsV1.GetRawString()
		contained := func(part string) bool { return strings.Contains(content, part) }
		if slices.ContainsFunc([]string{
			`"f:spec"`, `"f:data"`, `"f:stringData"`, `"f:binaryData"`, `"f:rules"`, `"f:roleRef"`, `"f:subjects"`,
		}, contained) {
			at = entry.Time.Time
			manager = entry.Manager
		}
	}
	return at, manager
}
