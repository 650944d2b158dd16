package selfcheck

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/config"
	"kubeops.io/kubeops/internal/text"
)

// maxFields that are listed of a CustomResourceDefinition.
const maxFields = 3

// document is an OpenAPI document as far as it is used. Schemas are decoded one by one, since all of them take many MiB.
type document struct {
	Components struct {
		Schemas map[string]json.RawMessage `json:"schemas"`
	} `json:"components"`
}

// schemaDocument reads the OpenAPI document of the kinds of KubeOps. Everyone who can discover APIs can read it, unlike
// CustomResourceDefinitions.
func schemaDocument(ctx context.Context, client rest.Interface) ([]byte, error) {
	path := "/openapi/v3/apis/" + v1alpha1.GroupVersion().String()
	return client.Get().AbsPath(path).SetHeader("Accept", "application/json").Do(ctx).Raw()
}

// outdated compares an OpenAPI document with the CustomResourceDefinitions of this program: what each of those that are served lacks, by
// name. One that is not served is no part of it.
func outdated(content []byte) (lacks []string, err error) {
	var served document
	if err := json.Unmarshal(content, &served); err != nil {
		return nil, fmt.Errorf("decode the OpenAPI document: %w", err)
	}
	byKind := map[string]json.RawMessage{}
	for _, raw := range served.Components.Schemas {
		var header struct {
			Kinds []metav1.GroupVersionKind `json:"x-kubernetes-group-version-kind"`
		}
		if err := json.Unmarshal(raw, &header); err != nil {
			return nil, fmt.Errorf("decode a schema: %w", err)
		}
		for _, kind := range header.Kinds {
			if kind.Group == v1alpha1.GroupVersion().Group {
				byKind[kind.Kind] = raw
			}
		}
	}
	err = config.EachCRD(func(crd *apiextensionsv1.CustomResourceDefinition) error {
		raw, isServed := byKind[crd.Spec.Names.Kind]
		if !isServed {
			return nil
		}
		found := &apiextensionsv1.JSONSchemaProps{}
		if err := json.Unmarshal(raw, found); err != nil {
			return fmt.Errorf("decode the schema of %s: %w", crd.Spec.Names.Kind, err)
		}
		if missing, _ := Compare(SchemaOf(crd), found); len(missing) > 0 {
			lacks = append(lacks, crd.Name+" lacks "+text.List(missing, maxFields))
		}
		return nil
	})
	slices.Sort(lacks)
	return lacks, err
}
