package visual

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/internal/provider"
)

// DataSource of Grafana that leads to a backend, with every reference resolved. It holds credentials: what is created from it is
// stored in Secrets only.
type DataSource struct {
	// Namespace and Name of the backend; the data source is named after both.
	Namespace, Name string
	// Default makes it the one that new panels use.
	Default bool
	// GrafanaSource as the type of the backend describes it.
	provider.GrafanaSource
}

// UID of the data source, by which dashboards find it; at most 40 characters, as Grafana wants it.
func (d DataSource) UID() string {
	return provider.ShortName("kubeops-"+d.Namespace+"-"+d.Name, 40)
}

// secret values of the data source by the name that Grafana has for them.
func (d DataSource) secure() map[string]string {
	secure := map[string]string{}
	put := func(name, value string) {
		if value != "" {
			secure[name] = value
		}
	}
	put("basicAuthPassword", d.Endpoint.Auth.Password)
	if name, value := d.authorization(); name != "" {
		put("httpHeaderValue1", value)
	}
	put("tlsCACert", string(d.Endpoint.TLS.CA))
	put("tlsClientCert", string(d.Endpoint.TLS.Certificate))
	put("tlsClientKey", string(d.Endpoint.TLS.Key))
	return secure
}

// authorization header for what is not basic authentication.
func (d DataSource) authorization() (name, value string) {
	switch auth := d.Endpoint.Auth; {
	case auth.BearerToken != "":
		return "Authorization", "Bearer " + auth.BearerToken
	case auth.APIKey != "":
		return "Authorization", "ApiKey " + auth.APIKey
	}
	return "", ""
}

// jsonData is the options of the data source that are not secret.
func (d DataSource) jsonData() object {
	tls := d.Endpoint.TLS
	data := object{}
	maps.Copy(data, d.Options)
	if tls.ServerName != "" {
		data["serverName"] = tls.ServerName
	}
	for name, set := range map[string]bool{
		"tlsSkipVerify": tls.InsecureSkipVerify, "tlsAuthWithCACert": len(tls.CA) > 0, "tlsAuth": len(tls.Certificate) > 0,
	} {
		if set {
			data[name] = true
		}
	}
	next := 1
	if name, _ := d.authorization(); name != "" {
		data["httpHeaderName1"] = name
		next = 2
	}
	for _, name := range slices.Sorted(maps.Keys(d.Endpoint.Header)) {
		data[fmt.Sprintf("httpHeaderName%d", next)] = name
		next++
	}
	return data
}

// headers of the endpoint, such as a tenant, as secret values that belong to the names in options.
func (d DataSource) headers() map[string]string {
	values := map[string]string{}
	next := 1
	if name, _ := d.authorization(); name != "" {
		next = 2
	}
	for _, name := range slices.Sorted(maps.Keys(d.Endpoint.Header)) {
		values[fmt.Sprintf("httpHeaderValue%d", next)] = strings.Join(d.Endpoint.Header[name], ",")
		next++
	}
	return values
}

func (d DataSource) model(secure map[string]string) object {
	model := object{
		"name": d.Namespace + "/" + d.Name, "uid": d.UID(), "type": d.Plugin, "access": "proxy", "url": d.Endpoint.URL,
		"isDefault": d.Default,
		"editable":  false, "jsonData": d.jsonData(),
	}
	if len(secure) > 0 {
		model["secureJsonData"] = secure
	}
	if d.Endpoint.Auth.Username != "" || d.Endpoint.Auth.Password != "" {
		model["basicAuth"] = true
		model["basicAuthUser"] = d.Endpoint.Auth.Username
	}
	return model
}

// SecretData is what the Secret of a data source holds: datasource.yaml, which Grafana's sidecar puts where Grafana reads it,
// and each secret value under its name, which grafana-operator reads.
func (d DataSource) SecretData() (map[string][]byte, error) {
	secure := d.secure()
	maps.Copy(secure, d.headers())
	model := d.model(secure)
	content, err := yaml.Marshal(escaped(object{"apiVersion": 1, "datasources": []any{model}}))
	if err != nil {
		return nil, fmt.Errorf("data source of %s/%s: %w", d.Namespace, d.Name, err)
	}
	data := map[string][]byte{"datasource.yaml": content}
	for name, value := range secure {
		data[name] = []byte(value)
	}
	return data, nil
}

// escaped doubles each dollar sign, since Grafana fills environment variables into what it reads from files.
func escaped(value any) any {
	switch value := value.(type) {
	case string:
		return strings.ReplaceAll(value, "$", "$$")
	case map[string]string:
		all := map[string]any{}
		for name, text := range value {
			all[name] = escaped(text)
		}
		return all
	case map[string]any:
		all := map[string]any{}
		for name, inner := range value {
			all[name] = escaped(inner)
		}
		return all
	case []any:
		all := make([]any, len(value))
		for i, inner := range value {
			all[i] = escaped(inner)
		}
		return all
	}
	return value
}

// OperatorResource is the data source as a GrafanaDatasource of grafana-operator. It holds no secret: they are read from the
// Secret of that name.
func (d DataSource) OperatorResource(secretName string, instances map[string]string) map[string]any {
	secure := d.secure()
	maps.Copy(secure, d.headers())
	references := map[string]string{}
	from := []any{}
	for _, name := range slices.Sorted(maps.Keys(secure)) {
		references[name] = "${" + name + "}"
		from = append(from, object{
			"targetPath": "secureJsonData." + name,
			"valueFrom":  object{"secretKeyRef": object{"name": secretName, "key": name}},
		})
	}
	labels := map[string]any{}
	for name, value := range instances {
		labels[name] = value
	}
	spec := object{"instanceSelector": object{"matchLabels": labels}, "datasource": plain(d.model(references))}
	if len(from) > 0 {
		spec["valuesFrom"] = from
	}
	return object{
		"apiVersion": "grafana.integreatly.org/v1beta1", "kind": "GrafanaDatasource",
		"metadata": object{"name": secretName, "namespace": d.Namespace}, "spec": spec,
	}
}

// plain turns maps of strings into maps of anything, as unstructured objects want them.
func plain(value object) object {
	for name, inner := range value {
		if texts, ok := inner.(map[string]string); ok {
			all := object{}
			for key, text := range texts {
				all[key] = text
			}
			value[name] = all
		}
	}
	return value
}
