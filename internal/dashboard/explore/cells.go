package explore

import (
	"regexp"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/text"
)

// Types of columns.
const (
	typeText   = "text"
	typeNumber = "number"
	typeAge    = "age"
)

// columnAge has the creation time, which the metadata has exactly.
const columnAge = "Age"

func columnsOf(definitions []metav1.TableColumnDefinition) []Column {
	columns := make([]Column, 0, len(definitions))
	for _, definition := range definitions {
		column := Column{Name: printable.Line(text.Clip(definition.Name, maxCell)), Type: typeText, Wide: definition.Priority > 0}
		switch {
		case isAge(definition):
			column.Type = typeAge // what is printed would be the age at the moment when it was printed
		case definition.Type == "integer" || definition.Type == "number":
			column.Type = typeNumber
		}
		columns = append(columns, column)
	}
	return columns
}

// isAge reports whether the cells of a column are ages. The columns of built-in kinds have no type for it. A duration, such as that of a
// Job, does not grow, and is none.
func isAge(definition metav1.TableColumnDefinition) bool {
	return definition.Type == "date" || slices.Contains([]string{columnAge, "Last Seen", "First Seen", "Last Schedule"}, definition.Name)
}

// cells shows ages as the times they are counted from: an age is right only at the moment when it was printed.
type cells struct {
	age, ago *regexp.Regexp
	now      time.Time // when the cells were printed
}

func newCells() cells {
	const age = `(?:\d+y)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?`
	return cells{age: regexp.MustCompile("^" + age + "$"), ago: regexp.MustCompile(`\((` + age + `) ago\)`)}
}

// at a time.
func (c cells) at(now time.Time) cells {
	c.now = now
	return c
}

// text of a cell.
func (c cells) text(printed string, column Column, created time.Time) string {
	switch {
	case column.Name == columnAge:
		return created.Format(time.RFC3339)
	case column.Type == typeAge && c.age.MatchString(printed):
		return since(printed, c.now)
	}
	shown := printable.Line(text.Clip(printed, maxCell))
	return c.ago.ReplaceAllStringFunc(shown, func(found string) string { // such as the restarts of a Pod: 3 (5m ago)
		return "(" + since(c.ago.FindStringSubmatch(found)[1], c.now) + " ago)"
	})
}

// since when something is as old as an age. An age that is no time, or longer than times are, stays as it is.
func since(age string, now time.Time) string {
	units := map[byte]time.Duration{
		'y': 365 * 24 * time.Hour, 'd': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute, 's': time.Second,
	}
	const longest = 250 * 365 * 24 * time.Hour
	var total time.Duration
	start := 0
	for i := range len(age) {
		unit, ok := units[age[i]]
		if !ok {
			continue
		}
		number, err := strconv.Atoi(age[start:i])
		if err != nil || time.Duration(number) > longest/unit {
			return age
		}
		total += time.Duration(number) * unit
		start = i + 1
	}
	if age == "" || total > longest {
		return age
	}
	return now.UTC().Add(-total).Truncate(time.Second).Format(time.RFC3339)
}
