package promapi

import (
	"encoding/json"
	"errors"
	"strings"
)

// errShape is JSON of another shape than the API has. It says nothing of the content, which may hold anything.
var errShape = errors.New("JSON of another shape")

// envelope is what every answer is wrapped into: {"status":…,"data":…,"errorType":…,"warnings":[…]}, in any order.
type envelope struct {
	status, errorType string
	// partial reports that the server left something out.
	partial bool
	// begun reports that there is a field data.
	begun bool
	data  func(*json.Decoder) error
}

func (e *envelope) read(decoder *json.Decoder) error {
	return eachField(decoder, func(name string) error {
		switch name {
		case "status":
			return decoder.Decode(&e.status)
		case "errorType":
			return decoder.Decode(&e.errorType)
		case "isPartial": // VictoriaMetrics clusters
			return decoder.Decode(&e.partial)
		case "warnings":
			var warnings []string
			err := decoder.Decode(&warnings)
			for _, w := range warnings {
				e.partial = e.partial || partial(w)
			}
			return err
		case "data":
			if e.begun {
				return errShape
			}
			e.begun = true
			return e.data(decoder)
		default:
			return skip(decoder)
		}
	})
}

// partial tells warnings that something is missing from remarks about the expression and from the truncation that was asked for.
// Prometheus begins the remarks with these words (util/annotations).
func partial(warning string) bool {
	return !strings.HasPrefix(warning, "PromQL info") && !strings.HasPrefix(warning, "PromQL warning") &&
		!strings.HasPrefix(warning, "results truncated due to limit")
}

// eachField calls a function for each field of an object, which must read the field's value. Null has no fields.
func eachField(decoder *json.Decoder, each func(name string) error) error {
	if empty, err := opens(decoder, '{'); empty || err != nil {
		return err
	}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return err
		}
		name, is := token.(string)
		if !is {
			return errShape
		}
		if err := each(name); err != nil {
			return err
		}
	}
	_, err := decoder.Token()
	return err
}

// eachElement calls a function for each element of an array, which must read the element. Null has no elements.
func eachElement(decoder *json.Decoder, each func() error) error {
	if empty, err := opens(decoder, '['); empty || err != nil {
		return err
	}
	for decoder.More() {
		if err := each(); err != nil {
			return err
		}
	}
	_, err := decoder.Token()
	return err
}

// opens reads the beginning of an object or array, or null.
func opens(decoder *json.Decoder, delimiter json.Delim) (null bool, err error) {
	token, err := decoder.Token()
	switch {
	case err != nil:
		return false, err
	case token == nil:
		return true, nil
	case token != delimiter:
		return false, errShape
	}
	return false, nil
}

func skip(decoder *json.Decoder) error {
	var ignored ignored
	return decoder.Decode(&ignored)
}

// ignored is a value of any kind that is not kept.
type ignored struct{}

// UnmarshalJSON keeps nothing.
func (*ignored) UnmarshalJSON([]byte) error { return nil }
