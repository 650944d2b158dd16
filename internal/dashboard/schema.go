package dashboard

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"

	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/text"
)

const (
	// maxDocument of one group and version that is read, in bytes, and maxDocuments that are kept for schemasFor.
	maxDocument  = 16 << 20
	maxDocuments = 8
	schemasFor   = time.Minute
	// parallelDocuments that are read at the same time. While one is decoded, it takes several times its size.
	parallelDocuments = 2
	// maxFields of one level, maxValues of an enumeration, and maxDescription in runes.
	maxFields      = 500
	maxValues      = 50
	maxDescription = 4000
	// maxName of a field, a type or a value, in runes.
	maxName = 200
	// maxReferences from a field to its type. Types of a chain that is longer refer to themselves.
	maxReferences = 16
)

// Field of a kind.
type Field struct {
	Name        string   `json:"name" doc:"Name of the field."`
	Type        string   `json:"type" doc:"Type, for example string, []Container or map[string]string."`
	Format      string   `json:"format" doc:"Format, for example int32 or date-time. Empty if there is none."`
	Description string   `json:"description" doc:"What the field means, at most 4000 characters."`
	Required    bool     `json:"required" doc:"True if it must be set."`
	Default     string   `json:"default" doc:"Default as JSON. Empty if there is none."`
	Values      []string `json:"values" nullable:"false" doc:"Values that are allowed, at most 50. Empty if any is."`
	Nested      bool     `json:"nested" doc:"True if it has fields: request them by the path of the field."`
}

// Schema of a kind at one path, from the OpenAPI description of the API server.
type Schema struct {
	Resource    string    `json:"resource" doc:"Resource and group, for example deployments.apps."`
	Kind        string    `json:"kind" doc:"Kind."`
	APIVersion  string    `json:"apiVersion" doc:"API version, for example apps/v1."`
	Path        string    `json:"path" doc:"Path of the field whose fields these are. Empty for the kind."`
	Type        string    `json:"type" doc:"Type at the path."`
	Description string    `json:"description" doc:"What the kind or the field means, at most 4000 characters."`
	Fields      []Field   `json:"fields" nullable:"false" doc:"Fields by name, at most 500."`
	Cut         bool      `json:"cut" doc:"True if there are more fields."`
	ReadAt      time.Time `json:"readAt" doc:"Time when the API server was read."`
}

type schemaInput struct {
	Resource string `path:"resource" maxLength:"253" pattern:"^[a-z][a-z0-9]*([.-][a-z0-9]+)*$" doc:"Resource, with its group."`
	Path     string `query:"path" maxLength:"500" pattern:"^([^./]+(\\.[^./]+)*)?$" doc:"Path of a field, for example spec.template."`
}

type schemaOutput struct{ Body Schema }

// getSchema answers with the fields of a kind at one path. Every authenticated user of the API server can read its description.
func (s *Server) getSchema(ctx context.Context, input *schemaInput) (*schemaOutput, error) {
	all, err := s.catalog.all()
	if err != nil {
		return nil, failed(err)
	}
	r, ok := all[input.Resource]
	if !ok {
		return nil, problem(http.StatusNotFound, notFound)
	}
	found, err := s.schemas.of(ctx, r.GroupVersion())
	if err != nil {
		return nil, failed(err)
	}
	body, ok := found.view(r, input.Path)
	if !ok {
		return nil, problem(http.StatusNotFound, "The description of the API server has no such field of "+input.Resource+".")
	}
	return &schemaOutput{body}, nil
}

// schemas are the descriptions of the groups that were looked at last.
type schemas struct {
	client func() (rest.Interface, error)
	clock  clock.PassiveClock

	reading   singleflight.Group
	places    chan struct{}
	documents *lru.Cache // of schema.GroupVersion to *definitions
}

// definitions of the types of a group and version.
type definitions struct {
	types map[string]*definition
	read  time.Time
}

// definition of a type or of a field.
type definition struct {
	Ref         string                 `json:"$ref"`
	AllOf       []*definition          `json:"allOf"`
	Type        string                 `json:"type"`
	Format      string                 `json:"format"`
	Description string                 `json:"description"`
	Properties  map[string]*definition `json:"properties"`
	Items       *definition            `json:"items"`
	Values      mapValues              `json:"additionalProperties"`
	Required    []string               `json:"required"`
	Enum        []json.RawMessage      `json:"enum"`
	Default     json.RawMessage        `json:"default"`
	IntOrString bool                   `json:"x-kubernetes-int-or-string"`
	Kinds       []struct {
		Group   string `json:"group"`
		Version string `json:"version"`
		Kind    string `json:"kind"`
	} `json:"x-kubernetes-group-version-kind"`
}

// mapValues are the values of a map: a definition, or whether there can be any.
type mapValues struct{ *definition }

// UnmarshalJSON implements json.Unmarshaler.
func (m *mapValues) UnmarshalJSON(content []byte) error {
	if string(content) == "true" || string(content) == "false" {
		return nil
	}
	return json.Unmarshal(content, &m.definition)
}

// of a group and version, read with the permissions of the dashboard. One request reads them for all who wait, and groups do not wait for
// each other.
func (s *schemas) of(ctx context.Context, version schema.GroupVersion) (*definitions, error) {
	if found, ok := s.documents.Get(version); ok && s.clock.Since(found.(*definitions).read) < schemasFor {
		return found.(*definitions), nil
	}
	answer := s.reading.DoChan(version.String(), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout) // others wait for it, too
		defer cancel()
		select {
		case s.places <- struct{}{}:
			defer func() { <-s.places }()
		case <-ctx.Done():
			return (*definitions)(nil), ctx.Err()
		}
		found, err := s.read(ctx, version)
		if err == nil {
			s.documents.Add(version, found)
		}
		return found, err
	})
	select {
	case found := <-answer:
		return found.Val.(*definitions), found.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *schemas) read(ctx context.Context, version schema.GroupVersion) (*definitions, error) {
	client, err := s.client()
	if err != nil {
		return nil, err
	}
	segments := []string{"openapi", "v3", "apis", version.Group, version.Version}
	if version.Group == "" {
		segments = []string{"openapi", "v3", "api", version.Version}
	}
	now := s.clock.Now()
	body, err := client.Get().AbsPath(segments...).SetHeader("Accept", "application/json").Stream(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	types, err := decodeDefinitions(io.LimitReader(body, maxDocument))
	if err != nil {
		return nil, fmt.Errorf("decode the OpenAPI description of %s: %w", version, err)
	}
	return &definitions{types: types, read: now}, nil
}

// decodeDefinitions keeps the types of a document, and not its paths.
func decodeDefinitions(from io.Reader) (map[string]*definition, error) {
	var document struct {
		Components struct {
			Schemas map[string]*definition `json:"schemas"`
		} `json:"components"`
	}
	err := json.NewDecoder(from).Decode(&document)
	return document.Components.Schemas, err
}

// view of a kind at a path. It is false if there is no such kind or field.
func (d *definitions) view(r resource, path string) (Schema, bool) {
	of := d.kind(r)
	if of == nil {
		return Schema{}, false
	}
	about := of
	names := []string{}
	if path != "" {
		names = strings.Split(path, ".")
	}
	for _, name := range names {
		about = d.nested(about).Properties[name]
		if about == nil {
			return Schema{}, false
		}
	}
	view := Schema{
		Resource: r.id(), Kind: r.kind, APIVersion: r.GroupVersion().String(), Path: path, Type: d.typeOf(about, 0),
		Description: description(cmp.Or(d.describe(about), d.nested(about).Description)), Fields: []Field{}, ReadAt: d.read.UTC(),
	}
	inner := d.nested(about)
	for name, field := range inner.Properties {
		if field != nil {
			view.Fields = append(view.Fields, d.field(name, field, slices.Contains(inner.Required, name)))
		}
	}
	slices.SortFunc(view.Fields, func(a, b Field) int { return cmp.Compare(a.Name, b.Name) })
	view.Cut = len(view.Fields) > maxFields
	view.Fields = view.Fields[:min(len(view.Fields), maxFields)]
	return view, true
}

func (d *definitions) kind(r resource) *definition {
	for _, one := range d.types {
		if one == nil {
			continue
		}
		for _, kind := range one.Kinds {
			if kind.Group == r.Group && kind.Version == r.Version && kind.Kind == r.kind && len(one.Properties) > 0 {
				return one
			}
		}
	}
	return nil
}

func (d *definitions) field(name string, field *definition, required bool) Field {
	resolved := d.resolve(field)
	view := Field{
		Name: printable.Line(text.Clip(name, maxName)), Type: d.typeOf(field, 0),
		Format:      printable.Line(text.Clip(resolved.Format, maxName)),
		Description: description(d.describe(field)), Required: required, Values: []string{}, Nested: len(d.nested(field).Properties) > 0,
	}
	if len(field.Default) > 0 && string(field.Default) != "null" && string(field.Default) != "{}" {
		view.Default = printable.Line(text.Clip(string(field.Default), maxName))
	}
	for _, value := range resolved.Enum[:min(len(resolved.Enum), maxValues)] {
		view.Values = append(view.Values, printable.Line(text.Clip(strings.Trim(string(value), `"`), maxName)))
	}
	return view
}

func description(found string) string { return printable.Block(text.Clip(found, maxDescription)) }

// describe a field, or else its type.
func (d *definitions) describe(field *definition) string {
	return cmp.Or(field.Description, d.resolve(field).Description)
}

// reference of a field to a type, or empty.
func (f *definition) reference() string {
	const prefix = "#/components/schemas/"
	if f.Ref == "" && len(f.AllOf) == 1 && f.AllOf[0] != nil {
		return strings.TrimPrefix(f.AllOf[0].Ref, prefix)
	}
	return strings.TrimPrefix(f.Ref, prefix)
}

// resolve references to types.
func (d *definitions) resolve(field *definition) *definition {
	for range maxReferences {
		name := field.reference()
		if name == "" {
			return field
		}
		next := d.types[name]
		if next == nil {
			break
		}
		field = next
	}
	return &definition{}
}

// nested is what has the fields of a field: its type, or that of its items or values.
func (d *definitions) nested(field *definition) *definition {
	for range maxReferences {
		field = d.resolve(field)
		switch {
		case field.Items != nil:
			field = field.Items
		case field.Values.definition != nil && len(field.Properties) == 0:
			field = field.Values.definition
		default:
			return field
		}
	}
	return &definition{}
}

// typeOf a field, as `kubectl explain` names it.
func (d *definitions) typeOf(field *definition, depth int) string {
	name := field.reference()
	field = d.resolve(field)
	switch {
	case depth > maxReferences:
		return "object"
	case field.IntOrString || field.Format == "int-or-string":
		return "integer or string"
	case field.Items != nil:
		return "[]" + d.typeOf(field.Items, depth+1)
	case field.Values.definition != nil && len(field.Properties) == 0:
		return "map[string]" + d.typeOf(field.Values.definition, depth+1)
	case name != "" && (field.Type == "object" || field.Type == ""):
		return printable.Line(text.Clip(name[strings.LastIndexByte(name, '.')+1:], maxName))
	case field.Type == "":
		return "any"
	}
	return printable.Line(text.Clip(field.Type, maxName))
}
