package message

import (
	"context"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// Renderer renders the templates of a channel.
type Renderer interface {
	// Render returns the title and the text of each message, in order. Errors are problems: of a template, or that it can be retried.
	Render(ctx context.Context, request Request) ([]Rendered, error)
}

// Request is what the templates of a channel are rendered for.
type Request struct {
	// Title and Text are templates. Empty is the default of each.
	Title, Text string
	// Data of each message.
	Data []Data
}

// Rendered is a message as the templates give it: neither redacted nor shortened.
type Rendered struct{ Title, Text string }

// Local renders in this process. The limits of templates bound their steps and the text that they create, but not what Go needs for them.
type Local struct{}

// Render implements Renderer.
func (Local) Render(ctx context.Context, request Request) ([]Rendered, error) {
	title, err := compile("spec.template.title", request.Title, defaultTitle)
	if err != nil {
		return nil, err
	}
	text, err := compile("spec.template.text", request.Text, defaultText)
	if err != nil {
		return nil, err
	}
	messages := make([]Rendered, len(request.Data))
	total := 0
	for i, data := range request.Data {
		m := &messages[i]
		if m.Title, err = title.render(ctx, data); err != nil {
			return nil, err
		}
		if m.Text, err = text.render(ctx, data); err != nil {
			return nil, err
		}
		if total += len(m.Title) + len(m.Text); total > maxTotal {
			return nil, problem.UserError(v1alpha1.ReasonInvalidTemplate, nil,
				"spec.template.text failed: the %d messages of a report exceed 8 MiB; shorten the template or use mode digest",
				len(request.Data))
		}
	}
	return messages, nil
}
