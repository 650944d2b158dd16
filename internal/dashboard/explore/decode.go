package explore

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxRow of one row as the API server sends it, in bytes. It has all metadata of its object, with annotations of anyone.
const maxRow = 8 << 20

// printed is a row of a Table. What else the metadata has is not kept.
type printed struct {
	Cells  []cell `json:"cells"`
	Object *struct {
		Metadata struct {
			UID       string      `json:"uid"`
			Version   string      `json:"resourceVersion"`
			Namespace string      `json:"namespace"`
			Name      string      `json:"name"`
			Created   metav1.Time `json:"creationTimestamp"`
		} `json:"metadata"`
	} `json:"object"`
}

// cell of a row as text. Numbers are as they were sent.
type cell string

// UnmarshalJSON implements json.Unmarshaler.
func (c *cell) UnmarshalJSON(content []byte) error {
	if string(content) == "null" {
		return nil
	}
	*c = cell(content)
	if content[0] == '"' {
		return json.Unmarshal(content, (*string)(c))
	}
	return nil
}

// row of a table. It keeps nothing of what it was decoded from.
func (p *printed) row(columns []Column, as cells) (*Row, error) {
	if p.Object == nil {
		return nil, errors.New("decode the metadata of a row: it has none")
	}
	object := &p.Object.Metadata
	row := &Row{
		UID: object.UID, Version: object.Version, Namespace: object.Namespace, Name: object.Name, Cells: make([]string, len(p.Cells)),
	}
	for i, cell := range p.Cells {
		column := Column{}
		if i < len(columns) {
			column = columns[i]
		}
		row.Cells[i] = as.text(string(cell), column, object.Created.UTC())
	}
	return row, nil
}

// decodePage of a resource row by row: all rows together can be larger than the memory of the dashboard.
func decodePage(body io.Reader, resource string, as cells) (page Page, err error) {
	limited := &io.LimitedReader{R: body, N: maxRow}
	decoder := json.NewDecoder(limited)
	if err := open(decoder, '{'); err != nil {
		return Page{}, fmt.Errorf("decode a list of %s: %w", resource, err)
	}
	kind := ""
	for decoder.More() {
		limited.N = maxRow
		key, err := decoder.Token()
		if err == nil {
			err = page.decode(key, &kind, decoder, limited, as)
		}
		if err != nil {
			return Page{}, fmt.Errorf("decode a list of %s: %w", resource, err)
		}
		if kind != "" && kind != "Table" {
			break
		}
	}
	if kind != "Table" {
		return Page{}, apierrors.NewGenericServerResponse(http.StatusNotAcceptable, http.MethodGet,
			metav1.Unversioned.WithResource(resource).GroupResource(), "", "the API prints no tables", 0, false)
	}
	if _, err := decoder.Token(); err != nil {
		return Page{}, fmt.Errorf("decode a list of %s: %w", resource, err)
	}
	return page, nil
}

// decode the value of one key.
func (p *Page) decode(key json.Token, kind *string, decoder *json.Decoder, limited *io.LimitedReader, as cells) error {
	switch key {
	case "kind":
		return decoder.Decode(kind)
	case "metadata":
		var list metav1.ListMeta
		err := decoder.Decode(&list)
		p.Continue, p.Version = list.Continue, list.ResourceVersion
		return err
	case "columnDefinitions":
		var definitions []metav1.TableColumnDefinition
		err := decoder.Decode(&definitions)
		p.Columns = columnsOf(definitions)
		return err
	case "rows":
		return p.decodeRows(decoder, limited, as)
	}
	var other json.RawMessage
	return decoder.Decode(&other)
}

func (p *Page) decodeRows(decoder *json.Decoder, limited *io.LimitedReader, as cells) error {
	if err := open(decoder, '['); err != nil {
		return err
	}
	for decoder.More() {
		limited.N = maxRow
		var one printed
		if err := decoder.Decode(&one); err != nil {
			return err
		}
		row, err := one.row(p.Columns, as)
		if err != nil {
			return err
		}
		p.Rows = append(p.Rows, row)
	}
	_, err := decoder.Token()
	return err
}

// open an object or an array.
func open(decoder *json.Decoder, with json.Delim) error {
	token, err := decoder.Token()
	if err == nil && token != with {
		err = fmt.Errorf("%v is not %v", token, with)
	}
	return err
}
