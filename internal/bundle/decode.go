package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	goyaml "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/text"
)

// Limits of manifests.
const (
	// maxNodes of one YAML document, after its aliases are expanded.
	maxNodes = 10_000
	// maxDepth of nesting in a manifest.
	maxDepth = 100
	// maxObject is the size of one object as JSON, in bytes. etcd refuses 1.5 MiB by default, which managed fields count to.
	maxObject = 1 << 20
	// maxText is the size of all YAML documents of a bundle together, in bytes.
	maxText = 8 << 20
	// maxDocuments of one text. As many invalid manifests are reported for a bundle.
	maxDocuments = 4_000
	// MaxObjects of one bundle.
	MaxObjects = 2_000
)

// Invalid is a manifest that cannot be used.
type Invalid struct {
	// Source says where the manifest is.
	Source string
	// APIVersion, Kind, Namespace and Name, as far as they are known.
	APIVersion, Kind, Namespace, Name string
	// Message describes the problem and the next step.
	Message string
}

// Desired is what a bundle consists of.
type Desired struct {
	Objects []*Object
	// Invalid manifests do not keep the objects from being applied, but keep everything from being pruned: one of them may be the
	// manifest of an object in the inventory.
	Invalid []Invalid

	// size of the YAML documents so far.
	size int
}

// maxName of an object, its kind, its API version or its source in messages, in runes.
const maxName = 253

// AddJSON adds a manifest that the API server decoded. source says where it is.
func (d *Desired) AddJSON(source string, manifest []byte) {
	var content map[string]any
	if err := utiljson.Unmarshal(manifest, &content); err != nil || content == nil {
		d.invalid(source, nil, "is empty or no object; write apiVersion, kind and metadata")
		return
	}
	d.add(source, content)
}

// AddYAML adds the documents of a text. source says where it is.
func (d *Desired) AddYAML(source, content string) {
	if d.size += len(content); d.size > maxText {
		d.invalid(source, nil, fmt.Sprintf("exceeds %d MiB for all sources of a bundle; split the bundle", maxText>>20))
		return
	}
	documents := splitDocuments([]byte(content))
	if len(documents) > maxDocuments {
		d.invalid(source, nil, fmt.Sprintf("has more than %d documents; split the bundle", maxDocuments))
		return
	}
	for n, document := range documents {
		where := fmt.Sprintf("%s, document %d", source, n+1)
		content, err := decodeDocument(document)
		switch {
		case err != nil:
			d.invalid(where, nil, err.Error())
		case content != nil:
			d.add(where, content)
		}
	}
}

// AddConfigMap adds the documents of one key of a ConfigMap, or of all keys if it is empty. It returns false if there is no such key.
func (d *Desired) AddConfigMap(name, key string, data map[string]string) bool {
	keys := slices.Sorted(maps.Keys(data))
	if key != "" {
		if _, ok := data[key]; !ok {
			return false
		}
		keys = []string{key}
	}
	for _, key := range keys {
		d.AddYAML(fmt.Sprintf("ConfigMap %s, key %s", name, key), data[key])
	}
	return true
}

// AddManifests adds those of a spec.
func (d *Desired) AddManifests(manifests []v1alpha1.Manifest) {
	for n, manifest := range manifests {
		d.AddJSON(fmt.Sprintf("spec.manifests[%d]", n), manifest.Raw)
	}
}

// splitDocuments splits a text at lines that begin with three dashes, like the YAML reader of Kubernetes. A document that cannot be parsed
// does not affect the others.
func splitDocuments(content []byte) (documents [][]byte) {
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	start := 0
	position := 0
	for line := range bytes.Lines(content) {
		if rest, ok := bytes.CutPrefix(line, []byte("---")); ok && (len(rest) == 0 || strings.ContainsRune(" \t\r\n#", rune(rest[0]))) {
			documents = append(documents, content[start:position])
			start = position + len("---")
		}
		position += len(line)
	}
	return slices.DeleteFunc(append(documents, content[start:]), func(d []byte) bool { return len(bytes.TrimSpace(d)) == 0 })
}

// decodeDocument reads one document strictly. It is nil for one that only has comments. Errors quote keys and no values.
func decodeDocument(document []byte) (map[string]any, error) {
	var node goyaml.Node
	decoder := goyaml.NewDecoder(bytes.NewReader(document))
	if err := decoder.Decode(&node); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, errors.New("is not valid YAML; check its indentation and quotes")
	}
	budget := maxNodes
	if !expands(&node, &budget, 0) {
		return nil, fmt.Errorf("has more than %d nodes after its aliases are expanded, or %d levels; write it without anchors", maxNodes,
			maxDepth)
	}
	encoded, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		if _, key, found := strings.Cut(err.Error(), "key "); found && strings.Contains(err.Error(), "already set") {
			key, _, _ = strings.Cut(key, " already set")
			return nil, fmt.Errorf("has key %s twice; remove one of them", key)
		}
		return nil, errors.New("is not valid YAML; check its indentation and quotes")
	}
	if string(encoded) == "null" {
		return nil, nil
	}
	var content map[string]any
	if err := utiljson.Unmarshal(encoded, &content); err != nil || content == nil {
		return nil, errors.New("is no object; write apiVersion, kind and metadata")
	}
	return content, nil
}

// expands reports whether a node and everything below it is within a budget of nodes, each alias counted as often as it is used.
func expands(node *goyaml.Node, budget *int, depth int) bool {
	if *budget--; *budget < 0 || depth > maxDepth {
		return false
	}
	if node.Kind == goyaml.AliasNode {
		return expands(node.Alias, budget, depth+1)
	}
	for _, child := range node.Content {
		if !expands(child, budget, depth+1) {
			return false
		}
	}
	return true
}

// add an object, or the items of a list.
func (d *Desired) add(source string, content map[string]any) {
	object := &unstructured.Unstructured{Object: content}
	if items, ok := content["items"].([]any); ok && strings.HasSuffix(object.GetKind(), "List") {
		for n, item := range items {
			where := fmt.Sprintf("%s, item %d", source, n+1)
			if content, ok := item.(map[string]any); ok {
				d.add(where, content)
				continue
			}
			d.invalid(where, nil, "is no object; write apiVersion, kind and metadata")
		}
		return
	}
	if len(d.Objects) == MaxObjects {
		d.invalid(source, object, fmt.Sprintf("exceeds %d objects of a bundle; split the bundle", MaxObjects))
		return
	}
	if message := refusal(content); message != "" {
		d.invalid(source, object, message)
		return
	}
	d.Objects = append(d.Objects, &Object{Content: object, Source: source, Warnings: dropServerFields(content)})
}

// invalid records a manifest that cannot be used; object may be nil.
func (d *Desired) invalid(source string, object *unstructured.Unstructured, message string) {
	problem := Invalid{Source: text.Clip(source, maxName), Message: "the manifest " + message}
	if object != nil {
		value := func(path ...string) string {
			found, _, _ := unstructured.NestedString(object.Object, path...)
			return text.Clip(found, maxName)
		}
		problem.APIVersion = value("apiVersion")
		problem.Kind = value("kind")
		problem.Namespace = value("metadata", "namespace")
		problem.Name = value("metadata", "name")
	}
	if len(d.Invalid) < maxDocuments {
		d.Invalid = append(d.Invalid, problem)
	}
}

// refusal is why an object cannot be applied; empty if it can.
func refusal(content map[string]any) string {
	metadata, _ := content["metadata"].(map[string]any)
	for _, field := range []string{"apiVersion", "kind"} {
		switch value, _ := content[field].(string); {
		case value == "":
			return "has no " + field
		case len(value) > 2*maxName:
			return "has " + field + " with more characters than any has"
		}
	}
	// Slashes in them would leave an object without a kind, in messages, too.
	if version, _ := content["apiVersion"].(string); !isAPIVersion(version) {
		return "has an apiVersion that is neither VERSION nor GROUP/VERSION"
	}
	if kind, _ := content["kind"].(string); !isPathSegment(kind) {
		return "has a kind that is no name of a kind"
	}
	name, _ := metadata["name"].(string)
	namespace, hasNamespace := metadata["namespace"].(string)
	_, namespaceSet := metadata["namespace"]
	switch {
	case metadata["generateName"] != nil:
		return "has metadata.generateName, which cannot be applied; write metadata.name"
	case name == "":
		return "has no metadata.name"
	case !isPathSegment(name):
		return "has a metadata.name that is no name of an object"
	case namespaceSet && !hasNamespace, hasNamespace && namespace != "" && len(validation.IsDNS1123Label(namespace)) > 0:
		return "has a metadata.namespace that is no name of a Namespace"
	case metadata["ownerReferences"] != nil:
		return "has metadata.ownerReferences, which are deleted by the garbage collector in another cluster; remove them"
	case content["apiVersion"] == "v1" && content["kind"] == "List":
		return "is a List without items"
	}
	if depthOf(content) > maxDepth {
		return fmt.Sprintf("is nested in more than %d levels", maxDepth)
	}
	if encoded, err := json.Marshal(content); err != nil || len(encoded) > maxObject {
		return fmt.Sprintf("exceeds %d MiB as JSON; etcd cannot store it", maxObject>>20)
	}
	return ""
}

// isAPIVersion reports whether a text is a version, or a group and a version.
func isAPIVersion(text string) bool {
	group, version, grouped := strings.Cut(text, "/")
	return isPathSegment(group) && (!grouped || group != "" && version != "" && isPathSegment(version))
}

// isPathSegment reports whether a name is safe in the path of a request. The API server checks the rest: names of some kinds, such as
// ClusterRole system:node, are no DNS names.
func isPathSegment(name string) bool {
	return name != "." && name != ".." && len(name) <= 253 && !strings.ContainsAny(name, "/%?#\\") &&
		!strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

func depthOf(value any) int {
	deepest := 0
	switch value := value.(type) {
	case map[string]any:
		for _, child := range value {
			deepest = max(deepest, depthOf(child))
		}
	case []any:
		for _, child := range value {
			deepest = max(deepest, depthOf(child))
		}
	default:
		return 0
	}
	return deepest + 1
}

// dropServerFields removes the fields that the API server sets, and returns a warning for each that had a value.
func dropServerFields(content map[string]any) (warnings []string) {
	drop := func(fields map[string]any, field, path string) {
		value, found := fields[field]
		if !found {
			return
		}
		delete(fields, field)
		if value != nil && !isEmpty(value) {
			warnings = append(warnings, path+" is set by the cluster and was ignored; remove it from the manifest")
		}
	}
	metadata, _ := content["metadata"].(map[string]any)
	for _, field := range []string{
		"uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
		"managedFields", "selfLink",
	} {
		drop(metadata, field, "metadata."+field)
	}
	drop(content, "status", "status")
	return warnings
}

func isEmpty(value any) bool {
	fields, isMap := value.(map[string]any)
	return isMap && len(fields) == 0
}
