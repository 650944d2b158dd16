package pod

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/apimessage"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

func configChecks() []check.Check {
	missing := func(id, summary string, remediation remedy.Text, link string) check.Check {
		var explainedBy []string
		if id == secretMissing { // it may be made for a custom resource
			explainedBy = append(check.CertificateFailures(), "custom-resource-not-ready")
		}
		c := check.Check{
			ID: id, Category: v1alpha1.CategoryConfiguration, Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
			Summary: summary,
			Meaning: "The kubelet reported it when starting a container or mounting a volume, or the containers have not started " +
				"and the object is not in the namespace, which was read completely. The container is not started until the reference " +
				"can be resolved; the kubelet keeps retrying. Optional references and Pods younger than the startup grace are ignored.",
			Remediation: remediation, Link: link,
			Needs: []facts.Kind{facts.Pod}, Uses: check.RollUpKinds(facts.Event, facts.ConfigMap, facts.Secret),
			ExplainedBy: explainedBy,
			Run:         missingReference(id),
		}
		c.OnManifests = plannedReference(id)
		return c
	}
	const (
		mapLink    = "https://kubernetes.io/docs/tasks/configure-pod-container/configure-pod-configmap/"
		secretLink = "https://kubernetes.io/docs/concepts/configuration/secret/#using-secrets"
	)
	return append([]check.Check{
		missing(configMapMissing, "A Pod needs a ConfigMap that does not exist.",
			"Create the ConfigMap (`kubectl create configmap <name> --from-literal=<key>=<value>`), or correct its name in the Pod "+
				"template. If the Pod does not require it, mark the reference optional.", mapLink),
		missing(configMapKeyMissing, "A Pod needs a key that its ConfigMap does not have.",
			"Add the key to the ConfigMap (`kubectl edit configmap <name>`), or correct the key in the Pod template.", mapLink),
		missing(secretMissing, "A Pod needs a Secret that does not exist.",
			"Create the Secret, or correct its name in the Pod template. If a controller creates the Secret (External Secrets, "+
				"cert-manager, Sealed Secrets), check its resources first.", secretLink),
		missing(secretKeyMissing, "A Pod needs a key that its Secret does not have.",
			"Add the key to the Secret, or correct the key in the Pod template; `kubectl describe secret <name>` lists "+
				"its keys.", secretLink),
	}, startChecks()...)
}

// missingReference is a check that reports what Pods name and what does not exist, of one of the four kinds.
func missingReference(id string) func(*facts.Graph, check.Params) []check.Finding {
	return func(g *facts.Graph, p check.Params) []check.Finding {
		var failures []check.FailingPod
		for _, pod := range g.Pods {
			if !pod.IsActive() || !g.OlderThan(pod.Created, p.StartupGrace) {
				continue
			}
			for _, m := range missingOf(g, pod) {
				if m.check() == id {
					failures = append(failures,
						check.FailingPod{Pod: pod, Discriminator: m.discriminator(), Finding: missingFinding(g, pod, m)})
				}
			}
		}
		return check.RollUp(g, failures)
	}
}

// missing is a reference of one Pod that cannot be resolved.
type missing struct {
	reference
	// said is the kubelet's word for it; nil when it was concluded from what the namespace has.
	said *check.Evidence
}

// missingOf are the references of a Pod that cannot be resolved, each once: those that the kubelet names, then those that
// it has not come to yet.
func missingOf(g *facts.Graph, pod *facts.PodNode) []missing {
	var found []missing
	add := func(ref reference, said *check.Evidence) {
		if !slices.ContainsFunc(found, func(m missing) bool { return m.reference == ref }) {
			found = append(found, missing{ref, said})
		}
	}
	refused, creating, started := false, false, false
	for _, c := range allContainers(pod) {
		switch {
		case c.State.Status != facts.StateWaiting:
			started = started || c.State.Status != facts.StateUnknown
			continue
		case c.State.Reason == "CreateContainerConfigError":
			refused = true
			said := waitingEvidence(pod, c)
			for _, ref := range parseMissing(c.State.Message) {
				if ref, ok := resolve(g, pod, ref, ""); ok {
					add(ref, &said)
				}
			}
		case c.State.Reason == "ContainerCreating", c.State.Reason == "PodInitializing":
			creating = true
		}
		started = started || c.Last().Status != facts.StateUnknown
	}
	mounting := creating && !started && pod.NodeName != "" && !sandboxed(pod)
	if mounting {
		for _, e := range g.EventsOf(pod.Ref) {
			if e.Reason != "FailedMount" {
				continue
			}
			volume, _ := apimessage.QuotedAfter(e.Message, "for volume ")
			said := check.FromEvent(e)
			for _, ref := range parseMissing(e.Message) {
				if ref, ok := resolve(g, pod, ref, volume); ok {
					add(ref, &said)
				}
			}
		}
	}
	if refused || mounting {
		for _, ref := range absent(g, pod, refused) {
			add(ref, nil)
		}
	}
	return found
}

// resolve completes a reference that the kubelet names: keys of volumes come without their object. It is false when the
// object is there by now, or has the key: then the kubelet's next try will do.
func resolve(g *facts.Graph, pod *facts.PodNode, ref reference, volume string) (reference, bool) {
	if ref.name == "" {
		if pod.Spec == nil {
			return ref, false
		}
		for _, r := range pod.Spec.Refs {
			if r.Kind == ref.kind && r.Key == ref.key && (volume == "" || r.Field == facts.VolumeField(volume)) {
				ref.name = r.Name
				break
			}
		}
		if ref.name == "" {
			return ref, false
		}
	}
	node, ok := facts.Lookup[*facts.ConfigNode](g, ref.object(pod.Namespace))
	if !ok {
		return ref, true
	}
	if ref.key == "" || slices.Contains(node.Keys, ref.key) {
		return ref, false
	}
	return ref, true
}

// absent are the references in a Pod's spec to what its namespace does not have, as far as that was read completely: those
// of volumes, and with env those of environment variables as well.
func absent(g *facts.Graph, pod *facts.PodNode, env bool) []reference {
	if pod.Spec == nil {
		return nil
	}
	var refs []reference
	for _, r := range pod.Spec.Refs {
		if r.Optional || r.Kind != facts.ConfigMap && r.Kind != facts.Secret || !env && !strings.HasPrefix(r.Field, "volume ") {
			continue
		}
		ref := reference{kind: r.Kind, name: r.Name}
		node, ok := facts.Lookup[*facts.ConfigNode](g, ref.object(pod.Namespace))
		switch {
		case !ok && g.Complete(r.Kind, pod.Namespace):
			refs = append(refs, ref)
		case ok && r.Key != "" && keysKnown(node) && !slices.Contains(node.Keys, r.Key):
			ref.key = r.Key
			refs = append(refs, ref)
		}
	}
	return refs
}

// keysKnown reports whether all keys of an object are known. Of Secrets of a cluster none are, and an empty one in a manifest is usually
// filled by something else.
func keysKnown(node *facts.ConfigNode) bool {
	return node.Kind == facts.ConfigMap || len(node.Keys) > 0
}

func missingFinding(g *facts.Graph, pod *facts.PodNode, m missing) check.Finding {
	object := m.object(pod.Namespace)
	f := check.Finding{Culprits: []facts.Ref{object}}
	fields := fieldsOf(pod, m.reference)
	needs := g.OwnerName(pod) + " needs it"
	if len(fields) > 0 {
		needs += " (" + strings.Join(fields, ", ") + ")"
	}
	if m.key == "" {
		f.Message = fmt.Sprintf("%s %s does not exist; %s.", m.kind, m.name, needs)
	} else {
		f.Message = fmt.Sprintf("%s %s has no key %s; %s.", m.kind, m.name, m.key, needs)
	}
	if m.said != nil {
		f.Evidence = append(f.Evidence, *m.said)
	}
	for _, field := range fields {
		f.Evidence = append(f.Evidence, check.FromSpec("%s: %s", field, m.text()))
	}
	evidence, similar := m.instead(g, pod.Namespace)
	f.Evidence = append(f.Evidence, evidence...)
	f.Remediation = m.remedy(pod.Namespace, similar)
	return f
}

// fieldsOf are the places in the Pod's spec that need a reference, at most three.
func fieldsOf(pod *facts.PodNode, ref reference) []string {
	var fields []string
	if pod.Spec == nil {
		return nil
	}
	for _, r := range pod.Spec.Refs {
		if r.Kind == ref.kind && r.Name == ref.name && !r.Optional && (ref.key == "" || r.Key == ref.key) &&
			!slices.Contains(fields, r.Field) && len(fields) < 3 {
			fields = append(fields, r.Field)
		}
	}
	return fields
}

// instead says what there is in place of a missing thing, and the one that is probably meant; empty when none is near.
// Only names are shown: keys of ConfigMaps and of Secrets in manifests, but of Secrets of a cluster nothing but the names.
func (r reference) instead(g *facts.Graph, namespace string) (evidence []check.Evidence, meant string) {
	const few = 8
	if r.key != "" {
		node, ok := facts.Lookup[*facts.ConfigNode](g, r.object(namespace))
		if !ok || !keysKnown(node) {
			return nil, ""
		}
		if len(node.Keys) == 0 {
			return []check.Evidence{check.FromSpec("%s %s has no keys", r.kind, node.Name)}, ""
		}
		text := strings.Join(node.Keys[:min(len(node.Keys), few)], ", ")
		if len(node.Keys) > few {
			text += fmt.Sprintf(" and %d more", len(node.Keys)-few)
		}
		evidence = append(evidence,
			check.FromSpec("%s %s has the %s %s", r.kind, node.Name, phrase.Plural(len(node.Keys), "key", "keys"), text))
		if meant = similarKey(node.Keys, r.key); meant != "" {
			evidence = append(evidence, check.FromSpec("similar key: %s", meant))
		}
		return evidence, meant
	}
	var names []string
	for _, node := range g.Configs {
		if node.Kind == r.kind && node.Namespace == namespace {
			names = append(names, node.Name)
		}
	}
	if meant = text.Similar(names, r.name); meant != "" {
		evidence = append(evidence, check.FromSpec("similar name: %s %s exists", r.kind, meant))
	}
	return evidence, meant
}

// similarKey is similar.Name for keys, where the usual slip is in the case or in the separator: DB_URL for db-url.
func similarKey(keys []string, wanted string) string {
	separators := strings.NewReplacer("-", "", "_", "", ".", "")
	plain := func(key string) string { return separators.Replace(strings.ToLower(key)) }
	plainly := plain(wanted)
	for _, key := range keys {
		if plain(key) == plainly {
			return key
		}
	}
	return text.Similar(keys, wanted)
}
