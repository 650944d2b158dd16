package build

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/inspect/loganalysis"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/provider/ci"
	"kubeops.io/kubeops/internal/text"
)

const (
	// tailBytes of a log are its end: outputs and errors are looked for there.
	tailBytes = 64 << 10
	// maxChunks of a tail. A chunk has 64 KiB at most, and ends at a line.
	maxChunks = 8
	// beyond the end of every log, in bytes: the answer has its size.
	beyond = int64(1) << 40
	// maxErrors, maxLast and maxLine bound a diagnosis: different errors, last lines, and characters of one.
	maxErrors = 8
	maxLast   = 6
	maxLine   = 400
	// logDelay is when to read a log again that is not complete.
	logDelay = 2 * time.Second
)

// tail is the end of the log, from the beginning of a line. It is not complete while the build writes.
func tail(ctx context.Context, server ci.Provider, handle ci.Handle) (content string, complete bool, err error) {
	end, err := server.Log(ctx, handle, beyond)
	if err != nil {
		return "", false, err
	}
	offset := max(0, end.Next-tailBytes)
	isCut := offset > 0
	var all strings.Builder
	for range maxChunks {
		chunk, err := server.Log(ctx, handle, offset)
		if err != nil {
			return "", false, err
		}
		all.WriteString(chunk.Text)
		if complete = !chunk.More; complete || chunk.Next <= offset {
			break
		}
		offset = chunk.Next
	}
	content = all.String()
	if isCut {
		_, rest, hasLine := strings.Cut(content, "\n")
		if content = rest; !hasLine { // a part of a line may have a part of a secret, which would not be recognized
			content = fmt.Sprintf("(the log ends with a line of more than %d KiB)\n", tailBytes>>10)
		}
	}
	return content, complete, nil
}

// Verify implements pipeline.Verifier: it reads the outputs.
func (d *Driver) Verify(ctx context.Context, attempt pipeline.Attempt, handle string) (pipeline.Observation, error) {
	server, err := d.open(ctx, attempt)
	if err != nil {
		return pipeline.Observation{}, err
	}
	defer server.Close()
	status, err := server.Get(ctx, ci.Handle(handle))
	if err != nil {
		return pipeline.Observation{}, err
	}
	o := observe(attempt, status, server.Redact)
	if o.State != pipeline.Succeeded {
		return o, nil
	}
	o.Outputs = map[string]string{}
	if len(attempt.Stage.Build.Outputs) > 0 {
		content, complete, err := tail(ctx, server, status.Handle)
		if err != nil {
			return pipeline.Observation{}, err
		}
		if !complete {
			return pipeline.Observation{Reason: reasonRunning, Message: "the log of the build is not complete", After: logDelay}, nil
		}
		o.Outputs = parseOutputs(content)
	}
	o.Message += d.drift(ctx, attempt, server.Provider)
	o.Outputs[v1alpha1.OutputNumber] = fmt.Sprint(status.Number)
	o.Outputs[v1alpha1.OutputURL] = status.URL
	o.Outputs[v1alpha1.OutputResult] = string(status.Phase)
	return o, nil
}

// parseOutputs reads lines KUBEOPS_OUTPUT KEY=VALUE. Plugins of Jenkins put a time or the name of a branch in brackets before a line. A
// shell that prints its commands does so after a plus sign, which is not such a line.
func parseOutputs(log string) map[string]string {
	line := regexp.MustCompile(`^(?:\[[^\[\]]{1,64}\] ){0,3}KUBEOPS_OUTPUT ([A-Za-z_][A-Za-z0-9_]{0,62})=(.*)$`)
	outputs := map[string]string{}
	for one := range strings.Lines(log) {
		if found := line.FindStringSubmatch(strings.TrimRight(one, "\r\n")); found != nil && len(found[2]) <= v1alpha1.MaxOutputs {
			outputs[found[1]] = found[2]
		}
	}
	return outputs
}

// diagnose a failed build: its tests, the errors in the end of its log, the most severe first, and its last lines.
func (d *Driver) diagnose(ctx context.Context, server *backends.Builds, status ci.Status) []string {
	var lines []string
	if tests := failedTests(status.Tests); tests != "" {
		lines = append(lines, strings.TrimPrefix(tests, ": "))
	}
	content, _, err := tail(ctx, server, status.Handle)
	if err != nil {
		return append(lines, "the log cannot be read: "+server.Redact(err.Error(), maxText))
	}
	content = d.Redact(content) // as a whole: some secrets span lines
	summary, err := loganalysis.Text(strings.NewReader(content), nil)
	if err == nil {
		lines = append(lines, failures(server, summary.Templates)...)
	}
	last := slices.DeleteFunc(strings.Split(content, "\n"), func(line string) bool { return strings.TrimSpace(line) == "" })
	for _, line := range last[max(0, len(last)-maxLast):] {
		if shown := server.Redact(line, maxLine); !slices.Contains(lines, shown) {
			lines = append(lines, shown)
		}
	}
	return lines
}

// failures are the first lines of the errors of a log.
func failures(server *backends.Builds, templates []loganalysis.TextTemplate) (lines []string) {
	for _, found := range templates {
		if len(lines) == maxErrors {
			break
		}
		if found.Level != "error" && found.Level != "fatal" && !found.Trace {
			continue
		}
		first, _, _ := strings.Cut(strings.TrimSpace(found.Example), "\n")
		line := server.Redact(printable.Line(first), maxLine)
		if found.Count > 1 {
			line += fmt.Sprintf(" (%s)", text.CountOf(found.Count, "time", "times"))
		}
		lines = append(lines, line)
	}
	return lines
}
