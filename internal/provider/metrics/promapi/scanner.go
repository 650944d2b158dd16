package promapi

import (
	"math"
	"time"

	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/stream"
)

// lastSecond is the end of the year 9999: times after it, or as long before 1970, are no times.
const lastSecond = 253_402_300_799

// Bounds of what is kept of one series.
const (
	// maxLabels of a series. Prometheus has no limit of its own; 30 labels are usual with kube-state-metrics.
	maxLabels = 512
	// maxLabelValue is how much of the value of a label is kept, in bytes.
	maxLabelValue = 64 << 10
	// maxNumber is how much of a number is read, in bytes.
	maxNumber = 128
	// pointBytes and seriesBytes are the memory of a point, and of a series or a sample without its labels: the list of them keeps room
	// for as many again.
	pointBytes  = 32
	seriesBytes = 128
)

// scanner reads series. It is what a large answer spends its time in, so it allocates only what is kept.
type scanner struct {
	*stream.Decoder
	// points of the series that is being read, used again for the next.
	points []metrics.Point
}

// element of a result: a series with its value or values.
type element struct {
	labels metrics.Labels
	// point is the value; nil when there is none that can be reckoned with.
	point *metrics.Point
	// points are the values; they belong to the scanner.
	points []metrics.Point
}

// series reads an element {"metric":{…},"value":[…]} or {"metric":{…},"values":[[…],…]}; other fields, such as native
// histograms, are skipped.
func (s *scanner) series() (e element, err error) {
	s.points = s.points[:0]
	err = s.Object(func(name []byte) error {
		switch string(name) {
		case "metric":
			e.labels, err = s.labels()
			return err
		case "value":
			point, usable, err := s.pair()
			if usable {
				e.point = &point
			}
			return err
		case "values":
			return s.pairs()
		}
		return nil
	})
	if err == nil && e.labels == nil {
		err = stream.ErrShape
	}
	e.points = s.points
	return e, err
}

// labels reads an object of texts.
func (s *scanner) labels() (metrics.Labels, error) {
	if kind, err := s.Kind(); err != nil || kind != stream.Object {
		return nil, shapeOr(err)
	}
	labels := metrics.Labels{}
	return labels, s.Object(func(name []byte) error {
		if len(labels) == maxLabels {
			return &stream.LimitError{Limit: "labels of a series", Max: maxLabels}
		}
		key, err := s.Intern(name)
		if err != nil {
			return err
		}
		value, err := s.label()
		if err != nil {
			return err
		}
		if err := s.KeepEntry(len(labels)); err != nil {
			return err
		}
		labels[key] = value
		return nil
	})
}

// label reads the value of a label.
func (s *scanner) label() (string, error) {
	text, err := s.text(maxLabelValue)
	if err != nil {
		return "", err
	}
	return s.Intern(text)
}

// text reads a string, which null is not.
func (s *scanner) text(limit int) ([]byte, error) {
	if kind, err := s.Kind(); err != nil || kind != stream.String {
		return nil, shapeOr(err)
	}
	return s.Bytes(limit)
}

func shapeOr(err error) error {
	if err != nil {
		return err
	}
	return stream.ErrShape
}

func (s *scanner) pairs() error {
	null, err := s.BeginArray()
	if null || err != nil {
		return shapeOr(err)
	}
	for read := 0; ; read++ {
		more, err := s.NextElement(read)
		if !more || err != nil {
			return err
		}
		point, usable, err := s.pair()
		if err != nil {
			return err
		}
		if !usable {
			continue
		}
		if len(s.points) > metrics.MaxPoints {
			return metrics.Exceeded("minStep", "a series in the answer has more than %d points; use a longer step", metrics.MaxPoints)
		}
		s.points = append(s.points, point)
	}
}

// pair reads [time, "value"]. It is not usable when the value is NaN (a stale marker is one) or infinite, or the time is none.
func (s *scanner) pair() (point metrics.Point, usable bool, err error) {
	if null, err := s.BeginArray(); null || err != nil {
		return point, false, shapeOr(err)
	}
	if more, err := s.NextElement(0); !more || err != nil {
		return point, false, shapeOr(err)
	}
	at, err := s.Float64()
	if err != nil {
		return point, false, err
	}
	if more, err := s.NextElement(1); !more || err != nil {
		return point, false, shapeOr(err)
	}
	text, err := s.text(maxNumber)
	if err != nil {
		return point, false, err
	}
	value, err := stream.ParseFloat(text)
	if err != nil {
		return point, false, err
	}
	if more, err := s.NextElement(2); more || err != nil {
		return point, false, shapeOr(err)
	}
	point, usable = pointOf(at, value)
	return point, usable, nil
}

// pointOf a time in seconds and a value, where both can be reckoned with.
func pointOf(at, value float64) (point metrics.Point, usable bool) {
	if math.Abs(at) > lastSecond || !metrics.Usable(value) {
		return point, false
	}
	return metrics.Point{Time: time.UnixMilli(int64(math.Round(at * 1000))).UTC(), Value: value}, true
}
