package report

import (
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/facts/origin"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/remedy"
)

// remediation returns the remedy of a finding. It fills in the object; for objects that Helm or GitOps creates, it names the source to
// change instead of commands whose effect the tool would revert; and it has no command that takes from KubeOps what it needs.
func remediation(g *facts.Graph, f causes.Linked) remedy.Text {
	if reason := neededByKubeOps(f.Object); reason != "" && !isManifestError(g, f) {
		return remedy.Sprintf("%s %s belongs to KubeOps: %s Do not delete or narrow it. If it differs from the manifests of the "+
			"installed version, apply those again.", f.Object.Kind.Name(), f.Object.Name, reason)
	}
	kind := f.Object.Kind
	text := remedy.ForObject(f.Remediation, remedy.Object{
		Resources: []string{kind.Argument(), strings.ToLower(kind.Name()), shortName(kind)},
		Namespace: f.Object.Namespace, Name: f.Object.Name,
	})
	text = remedy.InNamespace(text, f.Object.Namespace, func(words []string) bool {
		calls := kubectl.Parse(words)
		return len(calls) > 0 && calls[0].InNamespaces()
	})
	if withoutMetrics(g) {
		text = remedy.Note(text, ", which needs metrics-server (not installed)", func(words []string) bool {
			return slices.ContainsFunc(kubectl.Parse(words), func(c kubectl.Invocation) bool { return c.Verb == "top" })
		})
	}
	var sources []remedy.Text
	text = remedy.Rewrite(text, func(words []string) (remedy.Text, bool) {
		for _, call := range kubectl.Parse(words) {
			if by, source, replaced := inSource(g, f.Object, call); replaced {
				if source != "" && !slices.Contains(sources, source) {
					sources = append(sources, source)
				}
				return by, true
			}
		}
		return "", false
	})
	if len(sources) > 0 {
		return remedy.Join(append(sources, text), " ")
	}
	from := originOf(g, g.TopOwner(f.Object))
	switch {
	case from == nil || text == "":
		return text
	case from.Tool == origin.File && isManifestError(g, f): // its evidence has the line within the object
		return text
	case f.Class == v1alpha1.ClassRecommendation:
		return remedy.Sprintf("Change it in %s. %s", sourceText(from), text)
	default:
		return remedy.Sprintf("%s Its source is %s.", sentence(text), sourceText(from))
	}
}

// withoutMetrics reports whether the cluster is known to serve no resource metrics.
func withoutMetrics(g *facts.Graph) bool {
	return !g.FromManifests && g.Complete(facts.APIService, "") && !slices.ContainsFunc(g.APIServices, func(a *facts.APIServiceNode) bool {
		return a.Group == "metrics.k8s.io"
	})
}

// isManifestError reports whether a finding is about how an object is written in manifests, which says nothing about whether it is needed.
func isManifestError(g *facts.Graph, f causes.Linked) bool {
	return strings.HasPrefix(f.Check, "manifest-") && slices.ContainsFunc(g.ManifestErrors, func(e facts.ManifestError) bool {
		return e.Object == f.Object
	})
}

// sentence ends a text with a period.
func sentence(text remedy.Text) remedy.Text {
	if strings.HasSuffix(string(text), ".") || strings.HasSuffix(string(text), "?") {
		return text
	}
	return text + "."
}

// inSource returns what takes the place of a call that changes an object of Helm or GitOps, or one that KubeOps needs, and the sentence
// that names the source. Without a name in the call, it is about the object of the finding, or one like it.
func inSource(g *facts.Graph, object facts.Ref, call kubectl.Invocation) (by, source remedy.Text, replaced bool) {
	if by, source, replaced = inCustomOwner(g, object, call); replaced {
		return by, source, true
	}
	if !call.Changes() {
		return "", "", false
	}
	targets := call.Objects()
	if len(targets) == 0 && !call.About(facts.Pod, facts.Node) {
		targets = []facts.Ref{object}
	}
	for _, target := range targets {
		if reason := neededByKubeOps(target); reason != "" {
			return remedy.Sprintf("leave %s %s, which belongs to KubeOps, as it is: %s", target.Kind.Name(), target.Name,
				strings.TrimSuffix(reason, ".")), "", true
		}
		if runsKubeOps(target) && call.Removes() {
			return remedy.Sprintf("keep %s %s, which KubeOps runs with", target.Kind.Name(), target.Name), "", true
		}
		from := originOf(g, target)
		switch {
		case from == nil:
		case target == object:
			return call.Change(), remedy.Sprintf("Change it in %s.", sourceText(from)), true
		default:
			return call.Change(), remedy.Sprintf("Change %s %s in %s.", target.Kind.Name(), target.Name, sourceText(from)), true
		}
	}
	return "", "", false
}

// inCustomOwner returns what takes the place of a call that changes a ReplicaSet of a custom resource, which its controller reverts, or
// that treats the custom resource as a workload of Kubernetes: kubectl can neither roll it back nor set its image.
func inCustomOwner(g *facts.Graph, object facts.Ref, call kubectl.Invocation) (by, source remedy.Text, replaced bool) {
	targets := call.Objects()
	workloadVerb := strings.HasPrefix(call.Verb, "rollout ") || strings.HasPrefix(call.Verb, "set ") || call.Verb == "scale"
	if object.Kind.IsCustom() && len(targets) == 0 && workloadVerb {
		targets = []facts.Ref{object}
	}
	for _, target := range targets {
		owner := target
		if target.Kind == facts.ReplicaSet {
			owner = g.TopOwner(target)
		}
		if !owner.Kind.IsCustom() || target == owner && !workloadVerb || !call.Changes() && call.Verb != "rollout restart" {
			continue
		}
		if call.Verb == "rollout restart" {
			by = remedy.Sprintf("restart its Pods by the means of its controller")
		} else {
			by = call.Change()
		}
		return by, remedy.Sprintf("Change it in %s %s, since its controller reverts changes of its ReplicaSets.", owner.Kind.Name(),
			owner.Name), true
	}
	return "", "", false
}

// originOf returns what an object is created from; nil if it is not known.
func originOf(g *facts.Graph, ref facts.Ref) *origin.Origin {
	if meta := g.MetaOf(ref); meta != nil {
		return meta.Origin
	}
	return nil
}

// sourceText names a source: the Helm chart of release cart (namespace shop).
func sourceText(o *origin.Origin) remedy.Text {
	if o.Tool == origin.File {
		return remedy.Sprintf("%s", o.Name)
	}
	what, unknown := "the Helm chart of release", "its Helm chart"
	switch o.Tool {
	case origin.ArgoCD:
		what, unknown = "the Git source of Argo CD Application", "the Git source of its Argo CD Application"
	case origin.Kustomization:
		what, unknown = "the Git source of Flux Kustomization", "the Git source of its Flux Kustomization"
	case origin.HelmRelease:
		what, unknown = "the values of Flux HelmRelease", "the values of its Flux HelmRelease"
	}
	switch {
	case o.Name == "":
		return remedy.Sprintf("%s", unknown)
	case o.Namespace == "":
		return remedy.Sprintf("%s %s", what, o.Name)
	default:
		return remedy.Sprintf("%s %s (namespace %s)", what, o.Name, o.Namespace)
	}
}

// shortName returns the short name of a kind that remedies use instead of its full name.
func shortName(kind facts.Kind) string {
	switch kind {
	case facts.HPA:
		return "hpa"
	case facts.PDB:
		return "pdb"
	case facts.PVC:
		return "pvc"
	case facts.PV:
		return "pv"
	case facts.CRD:
		return "crd"
	default:
		return kind.Argument()
	}
}
