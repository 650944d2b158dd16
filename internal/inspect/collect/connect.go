package collect

import (
	"context"
	"encoding/json"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/names"
)

// Connect returns the version of an API server; empty if its /version is forbidden. The error is a *problem.Problem if the server is
// unreachable, rejects the credentials, or the configuration is invalid. Another error means that ctx was cancelled.
func Connect(ctx context.Context, source Source, clk clock.PassiveClock) (version string, err error) {
	ctx = klog.NewContext(ctx, klog.Logger{})
	reader, err := newReader(source.Config, facts.Reducer{})
	if err != nil {
		return "", unusable(source, err)
	}
	c := &collector{reader: reader, builder: facts.NewBuilder(source.Cluster, clk.Now())}
	if _, err := c.version(ctx, source); err != nil {
		return "", err
	}
	return c.builder.Graph().Version, nil
}

// Schemas returns the schemas of a CustomResourceDefinition by version, as the JSON of spec.versions[].schema.
func Schemas(ctx context.Context, source Source, name string) (map[string][]byte, error) {
	ctx = klog.NewContext(ctx, klog.Logger{})
	if err := names.Object("metadata.name", string(facts.CRD), name); err != nil {
		return nil, err // it was read from another cluster
	}
	reader, err := newReader(source.Config, facts.Reducer{})
	if err != nil {
		return nil, unusable(source, err)
	}
	body, err := reader.get(ctx, "/apis/"+facts.CRD.APIVersion()+"/"+facts.CRD.Resource()+"/"+name, "application/json")
	if err != nil {
		return nil, err
	}
	var definition struct {
		Spec struct {
			Versions []struct {
				Name   string          `json:"name"`
				Schema json.RawMessage `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(body, &definition); err != nil {
		return nil, undecodable("CustomResourceDefinition "+name, err)
	}
	schemas := map[string][]byte{}
	for _, version := range definition.Spec.Versions {
		schemas[version.Name] = version.Schema
	}
	return schemas, nil
}
