package facts

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/internal/inspect/facts/crdschema"
)

// CRD defines the kind of a custom resource.
const CRD Kind = "CustomResourceDefinition"

// CRDNode is a CustomResourceDefinition, without its schemas.
type CRDNode struct {
	Meta
	// Defines is the kind, with its group.
	Defines  Kind
	Versions []CRDVersion
	// Stored are the versions in which objects may be stored in etcd.
	Stored []string
}

// CRDVersion is one version of a custom resource.
type CRDVersion struct {
	Name                        string
	Served, Storage, Deprecated bool
	// Warning of the API server for a deprecated version; may be empty.
	Warning string
	// Schema is the SchemaHash of its schema; empty where it was not read.
	Schema string
}

// CRDObject is the part of a CustomResourceDefinition that its reducer needs. Decoding skips the schemas, which are most of it.
type CRDObject = crdObject[ignoredSchema]

// CRDSchemaObject is a CRDObject whose schemas are hashed while they are decoded.
type CRDSchemaObject = crdObject[hashedSchema]

// ignoredSchema decodes to nothing.
type ignoredSchema struct{}

// UnmarshalJSON ignores the schema.
func (*ignoredSchema) UnmarshalJSON([]byte) error { return nil }

// hashedSchema decodes to a SchemaHash; empty for a schema that cannot be hashed.
type hashedSchema string

// UnmarshalJSON hashes the schema.
func (h *hashedSchema) UnmarshalJSON(schema []byte) error {
	hash, err := crdschema.Hash(schema)
	if err == nil {
		*h = hashedSchema(hash)
	}
	return nil
}

type crdObject[S any] struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Group string `json:"group"`
		Names struct {
			Kind string `json:"kind"`
		} `json:"names"`
		Versions []struct {
			Name               string `json:"name"`
			Served             bool   `json:"served"`
			Storage            bool   `json:"storage"`
			Deprecated         bool   `json:"deprecated"`
			DeprecationWarning string `json:"deprecationWarning"`
			Schema             S      `json:"schema"`
		} `json:"versions"`
	} `json:"spec"`
	Status struct {
		Conditions     []metav1.Condition `json:"conditions"`
		StoredVersions []string           `json:"storedVersions"`
	} `json:"status"`
}

func reduceCRD[S any](c *crdObject[S]) *CRDNode {
	node := &CRDNode{
		Meta: metaOf(CRD, &c.ObjectMeta), Defines: CustomKind(c.Spec.Group, c.Spec.Names.Kind), Stored: c.Status.StoredVersions,
	}
	for _, v := range c.Spec.Versions {
		hash, _ := any(v.Schema).(hashedSchema) // empty for schemas that are ignored
		node.Versions = append(node.Versions, CRDVersion{
			Name: v.Name, Served: v.Served, Storage: v.Storage, Deprecated: v.Deprecated, Warning: clip(v.DeprecationWarning),
			Schema: string(hash),
		})
	}
	node.Conditions = convert(c.Status.Conditions, metaCondition)
	return node
}
