package elasticsearch

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/stream"
)

// bulkSize is how many bytes are sent at once, about; a server takes 100 MB by default, and advises some.
const bulkSize = 4 << 20

// Write stores lines in the write index, which may be a data stream. They are found after the index's refresh interval. Labels
// of the contract become fields of the schema that is stored already, of Vector's when nothing is; others go below labels, dots
// in their names replaced.
func (p *Provider) Write(ctx context.Context, entries []logs.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	about, err := p.about(ctx, false)
	if err != nil {
		return err
	}
	m, err := p.resolve(ctx)
	if reason(err) == v1alpha1.ReasonForbidden {
		m = &mapping{}
		err = nil // credentials that may only write
	}
	if err != nil {
		return err
	}
	action := []byte("{\"create\":{}}\n")
	if about.typed() {
		kind, err := p.typeOf(ctx)
		if err != nil {
			return err
		}
		// Without an id, create is refused before 7; data streams, which want it, came later.
		action = []byte("{\"index\":{\"_type\":\"" + kind + "\"}}\n")
	}
	names := p.writeNames(m)
	var body bytes.Buffer
	count := 0
	for i, entry := range entries {
		body.Write(action)
		content, err := json.Marshal(documentOf(entry, names))
		if err != nil {
			return err
		}
		body.Write(content)
		body.WriteByte('\n')
		count++
		if body.Len() >= bulkSize || i == len(entries)-1 {
			if err := p.bulk(ctx, body.Bytes(), count); err != nil {
				return err
			}
			body.Reset()
			count = 0
		}
	}
	return nil
}

// writeNames are the fields of the roles: those that are there in the schema, or its first ones.
func (p *Provider) writeNames(m *mapping) map[string]string {
	schema := m.schema
	if schema == "" {
		schema = p.fields.Schema
	}
	if schema == "" || schema == schemaAuto {
		schema = schemas()[0]
	}
	chosen := map[string]string{}
	for _, role := range roles() {
		options := candidates(p.fields, role)
		if explicit(p.fields, role) == "" {
			options = names(schema, role)
		}
		chosen[role] = options[0]
		for _, f := range slices.Concat(m.labels[role], when(role == roleMessage, m.message)) {
			if slices.Contains(options, f.path) {
				chosen[role] = f.path
				break
			}
		}
	}
	if m.time != "" {
		chosen[roleTime] = m.time
	}
	return chosen
}

func when(is bool, list []field) []field {
	if is {
		return list
	}
	return nil
}

// documentOf a line.
func documentOf(entry logs.Entry, names map[string]string) map[string]any {
	document := map[string]any{}
	for _, label := range slices.Sorted(maps.Keys(entry.Labels)) {
		if path, role := names[label]; role && isRole(label) {
			set(document, path, entry.Labels[label])
		} else {
			set(document, ownLabels+"."+strings.ReplaceAll(label, ".", "_"), entry.Labels[label])
		}
	}
	set(document, names[roleMessage], cut(entry.Line))
	set(document, names[roleTime], entry.Time.UTC().Format("2006-01-02T15:04:05.000Z07:00"))
	return document
}

// set a field by its path, objects within objects.
func set(document map[string]any, path, value string) {
	for {
		outer, rest, nested := strings.Cut(path, ".")
		if !nested {
			document[path] = value
			return
		}
		inner, is := document[outer].(map[string]any)
		if !is {
			inner = map[string]any{}
			document[outer] = inner
		}
		document, path = inner, rest
	}
}

// bulk sends one request and checks the result of each document.
func (p *Provider) bulk(ctx context.Context, body []byte, count int) error {
	var answer struct {
		Errors *bool
		Items  bulkItems
	}
	err := p.client.JSON(ctx, provider.Request{
		Operation: "write", Method: http.MethodPost, Path: "/" + p.writeIndex + "/_bulk", Body: body, ContentType: "application/x-ndjson",
		MaxBytes: provider.ListBytes, Query: url.Values{"filter_path": {"errors,items.*.status,items.*.error.type"}},
	}, &answer)
	if err != nil {
		return err
	}
	switch {
	case answer.Errors == nil || answer.Items.count != count:
		return p.client.Invalid(nil)
	case answer.Items.failed != nil:
		return p.refused(answer.Items.failed.Status, answer.Items.failed.Error.Type)
	}
	return nil
}

// bulkItems are the results of the documents of a bulk request.
type bulkItems struct {
	count int
	// failed is the first document that was not stored.
	failed *bulkResult
}

type bulkResult struct {
	Status int
	Error  struct {
		Type string `max:"256"`
	}
}

// UnmarshalStream reads the results, of which there are as many as documents, and keeps the first failure.
func (b *bulkItems) UnmarshalStream(d *stream.Decoder) error {
	return d.Array(func() error {
		b.count++
		return d.Object(func([]byte) error {
			before := d.Kept()
			var result bulkResult
			if err := d.Decode(&result); err != nil {
				return err
			}
			if b.failed == nil && (result.Status < 200 || result.Status > 299) {
				b.failed = &result
			} else {
				d.Drop(before)
			}
			return nil
		})
	})
}

// refused words why a document was not stored.
func (p *Provider) refused(status int, kind string) error {
	switch {
	case kind == "cluster_block_exception":
		return problem.Retrying(
			v1alpha1.ReasonUnhealthy,
			nil,
			"index %s does not accept writes: blocked, usually by a full disk; free space, then set "+
				"index.blocks.read_only_allow_delete to null",
			p.writeIndex,
		)
	case kind == "index_not_found_exception":
		return problem.Retrying(v1alpha1.ReasonNotFound, nil,
			"index %s does not exist and is not created automatically; create it, or allow it in action.auto_create_index", p.writeIndex)
	case status == http.StatusBadRequest:
		return problem.Retrying(v1alpha1.ReasonNotIngesting, nil,
			"index %s rejected lines because of its mapping; check that spec.fields matches its text, keyword and date fields",
			p.writeIndex)
	case status == http.StatusForbidden:
		return problem.Retrying(v1alpha1.ReasonForbidden, nil,
			"the credentials cannot write to index %s; grant them the privilege create_doc, or set spec.probe to ReadOnly", p.writeIndex)
	case status < 400:
		return p.client.Invalid(nil)
	default:
		return p.client.RefusedStatus(status)
	}
}

// typeOf documents in the write index of an Elasticsearch 6, of which each index has one: that of a document that is there, or
// _doc.
func (p *Provider) typeOf(ctx context.Context) (string, error) {
	p.mu.Lock()
	kind := p.docType
	p.mu.Unlock()
	if kind != "" {
		return kind, nil
	}
	request := post("type", "/"+p.writeIndex+"/_search", []byte(`{"size":1,"_source":false}`))
	request.MaxBytes = provider.ProbeBytes
	request.Query = url.Values{"ignore_unavailable": {"true"}, "allow_no_indices": {"true"}, "filter_path": {"hits.hits._type"}}
	var answer struct {
		Hits struct {
			Hits []struct {
				Type string `json:"_type"`
			}
		}
	}
	switch err := p.client.JSON(ctx, request, &answer); {
	case reason(err) == v1alpha1.ReasonForbidden:
	case err != nil:
		return "", err
	}
	kind = "_doc"
	if hits := answer.Hits.Hits; len(hits) > 0 && regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`).MatchString(hits[0].Type) {
		kind = hits[0].Type
		p.mu.Lock()
		p.docType = kind
		p.mu.Unlock()
	}
	return kind, nil
}
