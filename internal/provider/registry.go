package provider

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// Backend is what a type of backend registers. The rest of KubeOps knows a type by this value only: a type is one package, one
// line in internal/provider/builtin, and one member of the union in the CRD.
type Backend[S, P any] struct {
	// Type is the value of spec.type, and the name of the member of the spec that holds the settings of the type.
	Type string
	// Products that the type supports, for help texts, for example "Elasticsearch, OpenSearch".
	Products string
	// Configure decodes the settings of the type: the JSON of its member of the spec, or nothing for the defaults. The settings
	// are opaque to everything but the package of the type.
	Configure func(settings json.RawMessage) (Config[S, P], error)
}

// Config is the decoded settings of one backend. What else a type supports, such as a data source of Grafana, it says by
// implementing the optional interfaces of its contract.
type Config[S, P any] interface {
	// Server is the URL to query, and the name of the setting that holds it, for example url.
	Server() (url, setting string)
	// Open returns a client. It sends nothing: the probe finds out whether the address answers.
	Open(settings S) (P, error)
}

// Factory opens a backend of a type without settings of its own.
type Factory[S, P any] func(settings S) (P, error)

// Decode is the Configure of a type whose settings are a C. Unknown settings are an error that names them.
func Decode[C Config[S, P], S, P any](settings json.RawMessage) (Config[S, P], error) {
	var config C
	if len(settings) == 0 {
		return config, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(settings))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&config); err != nil {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "invalid settings: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return config, nil
}

// Registry holds the types of backends of one contract. It is a value created at start; tests create their own.
type Registry[S, P any] struct {
	backends map[string]Backend[S, P]
}

// NewRegistry returns an empty registry.
func NewRegistry[S, P any]() *Registry[S, P] {
	return &Registry[S, P]{backends: map[string]Backend[S, P]{}}
}

// Register adds a type. A missing name or callback, and a type that is registered already, are errors.
func (r *Registry[S, P]) Register(b Backend[S, P]) error {
	switch _, exists := r.backends[b.Type]; {
	case b.Type == "":
		return fmt.Errorf("register backend: Type is empty")
	case b.Configure == nil:
		return fmt.Errorf("register backend %q: Configure is missing", b.Type)
	case exists:
		return fmt.Errorf("register backend %q: the type is already registered", b.Type)
	}
	r.backends[b.Type] = b
	return nil
}

// Add registers a type that has no settings but its url.
func (r *Registry[S, P]) Add(name string, factory Factory[S, P]) error {
	if factory == nil {
		return r.Register(Backend[S, P]{Type: name})
	}
	return r.Register(Backend[S, P]{Type: name, Configure: func(settings json.RawMessage) (Config[S, P], error) {
		config := urlOnly[S, P]{factory: factory}
		if len(settings) > 0 {
			if err := json.Unmarshal(settings, &config); err != nil {
				return nil, err
			}
		}
		return config, nil
	}})
}

// urlOnly is the config of a type that is registered by Add.
type urlOnly[S, P any] struct {
	URL     string `json:"url"`
	factory Factory[S, P]
}

func (c urlOnly[S, P]) Server() (url, setting string) { return c.URL, "url" }

func (c urlOnly[S, P]) Open(settings S) (P, error) { return c.factory(settings) }

// Configure decodes the settings of a type.
func (r *Registry[S, P]) Configure(name string, settings json.RawMessage) (Config[S, P], error) {
	b, known := r.backends[name]
	if !known {
		return nil, fmt.Errorf("unknown type %q, supported: %s", name, strings.Join(r.Types(), ", "))
	}
	return b.Configure(settings)
}

// New opens a backend with the default settings of its type.
func (r *Registry[S, P]) New(name string, settings S) (P, error) {
	config, err := r.Configure(name, nil)
	if err != nil {
		var none P
		return none, err
	}
	return config.Open(settings)
}

// Types that are registered, sorted.
func (r *Registry[S, P]) Types() []string {
	names := make([]string, 0, len(r.backends))
	for name := range r.backends {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Backends that are registered, sorted by type.
func (r *Registry[S, P]) Backends() []Backend[S, P] {
	list := make([]Backend[S, P], 0, len(r.backends))
	for _, name := range r.Types() {
		list = append(list, r.backends[name])
	}
	return list
}
