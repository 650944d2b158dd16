package metrics

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// maxSeries of a series as text, in characters.
const maxSeries = 300

// condition that a value meets: an operator and a limit.
type condition struct {
	operator string
	limit    float64
}

// parseCondition reads a condition such as < 0.05. The error is a problem.
func parseCondition(text string) (condition, error) {
	for _, operator := range []string{"<=", ">=", "==", "!=", "<", ">"} {
		number, ok := strings.CutPrefix(text, operator)
		if !ok {
			continue
		}
		limit, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err == nil && !math.IsNaN(limit) && !math.IsInf(limit, 0) {
			return condition{operator, limit}, nil
		}
	}
	return condition{}, problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
		"metrics.condition %q is not valid: write an operator and a number, such as < 0.05", text)
}

func (c condition) meets(value float64) bool {
	switch c.operator {
	case "<":
		return value < c.limit
	case "<=":
		return value <= c.limit
	case ">":
		return value > c.limit
	case ">=":
		return value >= c.limit
	case "==":
		return value == c.limit
	}
	return value != c.limit
}

// excess is how far a value is beyond the limit; negative within it.
func (c condition) excess(value float64) float64 {
	switch c.operator {
	case "<", "<=":
		return value - c.limit
	case ">", ">=":
		return c.limit - value
	case "==":
		return math.Abs(value - c.limit)
	}
	return -math.Abs(value - c.limit)
}

// measurement is the answer to one query.
type measurement struct {
	// series with a value.
	series int
	// worst value: nearest to the limit, or furthest beyond it.
	worst string
	// outside are the series that do not meet the condition, the worst first, as text.
	outside []string
}

// judge a vector. NaN is no value.
func (c condition) judge(vector metrics.Vector, redact func(string) string) measurement {
	vector = slices.DeleteFunc(slices.Clone(vector), func(s metrics.Sample) bool { return math.IsNaN(s.Value) })
	if len(vector) == 0 {
		return measurement{}
	}
	slices.SortStableFunc(vector, func(a, b metrics.Sample) int {
		switch x, y := c.excess(a.Value), c.excess(b.Value); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	m := measurement{series: len(vector), worst: number(vector[0].Value)}
	for _, sample := range vector {
		if !c.meets(sample.Value) {
			m.outside = append(m.outside, redact(describe(sample)))
		}
	}
	return m
}

func number(value float64) string { return strconv.FormatFloat(value, 'g', -1, 64) }

// describe a sample as Prometheus does: {job="shop"} 0.1.
func describe(sample metrics.Sample) string {
	var labels []string
	for _, name := range slices.Sorted(maps.Keys(sample.Labels)) {
		if name != "__name__" {
			labels = append(labels, name+"="+strconv.Quote(sample.Labels[name]))
		}
	}
	return sample.Labels["__name__"] + "{" + strings.Join(labels, ",") + "} " + number(sample.Value)
}
