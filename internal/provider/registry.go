package provider

import (
	"fmt"
	"slices"
	"strings"
)

// Factory makes a back end of one type from resolved settings. It sends nothing: an address that does not answer is found
// by the probe.
type Factory[S, P any] func(settings S) (P, error)

// Registry holds the types of back ends of one contract. It is a value made at start; tests make their own.
type Registry[S, P any] struct {
	factories map[string]Factory[S, P]
}

// NewRegistry is an empty registry.
func NewRegistry[S, P any]() *Registry[S, P] {
	return &Registry[S, P]{factories: map[string]Factory[S, P]{}}
}

// Add registers a type. A type without a name or factory, and one that is registered already, is an error.
func (r *Registry[S, P]) Add(name string, factory Factory[S, P]) error {
	if name == "" || factory == nil {
		return fmt.Errorf("register back end %q: it needs a name and a factory", name)
	}
	if _, taken := r.factories[name]; taken {
		return fmt.Errorf("register back end %q: it is registered already", name)
	}
	r.factories[name] = factory
	return nil
}

// New makes a back end of a type.
func (r *Registry[S, P]) New(name string, settings S) (P, error) {
	factory, known := r.factories[name]
	if !known {
		var none P
		return none, fmt.Errorf("type %q is unknown; there are %s", name, strings.Join(r.Types(), ", "))
	}
	return factory(settings)
}

// Types that are registered, sorted.
func (r *Registry[S, P]) Types() []string {
	names := make([]string, 0, len(r.factories))
	for name := range r.factories {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
