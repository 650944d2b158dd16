package elasticsearch

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// Bounds of a cursor: how many lines of one millisecond it can pass over, and its length.
const (
	maxSkipped    = 50_000
	maxCursorSize = 8 << 20
)

// position is how far a query was read: up to a time, and which of the documents of that time were read. It needs no sort that
// is unique, which no version offers without memory for it or a state on the server, and nothing on the server: all of them can
// leave out documents by their id.
type position struct {
	Version  int  `json:"v"`
	Backward bool `json:"b,omitempty"`
	// Time in milliseconds of the last document.
	Time int64 `json:"t"`
	// Skip the documents of that time, by index and id.
	Skip map[string][]string `json:"s"`

	begun   bool
	skipped int
}

const cursorVersion = 1

// startOf a query: its beginning, or where its cursor stands.
func startOf(cursor string, backward bool) (*position, error) {
	if cursor == "" {
		return &position{Version: cursorVersion, Backward: backward}, nil
	}
	foreign := problem.UserError(v1alpha1.ReasonInvalidQuery, nil,
		"the cursor does not belong to this query; start again with the first page")
	if len(cursor) > maxCursorSize {
		return nil, foreign
	}
	content, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return nil, foreign
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	p := &position{begun: true}
	if err := decoder.Decode(p); err != nil || decoder.More() || p.Version != cursorVersion || p.Backward != backward ||
		len(p.Skip) == 0 {
		return nil, foreign
	}
	for _, ids := range p.Skip {
		p.skipped += len(ids)
	}
	if p.skipped > maxSkipped {
		return nil, foreign
	}
	return p, nil
}

// cursor of the position.
func (p *position) cursor() string {
	content, err := json.Marshal(p)
	if err != nil {
		panic(err) // numbers and texts only
	}
	return base64.RawURLEncoding.EncodeToString(content)
}

// pass a document.
func (p *position) pass(h hit) {
	if !p.begun || h.at != p.Time {
		p.begun = true
		p.Time = h.at
		p.Skip = map[string][]string{}
		p.skipped = 0
	}
	p.Skip[h.index] = append(p.Skip[h.index], h.id)
	p.skipped++
}

// full reports that more lines have the same time than can be passed over.
func (p *position) full() bool { return p.skipped >= maxSkipped }

// filters for what comes after the position: must holds, and must not.
func (p *position) filters(field string) (must, mustNot []any) {
	if !p.begun {
		return nil, nil
	}
	bounds := object{"format": "epoch_millis"}
	if p.Backward {
		bounds["lt"] = p.Time + 1
	} else {
		bounds["gte"] = p.Time
	}
	indices := make([]string, 0, len(p.Skip))
	for index := range p.Skip {
		indices = append(indices, index)
	}
	slices.Sort(indices)
	for _, index := range indices {
		mustNot = append(mustNot, object{"bool": object{"filter": []any{
			object{"term": object{"_index": index}}, object{"ids": object{"values": p.Skip[index]}},
		}}})
	}
	return []any{object{"range": object{field: bounds}}}, mustNot
}
