package main

import (
	"fmt"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsinstall "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/install"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apiextensions-apiserver/pkg/registry/customresource"
	"k8s.io/apiextensions-apiserver/pkg/registry/customresourcedefinition"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/registry/rest"
)

// maxKinds of custom resources that are remembered.
const maxKinds = 2_000

// definitions are the kinds that CustomResourceDefinitions gave, in each version that is served.
type definitions struct {
	scheme   *runtime.Scheme
	decoder  runtime.Decoder
	strategy rest.RESTCreateStrategy
	kinds    map[schema.GroupVersionKind]*customKind
}

// customKind is a version of a kind. Its strategy is made when it is needed, since that compiles the rules in CEL.
type customKind struct {
	namespaced bool
	schema     *apiextensions.JSONSchemaProps
	status     *apiextensions.CustomResourceSubresourceStatus
	scale      *apiextensions.CustomResourceSubresourceScale
	preserve   bool

	structural *structuralschema.Structural
	strategy   rest.RESTCreateStrategy
}

func newDefinitions() *definitions {
	scheme := runtime.NewScheme()
	apiextensionsinstall.Install(scheme)
	return &definitions{
		scheme: scheme, decoder: serializer.NewCodecFactory(scheme).UniversalDecoder(),
		strategy: customresourcedefinition.NewStrategy(scheme), kinds: map[schema.GroupVersionKind]*customKind{},
	}
}

// define judges a CustomResourceDefinition and remembers its kinds, unless it is refused.
func (d *definitions) define(gvk schema.GroupVersionKind, content []byte) ([]refusal, error) {
	object, _, err := d.decoder.Decode(content, nil, nil)
	if err != nil {
		return undecodable(err), nil
	}
	crd, ok := object.(*apiextensions.CustomResourceDefinition)
	if !ok {
		return nil, fmt.Errorf("%s is not a CustomResourceDefinition", gvk.Kind)
	}
	refusals, err := validate(d.strategy, gvk, "", crd)
	if err != nil || len(refusals) > 0 {
		return refusals, err
	}
	for _, version := range crd.Spec.Versions {
		if version.Served && len(d.kinds) < maxKinds {
			kind := schema.GroupVersionKind{Group: crd.Spec.Group, Version: version.Name, Kind: crd.Spec.Names.Kind}
			if d.kinds[kind], err = kindOf(crd, version.Name); err != nil {
				return nil, err
			}
		}
	}
	return nil, nil
}

func kindOf(crd *apiextensions.CustomResourceDefinition, version string) (*customKind, error) {
	k := &customKind{
		namespaced: crd.Spec.Scope == apiextensions.NamespaceScoped,
		preserve:   crd.Spec.PreserveUnknownFields != nil && *crd.Spec.PreserveUnknownFields,
	}
	validationOf, err := apiextensions.GetSchemaForVersion(crd, version)
	if err != nil {
		return nil, err
	}
	if validationOf != nil {
		k.schema = validationOf.OpenAPIV3Schema
	}
	subresources, err := apiextensions.GetSubresourcesForVersion(crd, version)
	if err != nil {
		return nil, err
	}
	if subresources != nil {
		k.status, k.scale = subresources.Status, subresources.Scale
	}
	return k, nil
}

// prepare the strategy.
func (k *customKind) prepare(scheme *runtime.Scheme, gvk schema.GroupVersionKind) error {
	if k.strategy != nil {
		return nil
	}
	if k.schema != nil {
		structural, err := structuralschema.NewStructural(k.schema)
		if err != nil {
			return err
		}
		k.structural = structural
	}
	validator, _, err := validation.NewSchemaValidator(k.schema)
	if err != nil {
		return err
	}
	k.strategy = customresource.NewStrategy(scheme, k.namespaced, gvk, validator, nil, k.structural, k.status, k.scale,
		[]apiextensionsv1.SelectableField{})
	return nil
}

// validate a custom resource, after what the server does with a body: fields that the schema does not have are dropped, which is a refusal
// where kubectl asks for strict validation, and defaults are set.
func (d *definitions) validate(k *customKind, gvk schema.GroupVersionKind, asked request) ([]refusal, error) {
	if err := k.prepare(d.scheme, gvk); err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(asked.Object); err != nil {
		return undecodable(err), nil
	}
	if k.status != nil {
		unstructured.RemoveNestedField(object.Object, "status")
	}
	var unknown []string
	if k.structural != nil && !k.preserve {
		unknown = pruning.PruneWithOptions(object.Object, k.structural, true,
			structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	}
	if k.structural != nil {
		defaulting.PruneNonNullableNullsWithoutDefaults(object.Object, k.structural)
		defaulting.Default(object.Object, k.structural)
	}
	refusals, err := validate(k.strategy, gvk, asked.Namespace, object)
	for _, path := range unknown[:min(len(unknown), maxErrors)] {
		refusals = append(refusals, refusal{Field: clip(path), Text: "unknown field"})
	}
	return refusals, err
}
