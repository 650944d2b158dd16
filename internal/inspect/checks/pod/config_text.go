package pod

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// Ids of the checks about what Pods name and what does not exist.
const (
	configMapMissing    = "configmap-missing"
	configMapKeyMissing = "configmap-key-missing"
	secretMissing       = "secret-missing"
	secretKeyMissing    = "secret-key-missing"
)

// reference is a ConfigMap or Secret of a Pod's namespace, or one key of it.
type reference struct {
	kind facts.Kind
	// name of the object; empty where a message names the key alone.
	name string
	// key within the object; empty for the object itself.
	key string
}

// object is what the reference names, or what should hold its key.
func (r reference) object(namespace string) facts.Ref {
	return facts.Ref{Kind: r.kind, Namespace: namespace, Name: r.name}
}

// check is the id of the check that reports the reference.
func (r reference) check() string {
	switch {
	case r.kind == facts.ConfigMap && r.key == "":
		return configMapMissing
	case r.kind == facts.ConfigMap:
		return configMapKeyMissing
	case r.key == "":
		return secretMissing
	default:
		return secretKeyMissing
	}
}

func (r reference) discriminator() string {
	if r.key == "" {
		return r.name
	}
	return r.name + "/" + r.key
}

func (r reference) text() string {
	if r.key == "" {
		return fmt.Sprintf("%s %s", r.kind, r.name)
	}
	return fmt.Sprintf("key %s of %s %s", r.key, r.kind, r.name)
}

// remedy says what to do about a reference that cannot be resolved; similar is what may be meant, or empty.
func (r reference) remedy(namespace, similar string) remedy.Text {
	kind := strings.ToLower(string(r.kind))
	var create remedy.Text
	switch {
	case r.kind == facts.ConfigMap && r.key == "":
		create = remedy.Sprintf("`kubectl -n %s create configmap %s --from-literal=<key>=<value>`", namespace, r.name)
	case r.kind == facts.ConfigMap:
		create = remedy.Sprintf("`kubectl -n %s patch configmap %s --type=merge -p "+
			"'{\"data\":{\"%s\":\"<value>\"}}'`", namespace, r.name, r.key)
	case r.key == "":
		create = remedy.Sprintf("`kubectl -n %s create secret generic %s --from-literal=<key>=<value>`", namespace, r.name)
	default:
		create = remedy.Sprintf("`kubectl -n %s patch secret %s --type=merge -p "+
			"'{\"stringData\":{\"%s\":\"<value>\"}}'`", namespace, r.name, r.key)
	}
	const then = " The kubelet retries automatically."
	switch {
	case similar != "" && r.key != "":
		return remedy.Sprintf("Correct the key in the Pod template to %s, or add %s to the %s: %s.", similar, r.key, r.kind, create) + then
	case similar != "":
		return remedy.Sprintf("Correct the name in the Pod template to %s, or create %s: %s.", similar, r.name, create) + then
	case r.key != "":
		return remedy.Sprintf("Add the key: %s, or correct it in the Pod template (`kubectl -n %s describe %s %s` lists the "+
			"existing ones).", create, namespace, kind, r.name) + then
	default:
		return remedy.Sprintf("Create it: %s, or correct its name in the Pod template (`kubectl -n %s get %ss` lists the "+
			"existing ones).", create, namespace, kind) + then
	}
}

// parseMissing finds the references that a message of the kubelet calls missing, in their order, each once. Keys of volumes
// come without a name. The texts are those of pkg/kubelet/kubelet_pods.go (environment), pkg/volume/configmap,
// pkg/volume/secret and pkg/volume/projected, which joins several as [one, two].
func parseMissing(message string) []reference {
	var found []reference
	seen := map[reference]bool{}
	for rest := message; rest != ""; {
		ref, after, ok := nextMissing(rest)
		if !ok {
			break
		}
		if !seen[ref] {
			seen[ref] = true
			found = append(found, ref)
		}
		rest = after
	}
	return found
}

// nextMissing is the first missing reference in a text, and what follows on it.
func nextMissing(text string) (ref reference, after string, ok bool) {
	const (
		envKey    = "couldn't find key "
		mapKey    = "references non-existent config key: "
		secretKey = "references non-existent secret key: "
	)
	at := len(text)
	take := func(marker string, parse func(rest string) (reference, string, bool)) {
		i := strings.Index(text, marker)
		if i < 0 || i >= at {
			return
		}
		if r, rest, found := parse(text[i+len(marker):]); found {
			at = i
			ref, after = r, rest
			ok = true
		}
	}
	take(envKey, func(rest string) (reference, string, bool) {
		key, rest, _ := strings.Cut(rest, " in ")
		kind, rest, _ := strings.Cut(rest, " ")
		_, rest, _ = strings.Cut(rest, "/")
		name, rest := word(rest)
		return reference{facts.Kind(kind), name, key}, rest, key != "" && name != "" && (kind == "ConfigMap" || kind == "Secret")
	})
	take(mapKey, func(rest string) (reference, string, bool) {
		key, rest := word(rest)
		return reference{facts.ConfigMap, "", key}, rest, key != ""
	})
	take(secretKey, func(rest string) (reference, string, bool) {
		key, rest := word(rest)
		return reference{facts.Secret, "", key}, rest, key != ""
	})
	for marker, kind := range map[string]facts.Kind{
		`configmap "`: facts.ConfigMap, `configmaps "`: facts.ConfigMap, `secret "`: facts.Secret, `secrets "`: facts.Secret,
	} {
		take(marker, func(rest string) (reference, string, bool) {
			name, rest, closed := strings.Cut(rest, `"`)
			return reference{kind, name, ""}, rest, closed && name != "" && strings.HasPrefix(rest, " not found")
		})
	}
	return ref, after, ok
}

// word is what stands before the next space, comma, bracket or quote, and the rest.
func word(text string) (string, string) {
	if i := strings.IndexAny(text, " ,[]\"\n"); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}
