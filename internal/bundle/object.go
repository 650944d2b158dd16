package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Key identifies an object in a cluster, independent of the version that it is served in.
type Key struct {
	schema.GroupKind
	Namespace, Name string
}

// KeyOf returns the key of an object.
func KeyOf(o *unstructured.Unstructured) Key {
	return Key{GroupKind: o.GroupVersionKind().GroupKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
}

// String returns `Kind namespace/name`, for messages.
func (k Key) String() string {
	if k.Namespace == "" {
		return k.Kind + " " + k.Name
	}
	return k.Kind + " " + k.Namespace + "/" + k.Name
}

// Object is a manifest that can be applied.
type Object struct {
	// Content is the intent, without fields that the API server sets.
	Content *unstructured.Unstructured
	// Source says where the manifest is, for example ConfigMap shop/app, key app.yaml, document 2.
	Source string
	// Warnings about the manifest, which do not keep it from being applied.
	Warnings []string
}

// Key of the object.
func (o *Object) Key() Key { return KeyOf(o.Content) }

// digest of a value as JSON, in hexadecimal. The keys of maps are sorted.
func digest(values ...any) string {
	sum := sha256.New()
	for _, value := range values {
		encoded, err := json.Marshal(value)
		if err != nil {
			encoded = []byte(err.Error()) // what was decoded from JSON can be encoded
		}
		sum.Write(encoded)
		sum.Write([]byte{0})
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// DigestOf is the digest of a set of objects, whatever their order.
func DigestOf(objects []*Object) string {
	digests := make([]string, 0, len(objects))
	for _, o := range objects {
		digests = append(digests, digest(o.Content.Object))
	}
	slices.Sort(digests)
	return digest(digests)
}

// maxFieldManager is the longest name of a field manager that the API server accepts, in characters (FieldManagerMaxLength of
// k8s.io/apimachinery).
const maxFieldManager = 128

// managerPrefix of the field managers of all bundles.
const managerPrefix = "kubeops/"

// FieldManager is the field manager of a bundle: kubeops/NAMESPACE/NAME. A name that is too long for the API server is cut and ends in
// a hash.
func FieldManager(namespace, name string) string {
	manager := managerPrefix + namespace + "/" + name
	if len(manager) <= maxFieldManager {
		return manager
	}
	sum := sha256.Sum256([]byte(manager))
	hash := "-" + hex.EncodeToString(sum[:8])
	return manager[:maxFieldManager-len(hash)] + hash
}

// namespaceOf the bundle of a field manager: a namespace is never cut.
func namespaceOf(manager string) string {
	namespace, _, _ := strings.Cut(strings.TrimPrefix(manager, managerPrefix), "/")
	return namespace
}

// isBundle reports whether a field manager is one of a bundle.
func isBundle(manager string) bool { return strings.HasPrefix(manager, managerPrefix) }
