package elasticsearch

import "kubeops.io/kubeops/internal/provider/stream"

// maxSetting is how much of the value of a setting is read, in bytes.
const maxSetting = 1024

// setting of an index or a cluster as text, whatever its type; "" when it is an object or null.
type setting string

// UnmarshalStream reads the value.
func (s *setting) UnmarshalStream(d *stream.Decoder) error {
	text, is, err := d.Scalar(maxSetting)
	if err != nil || !is {
		return err
	}
	*s = setting(text)
	return d.KeepText(len(text))
}

// readSetting reads a text, or "" when it is anything else.
func readSetting(d *stream.Decoder) (string, error) {
	if kind, err := d.Kind(); err != nil || kind != stream.String {
		return "", err
	}
	text, err := d.Bytes(maxSetting)
	return string(text), err
}

// nestedSettings are texts by their whole name, where keys may be nested and dotted: Elasticsearch 8 has low and low.max_headroom beside
// each other.
type nestedSettings map[string]string

// UnmarshalStream reads at most maxDepth levels.
func (s *nestedSettings) UnmarshalStream(d *stream.Decoder) error {
	*s = nestedSettings{}
	return s.read(d, "", 0)
}

func (s *nestedSettings) read(d *stream.Decoder, prefix string, depth int) error {
	return d.Object(func(key []byte) error {
		name := prefix + string(key)
		switch kind, err := d.Kind(); {
		case err != nil:
			return err
		case kind == stream.Object && depth < maxDepth && len(name) <= maxSetting:
			return s.read(d, name+".", depth+1)
		case kind != stream.String || len(name) > maxSetting:
			return nil
		}
		value, err := d.Text(maxSetting)
		if err != nil {
			return err
		}
		if err := d.KeepEntry(len(*s)); err != nil {
			return err
		}
		(*s)[name] = value
		return d.KeepText(len(name))
	})
}

// ignored is a value that only has to be there.
type ignored struct{}

// UnmarshalStream keeps nothing.
func (*ignored) UnmarshalStream(d *stream.Decoder) error { return d.Skip() }
