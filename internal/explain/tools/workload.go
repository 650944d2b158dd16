package tools

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain/background"
)

func rolloutTool() Tool {
	return Tool{
		Name: "rollout_diff", Description: "What the last rollout of a workload changed: fields before (-) and after (+).",
		Arguments: objectArguments(), run: of(background.Rollout, "There are no two revisions that differ."),
	}
}

func relatedTool() Tool {
	return Tool{
		Name: "related", Description: "What a workload consists of and depends on: the state of its worst Pod, Services, hosts that " +
			"it uses, ConfigMaps and Secrets without values, volumes, nodes, NetworkPolicies.",
		Arguments: objectArguments(), run: of(background.Related, "Nothing is related to it."),
	}
}

// of is a tool about a workload.
func of(
	question func(context.Context, background.Cluster, v1alpha1.ObjectReference, time.Time) background.Facts, nothing string,
) func(context.Context, *Set, arguments) (Output, error) {
	return func(ctx context.Context, s *Set, a arguments) (Output, error) {
		kind, err := kindOf(a.text("kind"))
		if err != nil {
			return Output{}, err
		}
		if err := place(kind, a.text("namespace")); err != nil {
			return Output{}, err
		}
		key := client.ObjectKey{Namespace: a.text("namespace"), Name: a.text("name")}
		meta := &metav1.PartialObjectMetadata{}
		meta.SetGroupVersionKind(kind.GroupVersionKind)
		found := Output{Names: []string{key.Namespace, key.Name}}
		if err := s.cluster.Get(ctx, key, meta); apierrors.IsNotFound(err) {
			found.Lines = []string{missing(kind.Kind, key)}
			return found, nil
		} else if err != nil {
			return Output{}, err
		}
		object := v1alpha1.ObjectReference{Kind: kind.Kind, Namespace: key.Namespace, Name: key.Name}
		found = found.with(question(ctx, s.cluster, object, s.now()))
		if len(found.Lines) == 0 {
			found.Lines = []string{nothing}
		}
		return found, nil
	}
}

// with adds facts to an output.
func (o Output) with(facts background.Facts) Output {
	for _, e := range facts.Entries {
		o.Lines = append(o.Lines, e.About+":")
		for line := range strings.SplitSeq(e.Text, "\n") {
			o.Lines = append(o.Lines, "  "+line)
		}
	}
	for _, kind := range facts.NotRead {
		o.Lines = append(o.Lines, "cannot read "+kind)
	}
	o.Names = append(o.Names, facts.Names...)
	return o
}

func hostTool() Tool {
	return Tool{
		Name:        "resolve_host",
		Description: "The Service that a host name means in a namespace, with its ports and whether it has endpoints.",
		Arguments: []Argument{
			required(text("host", "host name as a program uses it, for example cart-db or cart-db.shop.svc")),
			required(text("namespace", "namespace of the Pods that use the name")),
			{Name: "port", Description: "port that is used", Type: "integer"},
		},
		run: func(ctx context.Context, s *Set, a arguments) (Output, error) {
			host := strings.ToLower(strings.TrimSuffix(a.text("host"), "."))
			const maxHost = 253
			if len(host) > maxHost {
				return Output{}, refuse("argument host has %d bytes, at most %d are allowed", len(host), maxHost)
			}
			const maxPort = 65535
			facts := background.ResolveHost(ctx, s.cluster, a.text("namespace"), host, int32(a.number("port", 0, maxPort)))
			found := Output{}.with(facts)
			if len(found.Lines) == 0 {
				found.Lines = []string{
					"It is not known what the host is: it is outside of the cluster or of the namespaces that can be read.",
				}
			}
			return found, nil
		},
	}
}

func changesTool() Tool {
	return Tool{
		Name: "changes", Description: "What changed last in a namespace, newest first: specs, and data of ConfigMaps and Secrets, with " +
			"time and the manager of fields.",
		Arguments: []Argument{required(namespaceArgument())}, run: changes,
	}
}

// change of an object.
type change struct {
	at   time.Time
	what string
	name string
}

func changes(ctx context.Context, s *Set, a arguments) (Output, error) {
	kinds := []string{
		"Deployment", "StatefulSet", "DaemonSet", "CronJob", "Service", "Ingress", "ConfigMap", "Secret", "NetworkPolicy", "ResourceQuota",
		"HorizontalPodAutoscaler", "RoleBinding",
	}
	var all []change
	var notRead []string
	failed := 0
	for _, kind := range background.Kinds() {
		if !slices.Contains(kinds, kind.Kind) {
			continue
		}
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		if err := s.cluster.List(ctx, list, client.InNamespace(a.text("namespace")), client.Limit(maxListed)); err != nil {
			notRead = append(notRead, kind.Resource())
			if failed++; failed == len(kinds) {
				return Output{}, err
			}
			continue
		}
		if list.Continue != "" {
			notRead = append(notRead, "some "+kind.Resource())
		}
		for _, meta := range list.Items {
			at, manager := background.Changed(meta.ObjectMeta)
			what := kind.Kind + "/" + meta.Name
			switch {
			case at.Equal(meta.CreationTimestamp.Time):
				what += " created"
			case kind.Kind == "ConfigMap" || kind.Kind == "Secret":
				what += ": data changed"
			default:
				what += ": spec changed"
			}
			if manager != "" {
				what += " by " + manager
			}
			all = append(all, change{at, what, meta.Name})
		}
	}
	slices.SortFunc(all, func(a, b change) int { return cmp.Or(b.at.Compare(a.at), strings.Compare(a.what, b.what)) })
	found := Output{Lines: []string{"now " + clock(s.now())}, Names: []string{a.text("namespace")}}
	for _, one := range all[:min(len(all), maxRows)] {
		found.Lines = append(found.Lines, clock(one.at)+" "+one.what)
		found.Names = append(found.Names, one.name)
	}
	if rest := len(all) - maxRows; rest > 0 {
		found.Lines = append(found.Lines, fmt.Sprintf("(%d older changes)", rest))
	}
	if len(notRead) > 0 {
		found.Lines = append(found.Lines, "not read: "+strings.Join(notRead, ", "))
	}
	return found, nil
}
