package plugin

import (
	"context"
	"errors"
	"io"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	pluginv1 "kubeops.io/kubeops/api/plugin/v1"
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/text"
)

// Check makes the plugin's round trip to the other system. Errors of this and the other calls are problems.
func (c *Conn) Check(ctx context.Context, request *pluginv1.CheckRequest) (*pluginv1.CheckResponse, error) {
	answer, err := invoke(ctx, c, c.client.Check, request)
	if err != nil {
		return nil, err
	}
	clean(answer.ProtoReflect())
	return answer, nil
}

// Start the work of a key. Problems with the actions UserMustAct and Wait mean that nothing was started.
func (c *Conn) Start(ctx context.Context, request *pluginv1.StartRequest) (*pluginv1.StartResponse, error) {
	answer, err := invoke(ctx, c, c.client.Start, request)
	if err != nil {
		return nil, err
	}
	return answer, c.checkHandle(answer.GetHandle())
}

// Find the work of a key.
func (c *Conn) Find(ctx context.Context, request *pluginv1.FindRequest) (*pluginv1.FindResponse, error) {
	answer, err := invoke(ctx, c, c.client.Find, request)
	if err != nil {
		return nil, err
	}
	switch answer.GetPresence() {
	case pluginv1.FindResponse_PRESENCE_FOUND, pluginv1.FindResponse_PRESENCE_ABSENT:
	default: // those of later versions, too
		answer.Presence = pluginv1.FindResponse_PRESENCE_UNSPECIFIED
	}
	answer.Reason = text.Clip(printable.Line(answer.GetReason()), maxText)
	return answer, c.checkHandle(answer.GetHandle())
}

// Get the state of work. A state that this version does not know is a problem.
func (c *Conn) Get(ctx context.Context, request *pluginv1.GetRequest) (*pluginv1.GetResponse, error) {
	answer, err := invoke(ctx, c, c.client.Get, request)
	if err != nil {
		return nil, err
	}
	states := []pluginv1.State{answer.GetState(), answer.GetDelivery().GetOperation().GetState()}
	for _, state := range states {
		if _, known := pluginv1.State_name[int32(state)]; !known {
			return nil, c.invalid("a state that is unknown")
		}
	}
	if request.GetHandle() != "" && answer.GetState() == pluginv1.State_STATE_UNSPECIFIED {
		return nil, c.invalid("no state")
	}
	clean(answer.ProtoReflect())
	return answer, nil
}

// Cancel the work.
func (c *Conn) Cancel(ctx context.Context, request *pluginv1.CancelRequest) (ended bool, err error) {
	answer, err := invoke(ctx, c, c.client.Cancel, request)
	return answer.GetEnded(), err
}

// Cleanup removes what ended work left behind.
func (c *Conn) Cleanup(ctx context.Context, request *pluginv1.CleanupRequest) error {
	_, err := invoke(ctx, c, c.client.Cleanup, request)
	return err
}

// Logs of work from an offset, at most MaxLog bytes, and the offset of what follows. An empty text has reached the end.
func (c *Conn) Logs(ctx context.Context, request *pluginv1.LogsRequest) (log string, next int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	stream, err := c.client.Logs(ctx, request)
	if err != nil {
		return "", 0, toProblem(c.target.name(), c.link.why(), err)
	}
	answer, err := stream.Recv()
	switch {
	case errors.Is(err, io.EOF):
		return "", request.GetOffset(), nil
	case err != nil:
		return "", 0, toProblem(c.target.name(), c.link.why(), err)
	case len(answer.GetText()) > MaxLog, answer.GetNext() <= request.GetOffset():
		return "", 0, c.invalid("a part of a log that is too long, or goes back")
	}
	return strings.ToValidUTF8(answer.GetText(), "\uFFFD"), answer.GetNext(), nil
}

func (c *Conn) checkHandle(handle string) error {
	if len(handle) > MaxHandle {
		return c.invalid("a handle that is too long")
	}
	return nil
}

func (c *Conn) invalid(what string) error {
	return problem.Retrying(v1alpha1.ReasonInvalidResponse, nil, "plugin %s answered with %s; update it", c.target.name(), what)
}

// clean makes all texts of a message printable, and clips them.
func clean(m protoreflect.Message) {
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsMap():
		case field.IsList() && field.Kind() == protoreflect.MessageKind:
			for i := range value.List().Len() {
				clean(value.List().Get(i).Message())
			}
		case field.IsList() && field.Kind() == protoreflect.StringKind:
			for i := range value.List().Len() {
				value.List().Set(i, protoreflect.ValueOfString(text.Clip(printable.Line(value.List().Get(i).String()), maxText)))
			}
		case field.Kind() == protoreflect.MessageKind:
			clean(value.Message())
		case field.Kind() == protoreflect.StringKind:
			m.Set(field, protoreflect.ValueOfString(text.Clip(printable.Line(value.String()), maxText)))
		}
		return true
	})
}
