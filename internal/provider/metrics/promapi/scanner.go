package promapi

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/provider/metrics"
)

// lastSecond is the end of the year 9999: times after it, or as long before 1970, are no times.
const lastSecond = 253_402_300_799

// scanner walks through one JSON value that encoding/json has found valid. It is what a large answer spends its time in, so it
// allocates only what is kept.
type scanner struct {
	raw []byte
	at  int
	// texts that were seen in this answer: names and values of labels repeat from series to series.
	texts map[string]string
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
func (s *scanner) series(raw []byte) (e element, err error) {
	s.raw = raw
	s.at = 0
	s.points = s.points[:0]
	err = s.fields(func(name []byte) error {
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
		default:
			s.skip()
			return nil
		}
	})
	if err == nil && e.labels == nil {
		err = errShape
	}
	e.points = s.points
	return e, err
}

// labels reads an object of texts.
func (s *scanner) labels() (metrics.Labels, error) {
	labels := metrics.Labels{}
	return labels, s.fields(func(name []byte) error {
		key := s.intern(name)
		value, err := s.text()
		if err != nil {
			return err
		}
		labels[key] = s.intern(value)
		return nil
	})
}

func (s *scanner) intern(text []byte) string {
	if known, is := s.texts[string(text)]; is {
		return known
	}
	kept := string(text)
	if s.texts == nil {
		s.texts = map[string]string{}
	}
	s.texts[kept] = kept
	return kept
}

func (s *scanner) pairs() error {
	if !s.take('[') {
		return errShape
	}
	for !s.take(']') {
		point, usable, err := s.pair()
		if err != nil {
			return err
		}
		if usable {
			s.points = append(s.points, point)
		}
		s.take(',')
	}
	return nil
}

// pair reads [time, "value"]. It is not usable when the value is NaN (a stale marker is one) or infinite, or the time is none.
func (s *scanner) pair() (point metrics.Point, usable bool, err error) {
	if !s.take('[') {
		return point, false, errShape
	}
	at, err := s.number()
	if err != nil || !s.take(',') {
		return point, false, errShape
	}
	text, err := s.text()
	if err != nil || !s.take(']') {
		return point, false, errShape
	}
	value, err := float(text)
	if err != nil {
		return point, false, errShape
	}
	if math.Abs(at) > lastSecond || !metrics.Usable(value) {
		return point, false, nil
	}
	return metrics.Point{Time: time.UnixMilli(int64(math.Round(at * 1000))).UTC(), Value: value}, true, nil
}

// float reads a number; one that is too large is infinite.
func float(text []byte) (float64, error) {
	value, err := strconv.ParseFloat(string(text), 64)
	if err != nil && !math.IsInf(value, 0) {
		return 0, errShape // not err: it quotes the text
	}
	return value, nil
}

func (s *scanner) number() (float64, error) {
	s.space()
	from := s.at
	for s.at < len(s.raw) && strings.IndexByte("+-.0123456789eE", s.raw[s.at]) >= 0 {
		s.at++
	}
	return float(s.raw[from:s.at])
}

// fields calls a function for each field of an object, which must read its value.
func (s *scanner) fields(each func(name []byte) error) error {
	if !s.take('{') {
		return errShape
	}
	for !s.take('}') {
		name, err := s.text()
		if err != nil || !s.take(':') {
			return errShape
		}
		if err := each(name); err != nil {
			return err
		}
		s.take(',')
	}
	return nil
}

// text reads a string, invalid UTF-8 replaced. It is valid until the next call.
func (s *scanner) text() ([]byte, error) {
	quoted := s.quoted()
	if len(quoted) < 2 {
		return nil, errShape
	}
	inner := quoted[1 : len(quoted)-1]
	for _, c := range inner {
		if c == '\\' || c >= utf8.RuneSelf {
			var text string
			if err := json.Unmarshal(quoted, &text); err != nil {
				return nil, errShape
			}
			return []byte(text), nil
		}
	}
	return inner, nil
}

// quoted reads a string with its quotes, or nothing where there is none.
func (s *scanner) quoted() []byte {
	s.space()
	if s.at >= len(s.raw) || s.raw[s.at] != '"' {
		return nil
	}
	from := s.at
	for s.at++; s.at < len(s.raw); s.at++ {
		switch s.raw[s.at] {
		case '\\':
			s.at++
		case '"':
			s.at++
			return s.raw[from:s.at]
		}
	}
	return nil
}

// skip a value of any kind.
func (s *scanner) skip() {
	depth := 0
	for s.space(); s.at < len(s.raw); s.space() {
		switch s.raw[s.at] {
		case '"':
			s.quoted()
		case '{', '[':
			depth++
			s.at++
		case '}', ']':
			depth--
			s.at++
		case ',', ':':
			s.at++
			continue
		default:
			for s.at < len(s.raw) && strings.IndexByte(" \t\r\n,]}", s.raw[s.at]) < 0 {
				s.at++
			}
		}
		if depth <= 0 {
			return
		}
	}
}

// take a character that must come next, after white space.
func (s *scanner) take(c byte) bool {
	s.space()
	if s.at < len(s.raw) && s.raw[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) space() {
	for s.at < len(s.raw) && (s.raw[s.at] == ' ' || s.raw[s.at] == '\n' || s.raw[s.at] == '\t' || s.raw[s.at] == '\r') {
		s.at++
	}
}
