package victoriametrics

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// batch is from how many bytes on lines are sent.
const batch = 1 << 20

// line of /api/v1/import (https://docs.victoriametrics.com/victoriametrics/#json-line-format).
type line struct {
	Metric     metrics.Labels `json:"metric"`
	Values     []float64      `json:"values"`
	Timestamps []int64        `json:"timestamps"`
}

// Write samples, see metrics.Writer. NaN and infinities, and series without any other value, are left out. When a batch fails, those
// before it are written; writing the same again does no harm.
func (w writer) Write(ctx context.Context, series []metrics.Series) error {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body) // one value a line
	for _, s := range series {
		if len(s.Labels) == 0 {
			return problem.UserError(v1alpha1.ReasonInvalidQuery, nil, "a series without labels cannot be written")
		}
		l := line{Metric: s.Labels}
		for _, p := range s.Points {
			if metrics.Usable(p.Value) {
				l.Values, l.Timestamps = append(l.Values, p.Value), append(l.Timestamps, p.Time.UnixMilli())
			}
		}
		if len(l.Values) == 0 {
			continue
		}
		if err := encoder.Encode(l); err != nil {
			return err
		}
		if body.Len() >= batch {
			if err := w.send(ctx, &body); err != nil {
				return err
			}
		}
	}
	if body.Len() == 0 {
		return nil
	}
	return w.send(ctx, &body)
}

func (w writer) send(ctx context.Context, body *bytes.Buffer) error {
	defer body.Reset()
	answer, err := w.client.Do(ctx, provider.Request{
		Operation: "import", Method: http.MethodPost, Path: w.path, Body: body.Bytes(), ContentType: "application/stream+json",
		MaxBytes: provider.ProbeBytes,
	})
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	switch {
	case answer.Status == http.StatusNoContent:
		return nil
	case answer.Status < 200 || answer.Status > 299:
		return w.client.Refused(answer)
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	return w.client.Invalid(nil) // a login page, for example, has taken nothing
}
