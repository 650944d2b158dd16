package kubectl

import (
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// Invocation is one call of kubectl in a remedy.
type Invocation struct {
	// Verb, for example delete, set resources or rollout undo.
	Verb string
	// Namespace of -n, empty without it.
	Namespace string
	// Resource and Names of the objects, as written; Resource is empty if there is none.
	Resource string
	Names    []string
	// Arguments after the names, for example app=cart of label.
	Arguments []string
	// flags with their values.
	flags []flag
}

type flag struct{ name, value string }

// Parse returns the calls of kubectl in the words of a command, which may be a pipeline or a list.
func Parse(words []string) []Invocation {
	var calls []Invocation
	for len(words) > 0 {
		end := slices.IndexFunc(words, func(w string) bool { return slices.Contains([]string{"|", "||", "&&", ";"}, w) })
		if end < 0 {
			end = len(words)
		}
		if end > 0 && words[0] == "kubectl" {
			calls = append(calls, parse(words[1:end]))
		}
		words = words[min(end+1, len(words)):]
	}
	return calls
}

// parse reads what follows kubectl.
func parse(words []string) Invocation {
	var c Invocation
	var plain []string
	for i := 0; i < len(words); i++ {
		word := words[i]
		name, value, assigned := strings.Cut(word, "=")
		switch {
		case word == "--": // what follows are no flags
			plain = append(plain, words[i+1:]...)
			i = len(words)
		case !strings.HasPrefix(word, "-") || word == "-":
			plain = append(plain, word)
		case !assigned && takesValue(name) && i+1 < len(words):
			i++
			c.flags = append(c.flags, flag{name, words[i]})
		default:
			c.flags = append(c.flags, flag{name, value})
		}
	}
	c.Namespace = c.Flag("-n", "--namespace")
	if len(plain) == 0 {
		return c
	}
	c.Verb = plain[0]
	plain = plain[1:]
	if (c.Verb == "set" || c.Verb == "rollout" || c.Verb == "create") && len(plain) > 0 {
		c.Verb += " " + plain[0]
		plain = plain[1:]
	}
	if strings.HasPrefix(c.Verb, "create ") {
		c.Names = plain
		return c
	}
	c.objects(plain)
	return c
}

// objects reads TYPE NAME..., TYPE/NAME..., and the arguments behind them.
func (c *Invocation) objects(plain []string) {
	if len(plain) == 0 {
		return
	}
	if resource, _, both := strings.Cut(plain[0], "/"); both {
		c.Resource = resource
		for len(plain) > 0 && strings.HasPrefix(plain[0], resource+"/") {
			c.Names = append(c.Names, strings.TrimPrefix(plain[0], resource+"/"))
			plain = plain[1:]
		}
		c.Arguments = plain
		return
	}
	c.Resource = plain[0]
	plain = plain[1:]
	names := len(plain)
	if c.Verb == "label" || c.Verb == "annotate" || c.Verb == "taint" || strings.HasPrefix(c.Verb, "set ") {
		names = min(1, names)
	}
	c.Names, c.Arguments = plain[:names], plain[names:]
}

// takesValue reports whether the next word is the value of a flag. Remedies write the values of other flags after "=".
func takesValue(name string) bool {
	if len(name) == 2 {
		return name != "-A" && name != "-w"
	}
	return slices.Contains([]string{"--field-selector", "--selector", "--output-version", "--namespace"}, name)
}

// Flag returns the value of a flag by any of its names; empty if it is not set.
func (c Invocation) Flag(names ...string) string {
	for _, f := range c.flags {
		if slices.Contains(names, f.name) {
			return f.value
		}
	}
	return ""
}

// Changes reports whether the call changes the specification or metadata of existing objects, so that the source of an object that Helm
// or GitOps creates should be changed instead. Creating what is missing, a restart, and work on nodes are no such changes.
func (c Invocation) Changes() bool {
	if c.Flag("--dry-run") != "" {
		return false
	}
	verb, _, _ := strings.Cut(c.Verb, " ")
	switch verb {
	case "edit", "patch", "set", "scale", "delete", "autoscale", "label", "annotate":
		return true
	case "rollout":
		return c.Verb == "rollout undo" || c.Verb == "rollout pause" || c.Verb == "rollout resume"
	default:
		return false
	}
}

// InNamespaces reports whether the call is about objects that live in namespaces, so that without -n it would look in the current
// namespace of the user.
func (c Invocation) InNamespaces() bool {
	verb, what, _ := strings.Cut(c.Verb, " ")
	switch verb {
	case "logs", "exec", "debug", "autoscale":
		return true
	case "top":
		return strings.HasPrefix(c.Resource, "pod")
	case "create":
		return slices.Contains([]string{
			"configmap", "cronjob", "deployment", "ingress", "job", "poddisruptionbudget", "quota", "role", "rolebinding", "secret",
			"service", "serviceaccount", "token",
		}, what)
	}
	resource, _, _ := strings.Cut(c.Resource, ",")
	kind, ok := kindOf(resource)
	return ok && kind.Namespaced()
}

// Removes reports whether the call deletes objects or scales them to zero.
func (c Invocation) Removes() bool {
	return c.Verb == "delete" || c.Verb == "scale" && c.Flag("--replicas") == "0"
}

// Objects returns the objects that the call names; none for a placeholder such as <name>, a kind that facts do not have, and all objects
// of a kind.
func (c Invocation) Objects() []facts.Ref {
	kind, ok := kindOf(c.Resource)
	if !ok {
		return nil
	}
	var refs []facts.Ref
	for _, name := range c.Names {
		if strings.HasPrefix(name, "<") || strings.HasPrefix(c.Namespace, "<") {
			continue
		}
		ref := facts.Ref{Kind: kind, Name: name}
		if kind.Namespaced() {
			ref.Namespace = c.Namespace
		}
		refs = append(refs, ref)
	}
	return refs
}

// About reports whether the call is about objects of any of the kinds.
func (c Invocation) About(kinds ...facts.Kind) bool {
	kind, ok := kindOf(c.Resource)
	return ok && slices.Contains(kinds, kind)
}

// kindOf returns the kind of a resource as an argument of kubectl: the singular or plural name, a short name, or kind.group.
func kindOf(resource string) (facts.Kind, bool) {
	const shortNames = "po=Pod no=Node ns=Namespace svc=Service ing=Ingress deploy=Deployment rs=ReplicaSet sts=StatefulSet ds=DaemonSet " +
		"cj=CronJob hpa=HorizontalPodAutoscaler pdb=PodDisruptionBudget pvc=PersistentVolumeClaim pv=PersistentVolume sc=StorageClass " +
		"cm=ConfigMap sa=ServiceAccount quota=ResourceQuota netpol=NetworkPolicy limits=LimitRange pc=PriorityClass"
	for entry := range strings.SplitSeq(shortNames, " ") {
		if short, kind, _ := strings.Cut(entry, "="); short == resource {
			return facts.Kind(kind), true
		}
	}
	for _, kind := range slices.Concat(facts.Kinds(), facts.CustomKinds()) {
		if resource == kind.Argument() || resource == strings.ToLower(kind.Name()) || resource == kind.Resource() {
			return kind, true
		}
	}
	return "", false
}
