package promapi

import (
	"strings"

	"kubeops.io/kubeops/internal/provider/stream"
)

// maxWord is how much of a status, a type or a warning is read, in bytes.
const maxWord = 128

// envelope is what every answer is wrapped into: {"status":…,"data":…,"errorType":…,"warnings":[…]}, in any order.
type envelope struct {
	status, errorType string
	// partial reports that the server left something out.
	partial bool
	// begun reports that there is a field data.
	begun bool
	data  func(*stream.Decoder) error
}

func (e *envelope) read(d *stream.Decoder) error {
	return d.Object(func(name []byte) (err error) {
		switch string(name) {
		case "status":
			e.status, err = d.Text(maxWord)
		case "errorType":
			e.errorType, err = d.Text(maxWord)
		case "isPartial": // VictoriaMetrics clusters
			err = d.Decode(&e.partial)
		case "warnings":
			err = d.Array(func() error {
				warning, err := d.Bytes(maxWord)
				e.partial = e.partial || err == nil && partial(string(warning))
				return err
			})
		case "data":
			if e.begun {
				return stream.ErrShape
			}
			e.begun = true
			err = e.data(d)
		}
		return err
	})
}

// partial tells warnings that something is missing from remarks about the expression and from the truncation that was asked for.
// Prometheus begins the remarks with these words (util/annotations).
func partial(warning string) bool {
	return !strings.HasPrefix(warning, "PromQL info") && !strings.HasPrefix(warning, "PromQL warning") &&
		!strings.HasPrefix(warning, "results truncated due to limit")
}
