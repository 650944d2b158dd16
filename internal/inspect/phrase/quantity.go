package phrase

import (
	"fmt"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// Duration formats a duration without zero parts: 10m, 1h30m, 45s. Fractions of a second are dropped.
func Duration(d time.Duration) string {
	if d < time.Second {
		return "less than a second"
	}
	text := d.Truncate(time.Second).String()
	if len(text) > 2 && text[len(text)-2:] == "0s" && text[len(text)-3] == 'm' {
		text = text[:len(text)-2]
	}
	if len(text) > 2 && text[len(text)-2:] == "0m" && text[len(text)-3] == 'h' {
		text = text[:len(text)-2]
	}
	return text
}

// Span formats a long duration in its two largest units: 43 minutes, 5 hours, 3 days 4 hours. Less than a minute is "less than a minute".
func Span(d time.Duration) string {
	d = d.Round(time.Minute)
	if d >= 24*time.Hour {
		d = d.Round(time.Hour)
	}
	var parts []string
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		n := int(d / unit.length)
		if d -= time.Duration(n) * unit.length; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, Plural(n, unit.name, unit.name+"s")))
		}
	}
	if len(parts) == 0 {
		return "less than a minute"
	}
	return strings.Join(parts, " ")
}

// Cores formats millicores as CPU quantities: 250m, 2, 1.5.
func Cores(milli int64) string {
	switch {
	case milli%1000 == 0:
		return fmt.Sprint(milli / 1000)
	case milli > 1000:
		return strings.TrimRight(fmt.Sprintf("%.3f", float64(milli)/1000), "0")
	default:
		return fmt.Sprintf("%dm", milli)
	}
}

// Requests formats the requests of a Pod; resources without a request are omitted.
func Requests(s *facts.PodSpec) string {
	var parts []string
	if s.CPURequest > 0 {
		parts = append(parts, Cores(s.CPURequest)+" CPU")
	}
	if s.MemoryRequest > 0 {
		parts = append(parts, Bytes(s.MemoryRequest)+" of memory")
	}
	if len(parts) == 0 {
		return "neither CPU nor memory"
	}
	return strings.Join(parts, " and ")
}

// Bytes formats bytes as memory quantities: 64Mi, 1.5Gi.
func Bytes(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return trimZero(fmt.Sprintf("%.1f", float64(bytes)/(1<<30))) + "Gi"
	case bytes >= 1<<20:
		return trimZero(fmt.Sprintf("%.1f", float64(bytes)/(1<<20))) + "Mi"
	default:
		return fmt.Sprintf("%dKi", bytes/(1<<10))
	}
}

func trimZero(number string) string {
	if len(number) > 2 && number[len(number)-2:] == ".0" {
		return number[:len(number)-2]
	}
	return number
}
