// Package selfcheck examines the installation of KubeOps in a cluster: whether its CustomResourceDefinitions are those of this program,
// and which managers lead. `kubeops doctor` does it with the permissions of its user, and the manager with its own.
package selfcheck

import (
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

// SchemaOf is the schema of the version that KubeOps uses; nil without one.
func SchemaOf(crd *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.JSONSchemaProps {
	for i := range crd.Spec.Versions {
		version := &crd.Spec.Versions[i]
		if version.Name == v1alpha1.GroupVersion().Version && version.Served && version.Schema != nil {
			return version.Schema.OpenAPIV3Schema
		}
	}
	return nil
}

// Compare returns what a schema lacks, and what it has besides: fields and the values that they can have, in order.
func Compare(want, found *apiextensionsv1.JSONSchemaProps) (missing, extra []string) {
	before, after := map[string]bool{}, map[string]bool{}
	flatten("", want, before)
	flatten("", found, after)
	difference := func(of, without map[string]bool) (left []string) {
		for _, path := range slices.Sorted(maps.Keys(of)) {
			if !without[path] && !slices.ContainsFunc(left, func(parent string) bool { return strings.HasPrefix(path, parent+".") }) {
				left = append(left, path)
			}
		}
		return left
	}
	return difference(before, after), difference(after, before)
}

// flatten collects the fields of a schema and the values of its enumerations.
func flatten(path string, schema *apiextensionsv1.JSONSchemaProps, into map[string]bool) {
	if schema == nil {
		return
	}
	for name := range schema.Properties {
		property := schema.Properties[name]
		at := strings.TrimPrefix(path+"."+name, ".")
		into[at] = true
		flatten(at, &property, into)
	}
	for _, value := range schema.Enum {
		into[path+" "+string(value.Raw)] = true
	}
	if schema.Items != nil {
		flatten(path+"[]", schema.Items.Schema, into)
	}
	if schema.AdditionalProperties != nil {
		flatten(path+".*", schema.AdditionalProperties.Schema, into)
	}
}
