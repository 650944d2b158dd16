package dashboard

import (
	"context"
	"slices"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/printable"
	logbackend "kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/text"
)

// StoredLine is a line that a LogBackend has.
type StoredLine struct {
	Time      time.Time `json:"time" doc:"Time of the line."`
	Pod       string    `json:"pod" doc:"Pod that wrote it. Empty if the backend does not know."`
	Container string    `json:"container" doc:"Container that wrote it. Empty if the backend does not know."`
	Text      string    `json:"text" doc:"Line, with secrets redacted and control characters escaped. At most 8 KiB."`
}

// StoredLines of a namespace in a LogBackend.
type StoredLines struct {
	Namespace string       `json:"namespace" doc:"Namespace of the lines."`
	Lines     []StoredLine `json:"lines" nullable:"false" doc:"Lines, the newest first."`
	More      bool         `json:"more" doc:"True if the backend has more lines."`
	Gap       string       `json:"gap" doc:"Why there are no lines. Empty if the backend was asked."`
	ReadAt    time.Time    `json:"readAt" doc:"Time when the backend was asked."`
}

type storedLinesInput struct {
	Question
	Pod   string `query:"pod" maxLength:"253" pattern:"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$" doc:"Only this Pod."`
	Q     string `query:"q" maxLength:"200" doc:"Only lines that contain this text."`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"100" doc:"Number of lines."`
}

type storedLinesOutput struct{ Body StoredLines }

// getStoredLines asks a LogBackend for lines of one namespace. The viewer needs get on the LogBackend, and get on pods/log in the namespace
// of the lines: who can read the logs of its Pods now can read what they have written before.
func (s *Server) getStoredLines(ctx context.Context, input *storedLinesInput) (*storedLinesOutput, error) {
	backend := &v1alpha1.LogBackend{}
	if err := s.get(ctx, logs, &named{Namespace: input.Namespace, Name: input.Name}, backend); err != nil {
		return nil, failed(err)
	}
	release, err := s.mayAsk(ctx, input.Namespace, permission{"get", "", "pods/log", input.about()})
	if err != nil {
		return nil, err
	}
	defer release()
	view := StoredLines{Namespace: input.about(), Lines: []StoredLine{}, ReadAt: s.now()}
	if view.Gap = s.queryGap("LogBackend", input.Namespace, input.Name, backend.Spec); view.Gap != "" {
		return &storedLinesOutput{view}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	opened, err := s.options.Backends.OpenLogs(ctx, backend)
	if err != nil {
		view.Gap = s.answerGap(err)
		return &storedLinesOutput{view}, nil
	}
	defer opened.Close()
	page, err := opened.Search(ctx, input.query(view.ReadAt))
	if err != nil {
		view.Gap = s.answerGap(err)
		return &storedLinesOutput{view}, nil
	}
	view.More = page.Next != ""
	view.Lines = s.storedLines(page.Entries, view.Namespace, input.Pod)
	return &storedLinesOutput{view}, nil
}

func (i *storedLinesInput) query(now time.Time) logbackend.Query {
	query := logbackend.Query{
		Start: now.Add(-time.Duration(i.Minutes) * time.Minute), End: now, Labels: map[string]string{logbackend.LabelNamespace: i.about()},
		Limit: i.Limit, Backward: true,
	}
	if i.Pod != "" {
		query.Labels[logbackend.LabelPod] = i.Pod
	}
	if i.Q != "" {
		query.Contains = []string{i.Q}
	}
	return query
}

// namesOther reports whether a field in which collectors write the namespace of a Pod names another one. The backend may have taken the
// namespace of a line from a field of the line itself: programs write JSON with a namespace that they act on.
func namesOther(labels map[string]string, namespace string) bool {
	return slices.ContainsFunc([]string{
		"kubernetes.pod_namespace", "kubernetes.namespace_name", "kubernetes.namespace", "k8s.namespace.name",
		"kubernetes_pod_namespace", "kubernetes_namespace_name", "kubernetes_namespace", "k8s_namespace_name",
	}, func(name string) bool { return labels[name] != "" && labels[name] != namespace })
}

// storedLines of a namespace, from entries of which the newest is the first. That the backend was asked for it is not enough: its owner
// decides what it answers, and a line without a namespace can be of anyone.
func (s *Server) storedLines(entries []logbackend.Entry, namespace, pod string) []StoredLine {
	lines := []StoredLine{}
	readers := map[[2]string]*logReader{} // recognize private keys, which have several lines of one container
	for _, entry := range slices.Backward(entries) {
		ofOther := entry.Labels[logbackend.LabelNamespace] != namespace || namesOther(entry.Labels, namespace)
		if ofOther || pod != "" && entry.Labels[logbackend.LabelPod] != pod {
			continue
		}
		line := entry.Line
		if len(line) > maxLogLine {
			line = line[:maxLogLine] + "…"
		}
		from := [2]string{entry.Labels[logbackend.LabelPod], entry.Labels[logbackend.LabelContainer]}
		if readers[from] == nil {
			readers[from] = &logReader{}
		}
		lines = append(lines, StoredLine{
			Time: entry.Time.UTC(), Pod: printable.Line(text.Clip(entry.Labels[logbackend.LabelPod], maxName)),
			Container: printable.Line(text.Clip(entry.Labels[logbackend.LabelContainer], maxName)),
			Text:      printable.Line(s.redactor.Text(readers[from].withoutKey(line))),
		})
	}
	slices.Reverse(lines)
	return lines
}
