package background

import "regexp"

// Stable removes from a text what changes while a problem persists: times, durations, counts and generated names. It keeps what
// distinguishes causes, such as an exit code or a port.
func Stable(text string) string {
	// Prefixes that the kubelet adds while it backs off, and the API server to aggregated events.
	prefixes := regexp.MustCompile(`ImagePullBackOff: (?:Back-off pulling image "[^"]*": )?|\(combined from similar events\): `)
	text = prefixes.ReplaceAllString(text, "")
	for _, pattern := range []string{
		`\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?`, // times
		`\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b`,
		`\b(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d))+\b`, // durations
		`\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b`,
		`-[a-z0-9]{8,10}-[a-z0-9]{5}\b`,               // Pods of Deployments
		`\b(?:0x)?[0-9a-f]*\d[0-9a-f]*[0-9a-f]{7,}\b`, // hashes, addresses, large numbers
		`\b\d{6,}\b`,
		`(?i)\b\d+ (?:times|restarts|seconds|minutes|hours|days|ago)\b`,
		`(?i)\brestart(?:s|ed|count)?[ :=]+\d+\b`,
		`\bx\d+\b`,
	} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, "#")
	}
	return text
}
