package main

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/version"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	apiservice "k8s.io/kubernetes/pkg/api/service"
	"k8s.io/kubernetes/pkg/apis/core"
)

const (
	// newestMinor is the minor version of Kubernetes whose code this is, and oldestMinor the oldest whose features it can have.
	newestMinor, oldestMinor = 37, 34
	// maxErrors of an object.
	maxErrors = 50
	// maxText of a path or text in an answer, in bytes: both quote the object, and the caller reads 1 MiB.
	maxText = 1 << 10
)

// answer to a request.
type answer struct {
	// Known is false for kinds that cannot be judged.
	Known bool `json:"known"`
	// Refusals of the API server; none if it would take the object.
	Refusals []refusal `json:"refusals,omitempty"`
	// Failure is why the object could not be judged.
	Failure string `json:"failure,omitempty"`
}

// refusal is a reason why an API server refuses an object, in its words.
type refusal struct {
	// Field is a path such as spec.ports[0].port.
	Field string `json:"field"`
	Text  string `json:"text"`
}

type validator struct {
	strategies map[schema.GroupKind]rest.RESTCreateStrategy
	decoder    runtime.Decoder
	custom     *definitions
}

// request to judge an object, in Namespace if it has none.
type request struct {
	Namespace string          `json:"namespace"`
	Object    json.RawMessage `json:"object"`
}

// newValidator judges as an API server of a minor version does, as far as its features tell. Versions that this code cannot have are
// judged as the nearest.
func newValidator(minor int) (*validator, error) {
	minor = max(min(minor, newestMinor), oldestMinor)
	if minor < newestMinor {
		if err := utilfeature.DefaultMutableFeatureGate.SetEmulationVersion(version.MajorMinor(1, uint(minor))); err != nil {
			return nil, fmt.Errorf("use the features of Kubernetes 1.%d: %w", minor, err)
		}
	}
	return &validator{strategies: strategies(), decoder: legacyscheme.Codecs.UniversalDecoder(), custom: newDefinitions()}, nil
}

// answer a request in JSON. A panic in foreign code is a failure of this object only.
func (v *validator) answer(content []byte) (a answer) {
	defer func() {
		if problem := recover(); problem != nil {
			a = answer{Known: true, Failure: clip(fmt.Sprint("the validation ended with a panic: ", problem))}
		}
	}()
	var asked request
	var is metav1.PartialObjectMetadata
	err := json.Unmarshal(content, &asked)
	if err == nil {
		err = json.Unmarshal(asked.Object, &is)
	}
	if err != nil {
		return answer{Known: true, Failure: clip(err.Error())}
	}
	refusals, known, err := v.judge(asked, is.GroupVersionKind())
	a = answer{Known: known, Refusals: refusals}
	if err != nil {
		a.Failure = clip(err.Error())
	}
	return a
}

// judge an object of a kind.
func (v *validator) judge(asked request, gvk schema.GroupVersionKind) (refusals []refusal, known bool, err error) {
	if gvk.Group == "apiextensions.k8s.io" && gvk.Kind == "CustomResourceDefinition" {
		if !v.custom.scheme.Recognizes(gvk) || gvk.Version != "v1" {
			return nil, false, nil
		}
		refusals, err = v.custom.define(gvk, asked.Object)
		return refusals, true, err
	}
	if kind := v.custom.kinds[gvk]; kind != nil {
		refusals, err = v.custom.validate(kind, gvk, asked)
		return refusals, true, err
	}
	strategy, known := v.strategies[gvk.GroupKind()]
	if !known || !legacyscheme.Scheme.Recognizes(gvk) {
		return nil, false, nil
	}
	object, _, err := v.decoder.Decode(asked.Object, nil, nil)
	if err != nil {
		return undecodable(err), true, nil
	}
	refusals, err = validate(strategy, gvk, asked.Namespace, object)
	return refusals, true, err
}

// undecodable is the refusal of an object that does not have the types of its kind.
func undecodable(err error) []refusal {
	return []refusal{{Text: clip("cannot be decoded: " + err.Error())}}
}

func clip(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "..."
}

// validate does what a registry does before it creates an object.
func validate(strategy rest.RESTCreateStrategy, gvk schema.GroupVersionKind, namespace string, object runtime.Object) ([]refusal, error) {
	metadata, err := meta.Accessor(object)
	if err != nil {
		return nil, err
	}
	switch {
	case !strategy.NamespaceScoped():
		metadata.SetNamespace("")
	case metadata.GetNamespace() == "":
		metadata.SetNamespace(namespace)
	}
	if metadata.GetName() == "" && metadata.GetGenerateName() != "" {
		metadata.SetName(metadata.GetGenerateName() + "x")
	}
	rest.FillObjectMetaSystemFields(metadata)
	ctx := apirequest.WithNamespace(context.Background(), metadata.GetNamespace())
	ctx = apirequest.WithRequestInfo(ctx, &apirequest.RequestInfo{
		IsResourceRequest: true, Verb: "create", APIGroup: gvk.Group, APIVersion: gvk.Version, Namespace: metadata.GetNamespace(),
	})
	if service, ok := object.(*core.Service); ok {
		allocate(service)
	}
	strategy.PrepareForCreate(ctx, object)
	return refusalsOf(rest.ValidateCreate(ctx, object, strategy)), nil
}

// allocate does what the storage of Services does to a new one before it is judged, as far as that needs no cluster: the plural follows the
// singular, and a port of the node is chosen for health checks. Other ports and addresses may be missing.
func allocate(service *core.Service) {
	if service.Spec.ClusterIP != "" && len(service.Spec.ClusterIPs) == 0 {
		service.Spec.ClusterIPs = []string{service.Spec.ClusterIP}
	}
	if service.Spec.HealthCheckNodePort == 0 && apiservice.NeedsHealthCheck(service) {
		service.Spec.HealthCheckNodePort = 30_000 // any of the default range
	}
}

func refusalsOf(list field.ErrorList) (refusals []refusal) {
	for _, e := range list[:min(len(list), maxErrors)] {
		refusals = append(refusals, refusal{Field: clip(e.Field), Text: clip(textOf(e))})
	}
	return refusals
}

// textOf an error without values that are objects, which would be printed as Go prints them.
func textOf(e *field.Error) string {
	switch reflect.Indirect(reflect.ValueOf(e.BadValue)).Kind() {
	case reflect.Struct, reflect.Map, reflect.Slice, reflect.Array:
		if e.Detail == "" {
			return e.Type.String()
		}
		return e.Type.String() + ": " + e.Detail
	}
	return e.ErrorBody()
}
