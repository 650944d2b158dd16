package elasticsearch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/stream"
)

// hit is a document that was found.
type hit struct {
	index, id string
	// at is its time in milliseconds.
	at int64
}

// Bounds of what is read of a document.
const (
	maxLabels      = 64
	maxLabelLength = 1024
	maxDepth       = 8
	// maxLine is how much of a line is looked at for the texts of a query; logs.LineLimit of it is kept.
	maxLine = 1 << 20
	// maxIndexName and maxID of a document, in bytes: the limits of Elasticsearch (MetadataCreateIndexService, IndexRequest).
	maxIndexName = 255
	maxID        = 512
	// hitBytes is the memory of a hit besides its texts and labels; the slice of hits keeps room for as many again.
	hitBytes = 256
)

// decodeHits reads the response to a search hit by hit, so that no more than one document is held besides what is kept of each.
func decodeHits(d *stream.Decoder, reader *documentReader, each func(document) error) error {
	found := false
	err := d.Object(func(name []byte) error {
		if string(name) != "hits" {
			return nil
		}
		return d.Object(func(name []byte) error {
			if string(name) != "hits" {
				return nil
			}
			if kind, err := d.Kind(); err != nil || kind != stream.Array {
				return shapeOr(err)
			}
			found = true
			return d.Array(func() error {
				h, err := reader.hit(d)
				if err != nil {
					return err
				}
				return each(h)
			})
		})
	})
	if err == nil && !found {
		err = stream.ErrShape
	}
	return err
}

func shapeOr(err error) error {
	if err != nil {
		return err
	}
	return stream.ErrShape
}

// documentReader picks the fields of a mapping out of documents, where objects may be nested, written with dots, or both.
type documentReader struct {
	mapping *mapping
	// keeps reports whether a document is wanted, by its line, of which more than is kept may be looked at, and its labels.
	keeps func(line string, labels map[string]string) bool
	// whole reports that keeps looks at lines beyond what is kept of them.
	whole bool
	// slots by the paths of fields, and the paths of objects that hold them.
	slots   map[string]*slot
	parents map[string]bool
	path    []byte
	// own are the labels of the objects of labels, and label the name of the present one.
	own   []ownLabel
	label []byte
}

// ownLabel of a document.
type ownLabel struct{ name, value string }

// slot is the value of one field of the present document.
type slot struct {
	text  []byte
	limit int
	// nested is how many objects the value was in, plus one. Zero is no value; the least nested one counts.
	nested int
}

func newDocumentReader(m *mapping) *documentReader {
	r := &documentReader{mapping: m, slots: map[string]*slot{}, parents: map[string]bool{}}
	for _, f := range m.message {
		r.want(f.path, maxLine)
	}
	for _, fields := range m.labels {
		for _, f := range fields {
			r.want(f.path, maxLabelLength)
		}
	}
	for role, paths := range m.guesses {
		for _, path := range paths {
			if role == roleMessage {
				r.want(path, maxLine)
			} else {
				r.want(path, maxLabelLength)
			}
		}
	}
	for _, path := range m.disputing {
		r.want(path, maxLabelLength)
	}
	for _, path := range labelObjects() {
		r.parentsOf(path)
		r.parents[path] = true
	}
	return r
}

func (r *documentReader) want(path string, limit int) {
	if r.slots[path] == nil {
		r.slots[path] = &slot{}
	}
	r.slots[path].limit = max(limit, r.slots[path].limit)
	r.parentsOf(path)
}

func (r *documentReader) parentsOf(path string) {
	for i := range len(path) {
		if path[i] == '.' {
			r.parents[path[:i]] = true
		}
	}
}

// hit reads one hit.
func (r *documentReader) hit(d *stream.Decoder) (document, error) {
	for _, s := range r.slots {
		s.nested = 0
	}
	r.own = r.own[:0]
	var h document
	sorted := false
	err := d.Object(func(name []byte) (err error) {
		switch string(name) {
		case "_index":
			h.index, err = r.identifier(d, maxIndexName)
		case "_id":
			h.id, err = r.identifier(d, maxID)
		case "_source":
			r.path = r.path[:0]
			err = r.object(d, 0)
		case "sort":
			sorted = true
			h.at, err = sortedBy(d)
		}
		return err
	})
	switch {
	case err != nil:
		return document{}, err
	case !sorted || h.id == "" || h.index == "":
		return document{}, stream.ErrShape
	}
	return h, r.finish(d, &h)
}

// identifier must be whole: it is sent back.
func (r *documentReader) identifier(d *stream.Decoder, limit int) (string, error) {
	text, err := d.Bytes(limit + utf8.UTFMax)
	if err != nil {
		return "", err
	}
	if len(text) > limit {
		return "", stream.ErrShape
	}
	if limit == maxIndexName {
		return d.Intern(text)
	}
	return string(text), d.KeepText(len(text))
}

// sortedBy is the time in milliseconds that a hit was sorted by.
func sortedBy(d *stream.Decoder) (at int64, err error) {
	elements := 0
	err = d.Array(func() error {
		if elements++; elements > 1 {
			return nil
		}
		literal, err := d.Number()
		if err != nil {
			return err
		}
		if at, err = strconv.ParseInt(string(literal), 10, 64); err != nil {
			return fmt.Errorf("%w: the time to sort by is not a whole number", stream.ErrShape)
		}
		return nil
	})
	if err == nil && elements == 0 {
		err = stream.ErrShape
	}
	return at, err
}

// object reads the fields of an object that is at the present path.
func (r *documentReader) object(d *stream.Decoder, nested int) error {
	length := len(r.path)
	return d.Object(func(name []byte) error {
		if length > 0 {
			r.path = append(r.path[:length], '.')
		}
		r.path = append(r.path, name...)
		err := r.field(d, nested)
		r.path = r.path[:length]
		return err
	})
}

func (r *documentReader) field(d *stream.Decoder, nested int) error {
	kind, err := d.Kind()
	if err != nil {
		return err
	}
	if kind == stream.Object {
		for _, path := range labelObjects() {
			if string(r.path) == path {
				return r.labels(d, path, nested+1)
			}
		}
		if r.parents[string(r.path)] {
			return r.object(d, nested+1)
		}
		return nil
	}
	s := r.slots[string(r.path)]
	if s == nil {
		return nil
	}
	text, is, err := d.Scalar(s.limit)
	if err == nil && is {
		s.set(text, nested+1)
	}
	return err
}

func (s *slot) set(text []byte, nested int) {
	if s.nested == 0 || nested <= s.nested {
		s.text = append(s.text[:0], text...)
		s.nested = nested
	}
}

// labels reads an object of labels. Its fields may be wanted by their whole path, too.
func (r *documentReader) labels(d *stream.Decoder, path string, nested int) error {
	prefix := path + "."
	if path == ownLabels {
		prefix = ""
	}
	return r.collect(d, prefix, nested, 0)
}

func (r *documentReader) collect(d *stream.Decoder, prefix string, nested, depth int) error {
	length := len(r.path)
	return d.Object(func(name []byte) error {
		if len(prefix)+len(name) > maxLabelLength {
			return nil
		}
		r.path = append(append(r.path[:length], '.'), name...)
		defer func() { r.path = r.path[:length] }()
		kind, err := d.Kind()
		if err != nil {
			return err
		}
		if kind == stream.Object {
			if depth >= maxDepth {
				return nil
			}
			return r.collect(d, prefix+string(name)+".", nested+1, depth+1)
		}
		r.label = append(append(r.label[:0], prefix...), name...)
		text, is, err := d.Scalar(maxLabelLength)
		if err != nil || !is {
			return err
		}
		if s := r.slots[string(r.path)]; s != nil {
			s.set(text, nested+1)
		}
		return r.keepOwn(d, text)
	})
}

func (r *documentReader) keepOwn(d *stream.Decoder, text []byte) error {
	if len(r.own) >= maxLabels || slices.ContainsFunc(r.own, func(o ownLabel) bool { return o.name == string(r.label) }) {
		return nil
	}
	value, err := d.Intern(text)
	if err != nil {
		return err
	}
	name, err := d.Intern(r.label)
	r.own = append(r.own, ownLabel{name, value})
	return err
}

// cut a line at the contract's limit.
func cut(line string) string {
	if !utf8.ValidString(line) {
		line = strings.ToValidUTF8(line, string(utf8.RuneError))
	}
	if len(line) <= logs.LineLimit {
		return line
	}
	return strings.Clone(firstBytes(line, logs.LineLimit)) // the rest is let go of
}
