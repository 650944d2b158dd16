package checks

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

const configLink = "https://kubernetes.io/docs/tasks/configure-pod-container/configure-pod-configmap/"

func configChecks() []Check {
	missing := func(id, summary, remediation, link string) Check {
		return Check{
			ID: id, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityCritical,
			Summary: summary,
			Meaning: "The kubelet said so when it tried to start the container or to mount the volume. The container is not started " +
				"until the reference can be resolved; the kubelet keeps trying by itself.",
			Remediation: remediation, Link: link,
			Needs: []facts.Kind{facts.Pod}, Uses: []facts.Kind{facts.Event, facts.ConfigMap, facts.ReplicaSet, facts.Job},
			Run: func(g *facts.Graph, _ Params) []Finding { return missingFindings(g, id) },
		}
	}
	return []Check{
		missing("configmap-missing", "A Pod needs a ConfigMap that does not exist.",
			"Create the ConfigMap, or correct the name in the Pod's template. If the Pod can do without it, mark the reference optional.", configLink),
		missing("configmap-key-missing", "A Pod needs a key that its ConfigMap does not have.",
			"Add the key to the ConfigMap (kubectl edit configmap), or correct the key in the Pod's template. The Pod starts by itself then.", configLink),
		missing("secret-missing", "A Pod needs a Secret that does not exist.",
			"Create the Secret, or correct the name in the Pod's template. Where another tool makes Secrets (External Secrets, cert-manager), look at its resources first.",
			"https://kubernetes.io/docs/concepts/configuration/secret/"),
		missing("secret-key-missing", "A Pod needs a key that its Secret does not have.",
			"Add the key to the Secret, or correct the key in the Pod's template. The Pod starts by itself then.",
			"https://kubernetes.io/docs/concepts/configuration/secret/"),
		{
			ID: "container-config-invalid", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityCritical,
			Summary: "A container's configuration cannot be used.",
			Meaning: "The kubelet refuses to make the container (CreateContainerConfigError) for a reason other than a missing ConfigMap or Secret: " +
				"for example an image that runs as root where runAsNonRoot is set.",
			Remediation: "Mend what the message in the evidence names in the Pod's template.",
			Link:        "https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
			Needs:       []facts.Kind{facts.Pod}, Uses: []facts.Kind{facts.ReplicaSet, facts.Job},
			Run: func(g *facts.Graph, _ Params) []Finding { return invalidConfig(g) },
		},
		{
			ID: "container-cannot-start", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityCritical,
			Summary: "The container runtime cannot start a container.",
			Meaning: "Image and configuration are there, but the runtime fails to run the command: most often because it is not in the image, " +
				"is not executable, or is built for another architecture.",
			Remediation: "Compare command and args of the Pod's template with what is in the image; the message in the evidence names what was tried.",
			Link:        "https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/",
			Needs:       []facts.Kind{facts.Pod}, Uses: []facts.Kind{facts.ReplicaSet, facts.Job},
			Run: func(g *facts.Graph, _ Params) []Finding { return cannotStart(g) },
		},
		{
			ID: "serviceaccount-missing", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityCritical,
			Summary:     "A workload names a ServiceAccount that does not exist, so that its Pods may not be created.",
			Meaning:     "The API server refuses Pods whose ServiceAccount does not exist; the workload's events say so.",
			Remediation: "Create the ServiceAccount (kubectl create serviceaccount), or correct serviceAccountName in the Pod's template.",
			Link:        "https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/",
			Needs:       []facts.Kind{facts.Event}, Uses: []facts.Kind{facts.Deployment, facts.ReplicaSet, facts.StatefulSet, facts.DaemonSet, facts.Job, facts.ServiceAccount, facts.Pod},
			Run: accountMissing,
		},
	}
}

// reference is something that a Pod names and that is not there.
type reference struct {
	check     string
	kind      facts.Kind
	name, key string
}

// missingPatterns match the kubelet's words for a reference that is not there: of env (kubelet_pods.go), and of volumes
// (volume/configmap, volume/secret, volume/projected).
func missingPatterns() []struct {
	pattern *regexp.Regexp
	make    func(m []string) reference
} {
	type entry = struct {
		pattern *regexp.Regexp
		make    func(m []string) reference
	}
	return []entry{
		{regexp.MustCompile(`couldn't find key (\S+) in ConfigMap [^/\s]+/([^\s"]+)`), func(m []string) reference {
			return reference{"configmap-key-missing", facts.ConfigMap, m[2], m[1]}
		}},
		{regexp.MustCompile(`couldn't find key (\S+) in Secret [^/\s]+/([^\s"]+)`), func(m []string) reference {
			return reference{"secret-key-missing", facts.Secret, m[2], m[1]}
		}},
		{regexp.MustCompile(`references non-existent config key: ([^\s,\]]+)`), func(m []string) reference {
			return reference{"configmap-key-missing", facts.ConfigMap, "", m[1]}
		}},
		{regexp.MustCompile(`references non-existent secret key: ([^\s,\]]+)`), func(m []string) reference {
			return reference{"secret-key-missing", facts.Secret, "", m[1]}
		}},
		{regexp.MustCompile(`configmaps? "([^"]+)" not found`), func(m []string) reference {
			return reference{"configmap-missing", facts.ConfigMap, m[1], ""}
		}},
		{regexp.MustCompile(`secrets? "([^"]+)" not found`), func(m []string) reference {
			return reference{"secret-missing", facts.Secret, m[1], ""}
		}},
	}
}

// parseMissing finds the reference that a message of the kubelet speaks of.
func parseMissing(message string) (reference, bool) {
	for _, known := range missingPatterns() {
		if m := known.pattern.FindStringSubmatch(message); m != nil {
			return known.make(m), true
		}
	}
	return reference{}, false
}

// missingFindings are the findings of one of the checks about missing references.
func missingFindings(g *facts.Graph, check string) []Finding {
	var failures []failure
	for _, pod := range g.Pods {
		if !atWork(pod) {
			continue
		}
		seen := map[reference]bool{}
		for _, said := range missingTexts(g, pod) {
			ref, ok := parseMissing(said.text)
			if !ok || ref.check != check {
				continue
			}
			ref = named(pod, ref)
			if seen[ref] {
				continue
			}
			seen[ref] = true
			failures = append(failures, failure{pod: pod, discriminator: ref.name + "/" + ref.key, finding: missingFinding(g, pod, ref, said.evidence)})
		}
	}
	return rollup(g, failures)
}

// saying is a message of the kubelet, as text and as evidence.
type saying struct {
	text     string
	evidence Evidence
}

// missingTexts are the messages of a Pod that may speak of missing references: of containers that wait, and of mounts that
// failed while some container still waits.
func missingTexts(g *facts.Graph, pod *facts.PodNode) []saying {
	var said []saying
	waiting := false
	for _, c := range allContainers(pod) {
		if c.State.Status != facts.StateWaiting {
			continue
		}
		waiting = true
		if c.State.Reason == "CreateContainerConfigError" {
			said = append(said, saying{c.State.Message, condition("container %s is waiting, %s: %s", c.Name, c.State.Reason, c.State.Message)})
		}
	}
	if !waiting {
		return said
	}
	for _, e := range g.EventsOf(pod.Ref) {
		if e.Reason == "FailedMount" {
			said = append(said, saying{e.Message, event(e)})
		}
	}
	return said
}

// named finds the object of a key when the message gives the key alone.
func named(pod *facts.PodNode, ref reference) reference {
	if ref.name != "" || pod.Spec == nil {
		return ref
	}
	for _, r := range pod.Spec.Refs {
		if r.Kind == ref.kind && r.Key == ref.key {
			ref.name = r.Name
			return ref
		}
	}
	return ref
}

func missingFinding(g *facts.Graph, pod *facts.PodNode, ref reference, said Evidence) Finding {
	object := facts.Ref{Kind: ref.kind, Namespace: pod.Namespace, Name: ref.name}
	f := Finding{Evidence: []Evidence{said}, Because: []facts.Ref{object}}
	fields := fieldsOf(pod, ref)
	needed := ""
	if len(fields) > 0 {
		needed = ", which " + fields[0] + " needs"
		f.Evidence = append(f.Evidence, spec("%s names %s %s%s", strings.Join(fields, ", "), ref.kind, ref.name, keyText(ref.key)))
	}
	if ref.key == "" {
		f.Message = fmt.Sprintf("%s %s does not exist%s.", ref.kind, ref.name, needed)
		return f
	}
	f.Message = fmt.Sprintf("%s %s has no key %s%s.", ref.kind, ref.name, ref.key, needed)
	if node, ok := facts.Lookup[*facts.KeyedNode](g, object); ok && ref.kind == facts.ConfigMap {
		f.Evidence = append(f.Evidence, keysEvidence(node, ref.key))
	}
	return f
}

func keyText(key string) string {
	if key == "" {
		return ""
	}
	return ", key " + key
}

// fieldsOf are the places in the Pod's spec that name a reference, at most three.
func fieldsOf(pod *facts.PodNode, ref reference) []string {
	var fields []string
	if pod.Spec == nil {
		return nil
	}
	for _, r := range pod.Spec.Refs {
		if r.Kind == ref.kind && r.Name == ref.name && (ref.key == "" || r.Key == ref.key) && !slices.Contains(fields, r.Field) && len(fields) < 3 {
			fields = append(fields, r.Field)
		}
	}
	return fields
}

// keysEvidence lists what a ConfigMap has instead, the most similar first.
func keysEvidence(node *facts.KeyedNode, wanted string) Evidence {
	if len(node.Keys) == 0 {
		return spec("ConfigMap %s has no keys at all", node.Name)
	}
	keys := slices.Clone(node.Keys)
	slices.SortStableFunc(keys, func(a, b string) int {
		return distance(strings.ToLower(wanted), strings.ToLower(a)) - distance(strings.ToLower(wanted), strings.ToLower(b))
	})
	text := strings.Join(keys[:min(len(keys), 8)], ", ")
	if len(keys) > 8 {
		text += ", ..."
	}
	return spec("ConfigMap %s has the %s %s", node.Name, plural(len(keys), "key", "keys"), text)
}
